"""Inputs of a request -> arrays for the graph, by the dataset's contract. Pure.

Rows are counted from 1 in messages. Missing is JSON null, NaN or ""; a fill value stands in where the contract has one.
Numbers are rounded to FP32 as the training data was; what is integral in the contract must be integral here.
Values outside min, max or the allowed values are counted (and refused only by a strict deployment); a cell of a wrong
type, a missing cell that may not be missing and a number that FP32 cannot hold are always refused.
"""

from __future__ import annotations

from contextlib import suppress
from math import nan
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from leptonctl.core.contract import hash_text, is_missing
from leptonctl.core.frozen import Frozen
from leptonctl.core.manifest import FEATURES
from leptonctl.serving.tensors import RANGES, BadRequest, Input, read_inputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leptonctl.core.manifest import ManifestColumn
    from leptonctl.core.values import Json
    from leptonctl.serving.intake import Float32, Intake

    Float64 = NDArray[np.float64]
    Feed = dict[str, Float32 | NDArray[np.object_]]

BEYOND = 2**1023
NUMBER = frozenset({int, float})
TRUTH = frozenset({bool, int, float})
TEXT = frozenset({str})
WORDS = {bool: "a boolean", str: "text", list: "a list", dict: "an object", type(None): "null"}


class Violation(Frozen, kw_only=False):
    """Cells of one column that break one check of the contract: how many, and the first row."""

    column: str
    check: str
    count: int
    row: int


class Encoded(Frozen, kw_only=False):
    feed: Feed
    rows: int
    violations: tuple[Violation, ...]


def encode(intake: Intake, request: dict[str, Json], *, hashed: bool = False) -> Encoded:
    """The graph's feed. `hashed`: private columns come as they stand behind hashing (golden rows), not raw."""
    inputs, rows = read_inputs(intake, request)
    violations: list[Violation] = []
    feed: Feed = {}
    if intake.numeric:
        feed[FEATURES] = _features(intake, inputs, rows, violations)
    for column in intake.texts:
        cells = (_truths if column.type == "boolean" else _texts)(column, inputs[column.name], violations)
        if column.hash and not hashed:
            cells = _hash(intake.key, cells)
        tensor = np.empty((rows, 1), dtype=object)
        tensor[:, 0] = cells
        feed[column.graph.input] = tensor
    return Encoded(feed, rows, tuple(violations))


def _features(intake: Intake, inputs: dict[str, Input], rows: int, violations: list[Violation]) -> Float32:
    """The FP32 matrix [rows, k]."""
    if intake.packed and FEATURES in inputs:
        exact = _packed(intake, inputs[FEATURES], rows)
    else:
        exact = _matrix(intake, [_numbers(column, inputs[column.name]) for column in intake.numeric])
    with np.errstate(over="ignore"):
        matrix = exact.astype(np.float32, order="C")
    within = (matrix >= intake.low) & (matrix <= intake.high)
    if not within.all():
        _bounds(intake, matrix, violations)
    for place, column, allowed in intake.listed:
        cells = matrix[:, place].tolist()
        _count(column, "values", [cell == cell and cell not in allowed for cell in cells], violations)  # noqa: PLR0124
    return matrix


def _matrix(intake: Intake, cells: list[list[float]]) -> Float64:
    """Cells by column, in the order of `features`, as rows."""
    try:
        return np.array(cells, dtype=np.float64).T
    except OverflowError:
        for column, data in zip(intake.numeric, cells, strict=True):
            row = next((number for number, cell in enumerate(data, 1) if type(cell) is int and abs(cell) > BEYOND), 0)
            if row:
                raise _beyond(column, row) from None
        raise


def _packed(intake: Intake, found: Input, rows: int) -> Float64:
    columns, data = list(intake.columns.values()), found.data
    width = len(columns)
    if found.datatype not in RANGES and set(map(type, data)) <= NUMBER:
        with suppress(OverflowError):
            packed = np.array(data, dtype=np.float64).reshape(rows, width)
            whole = packed[:, intake.whole]
            if ((whole == np.rint(whole)) | np.isnan(whole)).all():
                return packed[:, intake.places]
    # what is unusual or wrong is looked at column by column, so that it can be named
    parts = [_numbers(column, Input(found.datatype, data[place::width], rows)) for place, column in enumerate(columns)]
    return _matrix(intake, [parts[place] for place in intake.places])


def _bounds(intake: Intake, matrix: Float32, violations: list[Violation]) -> None:
    """Why some cell is not within its bounds: missing (filled in here, in place), beyond FP32, or outside min and max."""
    missing, infinite = np.isnan(matrix), np.isinf(matrix)
    for place, column in enumerate(intake.numeric):
        if infinite[:, place].any():
            raise _beyond(column, _first(infinite[:, place]))
        absent = missing[:, place]
        cells = matrix[:, place]
        if column.min is not None:
            _count(column, "min", (cells < intake.low[place]).tolist(), violations)
        if column.max is not None:
            _count(column, "max", (cells > intake.high[place]).tolist(), violations)
        if not absent.any():
            continue
        if column.fill is not None:
            matrix[absent, place] = float(column.fill)
        elif not column.nullable:
            raise _absent(column, _first(absent))


