"""Finds columns of numbers or dates that are text because of one word, which is too frequent to be assumed to mean missing."""

import json
import re
from collections.abc import Collection, Iterator, Mapping

import polars as pl

from leptonctl.learning.findings.findings import Reason
from leptonctl.learning.tables.date_like import guess_dates
from leptonctl.learning.tables.numbers import PADDED, is_number, plain
from leptonctl.spi.learning import SourceOptions

DIGIT = re.compile("[0-9]")
FEWEST = 2


def other_words(columns: Mapping[str, pl.Series], options: SourceOptions, exempt: Collection[str | None]) -> Iterator[Reason]:
    """How such columns are read, and what to declare. columns: of text as read; exempt: those with another reason."""
    for name, cells in columns.items():
        if name in exempt or cells.dtype != pl.String:
            continue
        counts = cells.drop_nulls().str.strip_chars(" \t").value_counts(name="rows")
        texts = counts.get_columns()[0]
        counts = counts.filter(~texts.is_in([*options.markers, *options.missing]) & (texts != ""))
        rows = {str(text): int(number) for text, number in counts.iter_rows()}
        words = [text for text in rows if not DIGIT.search(text)]
        others = [text for text in rows if DIGIT.search(text)]
        kind = _kind(pl.Series(others, dtype=pl.String), options) if len(words) == 1 and len(others) >= FEWEST else None
        if kind is not None:
            word, all_cells = words[0], sum(rows.values())
            markers = ", ".join(json.dumps(text, ensure_ascii=False) for text in (*options.missing, word))
            detail = (
                f"read as text: {rows[word]} of its {all_cells} cells are {word}, the others are {kind}; if {word} means missing, declare"
            )
            yield Reason(about=name, detail=f"{detail} `missing_values: [{markers}]`, and no `ignore` for it")


def _kind(texts: pl.Series, options: SourceOptions) -> str | None:
    """What all of these texts are: numbers, dates, or neither (None). Integers with leading zeros are names."""
    if is_number(texts, options).all():
        return None if plain(texts, options).str.contains(PADDED).any() else "numbers"
    return "dates" if guess_dates(texts) is not None else None
