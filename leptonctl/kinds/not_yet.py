"""Keys and values of YAML that are not implemented yet: using one is an error that says so. Schemas and reference do not offer them.

An entry has no effect once the schema of its kind allows the key or value. A test then asks for its removal here and in docs/not-yet.md.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias, cast

from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Document, Json, Path
from leptonctl.spi.learning import Schema

Shape: TypeAlias = Literal["mapping", "list"]
VERSIONED = frozenset({"Dataset", "Model"})
BINDING = "bind one version: `MODEL: VERSION`"


class NotYet(Frozen):
    """A key of a kind, as a dotted path with `*` for any key or item. values, shape: only these values of it are not available."""

    kind: str
    path: str
    detail: str
    hint: str
    values: tuple[str, ...] = ()
    shape: Shape | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.path.split("."))


def _remove(kind: str, path: str, detail: str, instead: str = "remove the key") -> NotYet:
    return NotYet(kind=kind, path=path, detail=detail, hint=instead)


NOT_YET: tuple[NotYet, ...] = (
    _remove("Model", "explain", "the importance of features cannot be computed yet"),
    NotYet(
        kind="Model",
        path="features.*",
        detail="the output of another model cannot be a feature yet",
        hint="name columns only",
        shape="mapping",
    ),
    _remove("Environment", "models.*.canary", "a canary version cannot run beside another version yet", BINDING),
    _remove("Environment", "models.*.shadow", "a shadow version cannot run beside another version yet", BINDING),
    _remove("Environment", "monitor", "live data are not watched yet", "remove the key; a server counts requests under /metrics"),
    _remove("Environment", "gates.latency_p99_ms", "latency cannot be gated yet"),
    _remove("Environment", "gates.size_mb", "size cannot be gated yet"),
    _remove(
        "Environment", "gates.*.confidence", "a gate has no interval yet", "write only the limit: the metric itself is compared with it"
    ),
    _remove("Environment", "gates.*.slice", "a gate cannot be limited to some rows yet", "write the limit for all rows"),
)


def entries_of(kind: str, schema: Schema) -> tuple[NotYet, ...]:
    """The entries of a kind that its schema does not allow yet."""
    return tuple(entry for entry in NOT_YET if entry.kind == kind and not _allows(schema, entry))


def uses_of(document: Document, entries: Iterable[NotYet]) -> Iterator[Diagnostic]:
    """An error for each use of one of the entries."""
    keys = _keys(document)
    for entry in entries:
        parts = entry.parts
        if parts[0] not in keys:
            continue
        prefixes: list[tuple[str, ...]] = [(), ("versions", "*")] if document.kind in VERSIONED else [()]
        for prefix in prefixes:
            for path, value in _matches(dict(document.value), (*prefix, *parts), ()):
                if _applies(entry, value):
                    span = document.at(*path) if entry.values else document.key_at(*path)
                    yield error("not-available", "This is not implemented yet", entry.detail, span=span, hint=entry.hint)


def _keys(document: Document) -> set[str]:
    """The keys of the document and of its versions."""
    keys = set(document.value)
    versions = document.value.get("versions") if document.kind in VERSIONED else None
    for version in versions.values() if isinstance(versions, dict) else ():
        if isinstance(version, dict):
            keys |= version.keys()
    return keys


def _applies(entry: NotYet, value: Json) -> bool:
    if entry.values:
        return value in entry.values
    if entry.shape is not None:
        return isinstance(value, dict if entry.shape == "mapping" else list)
    return value is not None


def _matches(value: Json, parts: tuple[str, ...], at: Path) -> Iterator[tuple[Path, Json]]:
    """The places that a path names, with their values."""
    if not parts:
        yield at, value
        return
    first, rest = parts[0], parts[1:]
    items: list[tuple[str | int, Json]] = []
    if isinstance(value, dict):
        items = [*value.items()] if first == "*" else [(first, value[first])] if first in value else []
    elif isinstance(value, list) and first == "*":
        items = [*enumerate(value)]
    for key, item in items:
        yield from _matches(item, rest, (*at, key))


def _allows(schema: Mapping[str, Any], entry: NotYet) -> bool:
    """Whether the schema of the kind allows what the entry is about."""
    return any(_allows_here(part, entry) for part in _parts_of(schema, entry.parts))


def _allows_here(schema: Mapping[str, Any], entry: NotYet) -> bool:
    if entry.values:
        return any(value in schema.get("enum", ()) for value in entry.values)
    if entry.shape is not None:
        types = {alternative.get("type") for alternative in (schema, *schema.get("anyOf", ()))}
        return {"mapping": "object", "list": "array"}[entry.shape] in types
    return True


def _parts_of(schema: Mapping[str, Any], parts: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    """The schemas of the values that a path names."""
    for alternative in (schema, *schema.get("anyOf", ())):
        if not parts:
            yield alternative
            continue
        first, rest = parts[0], parts[1:]
        if first in alternative.get("properties", {}):
            yield from _parts_of(cast("Mapping[str, Any]", alternative["properties"][first]), rest)
        elif first == "*":
            for word in ("additionalProperties", "items"):
                if isinstance(alternative.get(word), dict):
                    yield from _parts_of(alternative[word], rest)
