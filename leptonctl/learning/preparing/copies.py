"""Finds columns that give the target away: copies, relabellings, linear functions of it, or columns with its order. Reads nothing."""

import numpy as np
import polars as pl

LEAST_ROWS, FIRST_ROWS = 10, 4096
LEAST_DETERMINED, ROWS_A_VALUE = 100, 20
LINEAR = 1 - 1e-12
LEAST_ORDERED, AS_MANY = 20, 0.9


def tells(cells: pl.Series, target: pl.Series, count: int | None = None) -> bool:
    """Whether each value of the column means one value of the target and the reverse, so that nothing is left to learn.

    count: the number of different values of the target, where it is known.
    """
    count = target.n_unique() if count is None else count
    if len(cells) < LEAST_ROWS or cells.null_count() or target.null_count():
        return False
    if cells.dtype.is_numeric() and target.dtype.is_numeric() and count > 2:  # noqa: PLR2004
        return _linear(cells.cast(pl.Float64).to_numpy(), target.cast(pl.Float64).to_numpy())
    # most columns have more values among their first rows
    if cells.head(FIRST_ROWS).n_unique() > count:
        return False
    # every column of distinct cells is a relabelling of a target without repeats
    if count < 2 or count > len(target) / 2 or cells.n_unique() != count:  # noqa: PLR2004
        return False
    return pl.DataFrame({"cells": cells, "target": target}).n_unique() == count


def determines(cells: pl.Series, target: pl.Series) -> bool:
    """Whether each value of a column that repeats its values occurs with one value of the target only.

    Only for classes, and for values that occur in many rows each, so that it cannot be chance.
    """
    if len(cells) < LEAST_DETERMINED or cells.dtype.is_float() or target.dtype.is_float() or cells.null_count() or target.null_count():
        return False
    most = len(cells) // ROWS_A_VALUE
    # the first rows of most columns have too many values, or one that occurs with two values of the target
    if cells.head(FIRST_ROWS).n_unique() > most or not bool((_counts(cells, target, FIRST_ROWS)["targets"] == 1).all()):
        return False
    counts = _counts(cells, target, len(cells))
    is_pure = bool((counts["targets"] == 1).all()) and bool((counts["len"] >= LEAST_ROWS).all())
    return is_pure and counts.height <= most and target.n_unique() > 1


def orders(cells: pl.Series, target: pl.Series) -> bool:
    """Whether a column of numbers has the order of a numeric target, or the reverse, as its logarithm or its rank has.

    Rounding may make some of its cells equal. A column that is sorted in the file is more likely a time, over which things grow.
    """
    numbers = cells.dtype.is_numeric() and target.dtype.is_numeric() and len(cells) >= LEAST_ORDERED
    if not numbers or cells.null_count() or target.null_count() or cells.is_sorted() or cells.is_sorted(descending=True):
        return False
    # the first rows of most columns have another order
    if not _is_monotone(cells.head(FIRST_ROWS), target.head(FIRST_ROWS)) or not _is_monotone(cells, target):
        return False
    cell_count, target_count = cells.n_unique(), target.n_unique()
    return min(cell_count, target_count) >= max(LEAST_ROWS, AS_MANY * max(cell_count, target_count))


def _is_monotone(cells: pl.Series, target: pl.Series) -> bool:
    one, other = cells.cast(pl.Float64).to_numpy(), target.cast(pl.Float64).to_numpy()
    return any(bool((np.diff(values[np.lexsort((values, one))]) >= 0).all()) for values in (other, -other))


def _counts(cells: pl.Series, target: pl.Series, rows: int) -> pl.DataFrame:
    """For each value among the first rows: how many values of the target it occurs with, and in how many rows."""
    first = pl.DataFrame({"cells": cells.head(rows), "target": target.head(rows)})
    return first.group_by("cells").agg(pl.col("target").n_unique().alias("targets"), pl.len())


def _linear(cells: np.ndarray, target: np.ndarray) -> bool:
    if np.ptp(cells) == 0 or np.ptp(target) == 0:
        return False
    return bool(abs(np.corrcoef(cells, target)[0, 1]) >= LINEAR)
