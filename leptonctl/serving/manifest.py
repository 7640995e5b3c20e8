"""The files of a model as a server reads them, and the checks that make a manifest one it can serve.

Owns no type of its own beside the failure: the records are the core's. Never opens a file and never runs a model.
"""

from collections.abc import Iterable
from typing import TypeVar

from leptonctl.core.codec import BadRecord, decode
from leptonctl.core.contract import Scalar, matches
from leptonctl.core.manifest import FEATURES, Manifest, ManifestColumn

T = TypeVar("T")


class BadModel(Exception):
    """A model's files do not agree with each other or with their digests. The text is for the operator."""


def read_file(data: bytes, file: str, kind: type[T]) -> T:
    """One of a model's JSON files. Raises BadModel, which names the field at fault."""
    try:
        return decode(data, kind)
    except BadRecord as problem:
        msg = f"{file} is not readable: {problem}"
        raise BadModel(msg) from problem


def read_manifest(data: bytes) -> Manifest:
    """The manifest in the bytes of `manifest.json`. Raises BadModel."""
    manifest = read_file(data, "manifest.json", Manifest)
    check_manifest(manifest, "manifest.json")
    return manifest


def check_manifest(manifest: Manifest, file: str) -> None:
    """Raises BadModel unless every column has a place of its own in the graph and constants of its own type. `file` is blamed."""
    for field, reason in _problems(manifest):
        msg = f"{file}: {field} {reason}"
        raise BadModel(msg)


def _problems(manifest: Manifest) -> Iterable[tuple[str, str]]:
    """Field and what is wrong with it."""
    columns, graph = manifest.columns, manifest.graph
    names = [column.name for column in columns]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        yield "columns", f'names "{twice}" twice'
    for column in columns:
        yield from _column_problems(column)
    places = sorted(column.graph.index for column in columns if column.graph.index is not None)
    if places != list(range(graph.features)):
        yield "graph.features", f"is {graph.features}, but the columns take the places {places}"
    inputs = sorted(column.graph.input for column in columns if column.graph.index is None)
    if inputs != sorted(graph.strings):
        yield "graph.strings", f"is {sorted(graph.strings)}, but the columns enter at {inputs}"
    if manifest.task == "classification" and not manifest.classes:
        yield "classes", "is empty, and a classification has classes"


def _column_problems(column: ManifestColumn) -> Iterable[tuple[str, str]]:
    field, place = f'column "{column.name}",', column.graph
    if (place.input == FEATURES) != (place.index is not None):
        yield field, f'graph: a place of "{FEATURES}" has an index, an input of its own has none'
    if column.type != "boolean" and (place.index is None) != (column.type == "string"):
        yield field, f"graph: a {column.type} does not enter there"
    if column.fill is not None and not _constant(column, column.fill):
        yield field, f"fill: is not a {column.type}"
    if not column.hash and not all(_constant(column, value) for value in column.values or ()):
        yield field, f"values: not all are of type {column.type}"


def _constant(column: ManifestColumn, value: Scalar) -> bool:
    return matches(column.type, value)
