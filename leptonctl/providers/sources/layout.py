"""How a delimited file seems to be written: encoding, delimiter, lines above the table, header or not. Looks at its beginning.

Only what the reader would not do by itself is an option of the layout.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from leptonctl.providers.sources.compressed import plain_name
from leptonctl.providers.sources.delimiters import DELIMITERS, delimiter_of
from leptonctl.providers.sources.encodings import EAST_ASIAN, bad_bytes, likely
from leptonctl.providers.sources.text import opened
from leptonctl.spi import replace
from leptonctl.spi.learning import Layout, ProviderError, SourceOptions

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE_CHARACTERS, SAMPLE_ROWS, CHUNK = 1 << 18, 1000, 1 << 20
MOST, HALF, FEW = 0.8, 0.5, 3
DRAWN, LINES_DRAWN = re.compile(r"\+?[-=]+(?:\+[-=]+)+\+?|\+[-=]+\+|[|]?:?-{3,}:?(?:[|]:?-{3,}:?)+[|]?"), 10
YEARS = range(1800, 2200)
INDEX = "index"
MISSING = frozenset({"", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None", "?", "-", "--", ".", "*"})
NUMBER = re.compile(r"[+-]?[$€£]? ?[0-9]*(?:[.,  \u00a0\u202f'\u2019][0-9]+)*[.,]?(?:[eE][+-]?[0-9]+)? ?%?")
DATE = re.compile(r"[0-9]{1,4}([-/.])[0-9]{1,2}\1[0-9]{1,4}(?:[ T].*)?")
Rows = list[tuple[int, int, list[str]]]
"""(first line, last line, cells) of rows that are not blank."""


def layout(path: Path, encoding: str | None = None, header: bool | None = None) -> Layout:
    """The options that read a file, and why. `encoding` and `header` (False: it has none) are taken as they are where they are known."""
    chosen, why = (encoding, "") if encoding else encoding_of(path)
    with opened(path, SourceOptions(encoding=chosen)) as text:
        sample = text.read(SAMPLE_CHARACTERS)
    whole = io.StringIO(sample.removeprefix("\ufeff"), newline="").readlines()
    if len(sample) == SAMPLE_CHARACTERS:
        # the last line may go on; a table whose first line does is left to the reader
        del whole[-1]
    _refuse_drawing(whole, path)
    delimiter, rows = _best(whole, "\t" if plain_name(path).endswith(".tsv") else "".join(DELIMITERS))
    options, because = _header(rows, SourceOptions(encoding=chosen), header)
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
    for name in (*likely(sample), "cp1252", "latin-1"):
        try:
            _read_through(path, name)
        except ProviderError:
            continue
        other = " (or latin-1)" if name == "cp1252" else ""
        sure = "" if name in EAST_ASIAN or name.startswith("utf") else ": check a word that is not English"
        return name, f"line {line} is not UTF-8; {name}{other} fits{sure}"
    return "utf-8", ""


def _read_through(path: Path, encoding: str) -> None:
    with opened(path, SourceOptions(encoding=encoding)) as text:
        while part := text.read(CHUNK):
            if "\0" in part:
                raise ProviderError("The file is not text in its encoding", id="bad-encoding")


def _best(whole: Sequence[str], delimiters: str) -> tuple[str | None, Rows]:
    """The delimiter with which most rows have one number of cells, the most cells where two are alike; and the rows by it."""
    found: list[tuple[float, int, str, Rows]] = []
    for delimiter in delimiters:
        rows = list(_rows(whole, delimiter))
        width, count = Counter(len(cells) for _, _, cells in rows).most_common(1)[0] if rows else (1, 0)
        if width > 1:
            found.append((count / len(rows), width, delimiter, rows))
    if not found:
        return None, list(_rows(whole, ","))
    _, _, delimiter, rows = max(found, key=lambda one: one[:2])
    return delimiter, rows


def _rows(whole: Sequence[str], delimiter: str) -> Iterator[tuple[int, int, list[str]]]:
    reader, line = csv.reader(whole, delimiter=delimiter), 0
    try:
        for number, cells in enumerate(reader):
            if cells:
                # of files that were joined each has its mark
                yield line + 1, reader.line_num, [cells[0].removeprefix("\ufeff"), *cells[1:]]
            line = reader.line_num
            if number == SAMPLE_ROWS:
                return
    except csv.Error:
        return


def _header(rows: Rows, options: SourceOptions, header: bool | None) -> tuple[SourceOptions, dict[str, str]]:
    """Where the table begins, and what its columns are called."""
    because: dict[str, str] = {}
    if not rows:
        return options, because
    width = Counter(len(cells) for _, _, cells in rows).most_common(1)[0][0]
    first = next((place for place, (_, _, cells) in enumerate(rows) if len(cells) == width and not _is_title(cells)), 0)
    skipped = rows[first][0] - 1 if first else 0
    _refuse_apostrophes(rows[first][0], [cells for _, _, cells in rows[first:] if len(cells) == width])
    short = (
        _short_header(rows[first - 1], [cells for _, _, cells in rows[first:] if len(cells) == width]) if first and header is None else None
    )
    if short is not None:
        named, because["header"] = short
        return replace(options, skip_rows=rows[first - 1][1], header=named), because
    if skipped:
        because["skip_rows"] = f"line {skipped + 1} is the first with {width} cells"
    body = [cells for _, _, cells in rows[first + 1 :] if len(cells) == width]
    names = rows[first][2]
    if header is False or (header is None and _is_data(names, body)):
        because["header"] = "--no-header" if header is False else f"line {skipped + 1} looks like the rows after it"
        return replace(options, skip_rows=skipped, header=False), because
    if body and _is_second_header(body[0], body[1:]):
        skipped, upper = _two_lines(rows[first], rows[first + 1], rows[first + 2 :], because)
        return replace(options, skip_rows=skipped, header=True if upper is None else _named(upper)), because
    named = _named(names)
    if named != tuple(names):
        because["header"] = "the header line has empty or repeated names, so the names are written here"
        return replace(options, skip_rows=rows[first][1], header=named), because
    return replace(options, skip_rows=skipped, header=True), because


def _short_header(upper: tuple[int, int, list[str]], body: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], str] | None:
    """The names of a header that lacks one, and why: R's names of rows have none, and a delimiter may end each row but the header."""
    names, columns = upper[2], list(zip(*body, strict=True))
    if len(names) != len(columns) - 1 or len(body) < FEW or any(not name.strip() or _is_number(name.strip()) for name in names):
        return None
    if not any(cell.strip() for cell in columns[-1]):
        return _named([*names, ""]), "the header line has no name for the last column, which is empty"
    if _are_row_names(columns[0]):
        return _named(["", *names]), "the header line has no name for the first column, which names the rows"
    return None


