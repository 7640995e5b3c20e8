"""The phrases that all views of a plan share: for a gate, for a step, for the summary. Reads the plan's JSON."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from leptonctl.kinds.environment.gate_rules import find_rule
from leptonctl.kinds.environment.gates import NOT_NEEDED
from leptonctl.views.style import count_text, duration, figure, printable, value_text

ACTIONS = ("create", "update", "remove", "forget")
BIND = "bind"
NOT_BUILT = (*ACTIONS, "keep", "reuse", BIND, "held", "warnings")
"""Counters of a summary that do not count steps to be computed."""
MARKS = {"create": "+", "update": "~", "remove": "-", "forget": "·", "keep": " "}
NOTHING = "Nothing to do: everything declared is in place."
NAMED_BY_OP = ("import", "command")
"""Ops that replace other steps: such a step is shown by its op, not by its name."""
GATES = ("gate", "not_comparable")
ARROWS = {"higher": "↑", "lower": "↓"}
VERDICTS = {True: "✓", False: "✗", None: "?"}
NOT_MEASURED = "○"
"""The verdict of a gate that passes without a figure: there was nothing to compare with."""
NOT_ASKED = "-"
"""The verdict of a gate that decides nothing: that of a return without evidence."""
GROUNDS = re.compile(r"(?:^|; )(\d+ of \d+ rows left out: [^;]*)")


def step_label(step: Mapping[str, Any]) -> str:
    """The name of a step; for one that replaces another, its op."""
    return str(step["op"] if step["op"] in NAMED_BY_OP else step["name"].replace("_", "-"))


def step_text(step: dict[str, Any]) -> str:
    """`train 1 to 5 s`, `train cached`; the name alone without a forecast. The last line of a plan counts these."""
    name = step_label(step)
    if step["cached"]:
        return f"{name} cached"
    return name if step["forecast_s"] is None else f"{name} {forecast(step['forecast_s'])}"


FEW = 3
"""Up to this many steps of one op are named one by one."""


def step_texts(change: dict[str, Any]) -> list[tuple[str, bool]]:
    """The steps of a change as text, each with whether it is cached. Many of one op are counted: `trial 20, 3 of them cached`."""
    counts = Counter(step["op"] for step in change["steps"])
    texts: dict[str, tuple[str, bool]] = {}
    for step in change["steps"]:
        op, many = step["op"], counts[step["op"]] > FEW
        if not many:
            text = "unbind" if change["action"] == "remove" and op == BIND else step_text(step)
            texts[step["name"]] = (text + _decision(step), step["cached"])
        elif op not in texts:
            texts[op] = _count_steps([each for each in change["steps"] if each["op"] == op])
    return list(texts.values())


def _count_steps(steps: list[dict[str, Any]]) -> tuple[str, bool]:
    """Steps of one op as one text."""
    cached = sum(step["cached"] for step in steps)
    forecasts = [step["forecast_s"] for step in steps if not step["cached"] and step["forecast_s"] is not None]
    rest = f" {forecast(sum(forecasts))}" if forecasts else ""
    of = " cached" if cached == len(steps) else f", {cached} of them cached" if cached else ""
    return f"{steps[0]['op'].replace('_', '-')} {len(steps)}{of}" + (f",{rest}" if rest else ""), cached == len(steps)


def _decision(step: dict[str, Any]) -> str:
    """What a step has decided: ` (C=1.0)`."""
    decided = step.get("decided")
    if not isinstance(decided, dict):
        return ""
    return f" ({', '.join(f'{printable(name)}={value_text(value)}' for name, value in decided.items())})"


def _unbinds(change: dict[str, Any], step: dict[str, Any]) -> bool:
    """Whether a step removes a binding, and is not held."""
    return step["op"] == BIND and change["action"] == "remove" and not is_held(change)


def direction(better: str | None) -> str:
    """The arrow to the better end of a metric; "" where neither end is better."""
    return ARROWS.get(better or "", "")


SIZES = (1, 5, 20, 60, 300, 1200, 3600, 4 * 3600)
"""The ends of the size classes of work, in seconds."""


def forecast(seconds: float) -> str:
    """The size class of work that is expected to take this long: `under 1 s`, `1 to 5 s`, `1 to 5 min`, `over 4 h`.

    A forecast comes from builds of other sizes: it is seldom right to the second, but nearly always in its class or the next.
    """
    index = next((number for number, end in enumerate(SIZES) if seconds < end), None)
    if index is None:
        return f"over {duration(SIZES[-1])}"
    if index == 0:
        return f"under {duration(SIZES[0])}"
    low, high = duration(SIZES[index - 1]), duration(SIZES[index])
    amount, unit = low.split(" ", 1)
    return f"{amount} to {high}" if high.endswith(f" {unit}") else f"{low} to {high}"


def gate_cells(gate: dict[str, Any]) -> tuple[str, str, str, str]:
    """Verdict, metric, measured value, and limit with remarks except the `grounds`. An unknown rule is shown by its name."""
    value, limit = gate["value"], gate["limit"]
    rule = find_rule(gate["metric"], gate["rule"])
    metric = rule.label(gate["metric"]) if rule else f"{gate['metric']} {gate['rule']}"
    measured = "" if value is None else figure(value, limit)
    limit_text = f"{rule.sign} {figure(limit, value)}" if rule else figure(limit, value)
    remarks = _remarks(gate)
    return _verdict(gate), metric, measured, limit_text + (f"  ({'; '.join(remarks)})" if remarks else "")


def _verdict(gate: dict[str, Any]) -> str:
    """The sign of a gate. Only a measured value gets a tick."""
    if gate["passed"] is None and gate["note"] == NOT_NEEDED:
        return NOT_ASKED
    return NOT_MEASURED if gate["passed"] and gate["value"] is None else VERDICTS[gate["passed"]]


def grounds(gates: Iterable[dict[str, Any]]) -> list[str]:
    """Which rows the comparisons of these gates left out, once each: `9 of 435 rows left out: the bound version learned 9`."""
    return list(dict.fromkeys(match[1] for gate in gates for match in GROUNDS.finditer(gate["note"] or "")))


def _remarks(gate: dict[str, Any]) -> list[str]:
    """What the figure is based on: both versions' metrics, its interval, the note; or else when it will be known."""
    bound, candidate = gate["bound"], gate["candidate"]
    remarks = [_certainty(gate), GROUNDS.sub("", gate["note"] or "").removeprefix("; ")]
    if bound is not None and candidate is not None:
        remarks.insert(0, f"{figure(bound, candidate)} bound, {figure(candidate, bound)} candidate")
    if gate["passed"] is None and not any(remarks):
        return ["decided during the apply"]
    return [remark for remark in remarks if remark]


