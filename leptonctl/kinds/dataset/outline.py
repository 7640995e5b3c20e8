"""What a plan needs of the versions of a dataset, small enough to be cached for ten thousand of them, and how it becomes nodes. Pure.

As for models (`kinds/model/outline.py`), an outline holds only what decides whether something moves. Everything else is computed from the
file by the usual functions when something reads it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from leptonctl.core.address import reference
from leptonctl.core.address import version_of as address_of
from leptonctl.core.canonical import digest
from leptonctl.core.deferred import Deferred
from leptonctl.core.frozen import Frozen
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.core.values import Document, Json, Node, Step
from leptonctl.kinds.dataset.contents import Entry, entries
from leptonctl.kinds.dataset.reading import source_key
from leptonctl.kinds.dataset.version import BLOCKS, Dataset, broken_pins, notes_of, recipe_origins, version_of
from leptonctl.kinds.kind import Declarations
from leptonctl.language.resolve import Declared


class FileShape(Frozen, array_like=True):
    """What was observed of a data file, apart from its path and digest. `key`: with an empty path."""

    key: SourceKey
    columns: tuple[str, ...] | None
    outside: bool


class DataShape(Frozen, array_like=True):
    """What many versions have in common: how their files are read, and the small fields of the dataset.

    contract: the declared columns; requests are checked by it, so a plan compares it for what is bound. stratify: which of the two
    possible nodes the outline has, the one that the models of the data need. has_notes: the node has notes.
    """

    files: tuple[FileShape, ...]
    columns: tuple[str, ...] | None
    target: str
    contract: Json
    pinned: bool
    stratify: bool
    has_notes: bool


class DataOutline(Frozen, array_like=True, gc=False):
    """A version with its node. at: line, column and end column of its name. paths, contents: the files and their digests.

    key: of its step. data: the digest of all that a model takes from it.
    """

    version: str
    at: tuple[int, int, int]
    shape: int
    paths: tuple[str, ...]
    contents: tuple[str, ...]
    key: str
    declaration: str
    data: str


def keys_of(declared: Declared, versions: Mapping[str, Declared]) -> Iterator[SourceKey]:
    """The files that a version names. `versions`: it and its sister versions."""
    if declared.outline is not None:
        outline, shape = declared.outline
        return map(_key, outline.paths, shape.files)
    sources = (entry for at in BLOCKS for entry in entries(declared, at, versions) if isinstance(entry, Entry))
    return (source_key(entry.reader, entry.path) for entry in sources)


def _key(path: str, shape: FileShape) -> SourceKey:
    return SourceKey(path, *shape.key[1:])


def data_digest(dataset: Dataset) -> str:
    """The digest of everything that a model takes from a dataset version."""
    if dataset.recalled:
        return str(dataset.declared.outline[0].data)
    return digest([dataset.address, dict(dataset.inputs), None if dataset.columns is None else [*dataset.columns]])


# --- from datasets to outlines -------------------------------------------------------------------------------------


def is_plain(document: Document, declarations: Declarations) -> bool:
    """Whether every version of a dataset names its files by their own paths, and all of them exist with the bytes of their pins."""
    known, versions = declarations.of("Dataset"), declarations.project.by_version(document)
    for version, declared in versions.items():
        dataset = known[reference(document.name, version)]
        if not dataset.recalled:
            facts = [declarations.facts.get(key, SourceFacts()) for key in keys_of(declared, versions)]
            if any(one.digest is None or one.files for one in facts) or any(broken_pins(dataset)):
                return False
    return True


def is_recalled(document: Document, declarations: Declarations) -> bool:
    """Whether every version of a restored document is as its outline has it."""
    known, built = declarations.of("Dataset"), declarations.built
    for one in document.outline or ():
        dataset = known[reference(document.name, one.version)]
        if not dataset.recalled or built[dataset.address].digest != one.key:
            return False
    return True


def outline_of(dataset: Dataset, declarations: Declarations, number: Callable[[DataShape], int]) -> DataOutline:
    """The outline of a version. number: shape -> its number."""
    declared, node = dataset.declared, declarations.built[dataset.address]
    keys = [*keys_of(declared, declarations.project.by_version(declared.document))]
    facts = [declarations.facts[key] for key in keys]
    is_stratified = node.steps[0] is dataset.steps.get(True)
    shape = DataShape(
        files=tuple(
            FileShape(key=key._replace(path=""), columns=one.columns, outside=one.outside) for key, one in zip(keys, facts, strict=True)
        ),
        columns=dataset.columns, target=dataset.target, contract=dataset.inputs["columns"], pinned=dataset.pinned,
        stratify=is_stratified, has_notes=bool(node.notes),
    )  # fmt: skip
    return DataOutline(
        version=declared.version,
        at=(declared.span.line, declared.span.column, declared.span.end_column),
        shape=number(shape),
        paths=tuple(key.path for key in keys),
        contents=tuple(str(one.digest) for one in facts),
        key=node.digest,
        declaration=node.declaration,
        data=data_digest(dataset),
    )


# --- from outlines to datasets and nodes ---------------------------------------------------------------------------


def recall(declarations: Declarations) -> Callable[[Declared], Dataset | None]:
    """Version -> its dataset from the outline; None when it has no outline, or when a file has changed."""
    facts, restored = declarations.facts, dict[str, _Versions]()

    def dataset(declared: Declared) -> Dataset | None:
        if declared.outline is None:
            return None
        outline, shape = declared.outline
        for path, content, file in zip(outline.paths, outline.contents, shape.files, strict=True):
            now = facts.get(_key(path, file))
            if now is None or now.files or (now.digest, now.columns, now.outside) != (content, file.columns, file.outside):
                return None
        if declared.name not in restored:
            restored[declared.name] = _Versions(document=declared.document, declarations=declarations)
        return restored[declared.name].dataset(declared)

    return dataset


def recalled_node(dataset: Dataset, *, stratify: bool) -> Node | None:
    """The node of a version from its outline; None when the outline has none for this split."""
    if not dataset.recalled or dataset.declared.outline[1].stratify != stratify:
        return None
    declared, step = dataset.declared, dataset.prepare(stratify=stratify)
    outline, shape = declared.outline
    return Node(
        address=dataset.address, digest=outline.key, declaration=outline.declaration, recipe=step.fields,
        origins=Deferred(recipe_origins, declared), span=declared.span, steps=(step,),
        notes=Deferred(notes_of, dataset) if shape.has_notes else {},
    )  # fmt: skip


@dataclass(kw_only=True, eq=False)
class _Versions:
    """The versions of a restored dataset, resolved when a part of one is read."""

    document: Document
    declarations: Declarations
    _whole: dict[str, Dataset] = field(default_factory=dict)
    _common: dict[int, Mapping[str, Any]] = field(default_factory=dict)

    def whole(self, version: str) -> Dataset:
        if version not in self._whole:
            declarations, versions = self.declarations, self.declarations.project.by_version(self.document)
            dataset, _ = version_of(versions[version], versions, declarations.catalog, declarations.facts)
            assert dataset is not None, "only sound versions have an outline"
            self._whole[version] = dataset
        return self._whole[version]

    def part(self, part: tuple[str, str]) -> Any:
        version, name = part
        return getattr(self.whole(version), name)

    def part_of_step(self, part: tuple[str, str, bool]) -> Any:
        version, name, stratify = part
        return getattr(self.whole(version).prepare(stratify=stratify), name)

    def dataset(self, declared: Declared) -> Dataset:
        outline, shape = declared.outline
        version, of_step, place = declared.version, self.part_of_step, address_of("dataset", declared.name, declared.version)
        common = self._common.setdefault(outline.shape, {"target": shape.target, "columns": shape.contract})
        step = Step(
            name="prepare", op="prepare", address=place, key=outline.key, spec=outline.key,
            fields=Deferred(of_step, (version, "fields", shape.stratify)), inputs=Deferred(of_step, (version, "inputs", shape.stratify)),
        )  # fmt: skip
        return Dataset(
            address=place, declared=declared, columns=shape.columns, pinned=shape.pinned, steps={shape.stratify: step}, recalled=True,
            inputs=Deferred(self.part, (version, "inputs"), common), contents=Deferred(self.part, (version, "contents")),
        )  # fmt: skip
