"""The rules that a gate may have, as values: the evidence of each, its judgement and its wording. Pure.

A new rule is one value and one line in RULES: its key in YAML, the evidence steps, judgements and views follow from it.
The schemas are compiled from this module when the package is built, so its imports must not need more than the build has.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.gate import Gate, Judgement
from leptonctl.spi.learning import Metric, Schema

if TYPE_CHECKING:
    from leptonctl.kinds.environment.evidence import CompareOutputs, Evidence

EVALUATE, COMPARE = "evaluate", "compare"
GreaterIsBetter: TypeAlias = Callable[[str], bool]
Judge: TypeAlias = "Callable[[Gate, Evidence, GreaterIsBetter], Judgement]"
Passes: TypeAlias = Callable[[float, float, float], bool]
Range: TypeAlias = tuple[float | None, float | None]
"""The smallest and the largest value, None where there is no end."""

COMPARABLE, ASSUME = "comparable", "assume"
"""The key beside the limits of a gate, and its one value."""
TOLERANCE = 1e-9
"""Relative to the measured values. A value that misses its limit by less meets it, since 0.95 - 0.945 is not 0.005 in floating point."""
NOTHING_BOUND = "nothing is bound yet: not measured"
SAME_BOUND = "the same recipe is bound now: nothing to compare"
UNDEFINED = "undefined on these rows"
NO_ROWS = "no rows to compare on that neither version was trained on"
NO_LABELS = "a regression has no labels that could flip"


class Rule(Frozen):
    """One way to judge a metric.

    name: its key in YAML. evidence: the op whose outputs it reads.
    own_metric: the one metric that it is for, which comes with the evidence. None: those of the model's task that are one number
    and that it `fits`.
    judge: pure; `passed` is None while its evidence is absent.
    label: metric -> what is measured, as a phrase. sign: how the value must compare with the limit, which is inclusive.
    limit: what the limit is, as a phrase. least: the smallest limit that the schema allows, whatever the metric.
    range: metric -> the values that `judge` can measure; a limit beyond them decides nothing and is refused.
    own_range: the same for its own metric.
    """

    name: str
    evidence: str
    judge: Judge
    sign: Literal["≥", "≤"]
    limit: str
    least: float | None = None
    own_metric: str | None = None
    own_range: Range = (None, None)
    fits: Callable[[Metric], bool] = lambda _metric: True
    range: Callable[[Metric], Range] = lambda metric: (metric.least, metric.most)
    label: Callable[[str], str] = str

    def describe(self, gate: Gate) -> str:
        """`f1 drop ≤ 0.01`."""
        return f"{self.label(gate.metric)} {self.sign} {gate.limit:g}"


def _differences(metric: Metric) -> Range:
    """By how much one value of a metric can be worse than another."""
    return 0.0, None if metric.least is None or metric.most is None else metric.most - metric.least


def _min(gate: Gate, evidence: Evidence, _: GreaterIsBetter) -> Judgement:
    return _own(gate, evidence, at_least)


def _max(gate: Gate, evidence: Evidence, _: GreaterIsBetter) -> Judgement:
    return _own(gate, evidence, at_most)


def _max_drop(gate: Gate, evidence: Evidence, greater_is_better: GreaterIsBetter) -> Judgement:
    comparison = _comparison(gate, evidence)
    if isinstance(comparison, Judgement):
        return comparison
    pair = comparison.pair(gate.metric)
    if pair is None:
        return _add_grounds(Judgement(gate=gate, passed=False, n=comparison.rows, note=UNDEFINED), comparison)
    bound, candidate = pair
    drop = bound - candidate if greater_is_better(gate.metric) else candidate - bound
    passed = at_most(drop, gate.limit, max(abs(bound), abs(candidate)))
    return _add_grounds(Judgement(gate=gate, passed=passed, value=drop, bound=bound, candidate=candidate, n=comparison.rows), comparison)


def _max_flips(gate: Gate, evidence: Evidence, _: GreaterIsBetter) -> Judgement:
    comparison = _comparison(gate, evidence)
    if isinstance(comparison, Judgement):
        return comparison
    flips = comparison.flips
    if flips.share is None:
        return _add_grounds(Judgement(gate=gate, passed=False, n=flips.rows, note=NO_LABELS), comparison)
    passed = at_most(flips.share, gate.limit, flips.share)
    return _add_grounds(Judgement(gate=gate, passed=passed, value=flips.share, n=flips.rows), comparison)


MIN = Rule(name="min", evidence=EVALUATE, judge=_min, sign="≥", limit="smallest value that passes")
MAX = Rule(name="max", evidence=EVALUATE, judge=_max, sign="≤", limit="largest value that passes")
MAX_DROP = Rule(
    name="max_drop", evidence=COMPARE, judge=_max_drop, sign="≤", least=0, range=_differences, label=lambda metric: f"{metric} drop",
    limit="how much worse it may be than the version bound now",
)  # fmt: skip
MAX_FLIPS = Rule(
    name="max",
    own_metric="flips",
    own_range=(None, 1),
    evidence=COMPARE,
    judge=_max_flips,
    sign="≤",
    limit="the largest share of rows whose label may change",
)

RULES: tuple[Rule, ...] = (MIN, MAX, MAX_DROP, MAX_FLIPS)
Rules: TypeAlias = Sequence[Rule]


def rules_for(metric: str, rules: Rules = RULES) -> tuple[Rule, ...]:
    """The rules that a gate on this metric may have: its own if it has any, else those of every metric."""
    return tuple(r for r in rules if r.own_metric == metric) or tuple(r for r in rules if r.own_metric is None)


def find_rule(metric: str, name: str, rules: Rules = RULES) -> Rule | None:
    """The rule of a gate; None when a gate on this metric has no such rule."""
    return next((r for r in rules_for(metric, rules) if r.name == name), None)


def own_metrics(rules: Rules = RULES) -> tuple[str, ...]:
    """The metrics that rules define themselves, in addition to those of the catalog."""
    return tuple(dict.fromkeys(r.own_metric for r in rules if r.own_metric is not None))


def limits(rules: Rules = RULES) -> dict[str, Schema]:
    """The limits of a gate in YAML: rule -> the JSON Schema of its limit."""
    schemas: dict[str, Schema] = {}
    for rule in sorted(rules, key=lambda r: r.own_metric is not None):
        least = {} if rule.least is None else {"minimum": rule.least}
        schemas.setdefault(rule.name, {"description": f"{rule.limit[:1].upper()}{rule.limit[1:]}.", "type": "number", **least})
    schemas[COMPARABLE] = {
        "description": "`assume`: judge the comparison even if it is not known to be fair to both versions.",
        "enum": [ASSUME],
    }
    return schemas


def metrics_to_evaluate(gates: Iterable[Gate], computed: Collection[str], rules: Rules = RULES) -> tuple[str, ...]:
    """The metrics that these gates need from an evaluation, in addition to those that the model's own evaluation computes."""
    return tuple(sorted(_metrics(gates, EVALUATE, rules) - set(computed)))