def _certainty(gate: dict[str, Any]) -> str:
    """`-0.002 to 0.009, paired bootstrap, 812 rows`; empty for a figure without an interval or a test."""
    interval, test, rows = gate.get("interval"), gate.get("test"), gate.get("n")
    if not interval and not test:
        return ""
    ends = f"{figure(interval[0], interval[1])} to {figure(interval[1], interval[0])}" if interval else ""
    return ", ".join(part for part in (ends, test, "" if rows is None else count_text(rows, "row")) if part)


def versions_text(change: dict[str, Any]) -> str:
    """`v1 → v2` of a binding, empty for anything else."""
    before, after = change["before_version"], change["after_version"]
    if before is None and after is None:
        return ""
    if before == after:
        return f"{after} (rebuilt)" if change["before"] != change["after"] else str(after)
    return f"{before or 'unbound'} → {after or 'unbound'}"


def why_text(change: dict[str, Any]) -> str:
    """The reason, unless the versions already say it, and that no gate blocks a return."""
    versions = versions_text(change)
    parts = [change["reason"]] if change["reason"] and not (versions and versions in change["reason"]) else []
    if change["is_return"]:
        parts.append("no gate blocks a return" if parts else "a return: no gate blocks it")
    return "; ".join(parts)


def failed_gates(change: dict[str, Any]) -> list[dict[str, Any]]:
    """The gates known to hold this change back; always empty for a return."""
    return [] if change["is_return"] else [g for g in change["gates"] if g["passed"] is False]


