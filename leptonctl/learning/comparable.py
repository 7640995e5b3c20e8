"""Whether two versions can be measured on the same rows, and which rows are fair to both. Reads no store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from leptonctl.core.frozen import Frozen
from leptonctl.core.row_list import OWNERS, UNRECORDED, RowList, common_columns, overlap_problem, same_ids, same_records

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from leptonctl.core.contract import Contract
    from leptonctl.learning.preparing.row_list import Marks

Listed: TypeAlias = "tuple[RowList, Marks]"


class Fair(Frozen):
    """Which evaluation rows no version has learned: `keep` is by row, `learned` counts the others by version.

    reasons: why it is not certain; () when it is.
    """

    keep: np.ndarray
    learned: Mapping[str, int]
    reasons: tuple[str, ...] = ()


class Side(Frozen):
    """The rows of one side of a prepare step: their list (None: not recorded), their contract, and their prepared cells."""

    listed: Listed | None
    contract: Contract
    cells: Callable[[], pl.DataFrame]


def fair_rows(evaluation: Side, training: Mapping[str, Sequence[Side]], rows: int) -> Fair:
    """The evaluation rows whose id and record no version has learned. `training`: by version, what it and its ancestors learned."""
    import numpy as np

    learned = {version: np.zeros(rows, dtype=bool) for version in training}
    reasons: dict[str, None] = {}
    for version, side in ((version, side) for version, sides in training.items() for side in sides):
        if evaluation.listed is None or side.listed is None:
            reasons[UNRECORDED] = None
            continue
        reason = overlap_problem(evaluation.listed[0], side.listed[0], OWNERS.get(version) or version)
        common = common_columns(evaluation.listed[0], evaluation.contract, side.listed[0], side.contract) if reason else ()
        if common:
            learned[version] |= _alike(evaluation, side, common)
            continue
        if reason:
            reasons[reason] = None
        learned[version] |= _shared_rows(evaluation.listed, side.listed)
    keep = np.ones(rows, dtype=bool)
    for mask in learned.values():
        keep &= ~mask
    return Fair(keep=keep, learned={version: int(mask.sum()) for version, mask in learned.items()}, reasons=tuple(reasons))


def excluded_rows(learned: Mapping[str, int], rows: int) -> str:
    """Which evaluation rows were left out, in words; "" for none."""
    parts = [f"{count} that {OWNERS.get(version, version)} was trained on" for version, count in learned.items() if count]
    return f"of {rows} evaluation rows without {' and '.join(parts)}" if parts else ""


def _shared_rows(evaluation: Listed, training: Listed) -> np.ndarray:
    """Which evaluation rows are training rows too, by id or by record."""
    import numpy as np

    (rows, marks), (other_rows, other_marks) = evaluation, training
    shared = np.zeros(len(marks.records), dtype=bool)
    if same_records(rows, other_rows):
        shared |= _among(marks.records, other_marks.records)
    if same_ids(rows, other_rows) and marks.ids is not None and other_marks.ids is not None:
        shared |= _among(marks.ids, other_marks.ids)
    return shared


def _among(marks: np.ndarray, others: np.ndarray) -> np.ndarray:
    import numpy as np

    values = set(others.tolist())
    return np.fromiter((mark in values for mark in marks.tolist()), dtype=bool, count=len(marks))


def _alike(evaluation: Side, training: Side, columns: Sequence[str]) -> np.ndarray:
    """Which evaluation rows have the prepared cells of a training row in these columns and the target."""
    import numpy as np

    from leptonctl.learning.preparing.identity import row_ids

    marks = [row_ids(cells.select(columns), cells[side.contract.target]) for side in (evaluation, training) for cells in (side.cells(),)]
    learned = set(marks[1])
    return np.fromiter((mark in learned for mark in marks[0]), dtype=bool, count=len(marks[0]))
