"""Runs checks that were declared after rows were prepared, on those rows: in a plan, and when a run adopts rows. Prepares nothing."""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import cast

from leptonctl.commands.session import Session
from leptonctl.core.canonical import digest
from leptonctl.core.codec import BadRecord, convert, decode, encode
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.frozen import replace
from leptonctl.core.plan import Settled
from leptonctl.core.result import Result
from leptonctl.core.state import State
from leptonctl.core.values import Json, Step
from leptonctl.kinds.dataset.row_rules import rule_place
from leptonctl.kinds.dataset.version import Dataset, datasets
from leptonctl.kinds.notices import as_error

PASSED_FILE = "checks.json"
"""In the cache: which checks rows have passed. The declaration of an unchanged dataset is not recorded again, and so every plan would run
its checks."""


def recheck(session: Session, settled: Settled, state: State | None, moving: Collection[str]) -> Iterator[Diagnostic]:
    """Errors for prepared rows that break a check which was declared since then, or is used here for the first time.

    `moving`: addresses. For data among these there are also warnings, by rules that only warn.
    """
    unchecked = [
        (key, dataset, digest([key, dataset.row_checks, *([dataset.rules] if dataset.rules else [])]))
        for key, dataset in _datasets_to_check(session, settled, state, moving)
    ]
    if not unchecked:
        return
    file = session.cache / PASSED_FILE
    passed = _read_passed(file)
    keys = {key for key, _, mark in unchecked if mark not in passed}
    results = {key: settled.results[key] for key in keys if key in settled.results}
    results |= session.store.results(keys - results.keys())
    fresh: set[str] = set()
    for key, dataset, mark in unchecked:
        if key in results:
            broken = [*_violations(session, dataset, results[key]), *_broken_rules(session, dataset, results[key])]
            fresh |= set() if broken else {mark}
            yield from map(as_error, broken) if session.settings.warnings == "error" else broken
    if fresh:
        _write_passed(file, passed | fresh)


def _read_passed(file: Path) -> set[str]:
    """The marks of rows together with the checks that they have passed."""
    try:
        return set(decode(file.read_bytes(), list[str]))
    except (OSError, BadRecord):
        return set()