def is_held(change: dict[str, Any]) -> bool:
    """Whether anything is known to hold this change back."""
    return bool(change.get("hold") or failed_gates(change))


def needs_hold_line(hold: dict[str, Any]) -> bool:
    """Whether a hold needs a line of its own: not if its gates explain it."""
    return hold["kind"] not in GATES


def build_steps(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps that would be computed; a step shared by two addresses is listed once."""
    step_keys: set[tuple[str, str]] = set()
    steps = []
    for change in plan["changes"]:
        for step in change["steps"]:
            if step["cached"] or step["op"] == BIND or (step["key"] is not None and (step["op"], step["key"]) in step_keys):
                continue
            step_keys.add((step["op"], step["key"] or ""))
            steps.append(step)
    return steps


def has_effect(plan: dict[str, Any]) -> bool:
    """Whether an apply of the plan would do anything."""
    return bool(plan["changes"]) or any(d["class"] == "heal" for d in plan["drift"])


def summary_line(plan: dict[str, Any], *, uncounted: str = "") -> str:
    """`Plan: 1 to create, 1 to update, 2 to build (train 1, export 1, evaluate 1), 1 to bind.`

    `uncounted`: the id of warnings that are not counted, because they are not listed.
    """
    if not has_effect(plan):
        # a limited plan knows nothing of the rest
        return f"Nothing to do for {', '.join(map(printable, plan['only']))}." if plan["only"] else NOTHING
    counts = plan["summary"]
    parts = [f"{counts[a]} to {a}" for a in ACTIONS if counts[a]]
    builds = [f"{op.replace('_', '-')} {n}" for op, n in counts.items() if n and op not in NOT_BUILT]
    if builds:
        addresses = sum(any(not s["cached"] and s["op"] != BIND for s in c["steps"]) for c in plan["changes"])
        parts.append(f"{addresses} to build ({', '.join(builds)})")
    elif plan["changes"]:
        parts.append("nothing to build")
    unbound = sum(_unbinds(c, s) for c in plan["changes"] for s in c["steps"])
    if counts[BIND] - unbound > counts["held"]:
        parts.append(f"{counts[BIND] - unbound - counts['held']} to bind")
    if unbound:
        parts.append(f"{unbound} to unbind")
    if counts["held"]:
        kinds = {c["hold"]["kind"] for c in plan["changes"] if c.get("hold")}
        parts.append(f"{counts['held']} held" + (" by gates" if kinds <= set(GATES) else ""))
    warnings = counts.get("warnings", 0) - sum(d["id"] == uncounted for d in plan["diagnostics"])
    if warnings > 0:
        parts.append(count_text(warnings, "warning"))
    heals = sum(d["class"] == "heal" for d in plan["drift"])
    if heals:
        parts.append(f"{heals} to heal")
    return f"Plan: {', '.join(parts)}."


def forecast_line(plan: dict[str, Any]) -> str:
    """The sum of the forecasts, and the number of steps without one; empty when there is nothing to build."""
    steps = build_steps(plan)
    forecasts = [s["forecast_s"] for s in steps if s["forecast_s"] is not None]
    unknown = len(steps) - len(forecasts)
    if not forecasts:
        return f"No forecast: {count_text(unknown, 'step')} without history." if unknown else ""
    return f"Work for {forecast(sum(forecasts))}" + (f", and {count_text(unknown, 'step')} without history." if unknown else ".")


def gates_line(plan: dict[str, Any]) -> str:
    """How many gates fail, or else how many are still undecided; empty if neither."""
    failed = sum(map(len, map(failed_gates, plan["changes"])))
    undecided = sum(g["passed"] is None for c in plan["changes"] for g in c["gates"] if not c["is_return"])
    if failed:
        held = sum(bool(failed_gates(change)) for change in plan["changes"])
        return f"{count_text(failed, 'gate')} {'fails' if failed == 1 else 'fail'}: {count_text(held, 'binding')} would not move."
    return f"{count_text(undecided, 'gate')} {'is' if undecided == 1 else 'are'} decided during the apply." if undecided else ""
