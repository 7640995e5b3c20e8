"""Recognises columns of text that hold dates: for notices, and for `init`. Reads no file."""

import re
from collections.abc import Iterator, Sequence

import polars as pl

from leptonctl.core.date_formats import DateType, pattern
from leptonctl.core.dates import PARTS, DateColumn, Moment, missing_parts, read_moment
from leptonctl.core.frozen import Frozen
from leptonctl.learning.outputs import Notice
from leptonctl.learning.tables.cells import as_text
from leptonctl.learning.tables.table import Table

LOOKED_AT = 1000
"""Distinct texts to look at: a column of other texts shows soon."""
DAYS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d-%b-%Y",
        "%d-%b-%y", "%d%b%Y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y", "%d. %B %Y", "%d %b %y", "%Y.%m.%d",
        "%Y-%m", "%Y/%m", "%m/%Y", "%b %Y", "%B %Y")  # fmt: skip
COMPACT = "%Y%m%d"
EIGHT_DIGITS = r"^(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])$"
"""Days of these centuries; most other numbers of eight digits are not days."""
FEWEST_DAYS = 3
USUAL = ("year", "month", "weekday", "hour")
WHOLE = ("%d%b%Y:%H:%M:%S", "%d%b%Y:%H:%M:%S.%f", "%d%b%Y:%H:%M", "%d%b%Y %H:%M:%S", "%Y%m%dT%H%M%S", "%Y%m%dT%H%M", "%Y%m%dT%H%M%SZ",
         "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S.%f UTC", "%Y-%m-%d %H:%M:%S %z", "%a, %d %b %Y %H:%M:%S", "%a, %d %b %Y %H:%M:%S %z",
         "%a, %d %b %Y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")  # fmt: skip
"""Dates with times as SAS, Stata, calendars, BigQuery, mail headers and C write them."""
WHOLE_LIKE = re.compile(r"[0-9]{2}[A-Za-z]{3}[0-9]{4}[: ]|[0-9]{8}T[0-9]{4}|[A-Za-z]{3},? |[0-9-]{10} .* ?(?:UTC|[+-][0-9:]+)$")
TIMES = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p", "%H:%M:%S.%f")


class Guess(Frozen):
    """How dates seem to be written. `format` None: ISO 8601. other: another format that fits all cells as well."""

    type: DateType
    format: str | None
    other: str | None = None


def guess_dates(cells: pl.Series) -> Guess | None:
    """How the texts of a column are written if all are dates; None if they are not."""
    texts = cells.drop_nulls().unique(maintain_order=True).head(LOOKED_AT).to_list()
    if len(texts) < 2:  # noqa: PLR2004 - one text may be anything
        return None
    fitting = [guess for guess in _guesses(texts[0]) if _fits(guess, texts)]
    if not fitting:
        return None
    first, *rest = fitting
    # formats that give the same moments count as one
    others = [guess.format for guess in rest if _moments(guess, texts) != _moments(first, texts)]
    return Guess(type=first.type, format=first.format, other=others[0] if others else None)


def are_days(integers: pl.Series) -> bool:
    """Whether all cells of a column of integers are days such as 20240131, and several."""
    distinct = integers.drop_nulls().unique()
    return len(distinct) >= FEWEST_DAYS and bool(distinct.cast(pl.String).str.contains(EIGHT_DIGITS).all())


def column_of(name: str, guess: Guess, cells: pl.Series) -> DateColumn | None:
    """The column of dates in this format, with the parts to learn from; None where no part differs."""
    texts = cells.drop_nulls().unique().head(LOOKED_AT).to_list()
    moments = [moment for text in texts if (moment := read_moment(pattern(guess.format, guess.type), text)) is not None]
    possible = [part for part in PARTS if not missing_parts(pattern(guess.format, guess.type), [part])]
    differing = [part for part in possible if len({PARTS[part](moment) for moment in moments}) > 1]
    parts = [part for part in USUAL if part in differing] or [part for part in ("day", "minute", "second") if part in differing]
    return DateColumn(name=name, type=guess.type, format=guess.format, parts=tuple(parts)) if parts else None


def notices(table: Table, names: Sequence[str]) -> Iterator[Notice]:
    """A notice for each of these columns of text that holds dates."""
    for name in names:
        cells = as_text(table, name)
        guess = guess_dates(cells)
        if guess is not None:
            form = f" in the format {guess.format}" if guess.format else ""
            detail = f"its cells are dates{form}{f' or {guess.other}' if guess.other else ''}"
            yield Notice(check="dates_as_text", column=name, count=len(cells) - cells.null_count(), detail=detail)


def _guesses(text: str) -> Iterator[Guess]:
    """The formats in which this text is a date."""
    yield from (guess for guess in (Guess(type="date", format=None), Guess(type="datetime", format=None)) if _fits(guess, [text]))
    yield from (guess for day in DAYS if _fits(guess := Guess(type="date", format=day), [text]))
    if re.match(EIGHT_DIGITS, text):
        yield Guess(type="date", format=COMPACT)
    if WHOLE_LIKE.match(text):
        yield from (guess for form in WHOLE if _fits(guess := Guess(type="datetime", format=form), [text]))
    if ":" in text:
        yield from (guess for day in DAYS for time in TIMES if _fits(guess := Guess(type="datetime", format=f"{day} {time}"), [text]))


def _moments(guess: Guess, texts: Sequence[str]) -> list[Moment | None]:
    compiled = pattern(guess.format, guess.type)
    return [read_moment(compiled, text) for text in texts]


def _fits(guess: Guess, texts: Sequence[str]) -> bool:
    moments = _moments(guess, texts)
    return None not in moments and len({moment.zoned for moment in moments if moment is not None}) == 1
