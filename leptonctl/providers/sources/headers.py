"""Finds the header of a delimited table: where the table begins, and what its columns are called. Reads no file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from leptonctl.spi import replace
from leptonctl.spi.learning import ProviderError, SourceOptions

MOST, HALF, FEW = 0.8, 0.5, 3
YEARS = range(1800, 2200)
INDEX = "index"
MISSING = frozenset({"", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None", "?", "-", "--", ".", "*"})
NUMBER = re.compile(r"[+-]?[$€£]? ?[0-9]*(?:[.,  \u00a0\u202f'\u2019][0-9]+)*[.,]?(?:[eE][+-]?[0-9]+)? ?%?")
DATE = re.compile(r"[0-9]{1,4}([-/.])[0-9]{1,2}\1[0-9]{1,4}(?:[ T].*)?")


class Row(NamedTuple):
    """A row that is not blank: its first and its last line, from 1, and its cells."""

    first: int
    last: int
    cells: list[str]


Choice = tuple[SourceOptions, dict[str, str]]
"""Options, and for those that are not the default why they were chosen."""


def width_of(rows: Sequence[Row]) -> tuple[int, int]:
    """The number of cells that most rows have, and how many have it."""
    return Counter(len(row.cells) for row in rows).most_common(1)[0] if rows else (1, 0)


def find_header(rows: Sequence[Row], options: SourceOptions, header: bool | None) -> Choice:
    """The options by which the table is read. header: False where it is known to have none.

    Raises ProviderError (bad-quotes) where text is in apostrophes.
    """
    if not rows:
        return options, {}
    width, _ = width_of(rows)
    first = next((place for place, row in enumerate(rows) if len(row.cells) == width and not _is_title(row.cells)), 0)
    table = [row.cells for row in rows[first:] if len(row.cells) == width]
    _refuse_apostrophes(rows[first].first, table)
    short = _short_header(rows[first - 1], table) if first and header is None else None
    if short is not None:
        names, reason = short
        return replace(options, skip_rows=rows[first - 1].last, header=names), {"header": reason}
    skipped = rows[first].first - 1 if first else 0
    because = {"skip_rows": f"line {skipped + 1} is the first with {width} cells"} if skipped else {}
    chosen, reasons = _header_at_top(rows[first:], replace(options, skip_rows=skipped), header, width)
    return chosen, because | reasons


def _header_at_top(rows: Sequence[Row], options: SourceOptions, header: bool | None, width: int) -> Choice:
    """The header is the first row, the first two, or missing."""
    top, body = rows[0], [row.cells for row in rows[1:] if len(row.cells) == width]
    if header is False:
        return replace(options, header=False), {"header": "--no-header"}
    if header is None and _is_data(top.cells, body):
        return replace(options, header=False), {"header": f"line {options.skip_rows + 1} looks like the rows after it"}
    if body and rows[1].cells is body[0] and _is_second_header(body[0], body[1:]):
        return _two_lines(top, rows[1], rows[2:], options)
    names = _unique_names(top.cells)
    if names != tuple(top.cells):
        reason = "the header line has empty or repeated names, so the names are written here"
        return replace(options, skip_rows=top.last, header=names), {"header": reason}
    return replace(options, header=True), {}


def _short_header(upper: Row, body: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], str] | None:
    """The names of a header that lacks one, and why: R names no column of row names, and a delimiter may end each row but the header."""
    names, columns = upper.cells, list(zip(*body, strict=True))
    if len(names) != len(columns) - 1 or len(body) < FEW or any(not name.strip() or _is_number(name.strip()) for name in names):
        return None
    if not any(cell.strip() for cell in columns[-1]):
        return _unique_names([*names, ""]), "the header line has no name for the last column, which is empty"
    if _are_row_names(columns[0]):
        return _unique_names(["", *names]), "the header line has no name for the first column, which names the rows"
    return None


def _are_row_names(cells: Sequence[str]) -> bool:
    """Whether they count the rows from 0 or 1, or are a different text in each."""
    if all(cell.isascii() and cell.isdigit() for cell in cells):
        return int(cells[0]) in (0, 1) and all(int(after) - int(before) == 1 for before, after in pairwise(cells))
    return len(set(cells)) == len(cells) and all(cell.strip() and not _is_value(cell.strip()) for cell in cells)


def _two_lines(upper: Row, lower: Row, rest: Sequence[Row], options: SourceOptions) -> Choice:
    """The options for a header of two lines: the lower one is the header if it alone names each column, else the names are written out."""
    if not _are_names(upper.cells) and _are_names(lower.cells) and _unique_names(lower.cells) == tuple(lower.cells):
        reason = f"the header has two lines; line {lower.first} has a name for each column"
        return replace(options, skip_rows=lower.first - 1, header=True), {"skip_rows": reason}
    names, source = _names_of_two(upper, lower)
    end = lower.last
    # under columns of several levels pandas may write a line of its own for the name of the index
    if rest and rest[0].cells[0].strip() and not any(cell.strip() for cell in rest[0].cells[1:]) and not names[0].strip():
        names, end = [rest[0].cells[0], *names[1:]], rest[0].last
    return replace(options, skip_rows=end, header=_unique_names(names)), {"header": f"the header has two lines; {source}"}


def _names_of_two(upper: Row, lower: Row) -> tuple[list[str], str]:
    """The names in a header of two lines, and where they are from."""
    if not _are_names(upper.cells):
        if _are_names(lower.cells):
            return lower.cells, f"the names are those of line {lower.first}"
        both = [" ".join(filter(None, map(str.strip, pair))) for pair in zip(upper.cells, lower.cells, strict=True)]
        if _are_names(both):
            return both, "the names are made of both"
    return upper.cells, f"the names are those of line {upper.first}"


def _are_names(cells: Sequence[str]) -> bool:
    """Whether they are different names. An index at the left may have none."""
    names = [cell.strip() for cell in cells]
    names = names[1:] if not names[0] else names
    return all(names) and len(set(names)) == len(names)


def _refuse_apostrophes(line: int, rows: Sequence[Sequence[str]]) -> None:
    """Raises ProviderError (bad-quotes) where most rows have text in apostrophes that the delimiter cuts in two."""
    if sum(map(_has_cut_text, rows)) > HALF * len(rows):
        raise ProviderError(
            "The quotes of the table are not double quotes",
            detail=f"Text in apostrophes has the delimiter in it, from line {line} on: its cells are cut in two.",
            hint="write the table with double quotes, or with another delimiter",
            id="bad-quotes",
        )


def _has_cut_text(cells: Sequence[str]) -> bool:
    opening = [place for place, cell in enumerate(cells) if (text := cell.strip()).startswith("'") and (text == "'" or text[-1] != "'")]
    closing = [place for place, cell in enumerate(cells) if (text := cell.strip()).endswith("'") and (text == "'" or text[0] != "'")]
    return bool(opening and closing) and opening[0] < closing[-1]


def _is_title(cells: Sequence[str]) -> bool:
    """Whether it is a line of one cell that was padded to the width of the table."""
    return len(cells) > 2 and sum(bool(cell.strip()) for cell in cells) <= 1  # noqa: PLR2004


def _unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with others for those that are empty or repeated."""
    originals, unique = set(names), dict[str, None]()
    for place, original in enumerate(names):
        plain = original if original.strip() else INDEX if place == 0 else f"column_{place + 1}"
        name, count = plain, 2
        while name in unique or (name != original and name in originals):
            name, count = f"{plain}_{count}", count + 1
        unique[name] = None
    return tuple(unique)


