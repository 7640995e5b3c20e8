"""Figures of the columns of prepared rows for `leptonctl show`: how many cells are missing and how many values differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leptonctl.core.result import Result
    from leptonctl.core.values import Json
    from leptonctl.spi.running import Artifacts


def column_figures(artifacts: Artifacts, prepare: Result) -> dict[str, dict[str, Json]]:
    """Column -> `{missing: share of the rows, distinct: number of values}`, over training and test rows. Empty without the rows."""
    import polars as pl

    from leptonctl.learning.tables.prepared import read_cells

    try:
        frame = read_cells(prepare, artifacts)
    except (KeyError, ValueError, pl.exceptions.PolarsError):
        return {}
    rows = frame.height or 1
    return {
        series.name: {"missing": series.null_count() / rows, "distinct": series.drop_nulls().n_unique()} for series in frame.get_columns()
    }
