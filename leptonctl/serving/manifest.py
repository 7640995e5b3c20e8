"""Reads a model's JSON files and checks that a manifest can be served.

The record types are the core's. Never opens a file and never runs a model.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from leptonctl.core.codec import BadRecord, decode
from leptonctl.core.contract import matches
from leptonctl.core.date_formats import BadFormat, pattern
from leptonctl.core.dates import PARTS, DateColumn, read_parts
from leptonctl.core.manifest import FEATURES, MANIFEST_FILE, Manifest, ManifestColumn

T = TypeVar("T")


class BadModel(Exception):
    """A model's files contradict each other or their digests. The message is for the operator."""


def read_file(data: bytes, file: str, kind: type[T]) -> T:
    """Decode one of a model's JSON files. Raises BadModel, naming the field at fault."""
    try:
        return decode(data, kind)
    except BadRecord as problem:
        msg = f"{file} is not readable: {problem}"
        raise BadModel(msg) from problem


def read_manifest(data: bytes) -> Manifest:
    """The manifest in the bytes of `manifest.json`. Raises BadModel."""
    manifest = read_file(data, MANIFEST_FILE, Manifest)
    check_manifest(manifest, MANIFEST_FILE)
    return manifest


def check_manifest(manifest: Manifest, file: str) -> None:
    """Raises BadModel, naming `file`, unless every column has its own place in the graph and constants of its type."""
    for field, reason in _problems(manifest):
        msg = f"{file}: {field} {reason}"
        raise BadModel(msg)


def _problems(manifest: Manifest) -> Iterable[tuple[str, str]]:
    """(field, what is wrong with it) for each problem."""
    columns, graph = manifest.columns, manifest.graph
    names = [column.name for column in columns]
    duplicate = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if duplicate is not None:
        yield "columns", f'names "{duplicate}" twice'
    for column in columns:
        yield from _column_problems(column)
    places = sorted(column.graph.index for column in columns if column.graph.index is not None)
    if places != list(range(graph.features)):
        yield "graph.features", f"is {graph.features}, but the columns have the places {places}"
    inputs = sorted(column.graph.input for column in columns if column.graph.index is None)
    if inputs != sorted(graph.strings):
        yield "graph.strings", f"is {sorted(graph.strings)}, but the columns have the inputs {inputs}"
    if manifest.task == "classification" and not manifest.classes:
        yield "classes", "is empty, but a classification needs classes"
    if manifest.threshold is not None and manifest.threshold.positive not in (manifest.classes or ()):
        yield "threshold", "is about a class that the model does not have"
    for date in manifest.dates:
        yield from _date_problems(date, names)


def _date_problems(date: DateColumn, names: Sequence[str]) -> Iterable[tuple[str, str]]:
    field = f'dates, "{date.name}",'
    if not date.parts or not {*date.parts} <= PARTS.keys() or not {*date.names} <= {*names}:
        yield field, "parts: are not those of the columns"
    try:
        pattern(date.format, date.type)
    except BadFormat as problem:
        yield field, f"format: {problem}"
    else:
        if date.fill is not None and read_parts(date, date.fill) is None:
            yield field, "fill: is not such a date"


def _column_problems(column: ManifestColumn) -> Iterable[tuple[str, str]]:
    field, place = f'column "{column.name}",', column.graph
    if (place.input == FEATURES) != (place.index is not None):
        yield field, f'graph: only a column of "{FEATURES}" has an index'
    if column.type != "boolean" and (place.index is None) != (column.type == "string"):
        yield field, "graph: a string needs an input of its own, a number a place in the features"
    if column.fill is not None and not matches(column.type, column.fill):
        yield field, f"fill: is not a {column.type}"
    if not column.hash and not all(matches(column.type, value) for value in column.values or ()):
        yield field, f"values: not all are of type {column.type}"
