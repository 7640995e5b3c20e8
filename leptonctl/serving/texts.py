"""Strings of a request that become numbers: dates and the words of booleans. Pure."""

from collections.abc import Sequence
from math import nan

from leptonctl.core.contract import Words, is_missing
from leptonctl.core.dates import DateColumn, describe, read_parts
from leptonctl.core.manifest import ManifestColumn
from leptonctl.core.values import Json
from leptonctl.serving.refusals import missing_value
from leptonctl.serving.request import BadRequest, Input


def parts_of(date: DateColumn, tensor: Input) -> dict[str, Input]:
    """The inputs of the parts of a column of dates, NaN for missing. Raises BadRequest."""
    data: Sequence[Json] = [date.fill if is_missing(cell) else cell for cell in tensor.data] if date.fill is not None else tensor.data
    missing = (nan,) * len(date.parts)
    rows = [missing if is_missing(cell) else _parts(date, row, cell) for row, cell in enumerate(data, 1)]
    if not date.nullable and missing in rows:
        raise missing_value(date.name, rows.index(missing) + 1)
    columns = zip(*rows, strict=True)
    return {name: Input("FP32", list(column), tensor.rows) for name, column in zip(date.names, columns, strict=True)}


def _parts(date: DateColumn, row: int, cell: Json) -> Sequence[float]:
    parts = read_parts(date, cell) if isinstance(cell, str) else None
    if parts is None:
        msg = f'column "{date.name}", row {row}: the value is not {describe(date)}'
        raise BadRequest(msg)
    return parts


def booleans(column: ManifestColumn, words: Words, data: Sequence[Json]) -> list[float]:
    """The declared words of a boolean column as 1 and 0, NaN for missing. Raises BadRequest."""
    return [nan if is_missing(cell) else _boolean(column, words, row, cell) for row, cell in enumerate(data, 1)]


def _boolean(column: ManifestColumn, words: Words, row: int, cell: Json) -> float:
    value = words.value(cell) if isinstance(cell, str) else None
    if value is None:
        known = ", ".join(f'"{word}"' for word in (*words.true, *words.false))
        msg = f'column "{column.name}", row {row}: the value is not one of the words of this boolean column: {known}'
        raise BadRequest(msg)
    return float(value)
