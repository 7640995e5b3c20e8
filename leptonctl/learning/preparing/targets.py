"""Leaves out rows without a target, where the dataset says so. Reads no file but for the text of numbers."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from leptonctl.core.frozen import replace
from leptonctl.learning.prepare_inputs import PrepareInputs
from leptonctl.learning.tables.cells import type_column
from leptonctl.learning.tables.infer import infer
from leptonctl.learning.tables.table import Table
from leptonctl.spi.learning import ProviderError

NO_TARGET = "none"


def with_targets(request: PrepareInputs, tables: Sequence[Table]) -> list[Table]:
    """The tables without the rows that have no target. Raises ProviderError (no-rows) when none is left.

    A dataset without a target gets one under the name "", which no file has, with the same word in each row.
    """
    if not request.target:
        return [replace(table, frame=table.frame.with_columns(pl.lit(NO_TARGET).alias(""))) for table in tables]
    if request.target_missing != "drop":
        return list(tables)
    return [_with_targets(request, table) if request.target in table.frame.columns else table for table in tables]


def count_left_out(before: Sequence[Table], after: Sequence[Table]) -> int:
    """How many rows were left out."""
    return sum(table.frame.height for table in before) - sum(table.frame.height for table in after)


def first_left_out(before: Sequence[Table], after: Sequence[Table], count: int) -> tuple[int, ...]:
    """The lines of the first rows that were left out, where they are all of one file."""
    if len(before) > 1 or before[0].pieces or after[0].file_rows is None:
        return ()
    rows = np.setdiff1d(np.arange(before[0].frame.height), after[0].file_rows)[:count]
    return tuple(line for _, line in before[0].places(rows.tolist()))


def _with_targets(request: PrepareInputs, table: Table) -> Table:
    declared = request.columns.get(request.target)
    kind = declared.type if declared is not None else None
    if (declared is not None and declared.missing is not None) or kind == "date" or kind == "datetime":  # noqa: PLR1714
        return table
    words = None if declared is None else declared.words
    values, faults = type_column(table, request.target, kind or infer([table], request.target), single=False, words=words)
    missing = values.is_null().to_numpy().copy()
    for fault in faults:
        # a cell of the wrong type is read as null, but it is not missing
        missing[fault.rows.to_numpy()] = False
    if missing.all():
        raise ProviderError(
            "No row has a target",
            detail=f'All {len(missing)} cells of column "{request.target}" of {table.name} are missing.',
            hint="check `target` and `missing_values`",
            id="no-rows",
            file=table.name,
            column=request.target,
        )
    if not missing.any():
        return table
    rows = np.flatnonzero(~missing)
    return replace(table, frame=table.frame[rows], file_rows=rows)
