"""Inputs of a request -> arrays for the graph, checked against the dataset's contract. Pure.

Messages count rows from 1. A cell is missing when it is JSON null, NaN or ""; the contract's fill value, if any, replaces it.
Numbers are rounded to FP32 like the training data; a cell of an integer column must be an integer.
Values outside min, max or the allowed values are counted (only a strict deployment refuses them). A cell of the wrong type, a
missing cell in a column that must have values, and a number that FP32 cannot represent are always refused.
"""

from __future__ import annotations

from contextlib import suppress
from math import inf, nan
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from leptonctl.core.contract import hash_text, is_missing
from leptonctl.core.frozen import Frozen
from leptonctl.core.manifest import FEATURES
from leptonctl.serving.refusals import missing_value, out_of_range, wrong_type
from leptonctl.serving.request import RANGES, BadRequest, Input, read_inputs
from leptonctl.serving.texts import booleans, parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leptonctl.core.manifest import ManifestColumn
    from leptonctl.core.values import Json
    from leptonctl.serving.intake import Float32, Intake

    Float64 = NDArray[np.float64]
    Feed = dict[str, Float32 | NDArray[np.object_]]

FLOAT64_LIMIT = 2**1023
NUMBER = frozenset({int, float})
BOOLEAN = frozenset({bool, int, float})
STRING = frozenset({str})


class Violation(Frozen, kw_only=False):
    """Cells of one column that break one check of the contract: how many, and the first row."""

    column: str
    check: str
    count: int
    row: int


class Encoded(Frozen, kw_only=False):
    """`feed` maps the names of graph inputs to tensors."""

    feed: Feed
    rows: int
    violations: tuple[Violation, ...]


def encode(intake: Intake, request: dict[str, Json], *, hashed: bool = False) -> Encoded:
    """The graph's inputs. `hashed`: private columns contain hashes already, as in golden rows. Raises BadRequest."""
    inputs, rows = read_inputs(intake, request)
    for date in intake.dates:
        inputs |= parts_of(date, inputs[date.name])
    violations: list[Violation] = []
    feed: Feed = {}
    if intake.numeric:
        feed[FEATURES] = _features(intake, inputs, rows, violations)
    for column in intake.strings:
        cells = (_boolean_strings if column.type == "boolean" else _strings)(column, inputs[column.name], violations)
        if column.hash and not hashed:
            cells = _hash(intake.key, cells)
        tensor = np.empty((rows, 1), dtype=object)
        tensor[:, 0] = cells
        feed[column.graph.input] = tensor
    return Encoded(feed, rows, tuple(violations))


def _features(intake: Intake, inputs: dict[str, Input], rows: int, violations: list[Violation]) -> Float32:
    """The FP32 matrix [rows, k]."""
    if intake.packed and FEATURES in inputs:
        exact = _pack(intake, inputs[FEATURES], rows)
    else:
        exact = _matrix(intake, [_numbers(column, inputs[column.name]) for column in intake.numeric])
    with np.errstate(over="ignore"):
        matrix = exact.astype(np.float32, order="C")
    within = (matrix >= intake.low) & (matrix <= intake.high)
    if not within.all():
        _handle_out_of_bounds(intake, matrix, violations)
    for place, column, allowed in intake.allowed:
        cells = matrix[:, place].tolist()
        _count(column, "values", [cell == cell and cell not in allowed for cell in cells], violations)  # noqa: PLR0124
    return matrix


def _matrix(intake: Intake, cells: list[list[float]]) -> Float64:
    """Cells by column, in the order of `features`, as a matrix of rows. Raises BadRequest."""
    try:
        return np.array(cells, dtype=np.float64).T
    except OverflowError:
        for column, data in zip(intake.numeric, cells, strict=True):
            row = next((number for number, cell in enumerate(data, 1) if type(cell) is int and abs(cell) > FLOAT64_LIMIT), 0)
            if row:
                raise out_of_range(column, row) from None
        raise


def _pack(intake: Intake, tensor: Input, rows: int) -> Float64:
    columns, data = list(intake.columns.values()), tensor.data
    width = len(columns)
    if tensor.datatype not in RANGES and set(map(type, data)) <= NUMBER:
        with suppress(OverflowError):
            packed = np.array(data, dtype=np.float64).reshape(rows, width)
            integers = packed[:, intake.integers]
            if ((integers == np.rint(integers)) | np.isnan(integers)).all():
                return packed[:, intake.places]
    # everything else is read column by column, so that an error can name the column
    parts = [_numbers(column, Input(tensor.datatype, data[place::width], rows)) for place, column in enumerate(columns)]
    return _matrix(intake, [parts[place] for place in intake.places])


def _handle_out_of_bounds(intake: Intake, matrix: Float32, violations: list[Violation]) -> None:
    """Fill missing cells in place and count the cells outside min and max. Raises BadRequest for missing and infinite cells."""
    missing, infinite = np.isnan(matrix), np.isinf(matrix)
    for place, column in enumerate(intake.numeric):
        if infinite[:, place].any():
            raise out_of_range(column, _first(infinite[:, place]))
        missing_cells = missing[:, place]
        cells = matrix[:, place]
        if column.min is not None:
            _count(column, "min", (cells < intake.low[place]).tolist(), violations)
        if column.max is not None:
            _count(column, "max", (cells > intake.high[place]).tolist(), violations)
        if not missing_cells.any():
            continue
        if column.fill is not None:
            matrix[missing_cells, place] = float(column.fill)
        elif not column.nullable:
            raise missing_value(column.name, _first(missing_cells))


