"""Why a comparison with the bound version is not possible, as far as that is known before it runs (protocols 12). Pure.

Once the candidate's rows are prepared, the answer is that of the comparison itself. Before, it follows from the declaration and the header
of the file, and a reason is given only if no rows could disprove it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from leptonctl.core.codec import BadRecord, Record, convert
from leptonctl.core.contract import Contract
from leptonctl.core.result import Result
from leptonctl.core.row_list import (
    BOUND,
    CANDIDATE,
    OWNERS,
    UNRECORDED,
    RowList,
    common_columns,
    overlap_problem,
    question_differences,
    same_file,
    writing_of,
)
from leptonctl.core.values import Json


class Rows(Record):
    """The outputs of `prepare` about a version's rows. row_lists: by `train` and `test`."""

    contract: Contract
    row_lists: Mapping[str, RowList] = {}


def not_comparable(
    task: str, inputs: Mapping[str, Json], header: Sequence[str] | None, *, bound: Result | None, own: Result | None
) -> tuple[str, ...]:
    """Why the candidate cannot be compared with the bound version; () when it can, or when only the comparison will tell.

    task: of the candidate. inputs: of its `prepare`. header: the columns of its file, None where they are not known.
    bound, own: the results of `prepare` of the version bound now and of the candidate; None for one that is not known.
    """
    theirs, ours = _rows(bound), _rows(own)
    if theirs is None:
        return ()
    reasons = _conflicts_of_declarations(inputs, header, theirs) if ours is None else _conflicts_of_rows(task, theirs, ours)
    return tuple(dict.fromkeys(reason for reason in reasons if reason))


def _rows(prepare: Result | None) -> Rows | None:
    if prepare is None:
        return None
    try:
        return convert(dict(prepare.outputs), Rows)
    except BadRecord:
        # the step that needs the outputs reports that they cannot be read
        return None


def _conflicts_of_rows(task: str, theirs: Rows, ours: Rows) -> Iterator[str]:
    # the task of the bound version is in its manifest, which only the comparison reads
    yield from question_differences(theirs.contract, ours.contract, bound_task=task, task=task)
    evaluation = ours.row_lists.get("test")
    for owner, rows in ((BOUND, theirs), (CANDIDATE, ours)):
        training = rows.row_lists.get("train")
        if evaluation is None or training is None:
            yield UNRECORDED
        elif not common_columns(evaluation, ours.contract, training, rows.contract):
            yield overlap_problem(evaluation, training, OWNERS[owner])


def _conflicts_of_declarations(inputs: Mapping[str, Json], header: Sequence[str] | None, theirs: Rows) -> Iterator[str]:
    if inputs["target"] != theirs.contract.target:
        yield f"the bound version predicts {theirs.contract.target}, the candidate {inputs['target']}"
    bound = theirs.row_lists.get("train")
    if bound is None:
        yield UNRECORDED
        return
    has_test_file = inputs.get("test_source") is not None
    # the header of a test file is not read before it is prepared
    names = _columns(bound) if has_test_file or header is None else header
    expected, own = (_expected_list(inputs, source, names) for source in ("test_source" if has_test_file else "source", "source"))
    for owner, training in ((BOUND, bound), (CANDIDATE, own)):
        if expected.left_out == training.left_out or not same_file(expected, training):
            yield overlap_problem(expected, training, OWNERS[owner])


def _columns(rows: RowList) -> tuple[str, ...]:
    return (*(name for name, _ in rows.columns), *rows.left_out)


def _expected_list(inputs: Mapping[str, Json], source: str, header: Iterable[str]) -> RowList:
    """The list that `prepare` will make for a file with this header. The types of its cells are not known yet."""
    privacy = cast("dict[str, Json]", inputs.get("privacy") or {})
    key = cast("str | None", privacy.get("key_id"))
    keyed = bool(privacy.get("hash") or key)
    names = {*header}
    left_out = set() if keyed else names & {*cast("list[str]", privacy.get("drop") or [])}
    row_id = cast("str | None", inputs.get("id"))
    return RowList(
        format=str(cast("dict[str, Json]", inputs[source])["format"]),
        columns=tuple((name, "null") for name in sorted(names - left_out)),
        left_out=tuple(sorted(left_out)),
        writing=_writing(cast("dict[str, Json]", inputs[source])),
        key=key,
        id=row_id,
        id_key=key if row_id is not None else None,
    )


def _writing(source: Mapping[str, Json]) -> str:
    """How the numbers of the files are written, as `prepare` will record it."""
    parts = cast("list[dict[str, Json]]", source.get("parts") or []) or [{**source}]
    options = [cast("dict[str, str | None]", part.get("options") or source.get("options") or {}) for part in parts]
    return "; ".join(sorted({writing_of(str(one.get("decimal") or "."), one.get("thousands")) for one in options}))
