"""Notices of `prepare` about rows and columns that are allowed but deserve attention. Refuses nothing.

Leaks, dates and numbers that are read as text have files of their own (`leaks`, `date_like`, `number_like`).
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from leptonctl.core.contract import Contract
from leptonctl.learning.outputs import Notice
from leptonctl.learning.prepare_inputs import PrepareInputs
from leptonctl.learning.preparing.recheck import FIRST_ROWS
from leptonctl.learning.preparing.shape import Shape
from leptonctl.learning.preparing.targets import count_left_out, first_left_out
from leptonctl.learning.tables.faults import SHOWN_LINES
from leptonctl.learning.tables.table import Table


def rows_without_target(request: PrepareInputs, before: Sequence[Table], after: Sequence[Table]) -> Iterator[Notice]:
    count = count_left_out(before, after)
    if count:
        lines = first_left_out(before, after, SHOWN_LINES)
        yield Notice(check="no_target", column=request.target, count=count, lines=lines, severity="note")


def uninformative_columns(shape: Shape, cells: Mapping[str, pl.Series]) -> list[Notice]:
    """Notices about columns that carry no information and about integers that float32 rounds."""
    notices: list[Notice] = []
    for name in shape.features:
        values = cells[name]
        if values.null_count() == len(values):
            notices.append(Notice(column=name, check="all_missing", count=len(values)))
        elif values.head(FIRST_ROWS).n_unique() == 1 and values.n_unique() == 1:
            notices.append(Notice(column=name, check="constant", count=len(values)))
        elif values.dtype == pl.Int64 and name not in shape.hashed:
            rounded = int((values.cast(pl.Float64).cast(pl.Float32).cast(pl.Float64) != values.cast(pl.Float64)).sum())
            notices += [Notice(column=name, check="rounded", count=rounded)] if rounded else []
    return notices


def unseen_classes(sides: Mapping[str, pl.DataFrame], contract: Contract) -> list[Notice]:
    """A notice about test rows with a class that no training row has."""
    if contract.target_type != "string":
        return []
    test = sides["test"][contract.target]
    unseen = int(np.count_nonzero(~test.is_in(sides["train"][contract.target].unique().implode()).to_numpy()))
    return [Notice(column=contract.target, check="unseen_class", count=unseen)] if unseen else []
