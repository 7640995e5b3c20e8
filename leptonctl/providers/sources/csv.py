"""Delimiter-separated values: .csv, .tsv, .txt, also compressed. The dialect is that of the standard library's parser in strict mode.

Blank lines are skipped (in a one-column file a missing cell is written `""`). Cells keep their white space. Two readers agree on every
cell: a fast one for text that is written as usual (`csv_blocks`), and the one here for the rest, which reports where a mistake is.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from leptonctl.providers.sources.csv_blocks import Irregular, blocks
from leptonctl.providers.sources.delimiters import delimiter_of
from leptonctl.providers.sources.encodings import bad_bytes, check_not_utf8, likely_encodings
from leptonctl.providers.sources.layout import layout
from leptonctl.providers.sources.text import check_header, empty, frame_of_strings, lines, open_text, with_missing
from leptonctl.spi.learning import ProviderError, Source, SourceOptions

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

ROWS_AT_ONCE = 20_000
LINES_ABOVE = 3
"""How many of the skipped lines are searched for a header: the last ones, since lines of titles or units may be around it."""
Rows = Iterator[tuple[int, list[str]]]
"""The line at which each row starts, and its cells."""


def columns(path: Path, options: SourceOptions) -> list[str]:
    """The cells of the header line, or the names in its place."""
    with open_text(path, options) as text:
        return _table(lines(text, path), path, options)[0]


def read(path: Path, options: SourceOptions) -> pl.DataFrame:
    """All cells as strings."""
    import polars as pl

    return pl.concat(batches(path, options, sys.maxsize)).rechunk()


def batches(path: Path, options: SourceOptions, at_once: int) -> Iterator[pl.DataFrame]:
    """The rows in parts of at most `at_once`."""
    check_not_utf8(path, options.encoding, options.skip_rows + (options.header is True))
    names, count = columns(path, options), 0
    try:
        for block in blocks(path, options, delimiter_of(path, options), names):
            count += block.height
            row = _repeated_header(block, names)
            if row is not None:
                raise _header_again(path, line_of(path, options, [count - block.height + row])[0])
            rows = with_missing(block, options) if options.missing else block
            yield from rows.iter_slices(at_once)
    except Irregular:
        for part in strict_batches(path, options, min(at_once, ROWS_AT_ONCE), skip=count):
            count += part.height
            yield part
    if not count:
        after = f" after the {options.skip_rows} lines that `skip_rows` passes over" if options.skip_rows else ""
        raise empty(path, f"has a header line but no rows{after}")


def strict_batches(path: Path, options: SourceOptions, at_once: int, *, skip: int = 0) -> Iterator[pl.DataFrame]:
    """As `batches`, row by row, without the first `skip` rows. Read in slices, to limit the number of Python objects in memory."""
    with open_text(path, options) as text:
        names, rows = _table(lines(text, path), path, options)
        whole = islice(_whole(rows, names, path), skip, None)
        while slice_ := list(islice(whole, at_once)):
            table = zip(*slice_, strict=True)
            yield with_missing(frame_of_strings({name: list(cells) for name, cells in zip(names, table, strict=True)}), options)


def _repeated_header(block: pl.DataFrame, names: Sequence[str]) -> int | None:
    """The first row of the block that is the header again."""
    if len(names) < 2:  # noqa: PLR2004 - a single cell may be a word among others
        return None
    first = block.to_series(0).is_in([names[0], f"\ufeff{names[0]}"])
    candidates = (first & (block.to_series(1) == names[1])).arg_true() if first.any() else ()
    return next((row for row in candidates if _is_header(block.row(row), names)), None)


def _is_header(cells: Sequence[str | None], names: Sequence[str]) -> bool:
    """Whether a row is the header again. A single cell may be a word among others; files put together may have byte order marks."""
    return len(names) > 1 and (cells[0] or "").removeprefix("\ufeff") == names[0] and [*cells[1:]] == [*names[1:]]


def _whole(rows: Rows, names: Sequence[str], path: Path) -> Iterator[list[str]]:
    for line, cells in rows:
        if len(cells) != len(names):
            raise _ragged_row(path, line, cells=len(cells), names=len(names))
        if _is_header(cells, names):
            raise _header_again(path, line)
        yield cells


def line_of(path: Path, options: SourceOptions, rows: Sequence[int]) -> list[int]:
    """The file lines at which rows start. Quoted cells may contain line breaks, and there may be blank lines between rows."""
    targets = set(rows)
    starts: dict[int, int] = {}
    with open_text(path, options) as text:
        for index, (line, _) in enumerate(_table(lines(text, path), path, options)[1]):
            if index in targets:
                starts[index] = line
                if len(starts) == len(targets):
                    break
    return [starts[row] for row in rows]


def _table(text: Iterator[str], path: Path, options: SourceOptions) -> tuple[list[str], Rows]:
    """The names of the columns, and the rows after them."""
    above = deque(islice(text, options.skip_rows), maxlen=LINES_ABOVE)
    rows = _rows(text, path, options)
    line, first = next(rows, (0, []))
    if not first:
        raise empty(path) if not options.skip_rows else _all_skipped(path, options)
    if options.header is True:
        check_header(first, path, line)
        return first, rows
    names = [f"column_{place}" for place in range(1, len(first) + 1)] if options.header is False else list(options.header)
    if len(names) != len(first):
        raise _wrong_width(path, line, options, names=len(names), cells=len(first))
    check_header(names, path, line)
    if not isinstance(options.header, bool):
        _check_order(names, above, path, options)
    return names, chain([(line, first)], rows)


def _check_order(names: Sequence[str], above: Sequence[str], path: Path, options: SourceOptions) -> None:
    """Names written in place of the file's own are matched by position: refuse a file whose own header has them in another order."""
    delimiter = delimiter_of(path, options)
    for number, line in enumerate(above, options.skip_rows - len(above) + 1):
        own = next(csv.reader([line], delimiter=delimiter), [])
        if len(own) < len(names) and [name for name in names if name in own] == own:
            # R writes no name above its row names, so all other names are shifted
            continue
        misplaced = [name for name, cell in zip(names, own, strict=False) if name != cell and name in own]
        if len(misplaced) > 1:
            places = " and ".join(f'"{name}" is column {own.index(name) + 1} and not {names.index(name) + 1}' for name in misplaced[:2])
            raise ProviderError(
                "The file has its columns in another order than `header`",
                detail=f"Line {number} of {path.name}, which `skip_rows` passes over, has names of `header` at other places: {places}.",
                hint="write the columns of the file in the order of `header`, or change the order of `header` where this file is declared",
                id="header-order",
                file=str(path),
                line=number,
                column=misplaced[0],
            )


