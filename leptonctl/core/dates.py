"""Dates and times as strings, and their parts as numbers. Training and serving share this arithmetic. Pure: no clock, no time zone.

A string with an offset (`Z`, `+02:00`) names an instant, and its parts are those of that instant in UTC: equal instants have equal parts.
One without an offset is taken as written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from leptonctl.core.codec import Record
from leptonctl.core.date_formats import DateType, Pattern, contents, pattern, spell_out

DATE_PHRASES: Mapping[DateType, str] = {"date": "a date", "datetime": "a date with a time"}

DEFAULTS = (1900, 1, 1, 0, 0, 0)
"""Year, month, day, hour, minute and second of a string that does not hold them."""
SHORTEST_MONTH = 28
"""Every month has at least this many days."""
MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAYS_TO_1970 = 719_468
"""From 0000-03-01 to 1970-01-01."""
LAST_OF_THIS_CENTURY = 68
"""Two-digit years up to this one belong to this century, later ones to the last, as in POSIX."""


class DateColumn(Record):
    """A column of dates in the data. `parts` are its features, in this order. A `format` of None is ISO 8601.

    `zoned` says whether its values have an offset. `fill` is a string that replaces missing ones. `nullable` says whether one may still be
    missing after that.
    """

    name: str
    type: DateType
    parts: tuple[str, ...]
    format: str | None = None
    zoned: bool = False
    nullable: bool = True
    fill: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parts as features."""
        return tuple(part_name(self.name, part) for part in self.parts)


class Moment(NamedTuple):
    """A date with a time. An offset is applied already: then it is in UTC, and `zoned`."""

    year: int
    month: int
    day: int
    hour: int = 0
    minute: int = 0
    second: int = 0
    fraction: int = 0
    """Nanoseconds."""
    zoned: bool = False


def part_name(column: str, part: str) -> str:
    """The name of a part as a feature."""
    return f"{column}.{part}"


def _days(moment: Moment) -> int:
    """Days since 1970-01-01, by the proleptic Gregorian calendar."""
    # years begin in March, so that a leap day is the last day of one
    year = moment.year - (moment.month <= 2)  # noqa: PLR2004 - February
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((moment.month + 9) % 12) + 2) // 5 + moment.day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - DAYS_TO_1970


