"""Infers how the numbers of a table are written, and which of its texts mean missing. Reads no file."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import polars as pl

from leptonctl.core.contract import LEAST_NUMBERS, MISSING_MARKERS
from leptonctl.core.frozen import Frozen, field, replace
from leptonctl.learning.tables.date_like import guess_dates
from leptonctl.learning.tables.number_like import MARKERS, WRITINGS
from leptonctl.learning.tables.numbers import INTEGER, PADDED, is_number, plain
from leptonctl.learning.tables.table import trim
from leptonctl.spi.learning import SourceOptions

SEPARATORS: tuple[tuple[str, str | None], ...] = (
    (".", None), (",", None), (".", ","), (",", "."), (",", " "), (".", " "), (",", "'"), (".", "'"), (".", "_"),
)  # fmt: skip
NAMES = {".": "a point", ",": "a comma", " ": "a space", "'": "an apostrophe", "_": "an underscore"}
MOST, HALF, FEW = 0.9, 0.5, 3
GROUPED = r"^[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+$"
POINTED = r"^[+-]?[1-9][0-9]{0,2}(?:[.][0-9]{3})+$"
GERMAN_DATE = r"^[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{2,4}"
OTHERS = (
    "n.a.", "n. a.", "N.A.", "n.d.", "nd", "ND", "N/D", "n/k", "k.A.", "k. A.", "s.o.", "NONE", "Missing", "Unknown", "unbekannt", "fehlt",
    "inconnu", "not available", "\u2014", "\u2013", "#", "!", "/", "_",
)  # fmt: skip
KNOWN = frozenset({*MARKERS, *OTHERS, *MISSING_MARKERS})
WORDS = frozenset(
    {*MISSING_MARKERS, "?", "-", "--", "\u2014", "\u2013", ".", "..", "...", "#VALUE!", "#DIV/0!", "#REF!", "(null)", "\\N"}
) - {"None"}
"""Those that mean missing even among words."""
AMONG_DATES = WORDS | {"None", "none"}
TOTALS = frozenset({
    "total", "totals", "grand total", "subtotal", "sum", "average", "mean", "summe", "gesamt", "gesamtsumme", "insgesamt", "mittelwert",
    "durchschnitt", "somme", "total general", "total général", "totale", "totaal", "moyenne", "suma", "razem",
})  # fmt: skip
"""What the last line of a spreadsheet is called."""


def separators(columns: Sequence[pl.Series], options: SourceOptions, delimiter: str) -> SourceOptions:
    """The options with the decimal and thousands separators that make the most columns of text numbers."""
    texts = [cells for cells in (_candidates(cells) for cells in columns) if cells is not None]
    scores = {pair: _score(texts, pair, options) for pair in SEPARATORS}
    best = max(SEPARATORS, key=lambda pair: scores[pair])
    if scores[best] == scores[SEPARATORS[0]]:
        grouped = [cells for cells in texts if _has_points_in_groups(cells)]
        is_german = delimiter == ";" and scores[",", "."] == scores[best] and (_has_german_dates(columns) or any(map(_has_long, grouped)))
        return replace(options, decimal=",", thousands=".") if grouped and is_german else options
    if best == (",", None) and scores[".", ","] == scores[best] and delimiter in (",", "\t") and _is_grouped(texts):
        best = (".", ",")
    return replace(options, decimal=best[0], thousands=best[1])


def separator_reason(options: SourceOptions) -> str:
    """The separators in words."""
    grouped = f", digits grouped by {NAMES[options.thousands]}" if options.thousands else ""
    return f"numbers are written with {NAMES[options.decimal]}{grouped}"


def two_readings(columns: Mapping[str, pl.Series], options: SourceOptions, delimiter: str) -> Iterator[str]:
    """The columns of numbers whose points may group digits, in a table that is not separated by commas."""
    if options.decimal != "." or options.thousands is not None or delimiter == ",":
        return
    for name, cells in columns.items():
        texts = _candidates(cells)
        if texts is not None and _has_points_in_groups(texts) and is_number(texts, options).all():
            yield name


def numbers_as_text(columns: Sequence[pl.Series], options: SourceOptions) -> Iterator[str]:
    """The columns of strings in a typed format that are numbers with a fraction or with groups; digits alone may be names."""
    for cells in (cells for cells in columns if cells.dtype == pl.String):
        texts = trim(cells, options).drop_nulls().unique()
        if texts.str.contains(INTEGER).all() or not is_number(texts, options).all():
            continue
        if not plain(texts, options).str.contains(PADDED).any():
            yield cells.name


class Markers(Frozen):
    """Texts that mean missing, by the first column that has them. `values`: those that are values of another column, which is named."""

    found: Mapping[str, tuple[str, ...]]
    values: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def markers(columns: Mapping[str, pl.Series], target: str | None, options: SourceOptions) -> Markers:
    """What means missing in a table. columns: columns of text, as in the file. target: the target, if it is known.

    `missing_values` holds for the whole table, so nothing is a marker that another column has as a value.
    """
    found: dict[str, tuple[str, ...]] = {}
    values: dict[str, tuple[str, str]] = {}
    markers_so_far: set[str] = set(options.missing)
    for name, cells in columns.items():
        texts = tuple(text for text in _markers(cells, options, is_target=name == target) if text not in markers_so_far)
        others = {one: other for one, other in columns.items() if one != name}
        value = next(_values(texts, others, target, options), None) if texts else None
        if value is not None:
            values[name] = value
        elif texts:
            found[name] = texts
            markers_so_far |= set(texts)
    return Markers(found=found, values=values)


def total(cells: pl.Series) -> str | None:
    """The text of the last cell if it is the word for a total and no other cell has it, so that the row is a sum of the others."""
    if cells.dtype != pl.String or not len(cells) or cells[-1] is None:
        return None
    last = str(cells[-1]).strip(" \t")
    return last if last.rstrip(" :").casefold() in TOTALS and (cells.str.strip_chars(" \t") == last).sum() == 1 else None


def _candidates(cells: pl.Series) -> pl.Series | None:
    """The texts of a column that may be numbers, without those that mean missing."""
    if cells.dtype != pl.String:
        return None
    texts = cells.drop_nulls().str.strip_chars(" \t").unique()
    texts = texts.filter(~texts.is_in(sorted(KNOWN)) & (texts != ""))
    return texts if len(texts) and texts.head(1000).str.contains("[0-9]").mean() >= MOST else None  # type: ignore[operator]


def _score(texts: Sequence[pl.Series], pair: tuple[str, str | None], options: SourceOptions) -> tuple[int, int]:
    """How many columns are numbers if they are written so, and how many distinct texts of these columns are."""
    option = replace(options, decimal=pair[0], thousands=pair[1])
    counts = [(int(is_number(cells, option).sum()), len(cells)) for cells in texts]
    fitting = [numbers for numbers, texts in counts if numbers >= MOST * texts]
    return len(fitting), sum(fitting)


def _is_grouped(texts: Sequence[pl.Series]) -> bool:
    """Whether each comma is followed by three digits."""
    return all(cells.filter(cells.str.contains(",", literal=True)).str.contains(GROUPED).all() for cells in texts)


def _has_points_in_groups(cells: pl.Series) -> bool:
    """Whether every point of a column of numbers is followed by three digits: `1.234` may be either."""
    pointed = cells.filter(cells.str.contains(".", literal=True))
    return len(pointed) >= FEW and bool(pointed.str.contains(POINTED).all())


def _has_long(cells: pl.Series) -> bool:
    """Whether it also has integers of four digits, as where spreadsheets group digits only from five on; fractions have none."""
    return bool(cells.str.contains(r"^[+-]?[1-9][0-9]{3}$").any())


def _has_german_dates(columns: Sequence[pl.Series]) -> bool:
    return any(
        cells.dtype == pl.String and cells.drop_nulls().head(100).str.contains(GERMAN_DATE).all() for cells in columns if cells.count()
    )


def _markers(cells: pl.Series, options: SourceOptions, *, is_target: bool) -> Collection[str]:
    counts = cells.drop_nulls().str.strip_chars(" \t").value_counts(name="rows")
    texts, rows = counts.get_columns()[0], counts["rows"]
    numbers = is_number(texts, options)
    built_in = texts.is_in(list(options.markers)) | (texts == "")
    others = texts.filter(~numbers & ~built_in).to_list()
    total, numeric = int(rows.filter(~built_in).sum()), int(rows.filter(numbers).sum())
    if total and numeric:
        if not others or numeric < HALF * total:
            return ()
        if any(re.search(writing.pattern, text) for text in others for writing in WRITINGS):
            return ()
        few = len(others) <= FEW and numeric >= (LEAST_NUMBERS if any(map(_has_digit, others)) else MOST) * total
        return sorted(others) if few or set(others) <= KNOWN else ()
    return _words(cells, texts, built_in, options, is_target=is_target)


def _words(cells: pl.Series, texts: pl.Series, built_in: pl.Series, options: SourceOptions, *, is_target: bool) -> Collection[str]:
    """What means missing among words or dates. texts: the distinct cells, stripped."""
    words = [text for text in texts.to_list() if text in WORDS]
    if int((~built_in & ~texts.is_in(words)).sum()) < 2:  # noqa: PLR2004 - of `+` and `-`, both are values
        return ()
    if is_target and words:
        return sorted(words)
    others = [text for text in texts.to_list() if text in AMONG_DATES]
    # where all other cells are dates, a cell of spaces is missing too
    blank = cells.filter((cells.str.strip_chars(" \t") == "") & (cells != "")).unique().to_list()
    if (others or blank) and guess_dates(texts.filter(~texts.is_in(others) & (texts != ""))) is not None:
        return sorted((*others, *blank))
    return sorted(set(words) - set(options.markers)) if "?" in words else ()


def _values(
    texts: Collection[str], columns: Mapping[str, pl.Series], target: str | None, options: SourceOptions
) -> Iterator[tuple[str, str]]:
    """Those of the texts that are values in another column, each with its name."""
    for name, cells in columns.items():
        counts = cells.drop_nulls().str.strip_chars(" \t").value_counts(name="rows")
        rows = dict(counts.filter(counts.get_columns()[0] != "").iter_rows())
        common = rows.keys() & set(texts)
        # a column of such texts alone has no values
        if common and len(rows) > len(common):
            numbers = is_number(pl.Series(list(rows), dtype=pl.String), options)
            numeric = sum(count for count, is_one in zip(rows.values(), numbers, strict=True) if is_one)
            own = {*_markers(cells, options, is_target=name == target), *(options.markers if numeric >= HALF * sum(rows.values()) else ())}
            yield from ((text, name) for text in sorted(common - own) if not _means_missing(text, rows, len(rows) - len(common)))


def _means_missing(text: str, rows: Mapping[str, int], others: int) -> bool:
    """Whether a text means missing among words too: a common marker, beside at least two values, and rarer than they are.

    rows: the number of rows by text. others: the number of texts that are values in any case.
    """
    return text in WORDS and others >= 2 and rows[text] * len(rows) < HALF * sum(rows.values())  # noqa: PLR2004 - one value shows nothing


def _has_digit(text: str) -> bool:
    return any(c.isdigit() for c in text)
