"""Splits rows by time: the newest ones are the test rows. Reads no file."""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from leptonctl.core.dates import DateColumn, order
from leptonctl.core.frozen import replace
from leptonctl.learning.prepare_inputs import DeclaredColumn, TimeSplit
from leptonctl.learning.tables.cells import as_text, type_column
from leptonctl.learning.tables.dates import date_type, moments_of
from leptonctl.learning.tables.faults import Fault, contract_error, find_faults, with_values
from leptonctl.learning.tables.infer import infer
from leptonctl.learning.tables.table import Table


def newest(split: TimeSplit, table: Table, declared: DeclaredColumn | None) -> tuple[np.ndarray, np.ndarray]:
    """The row numbers of the training and test rows: at least the share `test` are test rows, since rows of one time stay together.

    The column is numbers, or dates as it declares them, else in ISO 8601. Raises ProviderError (data-contract) for other and missing cells.
    """
    times = _times(table, split.time, declared)
    count = math.ceil(split.test * len(times))
    cut = sorted(times, reverse=True)[count - 1]
    mask = np.fromiter((time >= cut for time in times), dtype=bool, count=len(times))
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def _times(table: Table, name: str, declared: DeclaredColumn | None) -> Sequence[float]:
    """A number for each row that grows with time."""
    kind = date_type(declared)
    is_text = table.frame[name].dtype.is_temporal() or infer([table], name) in ("string", "boolean")
    if kind is None and not is_text:
        numbers, wrong = type_column(table, name, "number", single=False)
        _refuse(wrong or _missing(table, name, numbers))
        return numbers.to_list()
    form = None if declared is None else declared.format
    column = DateColumn(name=name, type=kind or "datetime", parts=(), format=form)
    moments = moments_of(table, column)
    zoned = [moment.zoned for moment in moments if moment is not None]
    column = replace(column, zoned=sum(zoned) * 2 > len(zoned))
    cells = as_text(table, name)
    unread = [text is not None and (m is None or m.zoned != column.zoned) for text, m in zip(cells.to_list(), moments, strict=True)]
    wrong = find_faults(table, name, [("split", "not a time to split by", pl.Series(unread, dtype=pl.Boolean))])
    _refuse([with_values(fault, cells) for fault in wrong] or _missing(table, name, cells))
    return [order(moment) for moment in moments if moment is not None]


def _missing(table: Table, name: str, cells: pl.Series) -> list[Fault]:
    return find_faults(table, name, [("split", "missing, but the split needs a time", cells.is_null())])


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        problem = contract_error(faults)
        problem.hint = "correct the rows, or declare how the times are written: `type: datetime` and `format` under `columns`"
        raise problem
