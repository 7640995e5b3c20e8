"""Detects the delimiter of delimiter-separated text from its first rows."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from leptonctl.providers.sources.compressed import plain_name
from leptonctl.providers.sources.text import open_text
from leptonctl.spi.learning import ProviderError, SourceOptions

if TYPE_CHECKING:
    from pathlib import Path

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_CHARACTERS = 1 << 16
SAMPLE_ROWS = 50


def delimiter_of(path: Path, options: SourceOptions) -> str:
    """The declared delimiter, or the one detected in the first rows. Raises ProviderError: bad-encoding, bad-delimiter."""
    delimiter = options.delimiter or _detect(path, options)
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise ProviderError(
            "This text cannot be a delimiter",
            detail="A delimiter is one character other than a quote or a line break.",
            hint='write for example `delimiter: ";"`',
            id="bad-delimiter",
            file=str(path),
        )
    return delimiter


def _detect(path: Path, options: SourceOptions) -> str:
    """The delimiter that gives all rows of the sample the same number of cells, and the most cells; else the one that splits the header.

    A mark that numbers are written with is a delimiter only where no other mark is one.
    """
    if plain_name(path).endswith(".tsv"):
        return "\t"
    with open_text(path, options) as text:
        sample = text.read(SAMPLE_CHARACTERS)
    whole = list(io.StringIO(sample, newline=""))[options.skip_rows :]
    if len(sample) == SAMPLE_CHARACTERS and len(whole) > 1:
        del whole[-1]
    in_numbers = [mark for mark in DELIMITERS if mark in (options.decimal, options.thousands)]
    others = [mark for mark in DELIMITERS if mark not in in_numbers]
    return _best(whole, others) or _best(whole, in_numbers) or DELIMITERS[0]


def _best(whole: list[str], delimiters: list[str]) -> str | None:
    best, best_score = None, (False, 1)
    for delimiter in delimiters:
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
