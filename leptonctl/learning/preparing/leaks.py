"""Signs that metrics will look too good: test rows that were learned, features that tell the target, a split that ignores time.

Reads nothing, and refuses nothing: each is a notice with the number of rows and the first of them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from leptonctl.core.frozen import Frozen, replace
from leptonctl.learning.outputs import Notice
from leptonctl.learning.prepare_inputs import HashSplit, RandomSplit, Split
from leptonctl.learning.preparing.copies import determines, orders, tells
from leptonctl.learning.preparing.identity import ROW_MARK
from leptonctl.learning.preparing.row_checks import moments
from leptonctl.learning.preparing.row_list import Marks
from leptonctl.learning.tables.dates import Dates
from leptonctl.learning.tables.faults import SHOWN_LINES
from leptonctl.learning.tables.table import Table

SHARED = 0.05
"""A larger share of the test rows of a file that occurs among its training rows is not chance."""
MOSTLY = 0.5
"""If fewer of the training rows than this share are distinct, repeated rows mean nothing."""
LEAST_TIMES = 20
"""So many different times in sorted order are not chance."""


class Sides(Frozen):
    """Training and test rows: as prepared, their marks, and the table and row numbers of each side."""

    rows: Mapping[str, pl.DataFrame]
    marks: Mapping[str, Marks]
    places: Mapping[str, tuple[int, np.ndarray]]


def learned_rows(sides: Sides, tables: Sequence[Table], texts: Collection[str]) -> Iterator[Notice]:
    """Test rows whose record, or whose prepared cells apart from the id, a training row has too. `texts`: columns with dates as text."""
    same = _shared_records(sides.marks["test"].records, sides.marks["train"].records)
    table, rows = sides.places["test"]
    least = max(2, SHARED * len(rows))
    if len(tables) > 1 and same.any():
        least = 1  # no row of a separate test file should occur in the other
    if len(tables) > 1 or ROW_MARK in sides.rows["test"].columns:
        # records with an id, or of another file, differ even where everything that is learned is equal
        alike = same | _alike(sides.rows, {ROW_MARK, *texts})
        same = alike if alike.sum() >= max(2, SHARED * len(rows)) else same
    if same.sum() >= least:
        yield _with_places(Notice(check="learned_rows", count=int(same.sum())), tables[table], rows[same])


def _shared_records(records: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which records of 16 bytes are among the others."""
    first, second = (pl.Series(marks.view("<u8")[::2]) for marks in (records, others))
    # numbers compare faster than bytes, and a record whose half does not occur does not occur itself
    same = first.is_in(second.implode()).to_numpy().copy()
    if same.any():
        matches = {*others[second.is_in(first.implode()).to_numpy()].tolist()}
        same[same] = [mark in matches for mark in records[same].tolist()]
    return same


def _alike(rows: Mapping[str, pl.DataFrame], left_out: Collection[str]) -> np.ndarray:
    names = [name for name in rows["test"].columns if name not in left_out]
    train = rows["train"].select(names).unique().with_columns(pl.lit(value=True).alias("\0learned"))
    if train.height < MOSTLY * rows["train"].height:
        # rows of few values repeat each other anyway
        return np.zeros(rows["test"].height, dtype=bool)
    joined = rows["test"].select(names).join(train, on=names, how="left", nulls_equal=True, maintain_order="left")
    return joined["\0learned"].fill_null(value=False).to_numpy()


def _with_places(notice: Notice, table: Table, rows: np.ndarray) -> Notice:
    """The notice with the places of the first rows: lines of one file, else files with their lines."""
    places = table.places(sorted(rows.tolist())[:SHOWN_LINES])
    if not table.pieces:
        return replace(notice, lines=tuple(line for _, line in places))
    more = ", …" if len(rows) > len(places) else ""
    return replace(notice, detail=", ".join(f"{file}:{line}" for file, line in places) + more + ":")


def telling_columns(features: Sequence[str], cells: Mapping[str, pl.Series], target: pl.Series) -> Iterator[Notice]:
    """Features that are the target in other words, determine it by each of their values, or have its order."""
    count = target.n_unique()
    for name in features:
        if tells(cells[name], target, count):
            yield Notice(check="tells_target", column=name, count=len(target))
        elif determines(cells[name], target):
            yield Notice(check="determines_target", column=name, count=len(target))
        elif orders(cells[name], target):
            yield Notice(check="orders_target", column=name, count=len(target))


def time_order(split: Split, dates: Sequence[Dates]) -> Iterator[Notice]:
    """A note where rows are sorted by a column of dates, and the split mixes old and new ones."""
    if not isinstance(split, RandomSplit | HashSplit):
        return
    for date in dates:
        times = moments(date.column, date.texts[0])
        if times.null_count() == 0 and times.n_unique() >= LEAST_TIMES and times.is_sorted():
            yield Notice(check="time_order", column=date.column.name, count=len(times), severity="note")
