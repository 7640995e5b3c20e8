"""The name that a person would give to the next version. Pure: today is passed in."""

import re
from collections.abc import Collection

DATES = (
    (re.compile(r"(19|20)\d\d-\d\d-\d\d"), "{0}"),
    (re.compile(r"(19|20)\d\d-\d\d"), "{0:.7}"),
    (re.compile(r"(19|20)\d{6}"), "{1}"),
    (re.compile(r"(19|20)\d{4}"), "{1:.6}"),
    (re.compile(r"(19|20)\d\d"), "{1:.4}"),
)
NUMBERED = re.compile(r"(.*?)(\d+)")


def next_name(last: str, known: Collection[str], today: str) -> str:
    """The next name after `last` that is not in `known`: v3 -> v4, 2024-06 -> this month, first -> first-2.

    today: as 2024-09-30.
    """
    for pattern, form in DATES:
        if pattern.fullmatch(last):
            dated = form.format(today, today.replace("-", ""))
            return dated if dated not in known else _next_number(f"{dated}-1", known)
    return _next_number(last if NUMBERED.fullmatch(last) else f"{last}-1", known)


def _next_number(last: str, known: Collection[str]) -> str:
    """Counted up until the name is free, with as many digits."""
    match = NUMBERED.fullmatch(last)
    assert match is not None, "it ends with a number"
    stem, digits = match[1], match[2]
    number = int(digits) + 1
    while (name := f"{stem}{number:0{len(digits)}d}") in known:
        number += 1
    return name
