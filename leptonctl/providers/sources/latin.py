"""Finds the code page of Latin letters that bytes are written in: the one with letters inside words and signs outside them.

A wrong code page gives capitals and signs within words, and letters in place of a currency or a quotation mark.
"""

from __future__ import annotations

from collections.abc import Iterator

PAGES = ("cp1252", "cp850", "cp1250", "mac_roman", "latin-1")
"""The commonest first: it wins where others fit as well."""
OPENING = "\u201a\u201e\u00ab\u2039\u00bf\u00a1"
CLOSING = "\u00b2\u00b3\u00b9\u00b0\u00ba\u00aa\u2122\u00ae\u203a\u00bb"
MARKS = "\u2018\u2019\u201c\u201d\u2013\u2014\u2026\u00b7\u2022\u00b4"
ALONE = "\u20ac\u00a3\u00a5\u00a2\u2030\u00a7\u00b1\u00d7\u00bd\u00bc\u00be\u00a9"
"""Signs by their place: before a word, after a word, on either side of one, and away from words."""
NO_LETTERS = "\u0192\u00aa\u00ba\ufb01\ufb02"


def latin(sample: bytes) -> tuple[str, ...]:
    """The code pages in which the bytes may be written, the likeliest first."""
    scores = {page: score for page in PAGES if (score := _score(sample, page)) is not None}
    best = max(scores, key=lambda page: scores[page])
    alike = {"cp1252": "latin-1", "cp850": "cp437", "mac_roman": "cp850", "cp1250": "cp1252"}.get(best)
    return (best, alike) if alike is not None else (best,)


def _score(sample: bytes, page: str) -> int | None:
    """The characters beyond ASCII in a fitting place, less those in a wrong place; None where a byte has no character."""
    try:
        text = sample.decode(page)
    except UnicodeDecodeError:
        return None
    return sum(_judge(text))


def _judge(text: str) -> Iterator[int]:
    """For each character beyond ASCII 1 in a fitting place, -1 in a wrong one, 0 where it may be either."""
    for place, one in enumerate(text):
        if not one.isascii():
            before, after = text[place - 1 : place], text[place + 1 : place + 2]
            is_letter = one.isalpha() and one not in NO_LETTERS
            yield _letter(before, one, after) if is_letter else _sign(before, one, after)


def _letter(before: str, one: str, after: str) -> int:
    if before.isdigit() or after.isdigit() or (before.islower() and one.isupper()) or (one.islower() and after.isupper()):
        return -1
    if before.isalpha() or after.isalpha():
        return 1
    return -1 if one.isupper() else 0


def _sign(before: str, one: str, after: str) -> int:
    is_within = before.isalpha() and after.isalpha()
    if one in "\u2019\u00a0\u00ad":
        return int(one == "\u2019" or not is_within)
    if is_within:
        return -1
    if one in MARKS:
        return int(before.isalnum() or after.isalnum())
    fits = (
        (one in OPENING and not before.isalnum())
        or (one in CLOSING and not after.isalpha())
        or (one in ALONE and not (before.isalpha() or after.isalpha()))
    )
    return 1 if fits else -1
