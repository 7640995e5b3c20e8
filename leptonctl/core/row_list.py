"""How the rows of a version are identified, and whether the rows of two versions can be matched by it (protocols 12). Pure.

A plan and the comparison itself ask the same functions, so that what cannot be compared is held before a step runs.
"""

from collections.abc import Collection, Mapping, Sequence

from leptonctl.core.codec import Record
from leptonctl.core.contract import Column, Contract

BOUND, CANDIDATE = "bound", "candidate"
OWNERS: Mapping[str, str] = {BOUND: "the bound version", CANDIDATE: "the candidate"}
MAX_NAMES = 3
"""How many columns a reason names."""
UNRECORDED = "it is not recorded which rows were trained on"

IMPORTED = "{} was imported, and it is not recorded which rows it has learned"
"""Of the bound version or the candidate."""


class RowList(Record, omit_defaults=False):
    """How the rows of one side are identified when versions are compared; the artifact of the side holds the marks, `digest` is theirs.

    format: of the file. columns: name and kind of cells of the columns that the records cover, by name. left_out: the columns that they
    do not cover, because they are dropped without a key. reading: how cells become values, as digests: of the options ("") and of
    each declared column. writing: the decimal and the thousands separator where numbers are not plain. key: the id of the key of the
    records, None without one. id: the declared column that names a row. id_key: the id of the key of the ids.
    """

    format: str
    columns: tuple[tuple[str, str], ...]
    left_out: tuple[str, ...] = ()
    reading: Mapping[str, str] = {}
    writing: str = ""
    key: str | None = None
    id: str | None = None
    id_key: str | None = None
    digest: str = ""


def overlap_problem(evaluation: RowList, training: RowList, owner: str) -> str:
    """Why it is not known which of these rows the owner was trained on; "" when it is."""
    if same_ids(evaluation, training) or same_records(evaluation, training):
        return ""
    if evaluation.key != training.key:
        # ids are recorded under the key too, so an `id` column would not help
        keys = [f"under the key {key}" if key else "without a key" for key in (training.key, evaluation.key)]
        advice = "a gate that compares nothing, such as `min`, can judge the candidate"
        return f"the rows of {owner} are recorded {keys[0]}, the evaluation rows {keys[1]}; {advice}"
    advice = _advice(evaluation, training)
    if evaluation.format != training.format:
        return f"the rows of {owner} come from a {training.format} file, the evaluation rows from a {evaluation.format} file; {advice}"
    if evaluation.writing != training.writing:
        writings = [f"`decimal` and `thousands` {rows.writing}" if rows.writing else "plain" for rows in (training, evaluation)]
        return f"numbers are written {writings[0]} in the file of {owner}, {writings[1]} in that of the evaluation rows; {advice}"
    dropped = {*evaluation.left_out} ^ {*training.left_out}
    if _file(evaluation) == _file(training) and dropped:
        names = _names(dropped)
        return f"{names} dropped without a key in one of the two, and their rows are read differently; give `privacy` a `key`, or {advice}"
    return f"the file of {owner} has other columns than that of the evaluation rows ({_difference(training, evaluation)}); {advice}"


def _advice(evaluation: RowList, training: RowList) -> str:
    """What to declare so that the rows of both can be matched."""
    declared = [rows.id for rows in (training, evaluation)]
    if None in declared:
        name = declared[0] or declared[1]
        return f"declare `id: {name}` for both" if name else "declare an `id` column"
    if declared[0] != declared[1]:
        return f"declare the same `id` column for both: one has {declared[0]}, the other {declared[1]}"
    return "hash the ids of both under the same `key_id`"


def common_columns(evaluation: RowList, contract: Contract, training: RowList, other: Contract) -> tuple[str, ...]:
    """The columns by whose prepared cells rows can be matched where two versions drop different columns of one file without a key.

    Equal rows have equal cells there, so no row that was trained on is kept; a row that differs in dropped columns only is left out too.
    """
    if _file(evaluation) != _file(training) or (evaluation.format, evaluation.key) != (training.format, None) or training.key is not None:
        return ()
    columns = {column.name: column for column in other.columns}
    common = tuple(column.name for column in contract.columns if column.name in columns)
    same = all(_same_cells(column, columns[column.name]) for column in contract.columns if column.name in columns)
    same_target = (contract.target, contract.target_type) == (other.target, other.target_type)
    # the parts of a date are read as its column
    dates = (date.name for date in contract.dates if {*date.names} & {*common})
    same_reading = all(evaluation.reading.get(name) == training.reading.get(name) for name in ("", contract.target, *common, *dates))
    return common if same and same_target and same_reading else ()


def writing_of(decimal: str, thousands: str | None) -> str:
    """How numbers are written; "" where they are plain."""
    return "" if (decimal, thousands) == (".", None) else f"{decimal} {thousands or 'none'}"


def question_differences(bound: Contract, candidate: Contract, task: str, bound_task: str) -> tuple[str, ...]:
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


def same_file(rows: RowList, others: RowList) -> bool:
    """Whether two lists are of files with the same columns, format and writing of numbers, under the same key."""
    same = (rows.format, rows.key, rows.writing) == (others.format, others.key, others.writing)
    return same and _file(rows) == _file(others)


def same_ids(evaluation: RowList, training: RowList) -> bool:
    """Whether one declared column names the rows of both."""
    return evaluation.id is not None and (evaluation.id, evaluation.id_key) == (training.id, training.id_key)


def same_records(evaluation: RowList, training: RowList) -> bool:
    """Whether the records of both cover the same columns in the same form."""
    # records are text, in which 0,5 and 0.5 differ
    if (evaluation.format, evaluation.key, evaluation.writing) != (training.format, training.key, training.writing):
        return False
    kinds = [dict(rows.columns) for rows in (evaluation, training)]
    # a column without cells matches any kind
    pairs = [{kinds[0][name], kinds[1][name]} - {"null"} for name in kinds[0] if name in kinds[1]]
    return kinds[0].keys() == kinds[1].keys() and all(len(pair) <= 1 for pair in pairs)


def _same_cells(column: Column, other: Column) -> bool:
    kinds = ["number" if one.type == "integer" else one.type for one in (column, other)]
    return kinds[0] == kinds[1] and (column.fill, column.hash) == (other.fill, other.hash)


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
    return ", ".join(sorted(names)[:MAX_NAMES]) + (", …" if len(names) > MAX_NAMES else "")