def _is_data(first: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether the first row looks like the others: numbers where they have numbers, or texts that they have too."""
    body = [cells for cells in body if list(cells) != list(first)]
    if not body or _is_series(first) or _is_series(first[1:] if not first[0].strip() else ()):
        return False
    columns = list(zip(*body, strict=True))
    numeric = [first[place].strip() for place, cells in enumerate(columns) if _is_numeric(cells)]
    if numeric:
        return (
            all(_is_value(cell) for cell in numeric)
            and any(_is_number(cell) for cell in numeric)
            and not _is_series([cell for cell in numeric if cell])
        )
    repeated = sum(cell in columns[place] for place, cell in enumerate(first))
    return len(body) >= FEW and repeated > HALF * len(first)


def _is_second_header(second: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether the row after the header has words, such as units, where the rows after it have numbers.

    A row whose texts other rows have too is one of them, whatever is in its numeric columns.
    """
    if len(body) < FEW:
        return False
    columns = list(zip(*body, strict=True))
    numeric = [place for place, cells in enumerate(columns) if _is_numeric(cells)]
    words = [second[place].strip() for place in numeric]
    repeats = [second[place] in cells for place, cells in enumerate(columns) if place not in numeric and second[place].strip()]
    has_digit = any(c.isdigit() for cell in words for c in cell)
    if repeats and all(repeats) and (has_digit or len(repeats) > 1):
        return False
    return len(numeric) > 1 and not any(_is_value(cell) and cell for cell in words) and sum(map(bool, words)) > HALF * len(words)


def _is_numeric(cells: Sequence[str]) -> bool:
    numbers = sum(_is_number(cell.strip()) for cell in cells)
    missing = sum(cell.strip() in MISSING for cell in cells)
    return numbers > 0 and numbers + missing >= MOST * len(cells)


def _is_value(cell: str) -> bool:
    return cell in MISSING or _is_number(cell)


def _is_number(cell: str) -> bool:
    return any("0" <= c <= "9" for c in cell) and (NUMBER.fullmatch(cell) is not None or DATE.fullmatch(cell) is not None)


def _is_series(cells: Sequence[str]) -> bool:
    """Whether they are numbers as names: 0, 1, 2, … as pandas writes them, or years in a row."""
    if not all(cell.isascii() and cell.isdigit() for cell in cells) or len(cells) < 2:  # noqa: PLR2004
        return False
    numbers = list(map(int, cells))
    steps = {after - before for before, after in pairwise(numbers)}
    return steps == {1} and (numbers[0] in (0, 1) or all(number in YEARS for number in numbers))
