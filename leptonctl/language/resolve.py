"""From documents to declarations: merges versions over the base block and keeps where each field is written."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from leptonctl.core.deferred import Deferred
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.values import Document, Json, Path, Span

Inherit = Callable[[Mapping[str, Json], Mapping[str, Json]], Mapping[str, Json]]
"""The rule of a kind: base block, override of a version -> what this version inherits of the base block."""


def everything(base: Mapping[str, Json], _override: Mapping[str, Json]) -> Mapping[str, Json]:
    """The rule of a kind whose versions inherit the whole base block."""
    return base


class Declared(Frozen):
    """One version (or one environment) with all overrides merged in.

    origins: path -> where the value of that field is written; keys: where its key is. outline: of the version, from an earlier command
    and the same text.
    """

    name: str
    version: str
    fields: Mapping[str, Json]
    origins: Mapping[Path, Span]
    keys: Mapping[Path, Span]
    document: Document
    span: Span
    outline: Any = None

    def at(self, *path: str | int) -> Span:
        """The span of the field at `path`, or of its nearest written ancestor."""
        while path and path not in self.origins:
            path = path[:-1]
        return self.origins[path] if path else self.span

    def key_at(self, *path: str | int) -> Span:
        """The span of the key of the field at `path`."""
        return self.keys.get(path) or self.at(*path)

    def span_without(self, key: str) -> Span:
        """Where to report a missing key: at the document's name when no version has it, else at this version."""
        overrides = self.document.value.get("versions")
        others = overrides.values() if isinstance(overrides, dict) else ()
        in_other_version = any(isinstance(other, dict) and other.get(key) is not None for other in others)
        return self.span if in_other_version else self.document.at("name")


class _Origins(Frozen):
    """Path in the merged value -> where its value and its key are written. Filled while merging."""

    values: dict[Path, Span] = field(default_factory=dict)
    keys: dict[Path, Span] = field(default_factory=dict)

    def note(self, document: Document, written: Path, here: Path) -> None:
        self.values[here] = document.at(*written)
        self.keys[here] = document.key_at(*written)


class Project(Frozen):
    """The project file's settings, and the documents of each kind by name. `merged` and `named` cache the merged versions.

    inherit: kind -> its rule of inheritance. A kind without a rule inherits everything.
    """

    name: str
    settings: Mapping[str, Json]
    document: Document
    documents: Mapping[str, Mapping[str, Document]]
    inherit: Mapping[str, Inherit] = field(default_factory=dict)
    merged: dict[tuple[str, str], tuple[Declared, ...]] = field(default_factory=dict)
    named: dict[tuple[str, str], dict[str, Declared]] = field(default_factory=dict)

    @property
    def roots(self) -> tuple[str, ...]:
        """Folders outside the project that may hold data files."""
        return tuple(cast("list[str]", self.settings.get("roots") or []))

    def of(self, kind: str) -> Mapping[str, Document]:
        """The documents of a kind by name, in the order they are written."""
        return self.documents.get(kind, {})

    def versions(self, document: Document) -> tuple[Declared, ...]:
        """As the function `versions`, but each document is merged only once."""
        key = document.kind, document.name
        if key not in self.merged:
            self.merged[key] = versions(document, self.inherit.get(document.kind, everything))
        return self.merged[key]

    def by_version(self, document: Document) -> Mapping[str, Declared]:
        """The versions of a document by their keys."""
        key = document.kind, document.name
        if key not in self.named:
            self.named[key] = {declared.version: declared for declared in self.versions(document)}
        return self.named[key]


def resolve(documents: Iterable[Document], root: str, inherit: Mapping[str, Inherit]) -> Project:
    """Sort the documents by kind. The loader has checked that there is one of the kind `root`, and that names are unique."""
    by_kind: dict[str, dict[str, Document]] = {}
    for document in documents:
        by_kind.setdefault(document.kind, {})[document.name] = document
    (document,) = by_kind.pop(root).values()
    return Project(name=document.name, settings=document.value, document=document, documents=by_kind, inherit=inherit)


