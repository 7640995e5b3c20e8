"""Delimiter-separated values: .csv, .tsv, .txt, also gzipped. The dialect is that of the standard library's parser in strict mode.

Blank lines are skipped (in a one-column file a missing cell is written `""`). Cells keep their white space.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from leptonctl.providers.sources.text import check_header, empty, frame, lines, opened, with_missing
from leptonctl.spi.learning import ProviderError, Source, SourceOptions

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

    import polars as pl

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_CHARACTERS = 1 << 16
SAMPLE_ROWS = 50
ROWS_AT_ONCE = 20_000


def columns(path: Path, options: SourceOptions) -> list[str]:
    """The cells of the header line."""
    with opened(path, options) as text:
        return _header(_rows(text, path, options), path)


def read(path: Path, options: SourceOptions) -> pl.DataFrame:
    """All cells as strings. Rows are read in slices, to limit the number of Python objects in memory."""
    import polars as pl

    return pl.concat(batches(path, options, ROWS_AT_ONCE)).rechunk()


def batches(path: Path, options: SourceOptions, at_once: int) -> Iterator[pl.DataFrame]:
    """The rows in parts of at most `at_once`."""
    with opened(path, options) as text:
        rows = _rows(text, path, options)
        names = _header(rows, path)
        count = 0
        while slice_ := list(islice(rows, at_once)):
            for line, cells in slice_:
                if len(cells) != len(names):
                    raise _ragged(path, line, len(cells), len(names))
            table = zip(*(cells for _, cells in slice_), strict=True)
            count += len(slice_)
            yield with_missing(frame({name: list(cells) for name, cells in zip(names, table, strict=True)}), options)
    if not count:
        raise empty(path, "has a header line but no rows")


def line_of(path: Path, options: SourceOptions, rows: Sequence[int]) -> list[int]:
    """The file lines at which rows start. Quoted cells may contain line breaks, and there may be blank lines between rows."""
    requested = set(rows)
    starts: dict[int, int] = {}
    with opened(path, options) as text:
        for index, (line, _) in enumerate(_rows(text, path, options), -1):
            if index in requested:
                starts[index] = line
                if len(starts) == len(requested):
                    break
    return [starts[row] for row in rows]


def _rows(text: TextIO, path: Path, options: SourceOptions) -> Iterator[tuple[int, list[str]]]:
    """(line at which it starts, cells) of every row that is not blank, beginning with the header."""
    csv.field_size_limit(sys.maxsize)
    delimiter = _delimiter(text.read(SAMPLE_CHARACTERS), path, options)
    text.seek(0)
    reader = csv.reader(lines(text, path), delimiter=delimiter, strict=True)
    start = 1
    try:
        for cells in reader:
            if cells:
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as problem:
        raise ProviderError(
            "A row cannot be read",
            detail=f"The row of {path.name} that starts at line {start} has an unclosed quote, or text after a closing quote.",
            hint='write a quote inside a quoted cell twice (`""`)',
            id="bad-quotes",
            file=str(path),
            line=start,
        ) from problem


def _delimiter(sample: str, path: Path, options: SourceOptions) -> str:
    """The declared delimiter, or the one detected in the first rows. Raises ProviderError: bad-encoding, bad-delimiter."""
    if "\0" in sample:
        raise ProviderError(
            "The file is not text in its encoding",
            detail=f"{path.name} contains zero bytes when read as {options.encoding}: it may be UTF-16, or not text at all.",
            hint="declare the file's encoding, for example `encoding: utf-16`",
            id="bad-encoding",
            file=str(path),
            line=sample[: sample.index("\0")].count("\n") + 1,
        )
    delimiter = options.delimiter or _detect_delimiter(sample, path)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ProviderError(
            "This text cannot be a delimiter",
            detail="A delimiter is one character other than a quote or a line break.",
            hint='write for example `delimiter: ";"`',
            id="bad-delimiter",
            file=str(path),
        )
    return delimiter


def _header(rows: Iterator[tuple[int, list[str]]], path: Path) -> list[str]:
    line, names = next(rows, (0, []))
    if not names:
        raise empty(path)
    check_header(names, path, line)
    return names


def _detect_delimiter(sample: str, path: Path) -> str:
    """The delimiter that gives all rows of the sample the same number of cells, and the most cells; else judged by the header."""
    if path.name.lower().removesuffix(".gz").endswith(".tsv"):
        return "\t"
    whole = list(io.StringIO(sample, newline=""))
    if len(sample) == SAMPLE_CHARACTERS and len(whole) > 1:
        del whole[-1]
    best, best_score = DELIMITERS[0], (False, 1)
    for delimiter in DELIMITERS:
        widths = _widths(whole, delimiter)
        score = (len(set(widths)) == 1, widths[0]) if widths else (False, 1)
        if score[1] > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


def _widths(whole: list[str], delimiter: str) -> list[int]:
    widths: list[int] = []
    try:
        for cells in csv.reader(whole, delimiter=delimiter):
            if cells:
                widths.append(len(cells))
            if len(widths) == SAMPLE_ROWS:
                break
        else:
            # the sample may end inside a quoted cell
            return widths[:-1] if len(widths) > 2 else widths  # noqa: PLR2004 - a header and one whole row are left
    except csv.Error:
        return []
    return widths


def _ragged(path: Path, line: int, cells: int, names: int) -> ProviderError:
    return ProviderError(
        "A row does not have as many cells as the header",
        detail=f"The row at line {line} of {path.name} has {cells} cells, but the header has {names}.",
        hint="quote cells that contain the delimiter, or declare the delimiter with `delimiter:`",
        id="ragged-row",
        file=str(path),
        line=line,
    )


SOURCE = Source(
    name="csv",
    description="Delimiter-separated values with a header line; the delimiter is detected among , ; tab and |",
    suffixes=(".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz"),
    columns=columns,
    read=read,
    line_of=line_of,
    batches=batches,
)
