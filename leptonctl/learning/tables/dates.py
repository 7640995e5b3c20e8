"""Columns of dates as the numbers of their parts. The arithmetic is the core's, which the server uses too. Reads no file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import polars as pl

from leptonctl.core.dates import DATE_TYPES, PARTS, DateColumn, DateType, Moment, describe, pattern, read_moment, written
from leptonctl.core.frozen import Frozen, replace
from leptonctl.learning.inputs import DeclaredColumn
from leptonctl.learning.tables.cells import Fault, as_text, with_values
from leptonctl.learning.tables.table import Table
from leptonctl.spi.learning import ProviderError

Cells: TypeAlias = tuple[pl.Series, Mapping[str, Moment | None]]
"""The cells of a column as text, and the moment of each text, None where it is no such date."""


class Dates(Frozen):
    """A column of dates as read. By table: its parts by name, Int64 and null for missing, and its texts as requests carry them."""

    column: DateColumn
    parts: Sequence[Mapping[str, pl.Series]]
    texts: Sequence[pl.Series]


def date_type(declared: DeclaredColumn | None) -> DateType | None:
    """The type of a column that is declared as dates, else None."""
    return next((kind for kind in DATE_TYPES if declared is not None and declared.type == kind), None)


def read_dates(tables: Sequence[Table], name: str, declared: DeclaredColumn, faults: list[Fault]) -> Dates:
    """A column of dates in all tables of a version. Appends its faults to `faults`. Raises ProviderError: fill-type."""
    column = DateColumn(
        name=name, type=date_type(declared) or "date", parts=declared.parts, format=declared.format, fill=_fill(declared.missing)
    )  # fmt: skip
    read = [_read(table, column) for table in tables]
    column = replace(column, zoned=_zoned(column, read))
    _check_fill(column)
    missing = column.fill is None and any(cells.null_count() for cells, _ in read)
    column = replace(column, nullable=missing if declared.nullable is None or column.fill is not None else declared.nullable)
    for table, cells in zip(tables, read, strict=True):
        faults += _faults(table, column, cells)
    texts = [_texts(table, column, cells) for table, cells in zip(tables, read, strict=True)]
    return Dates(column=column, parts=[_parts(column, cells) for cells in read], texts=texts)


def date_parts(table: Table, column: DateColumn) -> tuple[Mapping[str, pl.Series], list[Fault]]:
    """The parts of a column in a file that is read for predictions, and its faults."""
    cells = _read(table, column)
    return _parts(column, cells), list(_faults(table, column, cells))


def moments_of(table: Table, column: DateColumn) -> list[Moment | None]:
    """The moment of each cell, None where it is missing or no such date."""
    texts, moments = _read(table, column)
    return [None if text is None else moments[text] for text in texts.to_list()]


def _read(table: Table, column: DateColumn) -> Cells:
    """The cells as text and the moments of the texts. Cells of typed files have the text of ISO 8601, whatever the format of requests."""
    cells = as_text(table, column.name)
    compiled = pattern(None if table.frame[column.name].dtype.is_temporal() else column.format, column.type)
    return cells, {text: read_moment(compiled, text) for text in cells.drop_nulls().unique().to_list()}


def _zoned(column: DateColumn, read: Sequence[Cells]) -> bool:
    """Whether the texts have an offset: as the format says, else as most of them do."""
    if column.format is not None:
        return "%z" in column.format
    known = [moment.zoned for _, moments in read for moment in moments.values() if moment is not None]
    return sum(known) * 2 > len(known)


def _texts(table: Table, column: DateColumn, read: Cells) -> pl.Series:
    """The cells as a request would carry them."""
    cells, moments = read
    if column.format is None or not table.frame[column.name].dtype.is_temporal():
        return cells
    return cells.replace({text: written(moment, column.format) for text, moment in moments.items() if moment is not None})


def _parts(column: DateColumn, read: Cells) -> dict[str, pl.Series]:
    """The parts by name, of the fill value where a cell is missing."""
    cells, moments = read
    known = {text: moment for text, moment in moments.items() if moment is not None}
    filled = None if column.fill is None else read_moment(pattern(column.format, column.type), column.fill)
    parts = {}
    for name, part in zip(column.names, column.parts, strict=True):
        numbers = {text: PARTS[part](moment) for text, moment in known.items()}
        values = cells.replace_strict(numbers, default=None, return_dtype=pl.Int64).alias(name)
        parts[name] = values if filled is None else values.fill_null(PARTS[part](filled))
    return parts


def _faults(table: Table, column: DateColumn, read: Cells) -> Iterator[Fault]:
    cells, moments = read
    wrong = [text for text, moment in moments.items() if moment is None or moment.zoned != column.zoned]
    rules = [("type", f"not {describe(column)}", cells.is_in(wrong).fill_null(value=False))]
    if not wrong and not column.nullable and column.fill is None:
        rules.append(("missing", "missing where the contract requires a value", cells.is_null()))
    for check, description, mask in rules:
        if mask.any():
            fault = Fault(table=table, column=column.name, check=check, description=description, rows=mask.arg_true())
            yield with_values(fault, cells) if check == "type" else fault


def _fill(missing: object) -> str | None:
    return None if missing is None else str(missing)


def _check_fill(column: DateColumn) -> None:
    if column.fill is None:
        return
    moment = read_moment(pattern(column.format, column.type), column.fill)
    if moment is None or moment.zoned != column.zoned:
        raise ProviderError(
            "A fill value is not of its column's type",
            detail=f'`missing` of column "{column.name}" is not {describe(column)}.',
            hint="write a date as the column has them, or remove `missing`",
            id="fill-type",
            column=column.name,
        )
