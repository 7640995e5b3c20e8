"""What a server knows of one model beside its graph, as frozen values read from manifest.json.

Owns the checks that a manifest is one we understand. Never opens a file and never runs a model.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from leptonctl.core import contract
from leptonctl.core.values import Json

FEATURES = "features"


class BadModel(Exception):
    """A model's files do not agree with each other or with their digests. The text is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column(contract.Column):
    """One feature column of the contract and where it enters the graph.

    `index` is its place in the FP32 input `features`, or None when it enters as the string input named by `entry`.
    """

    entry: str
    index: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`key` is the typed secret of hashed columns as YAML wrote it, `key_id` its public name; both None without privacy."""

    task: str
    target: str
    target_type: str
    columns: tuple[Column, ...]
    classes: tuple[int | str, ...] | None
    features: int
    strings: tuple[str, ...]
    outputs: Mapping[str, str]
    key: Json
    key_id: str | None


def read_manifest(value: Any) -> Manifest:
    """The manifest in `value`, parsed JSON. Raises BadModel."""
    try:
        manifest = _manifest(value)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        msg = f"manifest.json is not readable: {type(problem).__name__} {problem}"
        raise BadModel(msg) from problem
    _check(manifest)
    return manifest


def _manifest(value: Any) -> Manifest:
    if value["format_version"] != "1":
        msg = f"format version {value['format_version']!r}"
        raise ValueError(msg)
    graph, privacy = value["graph"], value.get("privacy") or {}
    classes = value.get("classes")
    return Manifest(
        task=str(value["task"]),
        target=str(value["target"]),
        target_type=str(value["target_type"]),
        columns=tuple(_column(column) for column in value["columns"]),
        classes=None if classes is None else tuple(classes),
        features=int(graph["features"]),
        strings=tuple(graph["strings"]),
        outputs={str(name): str(inner) for name, inner in graph["outputs"].items()},
        key=privacy.get("key"),
        key_id=privacy.get("key_id"),
    )


def _column(value: Any) -> Column:
    column, place = contract.Column.from_json(value), value["graph"]
    if column.type not in contract.TYPES:
        msg = f"column type {column.type!r}"
        raise ValueError(msg)
    index = int(place["index"]) if place["input"] == FEATURES else None
    return Column(**asdict(column), entry=str(place["input"]), index=index)


def _check(manifest: Manifest) -> None:
    """Every place of the graph is filled by exactly one column."""
    names = [column.name for column in manifest.columns]
    if len(set(names)) != len(names):
        msg = "manifest.json names a column twice"
        raise BadModel(msg)
    indices = sorted(column.index for column in manifest.columns if column.index is not None)
    entries = sorted(column.entry for column in manifest.columns if column.index is None)
    if indices != list(range(manifest.features)) or entries != sorted(manifest.strings):
        msg = "manifest.json does not lead every column to a place of its own in the graph"
        raise BadModel(msg)
    wrong = next((c.name for c in manifest.columns if (c.index is None) != (c.type == "string") and c.type != "boolean"), None)
    if wrong is not None:
        msg = f'manifest.json leads column "{wrong}" to a graph input of another type'
        raise BadModel(msg)
