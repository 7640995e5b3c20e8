"""Parquet files. The format is typed, so strings are never parsed. There are no lines: messages give row numbers, counted from 1."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from leptonctl.providers.sources.text import check_header, empty, unreadable, with_missing
from leptonctl.spi.learning import ProviderError, Source, SourceOptions

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


ANY_ZONE = "POLARS_IGNORE_TIMEZONE_PARSE_ERROR"
"""Unless this variable is set, polars panics at a time zone that it does not know, such as `+05:30`."""


def columns(path: Path, _options: SourceOptions) -> list[str]:
    """The column names in the file's footer."""
    import polars as pl

    with _problems_of(path):
        names = list(pl.read_parquet_schema(path))
    check_header(names, path, 1)
    return names


def read(path: Path, options: SourceOptions) -> pl.DataFrame:
    """The columns with the file's types."""
    import polars as pl

    names = columns(path, options)
    with _problems_of(path):
        table = pl.read_parquet(path, glob=False, hive_partitioning=False)
    if not names or table.height == 0:
        raise empty(path, "has no rows")
    return _as_rows(table, options)


def batches(path: Path, options: SourceOptions, at_once: int) -> Iterator[pl.DataFrame]:
    """The rows in parts of at most `at_once`."""
    import polars as pl

    names = columns(path, options)
    start = 0
    while True:
        with _problems_of(path):
            part = pl.scan_parquet(path, glob=False, hive_partitioning=False).slice(start, at_once).collect()
        if start == 0 and (not names or part.height == 0):
            raise empty(path, "has no rows")
        if part.height == 0:
            return
        yield _as_rows(part, options)
        start += at_once


@contextmanager
def _problems_of(path: Path) -> Iterator[None]:
    """Raises ProviderError for what polars raises while it reads the file, and lets it read any time zone."""
    import polars as pl

    before = os.environ.get(ANY_ZONE)
    os.environ[ANY_ZONE] = "1"
    try:
        yield
    except OSError as problem:
        raise unreadable(path, problem) from problem
    except (pl.exceptions.DuplicateError, pl.exceptions.InvalidOperationError) as problem:
        raise _unsupported_columns(path, problem) from problem
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as problem:
        raise _damaged_file(path) from problem
    finally:
        if before is None:
            os.environ.pop(ANY_ZONE, None)
        else:
            os.environ[ANY_ZONE] = before


def _as_rows(table: pl.DataFrame, options: SourceOptions) -> pl.DataFrame:
    """The rows, with strings in place of dictionaries, times in UTC where polars does not know their zone, and the stored values of types
    that extend one of Arrow's.
    """
    import polars as pl
    import polars.selectors as cs

    zoned = {name: dtype for name, dtype in table.schema.items() if isinstance(dtype, pl.Datetime) and not _is_zone(dtype.time_zone)}
    instants = [pl.col(name).to_physical().cast(pl.Datetime(dtype.time_unit, "UTC")) for name, dtype in zoned.items()]
    extended = [_stored_values(table[name]) for name, dtype in table.schema.items() if isinstance(dtype, pl.BaseExtension)]
    return with_missing(table.with_columns((cs.categorical() | cs.enum()).cast(pl.String), *instants, *extended), options)


def _stored_values(cells: pl.Series) -> pl.Series:
    """The values of an extension type as they are stored, such as the number of a pandas period; those of `arrow.bool8` as booleans."""
    import polars as pl

    stored = cells.ext.storage()
    return stored.cast(pl.Boolean) if isinstance(cells.dtype, pl.BaseExtension) and cells.dtype.ext_name() == "arrow.bool8" else stored


def _is_zone(name: str | None) -> bool:
    """Whether polars knows a time zone. The system's own table may lack it."""
    import polars as pl

    try:
        return name is None or pl.Series([0]).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(name) is not None
    except pl.exceptions.PolarsError:
        return False


def line_of(_path: Path, _options: SourceOptions, rows: Sequence[int]) -> list[int]:
    return [row + 1 for row in rows]


def _unsupported_columns(path: Path, problem: Exception) -> ProviderError:
    """The error for a whole file with columns that a table cannot have here."""
    return ProviderError(
        "A Parquet file has columns that cannot be read",
        detail=f"{path.name}: {str(problem).partition(chr(10))[0]}.",
        hint="write the file with other names, or with types that are common: text, 64-bit numbers, decimals of at most 38 digits",
        id="unreadable-file",
        file=str(path),
    )


def _damaged_file(path: Path) -> ProviderError:
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
