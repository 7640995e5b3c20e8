"""Notices about columns that are read as text although their cells look like numbers, with the keys that read them. Reads no file.

A notice contains no cell of the data; a text that means missing is named only if it is a common one.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import polars as pl

from leptonctl.core.frozen import Frozen
from leptonctl.learning.outputs import Notice
from leptonctl.learning.tables.numbers import PADDED, is_number, number_pattern, plain
from leptonctl.learning.tables.table import Table, trim

MOST, HALF = 0.9, 0.5
"""The least share of cells by which a column looks like numbers: in one writing, and beside texts that mean missing."""
SHOWN_LINES, FIRST_ROWS, MOST_NOTICES = 10, 4096, 50
MARKERS = (
    "?",
    "-",
    "--",
    ".",
    "..",
    "...",
    "*",
    "x",
    "X",
    "na",
    "NAN",
    "nil",
    "none",
    "missing",
    "unknown",
    "(null)",
    "\\N",
    "#VALUE!",
    "#DIV/0!",
    "#REF!",
)
"""Texts that often mean missing, in addition to the built-in markers."""
_PLAIN = r"[0-9]+(?:[.,][0-9]+)*"
_COIN = r"(?:[$€£¥₹]|R\$)"
_GROUP = r"[1-9][0-9]{0,2}"


class Writing(Frozen):
    """A way to write numbers. `check` names the notice, `detail` says what to declare."""

    check: str
    pattern: str
    detail: str


COMMA = 'decimal: ","'
WRITINGS = (
    Writing(check="other_numbers", pattern=rf"^[+-]?{_GROUP}(?:\.[0-9]{{3}})+,[0-9]+$", detail=f'`{COMMA}` and `thousands: "."`'),
    Writing(check="other_numbers", pattern=rf"^[+-]?{_GROUP}(?:,[0-9]{{3}})+\.[0-9]+$", detail='`thousands: ","`'),
    Writing(check="other_numbers", pattern=rf"^[+-]?{_GROUP}(?:,[0-9]{{3}}){{2,}}$", detail='`thousands: ","`'),
    Writing(check="other_numbers", pattern=rf"^[+-]?{_GROUP}(?:\.[0-9]{{3}}){{2,}}$", detail=f'`{COMMA}` and `thousands: "."`'),
    Writing(check="other_numbers", pattern=rf"^[+-]?{_GROUP}(?:[ \u00a0\u202f][0-9]{{3}})+(?:\.[0-9]+)?$", detail='`thousands: " "`'),
    Writing(
        check="other_numbers", pattern=rf"^[+-]?{_GROUP}(?:[ \u00a0\u202f][0-9]{{3}})+,[0-9]+$", detail=f'`{COMMA}` and `thousands: " "`'
    ),
    Writing(check="other_numbers", pattern=rf"^[+-]?{_GROUP}(?:['\u2019][0-9]{{3}})+(?:\.[0-9]+)?$", detail='`thousands: "\'"`'),
    Writing(
        check="other_numbers",
        pattern=rf"^[+-]?{_GROUP},[0-9]{{3}}$",
        detail=f'`{COMMA}`, or `thousands: ","` (which make 1.5 or 1500 of 1,500)',
    ),
    # reached only where the comma is the decimal sign: elsewhere these are numbers
    Writing(
        check="other_numbers",
        pattern=rf"^[+-]?{_GROUP}\.[0-9]{{3}}$",
        detail='`thousands: "."`, or `decimal: "."` (which make 1500 or 1.5 of 1.500)',
    ),
    Writing(check="other_numbers", pattern=r"^[+-]?[0-9]*,[0-9]+$", detail=f"`{COMMA}`"),
    Writing(check="other_numbers", pattern=r"^[+-]?[0-9]*\.[0-9]+$", detail='`decimal: "."`'),
    Writing(check="signed_numbers", pattern=rf"^[+-]?{_PLAIN} ?%$", detail="a percent sign"),
    Writing(
        check="signed_numbers",
        pattern=rf"^[+-]?(?:{_COIN} ?{_PLAIN}|{_PLAIN} ?(?:{_COIN}|EUR|USD|GBP|CHF|BRL|INR|PLN|zł|kr))$",
        detail="a currency",
    ),
    Writing(check="signed_numbers", pattern=rf"^\([$€£¥]? ?{_PLAIN}\)$", detail="a pair of parentheses for a negative number"),
    Writing(check="signed_numbers", pattern=rf"^\u2212 ?{_PLAIN}$", detail="the minus sign U+2212 in place of a hyphen"),
    Writing(check="signed_numbers", pattern=rf"^{_PLAIN} ?[-\u2212]$", detail="a minus sign at the end"),
)


def number_like(tables: Sequence[Table], name: str) -> Notice | None:
    """The notice about a column that was inferred as text; None where it looks like text."""
    columns = [table.written_cells(name).head(FIRST_ROWS) for table in tables if name in table.frame.columns]
    if not any(cells.dtype == pl.String and cells.str.contains("[0-9]").any() for cells in columns):
        return None
    cells = [_texts(table, name) for table in tables if name in table.frame.columns]
    strings = pl.concat(cells).drop_nulls()
    if not len(strings):
        return None
    options, is_typed = tables[0].options, tables[0].source.typed
    numbers = int(is_number(strings, options).sum())
    if numbers == len(strings):
        if is_typed:
            return None
        return _notice("padded", tables[0], name, plain(cells[0], options).str.contains(PADDED), "")
    return _other_writing(tables[0], name, strings, cells[0], numbers) or _with_markers(tables[0], name, strings, cells[0], numbers)


def _texts(table: Table, name: str) -> pl.Series:
    cells = table.written_cells(name)
    return trim(cells.cast(pl.String), table.options) if cells.dtype == pl.String else pl.Series([], dtype=pl.String)


def _other_writing(table: Table, name: str, strings: pl.Series, cells: pl.Series, numbers: int) -> Notice | None:
    counts = {writing: count for writing, count in _counts(strings, table).items() if count}
    if not counts or sum(counts.values()) + numbers < MOST * len(strings):
        return None
    likeliest = max(counts, key=_specificity)
    return _notice(likeliest.check, table, name, cells.str.contains("|".join(writing.pattern for writing in counts)), likeliest.detail)


def _specificity(writing: Writing) -> int:
    """How much a writing shows: `1.234,5` shows both separators, `1,234` leaves open which one its comma is."""
    return 3 if " and " in writing.detail else 1 if " or " in writing.detail else 2


def _counts(strings: pl.Series, table: Table) -> Mapping[Writing, int]:
    """The number of cells of each writing other than the declared one; each cell counts for the first that fits."""
    rest = strings.filter(~is_number(strings, table.options))
    counts: dict[Writing, int] = {}
    for writing in WRITINGS:
        fits = rest.str.contains(writing.pattern)
        counts[writing] = int(fits.sum())
        rest = rest.filter(~fits)
    return counts


def _with_markers(table: Table, name: str, strings: pl.Series, cells: pl.Series, numbers: int) -> Notice | None:
    others = strings.filter(~is_number(strings, table.options)).unique().to_list()
    if numbers < HALF * len(strings) or not set(others) <= set(MARKERS):
        return None
    quoted = ", ".join(f'"{text}"' for text in sorted(others)).replace("\\", "\\\\")
    return _notice("markers", table, name, ~cells.str.contains(number_pattern(table.options.decimal, table.options.thousands)), quoted)


def _notice(check: str, table: Table, name: str, mask: pl.Series, detail: str) -> Notice:
    rows = mask.fill_null(value=False).arg_true()
    lines = () if table.pieces else tuple(line for _, line in table.places(rows.head(SHOWN_LINES).to_list()))
    return Notice(check=check, column=name, count=len(rows), lines=lines, detail=detail)


def notices(tables: Sequence[Table], names: Sequence[str]) -> Iterator[Notice]:
    """The notices about some columns that were inferred as text."""
    yield from islice((notice for name in names if (notice := number_like(tables, name)) is not None), MOST_NOTICES)
