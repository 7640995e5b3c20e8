"""The plan as the JSON object of `plan --json`: the machine contract that every other view of a plan reads."""

from typing import Any

from leptonctl.core.change import Because, Change, Drift, Plan, PlannedStep
from leptonctl.core.gate import Hold, Judgement
from leptonctl.core.state import Verdict
from leptonctl.kinds.environment.gates import judgement_of

FORMAT_VERSION = "1.0"


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """The whole object; every key is always present, counters are always integers."""
    return {
        "format_version": FORMAT_VERSION,
        "plan_id": plan.plan_id,
        "effect_id": plan.effect_id,
        "prior": {"lineage": plan.lineage, "serial": plan.serial},
        "only": list(plan.only),
        "changes": [_change(c) for c in plan.moving],
        "drift": [_drift(d) for d in plan.drift],
        "diagnostics": [d.to_json() for d in plan.diagnostics],
        "summary": plan.summary,
        "complete": plan.complete,
        "applyable": plan.applyable,
    }


def judgement_to_json(judgement: Judgement) -> dict[str, Any]:
    """One gate with its evidence; `passed` is null while it is not known."""
    gate = judgement.gate
    return {
        "metric": gate.metric,
        "rule": gate.rule,
        "limit": gate.limit,
        "passed": judgement.passed,
        "value": judgement.value,
        "bound": judgement.bound,
        "candidate": judgement.candidate,
        "interval": list(judgement.interval) if judgement.interval else None,
        "test": judgement.test,
        "n": judgement.n,
        "excluded": judgement.excluded,
        "assumed": judgement.assumed,
        "note": judgement.note,
    }


def verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    """One gate of a history record, in the form of a plan's gates, preceded by the address of its binding."""
    return {"address": verdict.address, **judgement_to_json(judgement_of(verdict))}


def _change(change: Change) -> dict[str, Any]:
    return {
        "address": change.address,
        "action": change.action,
        "reason": change.reason,
        "because": [_because(b) for b in change.because],
        "steps": [_step(s) for s in change.steps],
        "before": change.before,
        "after": change.after,
        "before_version": change.before_version,
        "after_version": change.after_version,
        "known_after_apply": list(change.known_after_apply),
        "gates": [judgement_to_json(j) for j in change.judgements],
        "is_return": change.is_return,
        "placement": change.placement,
        "hold": _hold(change.hold) if change.hold is not None else None,
    }


def _hold(hold: Hold) -> dict[str, Any]:
    return {"kind": hold.kind, "reason": hold.reason, "hint": hold.hint, "known": hold.since != "", "since": hold.since or None}


def _because(because: Because) -> dict[str, Any]:
    span = because.span
    return {
        "file": span.file if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "path": because.path,
        "before": because.before,
        "after": because.after,
    }


def _step(step: PlannedStep) -> dict[str, Any]:
    decided = {} if step.decided is None else {"decided": step.decided}
    return {"name": step.name, "op": step.op, "key": step.key, "cached": step.cached, "forecast_s": step.forecast_s, **decided}


def _drift(drift: Drift) -> dict[str, Any]:
    return {
        "address": drift.address,
        "class": drift.drift_class,
        "reason": drift.reason,
        "recorded": drift.recorded,
        "live": drift.live,
    }
