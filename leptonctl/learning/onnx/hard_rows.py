"""Makes rows that are likely to break an export: at tree thresholds, missing, unknown, non-ASCII, huge. Deterministic."""

from collections.abc import Iterator, Sequence

import numpy as np
import onnx
from onnx import helper

from leptonctl.core.frozen import Frozen
from leptonctl.learning.fitting.fitted_model import Fitted
from leptonctl.learning.fitting.frame import Slice
from leptonctl.learning.onnx.scalers import EXACT
from leptonctl.learning.tables.prepared import Columns, count_rows, kind_of, take_rows

THRESHOLDS = 256
FAR = 1e4
HUGE = "a huge value"
ULPS = (-2, -1, 0, 1, 2)
TEXTS = (
    ("a missing string", ""),
    ("an unknown category", "a category that no row has"),
    ("a non-ASCII string", "Ünïcode ЖИЗНЬ 中文字 Straße naïve ÉCOLE"),
    ("a word with spaces around it", "  word  "),
)


class HardRows(Frozen):
    """The rows, a description of each, and the indices of those with a huge value."""

    columns: Columns
    descriptions: tuple[str, ...]
    huge: tuple[int, ...] = ()


def hard_rows(fitted: Fitted, model: onnx.ModelProto, columns: Columns) -> HardRows:
    """Copies of the first rows, each with one cell changed."""
    features = {name: columns[name] for name in fitted.features}
    rows = count_rows(features)
    if not rows:
        return HardRows(columns=features, descriptions=())
    changes = [*_cells(features), *_threshold_cells(fitted, model)]
    base = take_rows(features, np.arange(len(changes)) % min(rows, 16))
    hard = {name: values.copy() for name, values in base.items()}
    for row, (name, value, _) in enumerate(changes):
        hard[name][row] = value
    descriptions = tuple(description for _, _, description in changes)
    huge = tuple(row for row, description in enumerate(descriptions) if description.startswith(HUGE))
    return HardRows(columns=hard, descriptions=descriptions, huge=huge)


def _cells(columns: Columns) -> Iterator[tuple[str, object, str]]:
    for name, values in columns.items():
        kind = kind_of(values)
        if kind == "string":
            for description, text in TEXTS:
                yield name, text, f"{description} in {name}"
            continue
        yield name, -1 if kind == "boolean" else np.nan, f"a missing value in {name}"
        if kind == "number":
            largest = float(np.nanmax(np.abs(values), initial=1.0))
            for value in (FAR * largest, -FAR * largest, 0.0):
                yield name, np.float32(value), f"{'zero' if value == 0 else HUGE} in {name}"


def _threshold_cells(fitted: Fitted, model: onnx.ModelProto) -> Iterator[tuple[str, object, str]]:
    thresholds = sorted(_thresholds(model))
    step = max(1, -(-len(thresholds) // THRESHOLDS))
    for column, value in thresholds[::step]:
        place = _raw_value(fitted, column, value)
        if place is None:
            continue
        name, raw = place
        for ulps in ULPS:
            yield name, _shift(raw, ulps), f"{name} next to a threshold"


def _thresholds(model: onnx.ModelProto) -> set[tuple[int, float]]:
    """(column of the algorithm's input, threshold) of every tree node in the graph."""
    thresholds: set[tuple[int, float]] = set()
    for node in model.graph.node:
        if not node.op_type.startswith("TreeEnsemble"):
            continue
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        nodes = zip(attributes["nodes_modes"], attributes["nodes_featureids"], attributes["nodes_values"], strict=True)
        thresholds |= {(int(column), float(value)) for mode, column, value in nodes if mode != b"LEAF"}
    return thresholds


def _raw_value(fitted: Fitted, column: int, value: float) -> tuple[str, np.float32] | None:
    """The input column and value that reach the algorithm as `value`, None when a step other than scalers and imputers is in between."""
    tensor, position = _flat(fitted.final)[column]
    while tensor >= fitted.inputs.count:
        step = fitted.steps[tensor - fitted.inputs.count]
        places = _flat(step.takes)
        kind = type(step.transformer).__name__
        if kind in EXACT:
            row = np.zeros((1, len(places)), dtype=np.float64)
            row[0, position] = value
            value = float(step.transformer.inverse_transform(row)[0, position])
        elif kind != "SimpleImputer" or step.width != len(places):
            return None
        tensor, position = places[position]
    if not fitted.inputs.numbers or tensor != 0:
        return None
    return fitted.inputs.numbers[position], np.float32(value)


def _flat(slices: Sequence[Slice]) -> list[tuple[int, int]]:
    return [(piece.tensor, column) for piece in slices for column in piece.columns]


def _shift(value: np.float32, ulps: int) -> np.float32:
    for _ in range(abs(ulps)):
        value = np.nextafter(value, np.float32(np.inf if ulps > 0 else -np.inf))
    return value