def _are_row_names(cells: Sequence[str]) -> bool:
    """Whether they count the rows from 0 or 1, or are another text in each."""
    if all(cell.isascii() and cell.isdigit() for cell in cells):
        return int(cells[0]) in (0, 1) and all(int(after) - int(before) == 1 for before, after in pairwise(cells))
    return len(set(cells)) == len(cells) and all(cell.strip() and not _is_value(cell.strip()) for cell in cells)


def _two_lines(
    upper: tuple[int, int, list[str]], lower: tuple[int, int, list[str]], rest: Rows, because: dict[str, str]
) -> tuple[int, list[str] | None]:
    """The lines to pass over and the names, of a header of two lines; None: the lower one is the header, and names each column.

    Under columns of several levels pandas may write a line of its own for the name of the index.
    """
    names, line, end = upper[2], f"the names are those of line {upper[0]}", lower[1]
    if not _are_names(upper[2]) and _are_names(lower[2]):
        if _named(lower[2]) == tuple(lower[2]):
            because["skip_rows"] = f"the header has two lines; line {lower[0]} has a name for each column"
            return lower[0] - 1, None
        names, line = lower[2], f"the names are those of line {lower[0]}"
    elif not _are_names(upper[2]):
        both = [" ".join(filter(None, map(str.strip, pair))) for pair in zip(upper[2], lower[2], strict=True)]
        names, line = (both, "the names are made of both") if _are_names(both) else (names, line)
    if rest and rest[0][2][0].strip() and not any(cell.strip() for cell in rest[0][2][1:]) and not names[0].strip():
        names, end = [rest[0][2][0], *names[1:]], rest[0][1]
    because["header"] = f"the header has two lines; {line}"
    return end, names


def _are_names(cells: Sequence[str]) -> bool:
    """Whether each is another name. An index at the left may have none."""
    names = [cell.strip() for cell in cells]
    names = names[1:] if not names[0] else names
    return all(names) and len(set(names)) == len(names)


def _refuse_apostrophes(line: int, rows: Sequence[Sequence[str]]) -> None:
    """Raises ProviderError: bad-quotes, where most rows have text in apostrophes that the delimiter cuts in two."""
    if sum(map(_is_cut, rows)) > HALF * len(rows):
        raise ProviderError(
            "The quotes of the table are not double quotes",
            detail=f"Text in apostrophes has the delimiter in it, from line {line} on: its cells are cut in two.",
            hint="write the table with double quotes, or with another delimiter",
            id="bad-quotes",
        )