def _numbers(column: ManifestColumn, tensor: Input) -> list[float]:
    """The cells of a number, integer or boolean column as numbers, NaN for missing."""
    if column.words is not None and tensor.datatype == "BYTES":
        return booleans(column, column.words, tensor.data)
    data = tensor.data if _are_numbers(tensor.data) else _convert_numbers(column, tensor.data)
    if column.type == "boolean":
        row = next((number for number, cell in enumerate(data, 1) if cell not in (0, 1) and cell == cell), 0)  # noqa: PLR0124
        if row:
            msg = f'column "{column.name}", row {row}: a boolean must be true, false, 0 or 1'
            raise BadRequest(msg)
    if tensor.datatype in RANGES:
        _check_integers(column, data, tensor.datatype, RANGES[tensor.datatype])
    elif column.type == "integer" and float in map(type, tensor.data):
        _check_integers(column, data, "an integer")
    return data


def _are_numbers(data: list[Json]) -> TypeGuard[list[float]]:
    return set(map(type, data)) <= NUMBER


def _are_strings(data: list[Json]) -> TypeGuard[list[str]]:
    return set(map(type, data)) == STRING


def _convert_numbers(column: ManifestColumn, data: list[Json]) -> list[float]:
    """Cells that include missing ones or booleans, as numbers. Raises BadRequest for a cell of another type."""
    accepted = BOOLEAN if column.type == "boolean" else NUMBER
    row = next((number for number, cell in enumerate(data, 1) if type(cell) not in accepted and not is_missing(cell)), 0)
    if row:
        raise wrong_type(column, row, data[row - 1])
    return [cell if isinstance(cell, int | float) else nan for cell in data]


def _check_integers(column: ManifestColumn, data: list[float], expected: str, limits: tuple[int, int] | None = None) -> None:
    """Raises BadRequest for a cell that is not an integer within the limits. `expected` describes such a cell."""
    low, high = limits or (-inf, inf)
    for number, cell in enumerate(data, 1):
        if cell != cell:  # noqa: PLR0124 (NaN, a missing cell; math.isnan does not take every integer)
            continue
        if (type(cell) is float and not cell.is_integer()) or not low <= cell <= high:
            msg = f'column "{column.name}", row {number}: the value is not {expected}'
            raise BadRequest(msg)


def _boolean_strings(column: ManifestColumn, tensor: Input, violations: list[Violation]) -> list[str]:
    """The cells of a boolean column as an encoder expects them: "true", "false", or "" for missing."""
    fill = "" if column.fill is None else ("true" if column.fill else "false")
    cells = [("true" if cell else "false") if cell == cell else fill for cell in _numbers(column, tensor)]  # noqa: PLR0124
    if "" in cells and not column.nullable:
        raise missing_value(column.name, cells.index("") + 1)
    if column.values is not None:
        allowed = {"true" if value else "false" for value in column.values} | {""}
        _count(column, "values", [cell not in allowed for cell in cells], violations)
    return cells


def _strings(column: ManifestColumn, tensor: Input, violations: list[Violation]) -> list[str]:
    """The cells of a string column, "" for missing."""
    data = tensor.data if _are_strings(tensor.data) else _convert_strings(column, tensor.data)
    if column.values is not None:
        allowed = {*column.values, ""}
        _count(column, "values", [cell not in allowed for cell in data], violations)
    if "" in data:
        if column.fill is not None:
            data = [cell or str(column.fill) for cell in data]
        elif not column.nullable:
            raise missing_value(column.name, data.index("") + 1)
    for number, cell in enumerate(data, 1):
        if not cell.isascii() and not _is_encodable(cell):
            msg = f'column "{column.name}", row {number}: the string contains half of a surrogate pair'
            raise BadRequest(msg)
    return data


def _convert_strings(column: ManifestColumn, data: list[Json]) -> list[str]:
    """Cells that include missing ones, as strings. Raises BadRequest for a cell of another type."""
    row = next((number for number, cell in enumerate(data, 1) if not isinstance(cell, str) and not is_missing(cell)), 0)
    if row:
        raise wrong_type(column, row, data[row - 1])
    return [cell if isinstance(cell, str) else "" for cell in data]


def _hash(key: bytes | None, cells: list[str]) -> list[str]:
    """Hash the cells as the training data was hashed; a missing cell stays missing."""
    return [hash_text(key or b"", cell) if cell else "" for cell in cells]


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _first(mask: NDArray[np.bool_]) -> int:
    return int(mask.argmax()) + 1


def _count(column: ManifestColumn, check: str, violated: list[bool], violations: list[Violation]) -> None:
    """Append a violation when any cell violates the check."""
    if True in violated:
        violations.append(Violation(column.name, check, violated.count(True), violated.index(True) + 1))