def _numbers(column: ManifestColumn, found: Input) -> list[float]:
    """The cells of a number, integer or boolean column as numbers, NaN for missing."""
    data = found.data if _are_numbers(found.data) else _unusual_numbers(column, found.data)
    if column.type == "boolean":
        row = next((number for number, cell in enumerate(data, 1) if cell not in (0, 1) and cell == cell), 0)  # noqa: PLR0124
        if row:
            msg = f'column "{column.name}", row {row}: a boolean is true, false, 0 or 1'
            raise BadRequest(msg)
    if found.datatype in RANGES:
        _whole(column, data, found.datatype, *RANGES[found.datatype])
    elif column.type == "integer" and float in map(type, found.data):
        _whole(column, data, "an integer")
    return data


def _are_numbers(data: list[Json]) -> TypeGuard[list[float]]:
    return set(map(type, data)) <= NUMBER


def _are_texts(data: list[Json]) -> TypeGuard[list[str]]:
    return set(map(type, data)) == TEXT


def _unusual_numbers(column: ManifestColumn, data: list[Json]) -> list[float]:
    """Cells of which some are missing, booleans, or wrong."""
    accepted = TRUTH if column.type == "boolean" else NUMBER
    row = next((number for number, cell in enumerate(data, 1) if type(cell) not in accepted and not is_missing(cell)), 0)
    if row:
        raise _wrong(column, row, data[row - 1])
    return [cell if isinstance(cell, int | float) else nan for cell in data]


def _whole(column: ManifestColumn, data: list[float], what: str, low: int | None = None, high: int | None = None) -> None:
    for number, cell in enumerate(data, 1):
        if cell != cell:  # noqa: PLR0124 (NaN, a missing cell; math.isnan does not take every integer)
            continue
        if (type(cell) is float and not cell.is_integer()) or (low is not None and high is not None and not low <= cell <= high):
            msg = f'column "{column.name}", row {number}: the value is not {what}'
            raise BadRequest(msg)


def _truths(column: ManifestColumn, found: Input, violations: list[Violation]) -> list[str]:
    """A boolean column that an encoder takes: "true", "false", or "" for missing."""
    fill = "" if column.fill is None else ("true" if column.fill else "false")
    texts = [("true" if cell else "false") if cell == cell else fill for cell in _numbers(column, found)]  # noqa: PLR0124
    if "" in texts and not column.nullable:
        raise _absent(column, texts.index("") + 1)
    if column.values is not None:
        allowed = {"true" if value else "false" for value in column.values} | {""}
        _count(column, "values", [text not in allowed for text in texts], violations)
    return texts


def _texts(column: ManifestColumn, found: Input, violations: list[Violation]) -> list[str]:
    """The cells of a string column, "" for missing."""
    data = found.data if _are_texts(found.data) else _unusual_texts(column, found.data)
    if column.values is not None:
        allowed = {*column.values, ""}
        _count(column, "values", [cell not in allowed for cell in data], violations)
    if "" in data:
        if column.fill is not None:
            data = [cell or str(column.fill) for cell in data]
        elif not column.nullable:
            raise _absent(column, data.index("") + 1)
    for number, cell in enumerate(data, 1):
        if not cell.isascii() and not _valid(cell):
            msg = f'column "{column.name}", row {number}: the text holds half of a surrogate pair'
            raise BadRequest(msg)
    return data


def _unusual_texts(column: ManifestColumn, data: list[Json]) -> list[str]:
    """Cells of which some are missing or wrong."""
    row = next((number for number, cell in enumerate(data, 1) if not isinstance(cell, str) and not is_missing(cell)), 0)
    if row:
        raise _wrong(column, row, data[row - 1])
    return [cell if isinstance(cell, str) else "" for cell in data]


def _hash(key: bytes | None, cells: list[str]) -> list[str]:
    """As the reader hashed the training data; a missing cell stays missing."""
    return [hash_text(key or b"", cell) if cell else "" for cell in cells]


def _valid(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _first(mask: NDArray[np.bool_]) -> int:
    return int(mask.argmax()) + 1


def _count(column: ManifestColumn, check: str, broken: list[bool], violations: list[Violation]) -> None:
    if True in broken:
        violations.append(Violation(column.name, check, broken.count(True), broken.index(True) + 1))


def _wrong(column: ManifestColumn, row: int, cell: Json) -> BadRequest:
    return BadRequest(f'column "{column.name}", row {row}: a {column.type} is needed, not {WORDS.get(type(cell), "a number")}')


def _absent(column: ManifestColumn, row: int) -> BadRequest:
    return BadRequest(f'column "{column.name}", row {row}: the value is missing, and the contract wants one')


def _beyond(column: ManifestColumn, row: int) -> BadRequest:
    return BadRequest(f'column "{column.name}", row {row}: the value is outside the range of FP32')
