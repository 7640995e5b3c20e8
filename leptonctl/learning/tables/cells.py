"""Converts the cells of a file to typed columns and finds their faults. Shared by `prepare` and by raw prediction input.

Numbers are decimal (`numbers` says how they are written) and read to the nearest float64. White space around numbers and booleans is
ignored.
"""

from collections.abc import Sequence
from contextlib import suppress

import polars as pl

from leptonctl.core.contract import TYPE_PHRASES, WORDS, Column, ColumnType, Scalar, Words, matches, missing_columns
from leptonctl.core.diagnostic import did_you_mean
from leptonctl.core.frozen import replace
from leptonctl.learning.prepare_inputs import DeclaredColumn
from leptonctl.learning.tables.faults import NOT_BOOLEAN, Fault, find_faults, with_values
from leptonctl.learning.tables.numbers import is_number, plain
from leptonctl.learning.tables.table import Table, trim
from leptonctl.spi.learning import ProviderError, SourceOptions

EXACT = 2**53
FLOAT32_LARGEST = 3.4028234663852886e38
UTF8 = "utf-8"


def check_columns(table: Table, names: Sequence[str], *, id: str, summary: str) -> None:  # noqa: A002
    """Raises ProviderError unless every name is a column of the table. `unknown-column` is an error in the YAML, others in the file."""
    absent = missing_columns(names, table.frame.columns)
    if not absent:
        return
    raise ProviderError(
        summary,
        detail=f"{table.name} has no column " + ", ".join(f'"{name}"' for name in absent) + ".",
        hint=next(filter(None, (_misread(name, table) for name in absent)), "") or did_you_mean(absent[0], table.frame.columns),
        id=id,
        file=None if id == "unknown-column" else table.name,
        column=absent[0],
    )


def type_column(
    table: Table, name: str, kind: ColumnType, *, single: bool = True, words: Words | None = None
) -> tuple[pl.Series, list[Fault]]:
    """The column as Float64, Int64, Boolean or String, null for missing, and the faults of its cells.

    `single`: the column will be stored as float32, so larger numbers are faults. `words`: those declared for a boolean column.
    """
    if kind == "string" or _has_no_text(table.frame[name].dtype):
        return as_text(table, name), []
    if kind == "boolean":
        texts = table.written_cells(name)
        values, wrong = booleans(texts, words, table.options)
        return values, [with_values(fault, texts) for fault in find_faults(table, name, [("type", NOT_BOOLEAN, wrong)])]
    cells = table.frame[name]
    # columns held as numbers have no NaN to look for, but float64 rounds integers beyond 2**53
    is_held = name in table.numbers and not (kind == "integer" and cells.dtype == pl.Float64)
    if is_held and (cells.dtype == pl.Int64 or _is_small(cells)):
        return (cells if kind == "integer" else cells.cast(pl.Float64)), []
    cells = cells if is_held else table.written_cells(name)
    numbers, wrong = (cells.cast(pl.Float64), _none(cells)) if is_held else _numbers(cells, table.options)
    if kind == "integer":
        wrong = wrong | (numbers.is_finite() & (numbers != numbers.floor())).fill_null(value=False)
        values = _integers(cells, numbers, table.options)
        large = (numbers.is_not_null() & values.is_null() & ~wrong).fill_null(value=False)
    else:
        values = numbers
        large = numbers.is_infinite().fill_null(value=False)
    if single:
        large = large | numbers.cast(pl.Float32, strict=False).is_infinite().fill_null(value=False)
    rules = [("type", f"not {TYPE_PHRASES[kind]}", wrong), ("range", f"too large for {TYPE_PHRASES[kind]}", large)]
    return values, find_faults(table, name, rules)