def _refuse_drawing(whole: Sequence[str], path: Path) -> None:
    """Raises ProviderError: drawn-table, for a table as the clients of databases show it, with lines of hyphens."""
    line = next((number for number, text in enumerate(whole[:LINES_DRAWN], 1) if DRAWN.fullmatch(text.strip())), None)
    if line is not None:
        raise ProviderError(
            "The table is drawn with lines",
            detail=f"Line {line} of {path.name} is a line of hyphens, as the clients of databases draw between rows.",
            hint="export the table as CSV: `psql --csv`, `mysql --batch` (tabs), or `.mode csv` in sqlite3",
            id="drawn-table",
            file=str(path),
            line=line,
        )


def _is_cut(cells: Sequence[str]) -> bool:
    opened_at = [place for place, cell in enumerate(cells) if (text := cell.strip()).startswith("'") and (text == "'" or text[-1] != "'")]
    closed_at = [place for place, cell in enumerate(cells) if (text := cell.strip()).endswith("'") and (text == "'" or text[0] != "'")]
    return bool(opened_at and closed_at) and opened_at[0] < closed_at[-1]


def _is_title(cells: Sequence[str]) -> bool:
    """A line of one cell that was padded to the width of the table."""
    return len(cells) > 2 and sum(bool(cell.strip()) for cell in cells) <= 1  # noqa: PLR2004


def _named(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with others for those that are empty or repeated."""
    taken, found = set(names), dict[str, None]()
    for place, name in enumerate(names):
        wanted = name if name.strip() else INDEX if place == 0 else f"column_{place + 1}"
        unique, count = wanted, 2
        while unique in found or (unique != name and unique in taken):
            unique, count = f"{wanted}_{count}", count + 1
        found[unique] = None
    return tuple(found)


def _is_data(first: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether the first row looks like the others: numbers where they have numbers, or texts that they have, too."""
    body = [cells for cells in body if list(cells) != list(first)]
    if not body or _counts(first) or _counts(first[1:] if not first[0].strip() else ()):
        return False
    columns = list(zip(*body, strict=True))
    numeric = [place for place, cells in enumerate(columns) if _is_numeric(cells)]
    if numeric:
        shown = [first[place].strip() for place in numeric]
        return (
            all(_is_value(cell) for cell in shown)
            and any(_is_number(cell) for cell in shown)
            and not _counts([cell for cell in shown if cell])
        )
    repeated = sum(cell in columns[place] for place, cell in enumerate(first))
    return len(body) >= FEW and repeated > HALF * len(first)


def _is_second_header(second: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether the row after the header has words, such as units, where the rows after it have numbers.

    A row whose texts others have too is one of them, whatever marks stand at its numbers.
    """
    if len(body) < FEW:
        return False
    columns = list(zip(*body, strict=True))
    numeric = [place for place, cells in enumerate(columns) if _is_numeric(cells)]
    shown = [second[place].strip() for place in numeric]
    known = [second[place] in cells for place, cells in enumerate(columns) if place not in numeric and second[place].strip()]
    marked = any(c.isdigit() for cell in shown for c in cell)
    if known and all(known) and (marked or len(known) > 1):
        return False
    return len(numeric) > 1 and not any(_is_value(cell) and cell for cell in shown) and sum(map(bool, shown)) > HALF * len(shown)


def _is_numeric(cells: Sequence[str]) -> bool:
    numbers = sum(_is_number(cell.strip()) for cell in cells)
    missing = sum(cell.strip() in MISSING for cell in cells)
    return numbers > 0 and numbers + missing >= MOST * len(cells)


def _is_value(cell: str) -> bool:
    return cell in MISSING or _is_number(cell)


def _is_number(cell: str) -> bool:
    return any("0" <= c <= "9" for c in cell) and (NUMBER.fullmatch(cell) is not None or DATE.fullmatch(cell) is not None)


def _counts(shown: Sequence[str]) -> bool:
    """Whether numbers are names: pandas' 0, 1, 2, … or years in a row."""
    if not all(cell.isascii() and cell.isdigit() for cell in shown) or len(shown) < 2:  # noqa: PLR2004
        return False
    numbers = list(map(int, shown))
    steps = {after - before for before, after in pairwise(numbers)}
    return steps == {1} and (numbers[0] in (0, 1) or all(number in YEARS for number in numbers))
