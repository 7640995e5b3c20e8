"""Reads raw files as a model's columns for predictions, typed, filled and hashed like requests. Writes nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from leptonctl.core.contract import Column, hash_text
from leptonctl.core.dates import DateColumn
from leptonctl.core.frozen import Frozen, field, replace
from leptonctl.core.manifest import ManifestColumn
from leptonctl.learning.tables.cells import as_text, check, check_columns, fill_cells, type_column
from leptonctl.learning.tables.dates import date_parts
from leptonctl.learning.tables.faults import Fault, contract_error
from leptonctl.learning.tables.prepared import Columns, array_of
from leptonctl.learning.tables.table import Table
from leptonctl.spi.learning import ProviderError, Source, SourceOptions


class Batch(Frozen):
    """Rows of a file as a model's columns. `ids`: the cells of the id column as text, None where the file has none.

    `outside`: column -> how many of its cells are outside min, max or the allowed values.
    """

    columns: Columns
    ids: tuple[str | None, ...] | None = None
    outside: Mapping[str, int] = field(default_factory=dict)


def read_batches(
    path: Path,
    source: Source,
    options: SourceOptions,
    columns: Sequence[ManifestColumn],
    *,
    rows: int,
    dates: Sequence[DateColumn] = (),
    key: bytes | None = None,
    name: str | None = None,
    id_column: str | None = None,
    checks: Mapping[str, Column] | None = None,
) -> Iterator[Batch]:
    """A raw file in the form of prepared rows, in parts of at most `rows` rows: missing cells filled, private columns hashed with `key`.

    Checks types and missing cells of each part as it is read; cells outside of the ranges in `checks` are counted. `name` is the file's
    name in messages. Raises ProviderError with file lines.
    """
    start = 0
    for frame in source.batches(path, options, rows) if source.batches is not None else [source.read(path, options)]:
        table = Table(name=name or path.name, path=path, source=_source_from(source, start), options=options, frame=frame)
        ids = tuple(as_text(table, id_column).to_list()) if id_column is not None and id_column in frame.columns else None
        arrays = _columns_of(table, columns, dates, key)
        yield Batch(columns=arrays, ids=ids, outside=_outside(table, columns, checks or {}))
        start += frame.height


def _source_from(source: Source, start: int) -> Source:
    """The source for a part of a file: its first row is row `start` of the file."""
    return replace(source, line_of=lambda path, options, rows: source.line_of(path, options, [row + start for row in rows]))


def _columns_of(table: Table, columns: Sequence[ManifestColumn], dates: Sequence[DateColumn], key: bytes | None) -> Columns:
    parts = {name for date in dates for name in date.names}
    names = [*(column.name for column in columns if column.name not in parts), *(date.name for date in dates)]
    check_columns(table, names, id="missing-column", summary="The input does not have all columns of the model")
    arrays: Columns = {}
    faults: list[Fault] = []
    for date in dates:
        numbers, wrong = date_parts(table, date)
        faults += wrong
        arrays |= {name: array_of(cells, "integer") for name, cells in numbers.items()}
    for column in (column for column in columns if column.name not in parts):
        cells, wrong = _cells(table, column, key)
        # a cell of the wrong type was read as null and must not be reported as missing too
        faults += wrong or _missing(table, column, cells)
        arrays[column.name] = array_of(cells, column.type)
    if faults:
        raise contract_error(faults)
    return arrays


def _outside(table: Table, columns: Sequence[ManifestColumn], checks: Mapping[str, Column]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for column in columns:
        ranges = checks.get(column.name)
        if ranges is None or column.hash:
            continue
        cells, _ = _cells(table, column, None)
        wrong = pl.Series([False] * len(cells), dtype=pl.Boolean)
        if cells.dtype.is_numeric():
            wrong = wrong | (cells < ranges.min) if ranges.min is not None else wrong
            wrong = wrong | (cells > ranges.max) if ranges.max is not None else wrong
        if ranges.values is not None:
            wrong = wrong | (cells.is_not_null() & ~cells.is_in(list(ranges.values)))
        if count := int(wrong.fill_null(value=False).sum()):
            counts[column.name] = count
    return counts


def hash_cells(strings: pl.Series, key: bytes | None, name: str) -> pl.Series:
    """The HMAC of every cell; a missing cell stays missing."""
    if key is None:
        raise ProviderError(
            "A secret is missing",
            detail=f'Column "{name}" is private, but there is no key to hash it with.',
            hint="make the dataset's `privacy.key` available",
            id="missing-secret",
            column=name,
        )
    marks = {text: hash_text(key, text) for text in strings.drop_nulls().unique().to_list()}
    return pl.Series(strings.name, [None if text is None else marks[text] for text in strings], dtype=pl.String)


def _cells(table: Table, column: ManifestColumn, key: bytes | None) -> tuple[pl.Series, list[Fault]]:
    if column.hash:
        return hash_cells(as_text(table, column.name), key, column.name), []
    cells, faults = type_column(table, column.name, column.type, words=column.words)
    return fill_cells(cells, column.fill, column.type, column.name), faults


def _missing(table: Table, column: ManifestColumn, cells: pl.Series) -> Iterable[Fault]:
    if column.nullable:
        return []
    return check(table, Column(name=column.name, type=column.type), cells, required=True)
