"""How a delimited file seems to be written: encoding, delimiter, lines above the table, header or not. Looks at its beginning.

An option is in the layout only where the reader would not do the same without it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from leptonctl.providers.sources.compressed import plain_name
from leptonctl.providers.sources.delimiters import DELIMITERS, delimiter_of
from leptonctl.providers.sources.encodings import EAST_ASIAN, bad_bytes, likely_encodings
from leptonctl.providers.sources.headers import Row, find_header, width_of
from leptonctl.providers.sources.text import open_text
from leptonctl.spi import replace
from leptonctl.spi.learning import Layout, ProviderError, SourceOptions

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE_CHARACTERS, SAMPLE_ROWS, CHUNK = 1 << 18, 1000, 1 << 20
DRAWING = re.compile(r"\+?[-=]+(?:\+[-=]+)+\+?|\+[-=]+\+|[|]?:?-{3,}:?(?:[|]:?-{3,}:?)+[|]?")
LINES_OF_DRAWING = 10
"""A line of hyphens is looked for in the first lines of a file."""


def layout(path: Path, encoding: str | None = None, header: bool | None = None) -> Layout:
    """The options that read a file, and why. An `encoding` that is known is taken, and so is `header=False`: there is no header line."""
    chosen, why = (encoding, "") if encoding else encoding_of(path)
    with open_text(path, SourceOptions(encoding=chosen)) as text:
        sample = text.read(SAMPLE_CHARACTERS)
    whole = io.StringIO(sample.removeprefix("\ufeff"), newline="").readlines()
    if len(sample) == SAMPLE_CHARACTERS:
        # the sample may end inside its last line; a table whose first line is longer is left to the reader
        del whole[-1]
    _refuse_drawing(whole, path)
    delimiter, rows = _best(whole, "\t" if plain_name(path).endswith(".tsv") else "".join(DELIMITERS))
    options, because = find_header(rows, SourceOptions(encoding=chosen), header)
    if why:
        because["encoding"] = why
    if delimiter is not None and delimiter_of(path, options) != delimiter:
        options = replace(options, delimiter=delimiter)
        because["delimiter"] = "most rows have the same number of cells with it"
    return Layout(options=options, because=because, delimiter=delimiter)


def encoding_of(path: Path) -> tuple[str, str]:
    """The encoding in which the whole file can be read, and why it is not UTF-8."""
    try:
        _read_through(path, "utf-8")
    except ProviderError as problem:
        if problem.id != "bad-encoding":
            raise
    else:
        return "utf-8", ""
    line, sample = bad_bytes(path, "utf-8")
    for name in (*likely_encodings(sample), "cp1252", "latin-1"):
        try:
            _read_through(path, name)
        except ProviderError:
            continue
        other = " (or latin-1)" if name == "cp1252" else ""
        sure = "" if name in EAST_ASIAN or name.startswith("utf") else ": check a word that is not English"
        return name, f"line {line} is not UTF-8; {name}{other} fits{sure}"
    return "utf-8", ""


def _read_through(path: Path, encoding: str) -> None:
    with open_text(path, SourceOptions(encoding=encoding)) as text:
        while part := text.read(CHUNK):
            if "\0" in part:
                raise ProviderError("The file is not text in its encoding", id="bad-encoding")


def _best(whole: Sequence[str], delimiters: str) -> tuple[str | None, list[Row]]:
    """The delimiter with which most rows have the same number of cells, or the most cells among equals; and the rows by it."""
    candidates: list[tuple[float, int, str, list[Row]]] = []
    for delimiter in delimiters:
        rows = list(_rows(whole, delimiter))
        width, count = width_of(rows)
        if width > 1:
            candidates.append((count / len(rows), width, delimiter, rows))
    if not candidates:
        return None, list(_rows(whole, ","))
    _, _, delimiter, rows = max(candidates, key=lambda one: one[:2])
    return delimiter, rows


def _rows(whole: Sequence[str], delimiter: str) -> Iterator[Row]:
    reader, line = csv.reader(whole, delimiter=delimiter), 0
    try:
        for number, cells in enumerate(reader):
            if cells:
                # each of several files that were put together has its byte order mark
                yield Row(line + 1, reader.line_num, [cells[0].removeprefix("\ufeff"), *cells[1:]])
            line = reader.line_num
            if number == SAMPLE_ROWS:
                return
    except csv.Error:
        return


def _refuse_drawing(whole: Sequence[str], path: Path) -> None:
    """Raises ProviderError (drawn-table) for a table as database clients show it, with lines of hyphens."""
    line = next((number for number, text in enumerate(whole[:LINES_OF_DRAWING], 1) if DRAWING.fullmatch(text.strip())), None)
    if line is not None:
        raise ProviderError(
            "The table is drawn with lines",
            detail=f"Line {line} of {path.name} is a line of hyphens, as the clients of databases draw between rows.",
            hint="export the table as CSV: `psql --csv`, `mysql --batch` (tabs), or `.mode csv` in sqlite3",
            id="drawn-table",
            file=str(path),
            line=line,
        )
