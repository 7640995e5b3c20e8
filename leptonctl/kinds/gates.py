"""Gates against evidence: a pure judgement, the same at plan time and before the bind."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from leptonctl.core.change import Gate, Judgement
from leptonctl.core.graph import Keys
from leptonctl.core.record import State
from leptonctl.core.values import Json, Result
from leptonctl.kinds.configuration import Configuration, bound_now
from leptonctl.kinds.environment import Binding
from leptonctl.kinds.gate_rules import FLIPS

GreaterIsBetter = Callable[[str], bool]
NOTHING_BOUND = "nothing is bound yet"
NOT_NEEDED = "a return needs no evidence"


def judgements(
    binding: Binding, configuration: Configuration, keys: Keys, state: State | None, results: Mapping[str, Result], *, is_return: bool
) -> tuple[Judgement, ...]:
    """The gates of one binding against the evidence that exists. No more is made for a return."""
    task, model = binding.model.task, binding.model.address
    evaluations = [keys.of(model, "evaluate")]
    if binding.needs_evaluation:
        evaluations.append(keys.of(binding.address, "evaluate"))
    bound = bound_now(binding.address, state)
    digest = configuration.built[model].digest
    found = judge(
        binding.gates,
        evaluations=[results.get(key) if key else None for key in evaluations],
        comparison=results.get(keys.of(binding.address, "compare") or ""),
        compares=bound is not None and bound.digest != digest,
        greater_is_better=lambda metric: configuration.catalog.metrics[task, metric].greater_is_better is not False,
    )
    return tuple(replace(j, note=NOT_NEEDED) if is_return and j.passed is None else j for j in found)


def judge(
    gates: Sequence[Gate],
    *,
    evaluations: Sequence[Result | None],
    comparison: Result | None,
    compares: bool,
    greater_is_better: GreaterIsBetter,
) -> tuple[Judgement, ...]:
    """Every gate with its verdict; `passed` None while its evidence does not exist.

    evaluations: the candidate's evaluate results. comparison: its compare result with the version bound now; `compares`
    False: there is nothing to compare with, so max_drop and flips hold.
    """
    return tuple(_judge(gate, evaluations, comparison, greater_is_better, compares=compares) for gate in gates)


def _judge(
    gate: Gate, evaluations: Sequence[Result | None], comparison: Result | None, greater_is_better: GreaterIsBetter, *, compares: bool
) -> Judgement:
    if gate.metric == FLIPS or gate.rule == "max_drop":
        if not compares:
            return Judgement(gate=gate, passed=True, note=NOTHING_BOUND)
        if comparison is None:
            return Judgement(gate=gate, passed=None)
        return _flips(gate, comparison) if gate.metric == FLIPS else _drop(gate, comparison, greater=greater_is_better(gate.metric))
    found = [r for r in evaluations if r is not None]
    values = [m[gate.metric] for r in found if gate.metric in (m := cast("dict[str, float]", r.outputs.get("metrics") or {}))]
    if not values:
        # every evaluation is there and none has the metric: it is undefined on these rows
        done = len(found) == len(evaluations)
        return Judgement(gate=gate, passed=False if done else None, note="undefined on these rows" if done else "")
    value = values[0]
    return Judgement(gate=gate, passed=value >= gate.limit if gate.rule == "min" else value <= gate.limit, value=value, candidate=value)


def _flips(gate: Gate, comparison: Result) -> Judgement:
    flips = cast("dict[str, Json]", comparison.outputs.get("flips") or {})
    share = flips.get("share")
    if not flips.get("rows") or share is None:
        return Judgement(gate=gate, passed=False, note="no rows to compare on that neither version was trained on")
    value = float(cast("float", share))
    return Judgement(gate=gate, passed=value <= gate.limit, value=value)


def _drop(gate: Gate, comparison: Result, *, greater: bool) -> Judgement:
    metrics = cast("dict[str, dict[str, float]]", comparison.outputs.get("metrics") or {}).get(gate.metric) or {}
    bound, candidate = metrics.get("a"), metrics.get("b")
    if bound is None or candidate is None:
        return Judgement(gate=gate, passed=False, note="no rows to compare on that neither version was trained on")
    drop = bound - candidate if greater else candidate - bound
    return Judgement(gate=gate, passed=drop <= gate.limit, value=drop, bound=bound, candidate=candidate)
