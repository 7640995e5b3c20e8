"""Formats of dates and times, compiled to regular expressions. Pure: it knows no calendar.

A format is ISO 8601, or a string of the directives of `strftime`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Literal, TypeAlias

from leptonctl.core.frozen import Frozen

DateType: TypeAlias = Literal["date", "datetime"]
DATE_TYPES: tuple[DateType, ...] = ("date", "datetime")
NUMBERS = ("year", "month", "day", "hour", "minute", "second")
"""The groups of a format that holds plain numbers."""
_DIRECTIVES: Mapping[str, str] = {
    "Y": r"(?P<year>[0-9]{4})",
    "y": r"(?P<short>[0-9]{2})",
    "m": r"(?P<month>1[0-2]|0?[1-9])",
    "b": r"(?P<name>[A-Za-z]{3})",
    "B": r"(?P<name>[A-Za-z]{3,9})",
    "d": r"(?P<day>3[01]|[12][0-9]|0?[1-9])",
    "j": r"(?P<ordinal>[0-9]{1,3})",
    "a": r"(?P<weekday>[A-Za-z]{3})",
    "A": r"(?P<weekday>[A-Za-z]{6,9})",
    "H": r"(?P<hour>2[0-3]|[01]?[0-9])",
    "I": r"(?P<twelve>1[0-2]|0?[1-9])",
    "p": r"(?P<half>[AaPp])\.?[Mm]\.?",
    "M": r"(?P<minute>[0-5]?[0-9])",
    "S": r"(?P<second>[0-5]?[0-9])",
    "f": r"(?P<fraction>[0-9]{1,9})",
    "z": r"(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)",
    "%": "%",
}
_COMPOSED: Mapping[str, str] = {"F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y", "e": "%d"}
_ISO_DATE = r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
_MIDNIGHT = r"(?:[Tt ]00:00(?::00(?:[.,]0+)?)?)?"
_ISO_TIME = (
    r"(?:[Tt ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r"(?: ?(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?))?)?"
)
ISO: Mapping[DateType, str] = {"date": _ISO_DATE + _MIDNIGHT, "datetime": _ISO_DATE + _ISO_TIME}


class BadFormat(ValueError):
    """A format that cannot be read; the message says why."""


class Pattern(Frozen):
    """A compiled format: the groups of `expression` are named after what they hold.

    plain: for formats of plain numbers, the index of the group of each of year, month, day, hour, minute and second, or None.
    """

    expression: re.Pattern[str]
    plain: tuple[int | None, ...] | None


@cache
def pattern(format: str | None, type: DateType) -> Pattern:  # noqa: A002
    """The compiled format. Raises BadFormat."""
    source = ISO[type] if format is None else _expression(format)
    try:
        expression = re.compile(source, re.ASCII)
    except re.error as problem:
        msg = "it has the same part twice"
        raise BadFormat(msg) from problem
    groups = expression.groupindex
    plain = tuple(groups[name] - 1 if name in groups else None for name in NUMBERS)
    return Pattern(expression=expression, plain=plain if {"year"} <= groups.keys() <= {*NUMBERS} and format is not None else None)


def _expression(format: str) -> str:  # noqa: A002
    format = spell_out(format)  # noqa: A001
    out: list[str] = []
    position = 0
    while position < len(format):
        letter = format[position]
        if letter == "%":
            position += 1
            directive = format[position : position + 1]
            if directive not in _DIRECTIVES:
                msg = f"%{directive} is not one of {' '.join('%' + known for known in (*_DIRECTIVES, *_COMPOSED))}"
                raise BadFormat(msg)
            # adjacent groups of digits can be separated only by their length
            adjacent = format[position - 3 : position - 1].startswith("%") or format[position + 1 : position + 2] == "%"
            out.append(_strict(_DIRECTIVES[directive]) if adjacent else _DIRECTIVES[directive])
        else:
            out.append(r"\s+" if letter.isspace() else re.escape(letter))
        position += 1
    return "".join(out)


def spell_out(format: str) -> str:  # noqa: A002
    return re.sub(r"%(.)", lambda match: _COMPOSED.get(match[1], match[0]), format)


def _strict(expression: str) -> str:
    """The expression of a number that always has two digits."""
    return expression.replace("0?[", "0[").replace("[01]?[", "[01][").replace("[0-5]?[", "[0-5][")


def contents(compiled: Pattern) -> frozenset[str]:
    """What strings of this pattern contain: some of year, month, day, hour, minute, second."""
    groups = frozenset(compiled.expression.groupindex)
    contained = groups & {"year", "month", "day", "hour", "minute", "second"}
    contained |= {"year"} if "short" in groups else set()
    contained |= {"month"} if "name" in groups else set()
    contained |= {"hour"} if {"twelve", "half"} <= groups else set()
    return contained | ({"month", "day"} if "ordinal" in groups and "year" in contained else set())