def as_text(table: Table, name: str) -> pl.Series:
    """The column's cells as strings, as written in the file. Raises ProviderError: nested-value."""
    cells = table.written_cells(name)
    dtype = cells.dtype
    if dtype == pl.Binary:
        raise ProviderError(
            "A column has binary values",
            detail=f'{table.name} has binary values in column "{name}".',
            hint="write the column as text, or leave it out: `ignore: true` under `columns`",
            id="binary-value",
            file=table.name,
            column=name,
        )
    if _has_no_text(dtype):
        file, line = next(iter(table.places(cells.is_not_null().arg_true().head(1).to_list())), (table.name, None))
        place = file if line is None else f"{file}:{line}"
        raise ProviderError(
            "A column has nested values",
            detail=f"{place} has a {str(dtype).partition('(')[0].lower()} at `{_path_of(name, dtype)}`.",
            hint="write them as separate columns (`address_city` for `address.city`), or leave the column out: `ignore: true`",
            id="nested-value",
            file=file,
            line=line,
            column=name,
        )
    if dtype.is_temporal():
        return cells.dt.to_string("iso")
    strings = cells.fill_nan(None).cast(pl.String) if dtype.is_float() else cells.cast(pl.String)
    return strings.replace("", None) if (strings == "").any() else strings


def _has_no_text(dtype: pl.DataType) -> bool:
    return dtype.is_nested() or dtype == pl.Object


def fill_cells(values: pl.Series, fill: Scalar | None, kind: ColumnType, name: str) -> pl.Series:
    """Replace missing cells. Raises ProviderError: fill-type."""
    if fill is None:
        return values
    if not matches(kind, fill):
        raise ProviderError(
            "A fill value is not of its column's type",
            detail=f'`missing` of column "{name}" is not {TYPE_PHRASES[kind]}.',
            hint=f"write {TYPE_PHRASES[kind]}, or change the column's type",
            id="fill-type",
            column=name,
        )
    return values.fill_null(pl.lit(fill, dtype=values.dtype))


def check(table: Table, column: Column, values: pl.Series, *, required: bool, unique: bool = False, target: bool = False) -> list[Fault]:
    """The faults beyond the type: missing cells, min, max, allowed values, duplicates."""
    rules: list[tuple[str, str, pl.Series]] = []
    if required:
        rules.append(("target" if target else "missing", "missing where the contract requires a value", values.is_null()))
    if column.min is not None and values.dtype.is_numeric():
        rules.append(("min", f"below the minimum {column.min}", values < column.min))
    if column.max is not None and values.dtype.is_numeric():
        rules.append(("max", f"above the maximum {column.max}", values > column.max))
    if column.values is not None:
        dtype = pl.Float64 if values.dtype.is_numeric() else values.dtype
        allowed = pl.Series(list(column.values), dtype=dtype, strict=False).drop_nulls()
        numbers = values.cast(pl.Float64) if values.dtype.is_numeric() else values
        is_foreign = ~numbers.is_in(allowed.implode()) & values.is_not_null()
        is_fill = column.fill is not None and bool((values == column.fill).filter(is_foreign).any())
        rules.append(("values", "not among the allowed values" + (", as the fill value is not" if is_fill else ""), is_foreign))
    if unique:
        is_repeat = ~values.is_first_distinct() & values.is_not_null()
        rules.append(("unique", "equal to a cell of an earlier row", is_repeat))
    return [with_values(f, values) if f.check == "values" else f for f in find_faults(table, column.name, rules)]


def declared_column(name: str, kind: ColumnType, declared: DeclaredColumn | None) -> Column:
    """A column with the checks declared in the YAML; the allowed values of a string column become strings.

    Raises ProviderError: range-type.
    """
    if declared is None:
        return Column(name=name, type=kind)
    column = Column(
        name=name, type=kind, fill=declared.missing, declared=True, min=declared.min, max=declared.max, values=declared.values,
        words=declared.words,
    )  # fmt: skip
    if kind in ("string", "boolean") and not (column.min is None and column.max is None):
        raise ProviderError(
            "A range is declared for a column that has no order",
            detail=f'Column "{name}" has `min` or `max`, but its type is {kind}.',
            hint="declare `type: number`, or remove `min` and `max`",
            id="range-type",
            column=name,
        )
    if kind == "string" and column.values is not None:
        return replace(column, values=tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in column.values))
    return column


