"""The phrases that all views of a plan share: one line for a gate, a step, the sum of it all. Reads the plan's JSON."""

from typing import Any

from leptonctl.kinds.gate_rules import find_rule
from leptonctl.views.style import duration, figure

ACTIONS = ("create", "update", "remove", "forget")
BIND = "bind"
NOT_BUILT = (*ACTIONS, "keep", "reuse", BIND, "held")
"""Counters of a summary that count no step to be computed."""
MARKS = {"create": "+", "update": "~", "remove": "-", "forget": "·", "keep": " "}
NOTHING = "Nothing to do: everything declared is in place."
VERDICTS = {True: "✓", False: "✗", None: "?"}


def step_text(step: dict[str, Any]) -> str:
    """`train  ~4 s`, `train  unknown`, `train  cached`; a bind moves a pointer and needs no forecast."""
    name = step["name"].replace("_", "-")
    if step["cached"]:
        return f"{name} cached"
    if step["forecast_s"] is not None:
        return f"{name} ~{forecast(step['forecast_s'])}"
    return name if step["op"] == BIND else f"{name} unknown"


def forecast(seconds: float) -> str:
    """A duration without decimals that nobody can promise."""
    return duration(seconds if seconds < 1 else round(seconds))


def gate_cells(gate: dict[str, Any]) -> tuple[str, str, str, str]:
    """Verdict, metric, measured, limit with what else there is to say. A rule that this release does not know shows its name."""
    value, limit = gate["value"], gate["limit"]
    rule = find_rule(gate["metric"], gate["rule"])
    metric = rule.label(gate["metric"]) if rule else f"{gate['metric']} {gate['rule']}"
    measured = "" if value is None else figure(value, limit)
    bar = f"{rule.sign} {figure(limit, value)}" if rule else figure(limit, value)
    remarks = _remarks(gate)
    return VERDICTS[gate["passed"]], metric, measured, bar + (f"  ({'; '.join(remarks)})" if remarks else "")


def _remarks(gate: dict[str, Any]) -> list[str]:
    """What stands behind the figure: both versions' metrics, how sure it is, the note; at least when it will be known."""
    bound, candidate = gate["bound"], gate["candidate"]
    remarks = [_certainty(gate), gate["note"]]
    if bound is not None and candidate is not None:
        remarks.insert(0, f"{figure(bound, candidate)} bound, {figure(candidate, bound)} candidate")
    if gate["passed"] is None and not any(remarks):
        return ["decided after training"]
    return [remark for remark in remarks if remark]


def _certainty(gate: dict[str, Any]) -> str:
    """`-0.002 to 0.009, paired bootstrap, 812 rows`; nothing for a figure that is compared as it is."""
    interval, test, rows = gate.get("interval"), gate.get("test"), gate.get("n")
    if not interval and not test:
        return ""
    between = f"{figure(interval[0], interval[1])} to {figure(interval[1], interval[0])}" if interval else ""
    return ", ".join(part for part in (between, test, "" if rows is None else _count(rows, "row")) if part)


def versions_text(change: dict[str, Any]) -> str:
    """`v1 → v2` of a binding, or nothing."""
    before, after = change["before_version"], change["after_version"]
    if before is None and after is None:
        return ""
    if before == after:
        return f"{after} (built anew)" if change["before"] != change["after"] else str(after)
    return f"{before or 'unbound'} → {after or 'unbound'}"


def why_text(change: dict[str, Any]) -> str:
    """The reason, less what the versions say already."""
    versions = versions_text(change)
    said = [change["reason"]] if change["reason"] and not (versions and versions in change["reason"]) else []
    if change["is_return"]:
        said.append("no gate blocks a return" if said else "a return: no gate blocks it")
    return "; ".join(said)


def failed_gates(change: dict[str, Any]) -> list[dict[str, Any]]:
    """The gates known to hold this change back; none of a return."""
    return [] if change["is_return"] else [g for g in change["gates"] if g["passed"] is False]


def build_steps(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps that would be computed; a step shared by two addresses once."""
    seen: set[tuple[str, str]] = set()
    steps = []
    for change in plan["changes"]:
        for step in change["steps"]:
            if step["cached"] or step["op"] == BIND or (step["key"] is not None and (step["op"], step["key"]) in seen):
                continue
            seen.add((step["op"], step["key"] or ""))
            steps.append(step)
    return steps


def has_effect(plan: dict[str, Any]) -> bool:
    """Something would be done."""
    return bool(plan["changes"]) or any(d["class"] == "heal" for d in plan["drift"])


def summary_line(plan: dict[str, Any]) -> str:
    """The sum of it: `Plan: 1 to create, 1 to update, 2 to build (train 1, export 1, evaluate 1), 1 to bind`."""
    if not has_effect(plan):
        return NOTHING
    counts = plan["summary"]
    parts = [f"{counts[a]} to {a}" for a in ACTIONS if counts[a]]
    builds = [f"{op.replace('_', '-')} {n}" for op, n in counts.items() if n and op not in NOT_BUILT]
    if builds:
        addresses = sum(any(not s["cached"] and s["op"] != BIND for s in c["steps"]) for c in plan["changes"])
        parts.append(f"{addresses} to build ({', '.join(builds)})")
    elif plan["changes"]:
        parts.append("nothing to build")
    if counts[BIND]:
        parts.append(f"{counts['bind']} to bind")
    heals = sum(d["class"] == "heal" for d in plan["drift"])
    if heals:
        parts.append(f"{heals} to heal")
    return f"Plan: {', '.join(parts)}."


def forecast_line(plan: dict[str, Any]) -> str:
    """The sum of the forecasts, and of how many steps nothing is known; nothing when there is nothing to build."""
    steps = build_steps(plan)
    known = [s["forecast_s"] for s in steps if s["forecast_s"] is not None]
    blind = len(steps) - len(known)
    if not known:
        return f"No forecast: {_count(blind, 'step')} without history." if blind else ""
    return f"About {forecast(sum(known))} of work" + (f", and {_count(blind, 'step')} without history." if blind else ".")


def gates_line(plan: dict[str, Any]) -> str:
    """What the gates will say, where that is worth a line of its own."""
    failed = sum(map(len, map(failed_gates, plan["changes"])))
    open_ = sum(g["passed"] is None for c in plan["changes"] for g in c["gates"] if not c["is_return"])
    if failed:
        return f"{_count(failed, 'gate')} {'fails: the binding' if failed == 1 else 'fail: the bindings behind them'} would not move."
    return f"{_count(open_, 'gate')} {'is' if open_ == 1 else 'are'} decided after training." if open_ else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
