"""Gates of a binding against the results of its steps: in order, from typed evidence, as recorded."""

from collections.abc import Mapping
from typing import Any

import pytest

from leptonctl.core.gate import Gate, Judgement
from leptonctl.core.result import Result
from leptonctl.kinds.environment.evidence import CompareOutputs, EvaluateOutputs, Evidence, Flips, Pair, evidence_of
from leptonctl.kinds.environment.gate_rules import UNDEFINED
from leptonctl.kinds.environment.gates import NOT_NEEDED, judgement_of, judgements, refusal, verdict_of

EVALUATED: Mapping[str, Any] = {
    "metrics": {"f1": 0.9, "accuracy": 1}, "evaluation": {"notes": [], "confusion_matrix": [[1, 0], [0, 1]]}, "rows": 40, "positive": "y", "average": "binary",
}  # fmt: skip
COMPARED: Mapping[str, Any] = {
    "rows": 30, "excluded": 10, "metrics": {"f1": {"a": 0.95, "b": 0.9}}, "flips": {"rows": 30, "changed": 3, "share": 0.1}, "notes": ["a: none"],
}  # fmt: skip
NUMBER: Mapping[str, Any] = {**COMPARED, "flips": {"rows": 30, "changed": 0, "share": None}}
GATES = (
    Gate(metric="f1", rule="min", limit=0.85),
    Gate(metric="f1", rule="max_drop", limit=0.1),
    Gate(metric="flips", rule="max", limit=0.05),
    Gate(metric="roc_auc", rule="min", limit=0.5),
)


def result(op: str, outputs: Mapping[str, Any]) -> Result:
    return Result(key=f"sha256:{op}", op=op, outputs=outputs)


def evidence(evaluation: Mapping[str, Any] | None = EVALUATED, comparison: Mapping[str, Any] | None = COMPARED) -> Evidence:
    return evidence_of(
        [None if evaluation is None else result("evaluate", evaluation)],
        None if comparison is None else result("compare", comparison),
        compares=True,
    )


def judged(found: Evidence, *, is_return: bool = False) -> tuple[Judgement, ...]:
    return judgements(GATES, found, lambda _: True, is_return=is_return)


def test_outputs_become_typed_evidence() -> None:
    assert evidence() == Evidence(
        evaluations=(EvaluateOutputs(metrics={"f1": 0.9, "accuracy": 1.0}, rows=40),),
        comparison=CompareOutputs(
            rows=30, excluded=10, metrics={"f1": Pair(a=0.95, b=0.9)}, flips=Flips(rows=30, changed=3, share=0.1), notes=("a: none",)
        ),
    )
    assert evidence(None, None) == Evidence(evaluations=(None,), comparison=None)


def test_every_gate_has_its_judgement_in_order() -> None:
    found = judged(evidence())
    assert tuple(j.gate for j in found) == GATES
    assert [(j.passed, j.n) for j in found] == [(True, 40), (True, 30), (False, 30), (False, 40)]


def test_a_flips_gate_does_not_pass_on_a_regression() -> None:
    assert [j.passed for j in judged(evidence(comparison=NUMBER))] == [True, True, False, False]


@pytest.mark.parametrize(
    "damaged",
    [
        {}, {"metrics": {"f1": 0.9}}, {"metrics": None, "rows": 40}, {"metrics": {"f1": "0.9"}, "rows": 40}, {"metrics": {"f1": True}, "rows": 40},
        {"metrics": {"f1": {"a": 1}}, "rows": 40}, {"metrics": [0.9], "rows": 40}, {"metrics": {"f1": 0.9}, "rows": "40"},
    ],
)  # fmt: skip
def test_a_malformed_evaluation_counts_as_absent_and_is_named(damaged: Mapping[str, Any]) -> None:
    low, drop, flips, undefined = judged(evidence(evaluation=damaged))
    for found in (low, undefined):
        assert (found.passed, found.value) == (None, None)
        assert found.note.startswith("the outputs of evaluate cannot be read: ")
    assert [(j.passed, j.note) for j in (drop, flips)] == [(True, ""), (False, "")]


def test_another_evaluation_counts_despite_a_damaged_one() -> None:
    found = evidence_of([result("evaluate", {}), result("evaluate", EVALUATED)], None, compares=False)
    low, _, _, undefined = judged(found)
    assert (low.passed, low.note) == (True, "")
    assert (undefined.passed, undefined.note[:23]) == (None, "the outputs of evaluate")


@pytest.mark.parametrize(
    "damaged",
    [
        {},
        {**COMPARED, "rows": None},
        {**COMPARED, "metrics": {"f1": 0.9}},
        {**COMPARED, "flips": {"rows": 30, "changed": None, "share": 0.0}},
    ],
)
def test_a_malformed_comparison_counts_as_absent_and_is_named(damaged: Mapping[str, Any]) -> None:
    low, drop, flips, undefined = judged(evidence(comparison=damaged))
    for found in (drop, flips):
        assert (found.passed, found.value) == (None, None)
        assert found.note.startswith("the outputs of compare cannot be read: ")
    assert [(j.passed, j.note) for j in (low, undefined)] == [(True, ""), (False, UNDEFINED)]


def test_a_return_needs_no_evidence_and_keeps_what_exists() -> None:
    found = judged(evidence(comparison=None), is_return=True)
    assert [(j.passed, j.note) for j in found] == [(True, ""), (None, NOT_NEEDED), (None, NOT_NEEDED), (False, UNDEFINED)]
    assert all(j.note == "" for j in judged(evidence(None, None)))


def test_a_refusal_names_the_gates_that_do_not_pass() -> None:
    assert refusal(judged(evidence())) == f"flips 0.1, must be ≤ 0.05; roc_auc not known, must be ≥ 0.5 ({UNDEFINED})"
    assert refusal(judged(evidence(None, COMPARED))[:2]) == "f1 not known, must be ≥ 0.85"
    assert refusal(judged(evidence())[:2]) == ""


def test_a_judgement_is_read_back_from_the_history() -> None:
    sure = Judgement(gate=GATES[1], passed=True, value=0.004, bound=0.94, candidate=0.936, interval=(-0.002, 0.009), test="toy test", n=812)
    for judgement in (*judged(evidence()), *judged(evidence(None, None)), sure):
        verdict = verdict_of("environment/prod/spam", judgement)
        assert verdict.address == "environment/prod/spam"
        assert judgement_of(verdict) == judgement
    assert (verdict_of("x", sure).low, verdict_of("x", sure).high) == (-0.002, 0.009)