def _misread(name: str, table: Table) -> str:
    """A hint where the file has this column, but is read in the wrong encoding; else ""."""
    encoding = table.options.encoding or UTF8
    for column in table.frame.columns:
        with suppress(UnicodeError, LookupError):
            if column != name and column.encode(encoding).decode(UTF8) == name:
                return f"the file is written in UTF-8 and read as {encoding}: write `encoding: {UTF8}`"
    return ""


def _path_of(name: str, dtype: pl.DataType) -> str:
    """The path to the first cell within a nested column."""
    inner = getattr(dtype, "inner", None)
    if inner is not None:
        return _path_of(f"{name}[0]", inner)
    fields = getattr(dtype, "fields", None)
    return _path_of(f"{name}.{fields[0].name}", fields[0].dtype) if fields else name


def _numbers(cells: pl.Series, options: SourceOptions) -> tuple[pl.Series, pl.Series]:
    """Float64 and the mask of cells that are not numbers."""
    if cells.dtype == pl.String:
        strings = trim(cells, options)
        wrong = (~is_number(strings, options)).fill_null(value=False)
        return plain(strings.set(wrong, None), options).cast(pl.Float64), wrong
    if cells.dtype.is_numeric():
        return cells.cast(pl.Float64).fill_nan(None), _none(cells)
    return pl.repeat(None, n=len(cells), dtype=pl.Float64, eager=True), cells.is_not_null()


def _is_small(cells: pl.Series) -> bool:
    """Whether all numbers are finite as float32, so that none is too large."""
    ends = [end for end in (cells.min(), cells.max()) if isinstance(end, float)]
    return all(abs(end) <= FLOAT32_LARGEST for end in ends)


def _none(cells: pl.Series) -> pl.Series:
    return pl.repeat(value=False, n=len(cells), eager=True)


def _integers(cells: pl.Series, numbers: pl.Series, options: SourceOptions) -> pl.Series:
    """Exact Int64; null where the number does not fit."""
    rounded = pl.select(pl.when(numbers.abs() <= EXACT).then(numbers)).to_series().cast(pl.Int64, strict=False)
    if cells.dtype == pl.String:
        exact = plain(trim(cells, options), options).cast(pl.Int64, strict=False)
    elif cells.dtype.is_integer() or cells.dtype.is_decimal():
        exact = cells.cast(pl.Int64, strict=False)
    else:
        return rounded
    return pl.select(pl.coalesce(exact, rounded)).to_series()


def booleans(cells: pl.Series, words: Words | None, options: SourceOptions) -> tuple[pl.Series, pl.Series]:
    """Boolean and the mask of cells that are not booleans. A declared word is a value even if it is also a marker of missing cells."""
    if cells.dtype == pl.Boolean:
        return cells, _none(cells)
    if cells.dtype != pl.String and not cells.dtype.is_numeric():
        return pl.repeat(None, n=len(cells), dtype=pl.Boolean, eager=True), cells.is_not_null()
    strings = _whole_numbers(cells).str.strip_chars(" \t")
    meanings = {text: (words or WORDS).value(text) for text in strings.drop_nulls().unique().to_list()}
    words_read = {text: value for text, value in meanings.items() if value is not None}
    values = strings.replace_strict(words_read, default=None, return_dtype=pl.Boolean)
    return values, values.is_null() & trim(strings, options).is_not_null()


def _whole_numbers(cells: pl.Series) -> pl.Series:
    """Numbers as text, 1.0 as `1`: other libraries make a column of 0 and 1 with a missing cell a column of floats."""
    if not cells.dtype.is_float():
        return cells.cast(pl.String)
    cells = cells.fill_nan(None)
    whole = (cells == cells.floor()).fill_null(value=False)
    return pl.select(pl.when(whole).then(cells.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(cells.cast(pl.String))).to_series()
