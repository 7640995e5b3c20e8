"""Whether two versions can be measured on the same rows, and which rows are fair to both (protocols 12). Reads no store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from leptonctl.core.frozen import Frozen
from leptonctl.learning.outputs import RowList

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from leptonctl.core.contract import Column, Contract
    from leptonctl.learning.tables.row_list import Marks

Listed: TypeAlias = "tuple[RowList, Marks]"
BOUND, CANDIDATE = "bound", "candidate"
OWNERS: Mapping[str, str] = {BOUND: "the bound version", CANDIDATE: "the candidate"}
NAMED = 3
"""How many columns a reason names."""


class Fair(Frozen):
    """Which evaluation rows neither version has learned: `keep` by row, `learned` by version, and why that cannot be told, if it cannot."""

    keep: np.ndarray
    learned: Mapping[str, int]
    reasons: tuple[str, ...] = ()


class Side(Frozen):
    """The rows of one side of a prepare step: by what they are known (None: not recorded), and their contract and prepared cells."""

    listed: Listed | None
    contract: Contract
    cells: Callable[[], pl.DataFrame]


def fair_rows(evaluation: Side, training: Mapping[str, Side], rows: int) -> Fair:
    """The evaluation rows whose id and record no version has learned. `training`: by version, the rows it was trained on."""
    import numpy as np

    learned = {version: np.zeros(rows, dtype=bool) for version in training}
    reasons: dict[str, None] = {}
    for version, side in training.items():
        if evaluation.listed is None or side.listed is None:
            reasons["it is not recorded which rows were trained on"] = None
            continue
        reason = untold(evaluation.listed[0], side.listed[0], OWNERS[version])
        common = common_columns(evaluation, side) if reason else ()
        if common:
            learned[version] = _alike(evaluation, side, common)
            continue
        if reason:
            reasons[reason] = None
        learned[version] = _shared(evaluation.listed, side.listed)
    keep = np.ones(rows, dtype=bool)
    for mask in learned.values():
        keep &= ~mask
    return Fair(keep=keep, learned={version: int(mask.sum()) for version, mask in learned.items()}, reasons=tuple(reasons))


def untold(evaluation: RowList, training: RowList, owner: str) -> str:
    """Why it cannot be told which of these rows the owner was trained on; "" when it can."""
    if _same_ids(evaluation, training) or _same_records(evaluation, training):
        return ""
    advice = "declare an `id` column"
    if evaluation.key != training.key:
        keys = [f"under the key {key}" if key else "without a key" for key in (training.key, evaluation.key)]
        return f"the rows of {owner} are recorded {keys[0]}, the evaluation rows {keys[1]}; {advice}"
    if evaluation.format != training.format:
        return f"the rows of {owner} come from a {training.format} file, the evaluation rows from a {evaluation.format} file; {advice}"
    dropped = {*evaluation.left_out} ^ {*training.left_out}
    if _file(evaluation) == _file(training) and dropped:
        names = _names(dropped)
        return f"{names} dropped without a key in one of the two, and their rows are read differently; give `privacy` a `key`, or {advice}"
    return f"the file of {owner} has other columns than that of the evaluation rows ({_difference(training, evaluation)}); {advice}"


def common_columns(evaluation: Side, training: Side) -> tuple[str, ...]:
    """The columns whose prepared cells tell the rows of two versions that drop different columns of one file without a key.

    Equal rows have equal cells there, so none that was learned is kept; a row that only dropped columns tell apart is left out too.
    """
    if evaluation.listed is None or training.listed is None:
        return ()
    rows, others = evaluation.listed[0], training.listed[0]
    if _file(rows) != _file(others) or (rows.format, rows.key) != (others.format, None) or others.key is not None:
        return ()
    contract, other = evaluation.contract, training.contract
    columns = {column.name: column for column in other.columns}
    common = tuple(column.name for column in contract.columns if column.name in columns)
    same = all(_same_cells(column, columns[column.name]) for column in contract.columns if column.name in columns)
    same_target = (contract.target, contract.target_type) == (other.target, other.target_type)
    # parts are read as their column of dates is
    dates = (date.name for date in contract.dates if {*date.names} & {*common})
    same_reading = all(rows.reading.get(name) == others.reading.get(name) for name in ("", contract.target, *common, *dates))
    return common if same and same_target and same_reading else ()


def other_question(bound: Contract, candidate: Contract, task: str, bound_task: str) -> tuple[str, ...]:
    """Why the two versions answer different questions: their task, target or classes."""
    if task != bound_task:
        return (f"the bound version is a {bound_task}, the candidate a {task}",)
    reasons = []
    if bound.target != candidate.target:
        reasons.append(f"the bound version predicts {bound.target}, the candidate {candidate.target}")
    elif task == "classification":
        classes = [{str(label) for label in contract.classes or ()} for contract in (bound, candidate)]
        if classes[0] != classes[1]:
            counts = [len(one) for one in (*classes, classes[0] & classes[1])]
            reasons.append(f"the classes differ: the bound version knows {counts[0]}, the candidate {counts[1]}, both {counts[2]}")
    return tuple(reasons)


def left_out(learned: Mapping[str, int], rows: int) -> str:
    """Which evaluation rows were left out, in words; "" for none."""
    parts = [f"{count} that {OWNERS[version]} was trained on" for version, count in learned.items() if count]
    return f"of {rows} evaluation rows without {' and '.join(parts)}" if parts else ""


def _same_ids(evaluation: RowList, training: RowList) -> bool:
    return evaluation.id is not None and (evaluation.id, evaluation.id_key) == (training.id, training.id_key)


def _same_records(evaluation: RowList, training: RowList) -> bool:
    if (evaluation.format, evaluation.key) != (training.format, training.key):
        return False
    kinds = [dict(rows.columns) for rows in (evaluation, training)]
    # a column without a cell has no kind of its own
    pairs = [{kinds[0][name], kinds[1][name]} - {"null"} for name in kinds[0] if name in kinds[1]]
    return kinds[0].keys() == kinds[1].keys() and all(len(pair) <= 1 for pair in pairs)


def _shared(evaluation: Listed, training: Listed) -> np.ndarray:
    """Which evaluation rows are training rows too, by id or by record."""
    import numpy as np

    (listed, marks), (others, other_marks) = evaluation, training
    shared = np.zeros(len(marks.records), dtype=bool)
    if _same_records(listed, others):
        shared |= _among(marks.records, other_marks.records)
    if _same_ids(listed, others) and marks.ids is not None and other_marks.ids is not None:
        shared |= _among(marks.ids, other_marks.ids)
    return shared


def _among(marks: np.ndarray, others: np.ndarray) -> np.ndarray:
    import numpy as np

    known = set(others.tolist())
    return np.fromiter((mark in known for mark in marks.tolist()), dtype=bool, count=len(marks))


def _same_cells(column: Column, other: Column) -> bool:
    kinds = ["number" if one.type == "integer" else one.type for one in (column, other)]
    return kinds[0] == kinds[1] and (column.fill, column.hash) == (other.fill, other.hash)


def _alike(evaluation: Side, training: Side, columns: Sequence[str]) -> np.ndarray:
    """Which evaluation rows have the prepared cells of a training row in these columns and the target."""
    import numpy as np

    from leptonctl.learning.tables.identity import row_ids

    marks = [row_ids(cells.select(columns), cells[side.contract.target]) for side in (evaluation, training) for cells in (side.cells(),)]
    known = set(marks[1])
    return np.fromiter((mark in known for mark in marks[0]), dtype=bool, count=len(marks[0]))


def _difference(first: RowList, second: RowList) -> str:
    """Some columns that only one of the two has, or that hold other kinds of cells."""
    kinds: Sequence[Mapping[str, str]] = (dict(first.columns), dict(second.columns))
    names = _file(first) ^ _file(second)
    names |= {name for name in kinds[0].keys() & kinds[1].keys() if kinds[0][name] != kinds[1][name]}
    return _names(names)


def _file(rows: RowList) -> set[str]:
    """The columns of the file."""
    return {*(name for name, _ in rows.columns), *rows.left_out}


def _names(names: Collection[str]) -> str:
    return ", ".join(sorted(names)[:NAMED]) + (", …" if len(names) > NAMED else "")
