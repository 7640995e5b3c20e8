"""Ways in which people write a table to a file: pandas with its index, Excel of three countries, without header, in Latin-1.

A table is a header and rows of text as packages ship them: numbers with a point, dates in ISO 8601, "" for missing.
"""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
WORDS = ({"yes", "no"}, {"true", "false"})
MISSING = ("", "NA", "NaN", "nan", "null", "None")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A table as its package has it."""

    names: Sequence[str]
    cells: Sequence[Sequence[str]]

    def column(self, place: int) -> list[str]:
        return [row[place] for row in self.cells]


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """How somebody writes. `write`: a number as text that is one -> as it is written; `date`: year, month, day -> text."""

    name: str
    encoding: str = "utf-8"
    delimiter: str = ","
    header: bool = True
    index: bool = False
    line_end: str = "\n"
    number: Callable[[str], str] = str
    date: str = "{0}-{1}-{2}"
    words: tuple[str, str] | None = None
    missing: str = ""
    accents: str = ""
    """Put after the name of the first column and into its texts, so that the encoding matters."""


def _grouped(text: str, decimal: str, thousands: str) -> str:
    """A number of a spreadsheet. What has an exponent or is a year stays as it is."""
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, _, fraction = digits.partition(".")
    if "e" in digits.lower() or not whole.isdigit() or whole.startswith("0"):
        return text.replace(".", decimal)
    shown = f"{int(whole):,}".replace(",", thousands) if int(whole) >= 10_000 else whole
    return sign + shown + (decimal + fraction if fraction else "")


def _german(text: str) -> str:
    return _grouped(text, ",", ".")


def _french(text: str) -> str:
    return _grouped(text, ",", "\u00a0")


def _american(text: str) -> str:
    return _grouped(text, ".", ",")


HABITS = (
    Habit(name="pandas", index=True),
    Habit(name="german", encoding="cp1252", delimiter=";", number=_german, date="{2}.{1}.{0}", words=("Ja", "Nein"), line_end="\r\n", missing="-", accents="ä"),
    Habit(name="french", encoding="utf-8-sig", delimiter=";", number=_french, date="{2}/{1}/{0}", words=("Oui", "Non"), accents="é"),
    Habit(name="american", encoding="utf-8-sig", number=_american, date="{1}/{2}/{0}", words=("Yes", "No"), line_end="\r\n", missing="#N/A"),
    Habit(name="no header", header=False),
    Habit(name="latin-1", encoding="latin-1", accents="ñ", missing="?"),
)  # fmt: skip


def written(table: Rows, habit: Habit) -> bytes:
    """The bytes of the file."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=habit.delimiter, lineterminator=habit.line_end)
    columns = [_column(table.column(place), habit) for place in range(len(table.names))]
    names = [f"{name}{habit.accents}" if place == 0 else name for place, name in enumerate(table.names)]
    if habit.index:
        names, columns = ["", *names], [[str(row) for row in range(len(table.cells))], *columns]
    if habit.header:
        writer.writerow(names)
    writer.writerows(zip(*columns, strict=True))
    return out.getvalue().encode(habit.encoding, "replace")


def _column(cells: Sequence[str], habit: Habit) -> list[str]:
    present = [cell for cell in cells if cell not in MISSING]
    if all(NUMBER.fullmatch(cell) for cell in present):
        return [habit.missing if cell in MISSING else habit.number(cell) for cell in cells]
    if {cell.lower() for cell in present} in WORDS:
        true, false = habit.words or ("yes", "no")
        return ["" if cell in MISSING else false if cell.lower() in ("no", "false") else true for cell in cells]
    if all(DATE.fullmatch(cell) for cell in present):
        return ["" if cell in MISSING else habit.date.format(*DATE.fullmatch(cell).groups()) for cell in cells]  # type: ignore[union-attr]
    return ["" if cell in MISSING else f"{cell}{habit.accents if cell[0].isalpha() else ''}" for cell in cells]
