"""Checks what decided the gates when a version was bound: its comparisons in the store, and the verdicts in the history."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

from leptonctl.commands.proving.checks import Check
from leptonctl.commands.proving.recompute import TOLERANCE, check_step
from leptonctl.commands.recorded.ownership import ownership
from leptonctl.commands.session import Session
from leptonctl.core.address import parse
from leptonctl.core.gate import Gate
from leptonctl.core.graph import key_from
from leptonctl.core.result import Result
from leptonctl.core.state import HistoryRecord, State, Verdict
from leptonctl.core.values import Json, Node
from leptonctl.kinds.environment.binding import compare_step
from leptonctl.kinds.environment.evidence import evidence_of
from leptonctl.kinds.environment.gates import judgements, verdict_of
from leptonctl.kinds.model.package import package_step
from leptonctl.kinds.model.warm import read_before
from leptonctl.storage.store import StoredResult

COMPARE, EVALUATE = "compare", "evaluate"
FIGURES = ("value", "bound", "candidate", "excluded", "n")


def check_past_gates(session: Session, state: State | None, node: Node, checked: Collection[str]) -> Iterator[Check]:
    """Check the comparisons of this version in the store, except those with a key in `checked`, and its verdicts in the history."""
    if state is None:
        return
    export = package_step(node).key
    ours = ownership(session, state)
    stored = (one.result for one in session.store.all_results() if isinstance(one, StoredResult))
    results = [r for r in stored if r.op in (COMPARE, EVALUATE) and ours.holds(r) and _keys_read(r).get("export") == export]
    comparisons = {r.key: r for r in results if r.op == COMPARE}
    wrong: set[str] = set()
    for key, result in sorted(comparisons.items()):
        if key not in checked:
            check = _check_comparison(session, result)
            wrong |= set() if check.ok else {key}
            yield check
    sound = [result for result in results if result.key not in wrong]
    for record in session.pointers.history(state):
        if isinstance(record, HistoryRecord):
            yield from _check_verdicts(session, record, node, sound)


def _keys_read(result: Result) -> Mapping[str, Json]:
    read = result.provenance.get("read")
    return read if isinstance(read, dict) else {}


def _check_comparison(session: Session, result: Result) -> Check:
    """Do a comparison again. Its record has its inputs, which must give its key."""
    title = f"earlier comparison {result.key.removeprefix('sha256:')[:12]} of {result.address}"
    read = {role: str(key) for role, key in _keys_read(result).items()}
    inputs = result.provenance.get("inputs")
    results = session.store.find(read.values()).results
    needs = {role: results[key] for role, key in read.items() if key in results}
    if len(needs) < len(read):
        return Check(what=title, ok=True, detail="not computed again: what it compared has been freed or purged")
    step = compare_step(result.address, inputs if isinstance(inputs, dict) else {}, read_before(needs))
    if key_from(step, needs) != result.key:
        return Check(what=title, ok=False, detail="its record names other inputs than those that make its key")
    return check_step(title, step, result, needs, session.store)


def _check_verdicts(session: Session, record: HistoryRecord, node: Node, results: Sequence[Result]) -> Iterator[Check]:
    """Check that each figure that decided a gate of this version then follows from a result that is still here."""
    moved = {m.address for m in (*record.changes, *record.held) if m.after == node.digest}
    task = str(node.recipe.get("task"))
    for verdict in record.evidence:
        here = [r for r in results if r.op == EVALUATE or r.address == verdict.address]
        if verdict.address not in moved or verdict.value is None or parse(verdict.address).member is None:
            continue
        recomputed = [one for one in _recompute(session, task, verdict, here) if one.value is not None]
        if recomputed and not any(_agrees(verdict, one) for one in recomputed):
            where = f"deployment {record.deployment}" if record.deployment else f"serial {record.serial}"
            detail = f"{_figures(verdict)} recorded; no result gives that, but {_figures(recomputed[0])}"
            yield Check(what=f"{verdict.metric} {verdict.rule} of {verdict.address} in {where}", ok=False, detail=detail)


def _recompute(session: Session, task: str, verdict: Verdict, results: Sequence[Result]) -> Iterator[Verdict]:
    """The verdicts on the same gate that follow from the results."""
    gate = Gate(metric=verdict.metric, rule=verdict.rule, limit=verdict.limit)
    known = session.catalog.metrics

    def greater_is_better(name: str) -> bool:
        metric = known.get((task, name))
        return metric is None or metric.greater_is_better is not False

    for result in results:
        evaluations, comparison = ([result], None) if result.op == EVALUATE else ([], result)
        for judgement in judgements([gate], evidence_of(evaluations, comparison, compares=True), greater_is_better):
            yield verdict_of(verdict.address, judgement)


def _agrees(a: Verdict, b: Verdict) -> bool:
    return a.passed == b.passed and all(_equal(getattr(a, name), getattr(b, name)) for name in FIGURES)


def _equal(a: float | None, b: float | None) -> bool:
    return a is b if a is None or b is None else math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _figures(verdict: Verdict) -> str:
    return ", ".join(f"{name} {value}" for name in FIGURES if (value := getattr(verdict, name)) is not None)