def _date_of(days: int) -> tuple[int, int, int]:
    """Year, month and day of a number of days since 1970-01-01."""
    era, day_of_era = divmod(days + DAYS_TO_1970, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9  # noqa: PLR2004 - January and February end the shifted year
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1  # noqa: PLR2004


def _weekday(moment: Moment) -> int:
    # 1970-01-01 was a Thursday
    return (_days(moment) + 3) % 7 + 1


def _day_of_year(moment: Moment) -> int:
    return _days(moment) - _days(Moment(moment.year, 1, 1)) + 1


def _week(moment: Moment) -> int:
    """The week of ISO 8601: the first one has the year's first Thursday."""
    thursday = _days(moment) + 4 - _weekday(moment)
    return (thursday - _days(Moment(_date_of(thursday)[0], 1, 1))) // 7 + 1


PARTS: Mapping[str, Callable[[Moment], int]] = {
    "year": lambda moment: moment.year,
    "quarter": lambda moment: (moment.month + 2) // 3,
    "month": lambda moment: moment.month,
    "week": _week,
    "day": lambda moment: moment.day,
    "day_of_year": _day_of_year,
    "weekday": _weekday,
    "days": _days,
    "hour": lambda moment: moment.hour,
    "minute": lambda moment: moment.minute,
    "second": lambda moment: moment.second,
}
TIME_PARTS = ("hour", "minute", "second")
NEEDS: Mapping[str, frozenset[str]] = {
    "year": frozenset({"year"}),
    "quarter": frozenset({"month"}),
    "month": frozenset({"month"}),
    "day": frozenset({"day"}),
    "hour": frozenset({"hour"}),
    "minute": frozenset({"minute"}),
    "second": frozenset({"second"}),
}
"""What a format must hold for a part; the others need a whole date."""
WHOLE_DATE = frozenset({"year", "month", "day"})


def missing_parts(compiled: Pattern, parts: Sequence[str]) -> tuple[str, ...]:
    """The parts that cannot be computed from strings of this pattern."""
    available = contents(compiled)
    return tuple(part for part in parts if not NEEDS.get(part, WHOLE_DATE) <= available)


def read_moment(compiled: Pattern, text: str) -> Moment | None:
    """The moment in a string, ignoring white space around it; None when it holds none."""
    match = compiled.expression.fullmatch(text.strip())
    if match is None:
        return None
    if compiled.plain is not None:
        return _plain(compiled.plain, match.groups())
    cells = {name: cell for name, cell in match.groupdict().items() if cell is not None}
    date = _date(cells)
    hour = _hour(cells)
    minute, second = int(cells.get("minute", 0)), int(cells.get("second", 0))
    if date is None or hour is None or hour > 23 or minute > 59 or second > 59:  # noqa: PLR2004 - of a clock
        return None
    fraction = int(cells["fraction"].ljust(9, "0")) if "fraction" in cells else 0
    moment = Moment(*date, hour, minute, second, fraction)
    return moment if "zone" not in cells else _in_utc(moment, cells["zone"])


def _plain(places: Sequence[int | None], cells: Sequence[str]) -> Moment | None:
    """A moment from groups that all hold valid numbers: the fast path, which most formats take."""
    year, month, day, hour, minute, second = [
        default if place is None else int(cells[place]) for place, default in zip(places, DEFAULTS, strict=True)
    ]
    if year < 1 or (day > SHORTEST_MONTH and _date_of(_days(Moment(year, month, day))) != (year, month, day)):
        return None
    return Moment(year, month, day, hour, minute, second)


def _date(cells: Mapping[str, str]) -> tuple[int, int, int] | None:
    """Year, month and day, defaulting to 1900, 1 and 1; None when there is no such day."""
    year = int(cells.get("year", 1900))
    if "short" in cells:
        short = int(cells["short"])
        year = short + (2000 if short <= LAST_OF_THIS_CENTURY else 1900)
    month = int(cells.get("month", 1)) if "name" not in cells else _ordinal(cells["name"], MONTHS)
    day = int(cells.get("day", 1))
    if "ordinal" in cells:
        ordinal = int(cells["ordinal"])
        date = _date_of(_days(Moment(year, 1, 1)) + ordinal - 1)
        return date if date[0] == year and ordinal > 0 else None
    if year < 1 or not 1 <= month <= 12 or day < 1 or _date_of(_days(Moment(year, month, day))) != (year, month, day):  # noqa: PLR2004
        return None
    if "weekday" in cells and not (0 < _ordinal(cells["weekday"], DAYS) == _weekday(Moment(year, month, day))):
        return None
    return year, month, day


def _ordinal(text: str, names: Sequence[str]) -> int:
    """The number of a month or a weekday, counted from 1, by its name or the first three letters; 0 for any other word."""
    word = text.lower()
    return next((number for number, name in enumerate(names, 1) if word in (name, name[:3])), 0)


def _hour(cells: Mapping[str, str]) -> int | None:
    if "twelve" not in cells:
        return int(cells.get("hour", 0))
    half = cells.get("half", "").lower()
    return int(cells["twelve"]) % 12 + (12 if half == "p" else 0)


def _in_utc(moment: Moment, zone: str) -> Moment | None:
    """The moment in UTC; None when there is no such offset or the result is outside the years 1 to 9999."""
    digits = zone[1:].replace(":", "")
    hours, minutes = int(digits[:2] or 0), int(digits[2:] or 0)
    if hours > 23 or minutes > 59:  # noqa: PLR2004 - of a clock
        return None
    offset = (hours * 60 + minutes) * (-1 if zone[0] == "-" else 1)
    carried, minute = divmod(moment.hour * 60 + moment.minute - offset, 24 * 60)
    year, month, day = _date_of(_days(moment) + carried)
    if not 1 <= year <= 9999:  # noqa: PLR2004 - four digits
        return None
    return Moment(year, month, day, minute // 60, minute % 60, moment.second, moment.fraction, zoned=True)


def read_parts(column: DateColumn, text: str) -> tuple[int, ...] | None:
    """The parts of a string in the order of `column.parts`; None when it is not such a date, or has an offset where the column has none."""
    moment = read_moment(pattern(column.format, column.type), text)
    if moment is None or moment.zoned != column.zoned:
        return None
    return tuple(PARTS[part](moment) for part in column.parts)


def order(moment: Moment) -> int:
    """A number that grows with time: nanoseconds since 1970."""
    seconds = _days(moment) * 86_400 + moment.hour * 3_600 + moment.minute * 60 + moment.second
    return seconds * 1_000_000_000 + moment.fraction


def describe(column: DateColumn) -> str:
    """What a value of the column must be, for messages."""
    form = f"{DATE_PHRASES[column.type]} in the format {column.format}" if column.format else f"{DATE_PHRASES[column.type]} in ISO 8601"
    if column.format:
        return form
    return form + (" with an offset from UTC" if column.zoned else " without an offset" if column.type == "datetime" else "")


def format_moment(moment: Moment, format: str | None) -> str:  # noqa: A002
    """The moment as text, for cells that are not text in their file. A `zoned` moment is written in UTC."""
    zone = "+00:00" if moment.zoned else ""
    if format is None:
        fraction = f".{moment.fraction:09d}".rstrip("0") if moment.fraction else ""
        return f"{_iso_date(moment)}T{moment.hour:02}:{moment.minute:02}:{moment.second:02}{fraction}{zone}"
    texts = {
        "Y": f"{moment.year:04}", "y": f"{moment.year % 100:02}", "m": f"{moment.month:02}", "d": f"{moment.day:02}",
        "b": MONTHS[moment.month - 1][:3].title(), "B": MONTHS[moment.month - 1].title(), "j": f"{_day_of_year(moment):03}",
        "a": DAYS[_weekday(moment) - 1][:3].title(), "A": DAYS[_weekday(moment) - 1].title(),
        "H": f"{moment.hour:02}", "I": f"{(moment.hour - 1) % 12 + 1:02}", "p": "PM" if moment.hour >= 12 else "AM",  # noqa: PLR2004
        "M": f"{moment.minute:02}", "S": f"{moment.second:02}", "f": f"{moment.fraction // 1000:06}", "z": "+0000", "%": "%",
    }  # fmt: skip
    return re.sub(r"%(.)", lambda match: texts[match[1]], spell_out(format))


def _iso_date(moment: Moment) -> str:
    return f"{moment.year:04}-{moment.month:02}-{moment.day:02}"