def metrics_to_compare(gates: Iterable[Gate], rules: Rules = RULES) -> tuple[str, ...]:
    """The metrics that these gates need from a comparison; () if they need the comparison only for its flips."""
    return tuple(sorted(_metrics(gates, COMPARE, rules)))


def needs_comparison(gates: Iterable[Gate], rules: Rules = RULES) -> bool:
    """Whether one of these gates is judged on a comparison with the version bound now."""
    return any(rule.evidence == COMPARE for _, rule in _with_rules(gates, rules))


def assumes(gates: Iterable[Gate], rules: Rules = RULES) -> bool:
    """Whether one of these gates judges a comparison that is not known to be fair."""
    return any(gate.assume and rule.evidence == COMPARE for gate, rule in _with_rules(gates, rules))


def at_most(value: float, limit: float, scale: float) -> bool:
    """Whether a value is at or below a limit. `scale` is the size of the largest number that it was computed from."""
    return value - limit <= TOLERANCE * scale


def at_least(value: float, limit: float, scale: float) -> bool:
    """Whether a value is at or above a limit. `scale` as in at_most."""
    return limit - value <= TOLERANCE * scale


def _with_rules(gates: Iterable[Gate], rules: Rules) -> list[tuple[Gate, Rule]]:
    return [(gate, rule) for gate in gates if (rule := find_rule(gate.metric, gate.rule, rules)) is not None]


def _metrics(gates: Iterable[Gate], evidence: str, rules: Rules) -> set[str]:
    return {gate.metric for gate, rule in _with_rules(gates, rules) if rule.evidence == evidence and rule.own_metric is None}


def _own(gate: Gate, evidence: Evidence, passes: Passes) -> Judgement:
    """The candidate's metric against the limit, from the first evaluation that has it."""
    evaluations = [evaluation for evaluation in evidence.evaluations if evaluation is not None]
    for evaluation in evaluations:
        value = evaluation.metric(gate.metric)
        if value is not None:
            passed = passes(value, gate.limit, abs(value))
            return Judgement(gate=gate, passed=passed, value=value, candidate=value, n=evaluation.rows)
    if not evaluations or len(evaluations) < len(evidence.evaluations):
        return Judgement(gate=gate, passed=None)
    return Judgement(gate=gate, passed=False, n=evaluations[0].rows, note=UNDEFINED)


def _comparison(gate: Gate, evidence: Evidence) -> CompareOutputs | Judgement:
    """The comparison, or the judgement when no comparison can be used."""
    comparison = evidence.comparison
    if not evidence.compares:
        return Judgement(gate=gate, passed=True, note=SAME_BOUND if evidence.same else NOTHING_BOUND)
    if comparison is None and evidence.foreseen and not gate.assume:
        return Judgement(gate=gate, passed=False, note=f"not comparable: {'; '.join(evidence.foreseen)}", held="not_comparable")
    if comparison is None:
        return Judgement(gate=gate, passed=None)
    if comparison.rows and (gate.assume or not comparison.not_comparable):
        return comparison
    note = f"not comparable: {comparison.not_comparable}" if comparison.not_comparable else NO_ROWS
    return Judgement(gate=gate, passed=False, n=comparison.rows, excluded=comparison.excluded, note=note, held="not_comparable")


def _add_grounds(judgement: Judgement, comparison: CompareOutputs) -> Judgement:
    """The judgement with the grounds of its comparison: what was left out, and what was assumed."""
    assumption = f"assumed comparable, although {comparison.not_comparable}" if comparison.not_comparable else ""
    note = "; ".join(part for part in (judgement.note, comparison.grounds, assumption) if part)
    return replace(judgement, excluded=comparison.excluded, assumed=bool(comparison.not_comparable), note=note)
