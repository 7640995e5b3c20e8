"""How two dataset versions differ: how many rows were added and removed, and how far apart each column is. Reads artifacts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from leptonctl.core.frozen import Frozen
from leptonctl.core.row_list import RowList, same_ids, same_records
from leptonctl.learning.needs import read_contract, read_row_list
from leptonctl.learning.preparing.row_list import FILES, Marks
from leptonctl.learning.tables.prepared import read_cells

if TYPE_CHECKING:
    from leptonctl.core.result import Result
    from leptonctl.spi.running import Artifacts

BINS, MOST_CATEGORIES = 10, 20
FEW = 0.05
"""The lowest number is a bin of its own if it is this share of the cells."""
HALF = 0.5
"""Of a column of text whose frequent values are less than this share of the cells, lengths are compared."""
PRIOR = 0.5
"""Added to the count of each bin, so that an empty one has a share."""
NORMAL_95 = 1.645


class RowsApart(Frozen):
    """Counts of rows that only the second version has (`added`), only the first (`gone`), or both. `changed`: ids in both with other cells.

    by: id | record, what identifies the rows; None when nothing does, for `reason`.
    """

    by: str | None = None
    added: int | None = None
    gone: int | None = None
    common: int | None = None
    changed: int | None = None
    reason: str = ""


class Distance(Frozen):
    """The population stability index of a column over `bins` bins of the first version, a missing cell being one.

    of: values | lengths. chance: 95 of 100 pairs of samples of these sizes from one distribution have a smaller index.
    """

    of: str
    value: float
    bins: int
    chance: float


def rows_apart(a: Result, b: Result, artifacts: Artifacts) -> RowsApart:
    """How the rows of two results of `prepare` differ, training and test rows together."""
    try:
        sides = [[read_row_list(result, side, artifacts) for side in FILES] for result in (a, b)]
    except (KeyError, ValueError):
        return RowsApart(reason="the lists of their rows are no longer in the store")
    row_lists = [[one for one in side if one is not None] for side in sides]
    if any(len(side) < len(FILES) for side in row_lists):
        return RowsApart(reason="by what their rows are known was not recorded")
    first, *others = [rows for side in row_lists for rows, _ in side]
    comparable = all(same_records(first, other) for other in others)
    if all(same_ids(first, other) for other in others):
        return _by_id(*([marks for _, marks in side] for side in row_lists), comparable=comparable)
    if not comparable:
        return RowsApart(reason=_reason(first, others))
    before, after = (Counter(mark for _, marks in side for mark in marks.records.tolist()) for side in row_lists)
    common = (before & after).total()
    return RowsApart(by="record", added=after.total() - common, gone=before.total() - common, common=common)


def _by_id(a: Sequence[Marks], b: Sequence[Marks], *, comparable: bool) -> RowsApart:
    before, after = (dict(pair for marks in side for pair in _pairs(marks)) for side in (a, b))
    common = before.keys() & after.keys()
    changed = sum(before[mark] != after[mark] for mark in common) if comparable else None
    return RowsApart(by="id", added=len(after) - len(common), gone=len(before) - len(common), common=len(common), changed=changed)


def _pairs(marks: Marks) -> Iterable[tuple[bytes, bytes]]:
    return zip([] if marks.ids is None else marks.ids.tolist(), marks.records.tolist(), strict=True)


def _reason(first: RowList, others: Sequence[RowList]) -> str:
    """Why records do not identify the rows."""
    advice = "declare an `id` column"
    if {first.key} != {other.key for other in others}:
        return f"their rows are known under different keys; {advice}"
    if {first.format} != {other.format for other in others}:
        return f"they are read from files of different formats; {advice}"
    return f"their files have different columns; {advice}"


def distances(a: Result, b: Result, artifacts: Artifacts) -> dict[str, Distance]:
    """The distance of each column that both have, with equal types and not hashed. Empty without the rows of one of the two."""
    contracts = [read_contract(result) for result in (a, b)]
    kinds = [{c.name: _kind(c.type) for c in contract.columns if not c.hash} for contract in contracts]
    for of, contract in zip(kinds, contracts, strict=True):
        of.update({contract.target: _kind(contract.target_type)} if contract.target else {})
    try:
        before, after = (read_cells(result, artifacts) for result in (a, b))
    except (KeyError, ValueError, pl.exceptions.PolarsError):
        return {}
    return {name: _distance(before[name], after[name]) for name, kind in kinds[0].items() if kinds[1].get(name) == kind}


def _kind(type: str) -> str:  # noqa: A002
    return "number" if type == "integer" else type


def _distance(a: pl.Series, b: pl.Series) -> Distance:
    if a.dtype.is_numeric():
        return _of_numbers("values", a, b)
    frequent = _frequent(a)
    if a.dtype == pl.String and _share(a, frequent) < HALF:
        return _of_numbers("lengths", a.str.len_chars(), b.str.len_chars())
    return _psi("values", _category_counts(a, frequent), _category_counts(b, frequent))


def _of_numbers(of: str, a: pl.Series, b: pl.Series) -> Distance:
    edges = _edges(a)
    return _psi(of, _bin_counts(a, edges), _bin_counts(b, edges))


def _edges(cells: pl.Series) -> np.ndarray:
    """The upper ends of all bins but the last."""
    values = np.sort(cells.drop_nulls().to_numpy().astype(np.float64))
    if not len(values):
        return np.empty(0)
    edges = np.unique(values[np.arange(BINS + 1) * (len(values) - 1) // BINS])
    lowest = np.searchsorted(values, edges[0], side="right") / len(values)
    return edges[0 if lowest >= FEW else 1 : -1]


def _bin_counts(cells: pl.Series, edges: np.ndarray) -> np.ndarray:
    places = np.searchsorted(edges, cells.drop_nulls().to_numpy().astype(np.float64), side="left")
    return np.append(np.bincount(places, minlength=len(edges) + 1), cells.null_count())


def _frequent(cells: pl.Series) -> list[str]:
    counts = cells.drop_nulls().cast(pl.String).rename("text").value_counts(name="rows")
    return counts.sort(["rows", "text"], descending=[True, False])["text"].head(MOST_CATEGORIES).to_list()


def _share(cells: pl.Series, frequent: Sequence[str]) -> float:
    present = cells.drop_nulls()
    return float(present.is_in(list(frequent)).mean() or 0) if len(present) else 1.0  # type: ignore[arg-type]


def _category_counts(cells: pl.Series, frequent: Sequence[str]) -> np.ndarray:
    """The frequent values, then all others, then missing cells."""
    counts = dict(cells.drop_nulls().cast(pl.String).rename("text").value_counts(name="rows").iter_rows())
    frequent_counts = [int(counts.get(text, 0)) for text in frequent]
    return np.array([*frequent_counts, sum(counts.values()) - sum(frequent_counts), cells.null_count()])


def _psi(of: str, a: np.ndarray, b: np.ndarray) -> Distance:
    used = (a + b) > 0
    counts = [side[used] + PRIOR for side in (a, b)]
    shares = [side / side.sum() for side in counts]
    value = float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
    bins, scale = int(used.sum()), 1 / max(a.sum(), 1) + 1 / max(b.sum(), 1)
    return Distance(of=of, value=value, bins=bins, chance=float(scale * _chi_squared(bins - 1)) if bins > 1 else 0.0)


def _chi_squared(freedom: int) -> float:
    """Its 95 % quantile, after Wilson and Hilferty."""
    part = 2 / (9 * freedom)
    return float(freedom * (1 - part + NORMAL_95 * math.sqrt(part)) ** 3)
