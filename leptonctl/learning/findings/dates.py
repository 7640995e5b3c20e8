"""Finds columns of dates, and decides the order of day and month where both are possible. Reads no file."""

from collections.abc import Mapping

import polars as pl

from leptonctl.core.date_formats import pattern
from leptonctl.core.dates import DateColumn, read_moment
from leptonctl.core.frozen import replace
from leptonctl.learning.tables.date_like import Guess, column_of, guess_dates

NO_PART = "no part of its dates differs"


def dates_of(texts: Mapping[str, pl.Series], *, day_first: bool) -> dict[str, tuple[DateColumn | None, str]]:
    """The columns that hold dates, by name, each with the reason; None where there is nothing to learn from them.

    day_first: the order where no column of the table shows it.
    """
    guesses = {name: guess for name, cells in texts.items() if (guess := guess_dates(cells)) is not None and _is_whole(guess, cells)}
    clear = [guess.format for guess in guesses.values() if guess.format is not None and guess.other is None]
    orders = {form.startswith("%d") for form in clear if form.startswith(("%d/", "%m/", "%d-%m", "%m-%d"))}
    order = orders.pop() if len(orders) == 1 else None
    dates: dict[str, tuple[DateColumn | None, str]] = {}
    for name, guess in guesses.items():
        choice, why = _with_one_format(guess, day_first=day_first if order is None else order, known=order is not None)
        column = column_of(name, choice, texts[name])
        dates[name] = (column, why) if column is not None else (None, NO_PART)
    return dates


def _with_one_format(guess: Guess, *, day_first: bool, known: bool) -> tuple[Guess, str]:
    """The guess with one format, and the reason for it."""
    form = guess.format or "ISO 8601"
    if guess.other is None or guess.format is None:
        return replace(guess, other=None), f"dates written as {form}"
    start = "%d" if day_first else "%m"
    form = next((one for one in (guess.format, guess.other) if one.startswith(start)), guess.format)
    other = guess.other if form == guess.format else guess.format
    reason = "another column shows the order" if known else f"{other} fits as well: check the order"
    return Guess(type=guess.type, format=form), f"dates written as {form}; {reason}"


def _is_whole(guess: Guess, cells: pl.Series) -> bool:
    compiled = pattern(guess.format, guess.type)
    return all(read_moment(compiled, text) is not None for text in cells.drop_nulls().unique().to_list())
