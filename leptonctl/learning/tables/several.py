"""Joins several files into one table, row after row. Reads no file but for the text of numbers."""

from collections.abc import Collection, Sequence
from functools import reduce

import polars as pl

from leptonctl.core.contract import Cells
from leptonctl.core.frozen import replace
from leptonctl.learning.tables.numbers import is_number, plain
from leptonctl.learning.tables.table import Piece, Table, trim
from leptonctl.spi.learning import ProviderError

NAMED = 5


def join_tables(name: str, tables: Sequence[Table], text: Collection[str] = ()) -> Table:
    """The tables as one, with columns in the order of the first. `text`: columns that stay as they are written.

    Where files write numbers differently, numbers among text are written with a point. Raises ProviderError: different-columns.
    """
    first = tables[0]
    starts = [sum(table.frame.height for table in tables[:place]) for place in range(len(tables))]
    pieces = tuple(Piece(name=t.name, path=t.path, options=t.options, start=start) for t, start in zip(tables, starts, strict=True))
    numbers = {
        column: reduce(Cells.plus, (table.numbers[column] for table in tables))
        for column in first.frame.columns
        if all(column in table.numbers for table in tables)
    }
    alike = len({(table.options.decimal, table.options.thousands) for table in tables}) == 1
    frame = pl.DataFrame(
        [
            _column(column, tables, [t.frame[column] for t in tables])
            if column in numbers or first.source.typed
            else _column(column, tables, [_text(t, column, alike=alike or column in text) for t in tables])
            for column in first.frame.columns
        ]
    )
    options = first.options if alike else replace(first.options, decimal=".", thousands=None)
    return replace(first, name=name, options=options, frame=frame, numbers=numbers, pieces=pieces)


def refuse_other_columns(first: Table, name: str, columns: Sequence[str]) -> None:
    """Raises ProviderError (different-columns) unless another file has the columns of the first."""
    lacking = [f'"{column}"' for column in first.frame.columns if column not in columns]
    extra = [f'"{column}"' for column in columns if column not in first.frame.columns]
    if lacking or extra:
        parts = [f"lacks {_list(lacking)}"] if lacking else []
        parts += [f"has {_list(extra)}"] if extra else []
        raise _different(f"Compared with {first.name}, {name} {' and '.join(parts)}.", name)


def _text(table: Table, name: str, *, alike: bool) -> pl.Series:
    cells = table.written_cells(name)
    if alike or cells.dtype != pl.String:
        return cells
    strings = trim(cells, table.options)
    numbers = is_number(strings, table.options).fill_null(value=False)
    return pl.select(pl.when(numbers).then(plain(strings, table.options)).otherwise(cells)).to_series().alias(name)


def _column(name: str, tables: Sequence[Table], parts: Sequence[pl.Series]) -> pl.Series:
    try:
        return pl.concat([part.to_frame() for part in parts], how="vertical_relaxed", rechunk=True).to_series()
    except pl.exceptions.PolarsError as problem:
        nested = next((part.dtype for part in parts if part.dtype.is_nested()), None)
        if nested is not None:
            # no step reads these cells; only their type matters
            return pl.repeat(None, sum(map(len, parts)), dtype=nested, eager=True).alias(name)
        kinds = [str(part.dtype).lower() for part in parts]
        place = next((place for place, kind in enumerate(kinds) if kind not in (kinds[0], "null")), -1)
        detail = f'Column "{name}" is {kinds[0]} in {tables[0].name} and {kinds[place]} in {tables[place].name}.'
        raise _different(detail, tables[place].name) from problem


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _different(detail: str, file: str) -> ProviderError:
    return ProviderError(
        "The files of a version have different columns",
        detail=detail,
        hint="give all files the same columns, in any order",
        id="different-columns",
        file=file,
        line=1,
    )