def _write_passed(file: Path, passed: set[str]) -> None:
    """Write the marks if possible; otherwise the next plan checks again."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(encode(sorted(passed)))
        temporary.replace(file)


def _datasets_to_check(session: Session, settled: Settled, state: State | None, moving: Collection[str]) -> Iterator[tuple[str, Dataset]]:
    """The datasets with checks that their prepared rows may not have passed, or with rules that warn, and the key of their rows."""
    current = state.current if state else {}
    for dataset in datasets(session.declarations).values():
        node = settled.by_address.get(dataset.address)
        if node is None:
            continue
        pointer, key = current.get(dataset.address), settled.keys.of(dataset.address, "prepare")
        is_new = pointer is None or pointer.declaration != node.declaration
        # notes come last: they may have to be read from the file
        if key is not None and (is_new or dataset.address in moving) and node.notes and (is_new or any(map(_only_warns, dataset.rules))):
            yield key, dataset


def _only_warns(rule: Json) -> bool:
    return isinstance(rule, dict) and rule.get("severity") == "warn"


def later_notices(session: Session, dataset: Dataset, result: Result) -> list[dict[str, Json]]:
    """What rules that only warn, and were declared since, find in prepared rows, in the form of the notices of a step."""
    from leptonctl.learning.prepare_inputs import RowCheck
    from leptonctl.learning.preparing.recheck import broken_rules

    checks = [convert(rule, RowCheck) for rule in dataset.rules if _only_warns(rule)]
    recorded = _recorded_warnings(result)
    checks = [check for check in checks if not any(detail.startswith(f"{check.rule}:") for detail in recorded)]
    broken = broken_rules(checks, result, session.store) if checks else ()
    return [
        {"check": "rule", "column": "", "count": count, "detail": f"{checks[place].rule}:"}
        for place, count in broken
        if isinstance(count, int)
    ]


def adopted_notices(session: Session, address: str, result: Result) -> Iterator[Result]:
    """What the rules of a dataset that only warn find in rows that another one prepared, as a result of the step `prepare`."""
    dataset = _dataset_at(session, address) if result.op == "prepare" and result.address != address else None
    later = later_notices(session, dataset, result) if dataset is not None else []
    if later:
        yield Result(key=result.key, op=result.op, outputs={"checks": [*later]})


def _dataset_at(session: Session, address: str) -> Dataset | None:
    return next((one for one in datasets(session.declarations).values() if one.address == address), None)


def _recorded_warnings(result: Result) -> list[str]:
    """The details of the rules that a step has recorded as broken."""
    recorded = cast("list[dict[str, Json]]", result.outputs.get("checks") or [])
    return [str(notice.get("detail")) for notice in recorded if notice.get("check") == "rule"]


def _broken_rules(session: Session, dataset: Dataset, result: Result) -> Iterator[Diagnostic]:
    if not dataset.rules:
        return
    from leptonctl.learning.prepare_inputs import RowCheck
    from leptonctl.learning.preparing.recheck import broken_rules
    from leptonctl.spi.learning import ProviderError

    checks = [convert(rule, RowCheck) for rule in dataset.rules]
    warned = _recorded_warnings(result)
    for place, outcome in broken_rules(checks, result, session.store):
        check, span = checks[place], dataset.declared.at(*rule_place(dataset.declared.fields, place))
        if isinstance(outcome, ProviderError):
            yield error(outcome.id, outcome.summary, outcome.detail, span=span, hint=outcome.hint)
            continue
        detail = f"{dataset.address}: {check.rule}: {outcome} {'row breaks' if outcome == 1 else 'rows break'} it, of those prepared before"
        broken = error("row-check", "Rows break a rule", detail, span=span, hint="correct the rows in a new version, or change the rule")
        if check.severity == "fail":
            yield broken
        elif not any(detail.startswith(f"{check.rule}:") for detail in warned):
            # otherwise it is among the notices of the result
            yield replace(broken, severity="warning")


def adoption_problem(session: Session, step: Step, result: Result) -> Diagnostic | None:
    """Why a step may not adopt the result of another one: its rows break a check of the step's own dataset. No key contains checks."""
    if step.op != "prepare":
        return None
    dataset = _dataset_at(session, step.address)
    if dataset is None:
        return None
    problems = chain(_violations(session, dataset, result), _broken_rules(session, dataset, result))
    errors = [problem for problem in problems if problem.severity == "error"]
    # a step ends with one error, which lists all
    return replace(errors[0], detail="\n".join(problem.detail for problem in errors)) if errors else None


def _violations(session: Session, dataset: Dataset, result: Result) -> Iterator[Diagnostic]:
    from leptonctl.learning.prepare_inputs import DeclaredColumn
    from leptonctl.learning.preparing.recheck import violations

    columns = cast("dict[str, Json]", dataset.inputs["columns"])
    private = cast("dict[str, list[str]]", dataset.inputs["privacy"] or {})
    declared = {
        name: convert(column, DeclaredColumn)
        for name, column in columns.items()
        if name not in (*private.get("drop", ()), *private.get("hash", ()))
    }
    for violation in violations(declared, result, session.store):
        count = violation.count
        cells = "cells are" if count is None else "1 cell is" if count == 1 else f"{count} cells are"
        source = cast("dict[str, Json]", dataset.inputs["source"])
        yield error(
            "data-contract",
            "The data breaks its contract",
            f'{source["path"]}: column "{violation.column}": {cells} {violation.description}, in the rows that were prepared before',
            span=dataset.declared.at("columns", violation.column, violation.check),
            hint="correct the rows in a new version of the data, or loosen the column's rule under `columns`",
        )