def _rows(text: Iterator[str], path: Path, options: SourceOptions) -> Rows:
    """Every row that is not blank, beginning with the header."""
    csv.field_size_limit(sys.maxsize)
    source, delimiter = _Lines(text, path, options), delimiter_of(path, options)
    start = source.line + 1
    try:
        for cells in csv.reader(source, delimiter=delimiter, strict=True):
            if cells:
                if '"' in source.row:
                    source.check_spaces(cells, start, delimiter)
                yield start, cells
            start, source.row = source.line + 1, ""
    except csv.Error as problem:
        raise _bad_quotes(path, start, "an unclosed quote, or text after a closing quote") from problem


class _Lines:
    """The lines after the skipped ones, as the parser takes them. line: the number of the last one. row: the text of the current row."""

    def __init__(self, text: Iterator[str], path: Path, options: SourceOptions) -> None:
        self._text, self._path, self._options = text, path, options
        self.line, self.row = options.skip_rows, ""

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.line, self.row = self.line + 1, self.row + line if self.row else line
            if "\0" in line:
                raise _zero_byte(self._path, self.line, self._options.encoding)
            yield line

    def check_spaces(self, cells: list[str], start: int, delimiter: str) -> None:
        """Raises ProviderError (bad-quotes) for a space before a quote, which nobody means: the quote would be a part of the cell."""
        has_space = any(cell[:1] in (" ", "\t") and cell.lstrip(" \t").startswith('"') for cell in cells)
        if has_space and re.search(rf'(?:^|{re.escape(delimiter)})[ \t]+"', self.row):
            raise _bad_quotes(self._path, start, "a space before a quote", "remove the spaces between delimiter and quote")


def _zero_byte(path: Path, line: int, encoding: str) -> ProviderError:
    wide = next((name for name in likely_encodings(bad_bytes(path, "latin-1")[1]) if name.startswith("utf-16")), None)
    return ProviderError(
        "The file is not text in its encoding",
        detail=f"Line {line} of {path.name} has a zero byte when it is read as {encoding}: the file may be UTF-16, or not text at all.",
        hint=f"declare the file's encoding; `encoding: {wide}` is likely"
        if wide
        else "declare the file's encoding, for example `encoding: utf-16`",
        id="bad-encoding",
        file=str(path),
        line=line,
    )


def _wrong_width(path: Path, line: int, options: SourceOptions, *, names: int, cells: int) -> ProviderError:
    after = f", after the {options.skip_rows} lines that `skip_rows` passes over" if options.skip_rows else ""
    return ProviderError(
        "The header names another number of columns than the file has",
        detail=f"`header` has {names} names, but the first row of {path.name} has {cells} cells{after}.",
        hint="name every column of the file under `header:`" + (", or correct `skip_rows`" if after else ""),
        id="header-width",
        file=str(path),
        line=line,
    )


def _all_skipped(path: Path, options: SourceOptions) -> ProviderError:
    return ProviderError(
        "A data file is empty",
        detail=f"{path.name} has no row after the {options.skip_rows} lines that `skip_rows` passes over.",
        hint="correct `skip_rows`; a file without these lines needs none",
        id="empty-data",
        file=str(path),
        line=1,
    )


def _bad_quotes(path: Path, line: int, problem: str, hint: str = 'write a quote inside a quoted cell twice (`""`)') -> ProviderError:
    return ProviderError(
        "A row cannot be read",
        detail=f"The row of {path.name} that starts at line {line} has {problem}.",
        hint=hint,
        id="bad-quotes",
        file=str(path),
        line=line,
    )


def _header_again(path: Path, line: int) -> ProviderError:
    return ProviderError(
        "The header line is repeated",
        detail=f"Line {line} of {path.name} is the header again, and would be read as a row.",
        hint="remove the line from the file; if it has no header and its first line is a row, say `header: false`",
        id="repeated-header",
        file=str(path),
        line=line,
    )


def _ragged_row(path: Path, line: int, *, cells: int, names: int) -> ProviderError:
    return ProviderError(
        "A row does not have as many cells as the header",
        detail=f"The row at line {line} of {path.name} has {cells} cells, but the header has {names}.",
        hint="quote cells that contain the delimiter, declare the `delimiter:`, or skip lines at the top with `skip_rows:`",
        id="ragged-row",
        file=str(path),
        line=line,
    )


SOURCE = Source(
    name="csv",
    description="Delimiter-separated values with a header line, unless `header:` says otherwise; detects the delimiters , ; tab and |",
    suffixes=tuple(f".{ending}{packed}" for ending in ("csv", "tsv", "txt") for packed in ("", ".gz", ".zst")),
    columns=columns,
    read=read,
    line_of=line_of,
    batches=batches,
    layout=layout,
)
