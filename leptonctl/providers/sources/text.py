"""Opens data files that are text, in any encoding, with or without a byte order mark. Knows no format.

Imports no table library at module level, because headers are read at plan time.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, TextIO

from leptonctl.providers.sources.compressed import open_bytes
from leptonctl.providers.sources.encodings import bad_encoding
from leptonctl.spi.learning import ProviderError, SourceOptions

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


MOST_COLUMNS, LONGEST_NAME = 10_000, 1_000
LONGEST_HEADER, LONGEST_LINE = 4 * 2**20, 64 * 2**20
"""In characters. A longer line is not a row of a table, and lines are held in memory whole."""


def lines(text: TextIO, path: Path) -> Iterator[str]:
    """The lines of a text, with their line ends. Raises ProviderError (line-too-long) instead of reading on without end."""
    number, longest = 1, LONGEST_HEADER
    while line := text.readline(longest + 1):
        if len(line) > longest:
            raise ProviderError(
                "A line is too long",
                detail=f"Line {number} of {path.name} has more than {longest // 2**20} million characters.",
                hint="check that the file is a table with one row per line",
                id="line-too-long",
                file=str(path),
                line=number,
            )
        yield line.removeprefix("\ufeff") if number == 1 else line
        number, longest = number + 1, LONGEST_LINE


@contextmanager
def open_text(path: Path, options: SourceOptions, *, newline: str = "") -> Iterator[TextIO]:
    """Open a file as text. Raises ProviderError with file and line for every problem while it is read."""
    try:
        with open_bytes(path) as raw, decode(raw, path, options.encoding, newline) as text:
            yield text
    except UnicodeError as problem:
        raise bad_encoding(path, options.encoding) from problem
    except (OSError, EOFError, zlib.error) as problem:
        raise unreadable(path, problem) from problem


def decode(raw: IO[bytes], path: Path, encoding: str, newline: str) -> TextIO:
    """Bytes as text, without a byte order mark, which must not become part of the first column's name."""
    try:
        text = io.TextIOWrapper(raw, encoding="utf-8-sig" if is_utf8(encoding) else encoding, newline=newline)
    except (LookupError, ValueError) as problem:
        raise ProviderError(
            "Unknown text encoding",
            detail=f'"{encoding}" is not the name of a text encoding.',
            hint="write for example `encoding: utf-8`, `encoding: latin-1` or `encoding: cp1252`",
            id="unknown-encoding",
            file=str(path),
        ) from problem
    return text


def is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig")


def unreadable(path: Path, problem: BaseException) -> ProviderError:
    """The error for a file that is damaged, missing or not readable."""
    reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else "it is damaged or incomplete"
    return ProviderError(
        "A data file cannot be read",
        detail=f"{path.name}: {reason}.",
        hint="check that the file exists, is complete and can be read",
        id="unreadable-file",
        file=str(path),
    )


def check_header(names: Sequence[str], path: Path, line: int) -> None:
    """Raises ProviderError (too-many-columns, empty-column-name, duplicate-column) unless all columns have different names."""
    if len(names) > MOST_COLUMNS:
        raise _header_too_long(path, line, f"{path.name} has {len(names):,} columns, more than {MOST_COLUMNS:,}.")
    if any(len(name) > LONGEST_NAME for name in names):
        raise _header_too_long(path, line, f"A column name of {path.name} has more than {LONGEST_NAME} characters.")
    first: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        if not name.strip():
            raise ProviderError(
                "A column has no name",
                detail=f"The name of column {position} of {path.name} is empty.",
                hint="give every column a name in the header line (or leave an index column out when you write the file)",
                id="empty-column-name",
                file=str(path),
                line=line,
            )
        if first.setdefault(name, position) != position:
            raise ProviderError(
                "Two columns have the same name",
                detail=f'Columns {first[name]} and {position} of {path.name} are both named "{name}".',
                hint="rename one of them in the header line",
                id="duplicate-column",
                file=str(path),
                line=line,
                column=name,
            )


def _header_too_long(path: Path, line: int, detail: str) -> ProviderError:
    return ProviderError(
        "A header is too long",
        detail=detail,
        hint="check the delimiter, and that the file is a table with one row per example",
        id="too-many-columns",
        file=str(path),
        line=line,
    )


def empty(path: Path, reason: str = "has no data") -> ProviderError:
    return ProviderError(
        "A data file is empty",
        detail=f"{path.name} {reason}.",
        hint="check that the file is complete and that `source` names the right one",
        id="empty-data",
        file=str(path),
        line=1,
    )


def frame_of_strings(columns: dict[str, list[str | None]]) -> pl.DataFrame:
    """A frame of String columns."""
    import polars as pl

    return pl.DataFrame({name: pl.Series(name, cells, dtype=pl.String) for name, cells in columns.items()})


def with_missing(table: pl.DataFrame, options: SourceOptions) -> pl.DataFrame:
    """The table with null for empty cells and for the strings in `missing_values`, also where they are numbers: `-999`."""
    import polars as pl
    import polars.selectors as cs

    missing = pl.Series(["", *options.missing], dtype=pl.String)
    numbers = missing.cast(pl.Float64, strict=False).drop_nulls()
    return table.with_columns(
        pl.when(~cs.string().is_in(missing.implode())).then(cs.string()).name.keep(),
        *([pl.when(~cs.numeric().cast(pl.Float64).is_in(numbers.implode())).then(cs.numeric()).name.keep()] if len(numbers) else ()),
    )
