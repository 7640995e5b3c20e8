"""Makes the profile of prepared rows (`leptonctl/core/profile.py`). Exact, and independent of the order of rows. Reads nothing."""

import numpy as np
import polars as pl

from leptonctl.core.contract import ColumnType, Contract
from leptonctl.core.profile import EDGES, LEAST_ROWS, LENGTH_EDGES, LONGEST_CATEGORY, MOST_CATEGORIES, Bins, Distribution, Profile


def profile_rows(rows: pl.DataFrame, contract: Contract) -> Profile:
    """The profile of the features that are not private, and of the target, if there is one."""
    columns: list[tuple[str, ColumnType]] = [(column.name, column.type) for column in contract.columns if not column.hash]
    columns += [(contract.target, contract.target_type)] if contract.target else []
    return Profile(rows=rows.height, columns=tuple(profile_column(rows[name], name, kind) for name, kind in columns))


def profile_column(cells: pl.Series, name: str, kind: ColumnType) -> Distribution:
    """The profile of one column, null for missing."""
    present, missing = cells.drop_nulls(), cells.null_count()
    if present.dtype.is_numeric():
        values = np.sort(present.to_numpy() + present.to_numpy().dtype.type(0))  # -0.0 becomes 0.0
        distinct = int(np.count_nonzero(values[1:] != values[:-1])) + 1 if len(values) else 0
        return Distribution(name=name, type=kind, missing=missing, distinct=distinct, bins=bins_of(values, EDGES))
    return _categorical(present.cast(pl.String), name, kind, missing)


def _categorical(present: pl.Series, name: str, kind: ColumnType, missing: int) -> Distribution:
    counts = pl.DataFrame({"text": present}).group_by("text").len("rows")
    frequent = counts.filter((pl.col("rows") >= LEAST_ROWS) & (pl.col("text").str.len_chars() <= LONGEST_CATEGORY))
    frequent = frequent.sort(["rows", "text"], descending=[True, False]).head(MOST_CATEGORIES)
    lengths = np.sort(present.str.len_chars().to_numpy()) if kind == "string" else np.empty(0)
    return Distribution(
        name=name,
        type=kind,
        missing=missing,
        distinct=counts.height,
        categories=tuple(frequent.iter_rows()),
        other=len(present) - int(frequent["rows"].sum()),
        singletons=int((counts["rows"] == 1).sum()),
        lengths=bins_of(lengths, LENGTH_EDGES),
    )


def bins_of(values: np.ndarray, most: int) -> Bins | None:
    """Bins of sorted values between at most `most` edges; None without values."""
    if not len(values):
        return None
    edges = np.unique(values[np.arange(most) * (len(values) - 1) // (most - 1)])
    ends = np.searchsorted(values, edges, side="right")
    counts = np.diff(ends, prepend=0, append=len(values))
    return Bins(edges=tuple(float(str(edge)) for edge in edges), counts=tuple(map(int, counts)))