def versions(document: Document, inherit: Inherit = everything) -> tuple[Declared, ...]:
    """The versions of a document, each merged over what it inherits of the base block, in the order written."""
    base = {k: v for k, v in document.value.items() if k not in ("kind", "name", "versions")}
    overrides = cast("dict[str, dict[str, Json] | None]", document.value.get("versions") or {})
    return tuple(_merge(document, inherit(base, override or {}), version, override or {}) for version, override in overrides.items())


def whole(document: Document) -> Declared:
    """A document without versions (an environment) as one declaration."""
    return Declared(
        name=document.name,
        version="",
        fields={k: v for k, v in document.value.items() if k not in ("kind", "name")},
        origins=document.values,
        keys=document.keys,
        document=document,
        span=document.at("name"),
    )


def _merge(document: Document, base: Mapping[str, Json], version: str, override: dict[str, Json]) -> Declared:
    # few plans need to know where a field is written, and a project may have ten thousand versions
    merging = _Merge(document=document, base=base, override=override, version=version)
    return Declared(
        name=document.name,
        version=version,
        fields=merge(base, override),
        origins=Deferred(lambda _: merging.origins.values),
        keys=Deferred(lambda _: merging.origins.keys),
        document=document,
        span=document.key_at("versions", version),
    )


def merge(base: Mapping[str, Json], override: Mapping[str, Json]) -> dict[str, Json]:
    """Merge mappings key by key (null removes), replace lists and scalars."""
    merged: dict[str, Json] = {}
    for key in [*base, *(k for k in override if k not in base)]:
        if key not in override:
            merged[key] = base[key]
            continue
        new, old = override[key], base.get(key)
        if new is not None:
            merged[key] = merge(old, new) if isinstance(new, dict) and isinstance(old, dict) else _without_nulls(new)
    return merged


def override_for(value: Json, base: Json) -> Json:
    """The override that gives a version this value: the inverse of `merge`."""
    if not isinstance(value, dict) or not isinstance(base, dict):
        return value
    return {name: None for name in base if name not in value} | {name: override_for(of, base.get(name)) for name, of in value.items()}


@dataclass(kw_only=True)
class _Merge:
    """What a version is merged from, to find out where its fields are written."""

    document: Document
    base: Mapping[str, Json]
    override: dict[str, Json]
    version: str

    @cached_property
    def origins(self) -> _Origins:
        origins = _Origins()
        _note_merged(self.base, self.override, self.document, ((), ("versions", self.version), ()), origins)
        return origins


def _note_merged(
    base: Mapping[str, Json], override: dict[str, Json], document: Document, at: tuple[Path, Path, Path], origins: _Origins
) -> None:
    """Note where each field of the merged value comes from.

    `at`: the paths of the base mapping and of the override in the document, and of both in the merged value.
    """
    base_path, override_path, path = at
    for key in [*base, *(k for k in override if k not in base)]:
        if key not in override:
            _note(base[key], document, (*base_path, key), (*path, key), origins)
            continue
        new, old = override[key], base.get(key)
        if new is None:
            continue
        if isinstance(new, dict) and isinstance(old, dict):
            origins.note(document, (*override_path, key), (*path, key))
            _note_merged(old, new, document, ((*base_path, key), (*override_path, key), (*path, key)), origins)
        else:
            _note(_without_nulls(new), document, (*override_path, key), (*path, key), origins)


def _without_nulls(value: Json) -> Json:
    return {k: _without_nulls(v) for k, v in value.items() if v is not None} if isinstance(value, dict) else value


def _note(value: Json, document: Document, written: Path, here: Path, origins: _Origins) -> None:
    origins.note(document, written, here)
    items: Iterable[tuple[str | int, Json]] = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in items:
        _note(item, document, (*written, key), (*here, key), origins)
