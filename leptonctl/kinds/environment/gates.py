"""Judges gates on evidence, in the same way at plan time and before a binding moves, and converts judgements for the history. Pure."""

from collections.abc import Iterable

from leptonctl.core.frozen import replace
from leptonctl.core.gate import Gate, Judgement
from leptonctl.core.state import Verdict
from leptonctl.kinds.environment.evidence import Evidence
from leptonctl.kinds.environment.gate_rules import RULES, GreaterIsBetter, Rules, find_rule

NOT_NEEDED = "a return needs no evidence"


def judgements(
    gates: Iterable[Gate], evidence: Evidence, greater_is_better: GreaterIsBetter, *, is_return: bool = False, rules: Rules = RULES
) -> tuple[Judgement, ...]:
    """The judgement of every gate, in order; `passed` is None while its evidence does not exist. A return needs no evidence.

    greater_is_better: called for metrics of the catalog only.
    """
    results = (_judge(gate, evidence, greater_is_better, rules) for gate in gates)
    return tuple(replace(j, note=NOT_NEEDED) if is_return and j.passed is None else j for j in results)


def refusal(results: Iterable[Judgement]) -> str:
    """Why a binding does not move, gate by gate: `f1 0.81, must be ≥ 0.85; flips 0.2, must be ≤ 0.05`. "" when every gate passes."""
    return "; ".join(_reason(judgement) for judgement in results if judgement.passed is not True)


def verdict_of(address: str, judgement: Judgement) -> Verdict:
    """A judgement of the binding at an address, for the history."""
    low, high = judgement.interval or (None, None)
    return Verdict(
        address=address, metric=judgement.gate.metric, rule=judgement.gate.rule, limit=judgement.gate.limit,
        passed=judgement.passed, value=judgement.value, bound=judgement.bound, candidate=judgement.candidate,
        low=low, high=high, test=judgement.test, n=judgement.n, note=judgement.note,
        excluded=judgement.excluded, assumed=judgement.assumed,
    )  # fmt: skip


def judgement_of(verdict: Verdict) -> Judgement:
    """The judgement in a history record. The span of its gate is not recorded."""
    interval = None if verdict.low is None or verdict.high is None else (verdict.low, verdict.high)
    return Judgement(
        gate=Gate(metric=verdict.metric, rule=verdict.rule, limit=verdict.limit),
        passed=verdict.passed, value=verdict.value, bound=verdict.bound, candidate=verdict.candidate,
        interval=interval, test=verdict.test, n=verdict.n, note=verdict.note,
        excluded=verdict.excluded, assumed=verdict.assumed,
    )  # fmt: skip


def _judge(gate: Gate, evidence: Evidence, greater_is_better: GreaterIsBetter, rules: Rules) -> Judgement:
    rule = find_rule(gate.metric, gate.rule, rules)
    assert rule is not None, f"gate {gate.metric}.{gate.rule} has an unknown rule, which validation should have refused"
    judgement = rule.judge(gate, evidence, greater_is_better)
    problem = evidence.unreadable.get(rule.evidence)
    if judgement.passed is None and problem:
        return replace(judgement, note=f"the outputs of {rule.evidence} cannot be read: {problem}")
    return judgement


def _reason(judgement: Judgement) -> str:
    gate = judgement.gate
    value = "not known" if judgement.value is None else f"{judgement.value:.6g}"
    # a measured value needs no grounds here: the evidence has them
    note = f" ({judgement.note})" if judgement.note and (judgement.value is None or judgement.assumed) else ""
    rule = find_rule(gate.metric, gate.rule)
    if rule is None:
        return f"{gate.metric} {value}, {gate.rule} {gate.limit:g}{note}"
    return f"{rule.label(gate.metric)} {value}, must be {rule.sign} {gate.limit:g}{note}"
