"""Parquet files. The format is typed, so strings are never parsed. There are no lines: messages give row numbers, counted from 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from leptonctl.providers.sources.text import check_header, empty, unreadable, with_missing
from leptonctl.spi.learning import ProviderError, Source, SourceOptions

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


def columns(path: Path, _options: SourceOptions) -> list[str]:
    """The column names in the file's footer."""
    import polars as pl

    try:
        names = list(pl.read_parquet_schema(path))
    except OSError as problem:
        raise unreadable(path, problem) from problem
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as problem:
        raise _damaged(path) from problem
    check_header(names, path, 1)
    return names


def read(path: Path, options: SourceOptions) -> pl.DataFrame:
    """The columns with the file's types."""
    import polars as pl

    names = columns(path, options)
    try:
        table = pl.read_parquet(path, glob=False, hive_partitioning=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as problem:
        raise _damaged(path) from problem
    if not names or table.height == 0:
        raise empty(path, "has no rows")
    return _as_rows(table, options)


def batches(path: Path, options: SourceOptions, at_once: int) -> Iterator[pl.DataFrame]:
    """The rows in parts of at most `at_once`."""
    import polars as pl

    names = columns(path, options)
    start = 0
    while True:
        try:
            part = pl.scan_parquet(path, glob=False, hive_partitioning=False).slice(start, at_once).collect()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as problem:
            raise _damaged(path) from problem
        if start == 0 and (not names or part.height == 0):
            raise empty(path, "has no rows")
        if part.height == 0:
            return
        yield _as_rows(part, options)
        start += at_once


def _as_rows(table: pl.DataFrame, options: SourceOptions) -> pl.DataFrame:
    """The rows with strings for what is stored as a dictionary."""
    import polars as pl
    import polars.selectors as cs

    return with_missing(table.with_columns((cs.categorical() | cs.enum()).cast(pl.String)), options)


def line_of(_path: Path, _options: SourceOptions, rows: Sequence[int]) -> list[int]:
    return [row + 1 for row in rows]


def _damaged(path: Path) -> ProviderError:
    return ProviderError(
        "A data file is not a Parquet file",
        detail=f"{path.name} cannot be read as Parquet.",
        hint="check that the file is complete; give a file of another format that format's suffix",
        id="unreadable-file",
        file=str(path),
    )


SOURCE = Source(
    name="parquet",
    description="Apache Parquet",
    suffixes=(".parquet", ".pq"),
    columns=columns,
    read=read,
    line_of=line_of,
    typed=True,
    batches=batches,
)
