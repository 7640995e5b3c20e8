"""Infers the type of a column that the YAML does not declare. Reads no file."""

from collections.abc import Sequence

import polars as pl

from leptonctl.core.contract import Cells, ColumnType, infer_type
from leptonctl.learning.tables.numbers import INTEGER, PADDED, is_number, is_plain, malformed_pattern, plain
from leptonctl.learning.tables.table import Table, trim
from leptonctl.spi.learning import SourceOptions


def infer(tables: Sequence[Table], name: str) -> ColumnType:
    """The type of a column without a declared type, by its cells in all tables that have it."""
    counts = Cells(present=0, integers=0, numbers=0, booleans=0)
    kinds: set[ColumnType] = set()
    for table in tables:
        if name in table.frame.columns:
            cells = table.frame[name]
            if name in table.numbers:
                counts = counts.plus(table.numbers[name])
            elif cells.dtype == pl.String and not table.source.typed:
                counts = counts.plus(_count(cells, table.options))
            elif cells.dtype != pl.Null:
                kinds.add(_type_of(cells.dtype))
    if counts.present or not kinds:
        kinds.add(infer_type(counts))
    return kinds.pop() if len(kinds) == 1 else "number" if kinds == {"integer", "number"} else "string"


def _type_of(dtype: pl.DataType) -> ColumnType:
    if dtype == pl.Boolean:
        return "boolean"
    if dtype.is_integer() or (dtype.is_decimal() and getattr(dtype, "scale", None) == 0):
        return "integer"
    return "number" if dtype.is_numeric() else "string"


def _count(cells: pl.Series, options: SourceOptions) -> Cells:
    """Counts of what the cells of a column of text look like. Equal cells are examined once."""
    counts = cells.value_counts(name="rows")
    strings, rows = trim(counts.get_columns()[0], options), counts["rows"]
    numbers, simple = is_number(strings, options), plain(strings, options)

    def count(mask: pl.Series) -> int:
        return int(rows.filter(mask.fill_null(value=False)).sum())

    malformed = 0
    if not is_plain(options):
        malformed = count(strings.str.contains(malformed_pattern(options.decimal, options.thousands)) & ~numbers)
    return Cells(
        present=count(strings.is_not_null()),
        integers=count(simple.str.contains(INTEGER) & simple.cast(pl.Int64, strict=False).is_not_null()),
        numbers=count(numbers),
        booleans=count(strings.str.to_lowercase().is_in(["true", "false"])),
        padded=count(simple.str.contains(PADDED)),
        malformed=malformed,
    )
