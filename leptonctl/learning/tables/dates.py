"""Turns columns of dates into the numbers of their parts, with the core's arithmetic, which the server uses too. Reads no file."""

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from leptonctl.core.date_formats import DATE_TYPES, DateType, pattern
from leptonctl.core.dates import PARTS, DateColumn, Moment, describe, format_moment, read_moment
from leptonctl.core.frozen import Frozen, replace
from leptonctl.learning.prepare_inputs import DeclaredColumn
from leptonctl.learning.tables.cells import as_text
from leptonctl.learning.tables.faults import Fault, find_faults, with_values
from leptonctl.learning.tables.table import Table
from leptonctl.spi.learning import ProviderError


class Cells(Frozen):
    """The cells of a column as text: each distinct text with its moment (None: not such a date), and the place of its text by row."""

    texts: pl.Series
    distinct: Sequence[str]
    moments: Sequence[Moment | None]
    places: pl.Series

    def wrong(self, column: DateColumn) -> pl.Series:
        """Which cells are not dates of the column."""
        wrong = [moment is None or moment.zoned != column.zoned for moment in self.moments]
        return self.spread(wrong, pl.Boolean).fill_null(value=False)

    def spread(self, values: Sequence[bool | int | str | None], dtype: type[pl.DataType]) -> pl.Series:
        """A value of each distinct text, by row; null where the cell is missing."""
        return pl.Series(values, dtype=dtype).gather(self.places) if values else pl.Series([None] * len(self.places), dtype=dtype)


class Dates(Frozen):
    """A column of dates as read. By table: its parts by name, Int64 and null for missing, and its texts as requests carry them."""

    column: DateColumn
    parts: Sequence[Mapping[str, pl.Series]]
    texts: Sequence[pl.Series]


def date_type(declared: DeclaredColumn | None) -> DateType | None:
    """The type of a column that is declared as dates, else None."""
    return next((kind for kind in DATE_TYPES if declared is not None and declared.type == kind), None)


def read_dates(tables: Sequence[Table], name: str, declared: DeclaredColumn) -> tuple[Dates, list[Fault]]:
    """A column of dates in all tables of a version, and its faults. Raises ProviderError: fill-type."""
    column = DateColumn(
        name=name, type=date_type(declared) or "date", parts=declared.parts, format=declared.format, fill=_fill(declared.missing)
    )  # fmt: skip
    cells_by_table = [_read(table, column) for table in tables]
    column = replace(column, zoned=_has_zone(column, cells_by_table))
    _check_fill(column)
    missing = column.fill is None and any(cells.texts.null_count() for cells in cells_by_table)
    column = replace(column, nullable=missing if declared.nullable is None or column.fill is not None else declared.nullable)
    faults = [fault for table, cells in zip(tables, cells_by_table, strict=True) for fault in _faults(table, column, cells)]
    texts = [_texts(table, column, cells) for table, cells in zip(tables, cells_by_table, strict=True)]
    return Dates(column=column, parts=[_parts(column, cells) for cells in cells_by_table], texts=texts), faults


def date_parts(table: Table, column: DateColumn) -> tuple[Mapping[str, pl.Series], list[Fault]]:
    """The parts of a column in a file that is read for predictions, and its faults."""
    cells = _read(table, column)
    return _parts(column, cells), list(_faults(table, column, cells))


def moments_of(table: Table, column: DateColumn) -> list[Moment | None]:
    """The moment of each cell, None where it is missing or not such a date."""
    cells = _read(table, column)
    return [None if place is None else cells.moments[place] for place in cells.places.to_list()]


def _read(table: Table, column: DateColumn) -> Cells:
    """The cells of a table. Those of typed files are ISO 8601, whatever the format of requests."""
    texts = as_text(table, column.name)
    compiled = pattern(None if table.frame[column.name].dtype.is_temporal() else column.format, column.type)
    distinct = texts.drop_nulls().unique().sort().to_list()
    return Cells(
        texts=texts, distinct=distinct, moments=[read_moment(compiled, text) for text in distinct], places=texts.rank("dense") - 1
    )  # fmt: skip


def _has_zone(column: DateColumn, tables: Sequence[Cells]) -> bool:
    """Whether the texts have an offset: by the format, else by the majority."""
    if column.format is not None:
        return "%z" in column.format
    zoned = [moment.zoned for cells in tables for moment in cells.moments if moment is not None]
    return sum(zoned) * 2 > len(zoned)


def _texts(table: Table, column: DateColumn, cells: Cells) -> pl.Series:
    """The cells as a request would carry them."""
    if column.format is None or not table.frame[column.name].dtype.is_temporal():
        return cells.texts
    texts = [None if moment is None else format_moment(moment, column.format) for moment in cells.moments]
    return cells.spread(texts, pl.String).alias(column.name)


def _parts(column: DateColumn, cells: Cells) -> dict[str, pl.Series]:
    """The parts by name, of the fill value where a cell is missing."""
    filled = None if column.fill is None else read_moment(pattern(column.format, column.type), column.fill)
    parts = {}
    for name, part in zip(column.names, column.parts, strict=True):
        value = PARTS[part]
        values = cells.spread([None if moment is None else value(moment) for moment in cells.moments], pl.Int64).alias(name)
        parts[name] = values if filled is None else values.fill_null(value(filled))
    return parts


def _faults(table: Table, column: DateColumn, cells: Cells) -> Iterator[Fault]:
    wrong = cells.wrong(column)
    rules = [("type", f"not {describe(column)}", wrong)]
    if not wrong.any() and not column.nullable and column.fill is None:
        rules.append(("missing", "missing where the contract requires a value", cells.texts.is_null()))
    for fault in find_faults(table, column.name, rules):
        yield with_values(fault, cells.texts) if fault.check == "type" else fault


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
