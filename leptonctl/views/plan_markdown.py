"""The plan as a comment on a pull request: bounded in size, and safe whatever names and values contain."""

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leptonctl.core.change import Plan
from leptonctl.views.plan_json import plan_to_json
from leptonctl.views.records import place, short
from leptonctl.views.style import cut, printable, value_text
from leptonctl.views.words import (
    MARKS,
    forecast_line,
    gate_cells,
    gates_line,
    grounds,
    has_effect,
    is_held,
    needs_hold_line,
    step_texts,
    summary_line,
    versions_text,
    why_text,
)  # fmt: skip

if TYPE_CHECKING:
    from jinja2 import Template

MOST_BYTES = 60_000
LONGEST = 160
IN_TABLE = 3
"""How many causes a table row shows; the details list more."""
IN_DETAILS = 20
_HARMLESS = re.compile(r"([^\W_]|[≥≤] )([^\W_]|[ .,;:'()/→≥≤~%-])*")
_LIST_OR_LINK = re.compile(r"://|www\.|^\d+[.)] ")


def render(plan: Plan | dict[str, Any]) -> str:
    """The comment, below 60 kB in UTF-8: rows are left out until it fits, and their number is shown."""
    obj = plan_to_json(plan) if isinstance(plan, Plan) else plan
    limit = 200
    while True:
        text = _template().render(_template_values(obj, limit))
        if len(text.encode()) < MOST_BYTES or limit == 0:
            return re.sub(r"\n{3,}", "\n\n", text)
        limit //= 2


def code(text: str) -> str:
    """The text as a code span, in which nothing is markup, a link or a mention."""
    text = cut(printable(text), LONGEST)
    if not text.strip():
        return ""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if "`" in (text[0], text[-1]) else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def cell(text: str) -> str:
    """The text as a code span for a table, where even code must not contain a bare pipe."""
    return code(text).replace("|", "\\|")


def prose(text: str) -> str:
    """Plain words as they are; anything that could be markup as a code span."""
    text = cut(printable(text), 2 * LONGEST)
    return text if _HARMLESS.fullmatch(text) and not _LIST_OR_LINK.search(text) else cell(text)


@cache
def _template() -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent / "templates")
    # the output is Markdown: HTML escaping would spoil code spans, so every value passes through one of these filters instead
    environment = Environment(loader=loader, autoescape=False, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)  # noqa: S701
    environment.filters.update(code=code, cell=cell, prose=prose)
    return environment.get_template("plan.md.j2")


def _template_values(plan: dict[str, Any], limit: int) -> dict[str, Any]:
    """The template's values, with at most `limit` rows of each kind. What holds the plan back comes first."""
    changes = sorted(plan["changes"], key=lambda c: not is_held(c))
    gates = [_gate(c["address"], g) for c in changes for g in c["gates"]]
    gates.sort(key=lambda g: "✗?-✓".index(g["verdict"]))
    details = [c for c in changes if c["because"] or c["before"] or c["after"]]
    rows = {"changes": changes, "gates": gates, "drift": plan["drift"], "diagnostics": plan["diagnostics"], "details": details}
    left_out = [f"{len(of) - limit} {name}" for name, of in rows.items() if len(of) > limit]
    return {
        "title": "leptonctl plan" if has_effect(plan) else "leptonctl plan: nothing to do",
        "closing": [line for line in (f"**{summary_line(plan)}**", gates_line(plan), forecast_line(plan)) if line],
        "changes": [_change(c) for c in changes[:limit]],
        "gates": gates[:limit],
        "drift": [_drift(d) for d in plan["drift"][:limit]],
        "diagnostics": [d | {"place": place(d)} for d in plan["diagnostics"][:limit]],
        "details": [_detail(c) for c in details[:limit]],
        "left_out": left_out,
    } | {key: plan[key] for key in ("plan_id", "effect_id", "complete")} | {"serial": plan["prior"]["serial"]}  # fmt: skip


def _change(change: dict[str, Any]) -> dict[str, Any]:
    causes = [f"{b['path']}: {value_text(b['before'], 40)} → {value_text(b['after'], 40)}" for b in change["because"]]
    more = [f"and {len(causes) - IN_TABLE} more"] if len(causes) > IN_TABLE else []
    why = why_text(change)
    hold = change.get("hold")
    held = [f"held: {hold['reason']}"] if hold is not None and needs_hold_line(hold) else []
    return {
        "mark": "" if change["action"] == "forget" else f"\\{MARKS[change['action']]}",
        "action": change["action"],
        "address": change["address"],
        "versions": versions_text(change),
        "why": held + ([why] if why else []) + causes[:IN_TABLE] + more,
        "steps": [text for text, _ in step_texts(change)],
    }


def _gate(address: str, gate: dict[str, Any]) -> dict[str, Any]:
    verdict, metric, measured, limit = gate_cells(gate)
    return {"verdict": verdict, "metric": metric, "address": address, "measured": measured, "limit": "; ".join([limit, *grounds([gate])])}


def _drift(drift: dict[str, Any]) -> dict[str, Any]:
    return drift | {key: value_text(drift[key], absent="nothing") for key in ("recorded", "live")}


def _detail(change: dict[str, Any]) -> dict[str, Any]:
    before, after = change["before"], change["after"]
    return {
        "address": change["address"],
        "digests": f"{short(before)} → {short(after)}" if before != after else "",
        "because": [
            {"path": b["path"], "before": value_text(b["before"]), "after": value_text(b["after"]), "place": place(b)}
            for b in change["because"][:IN_DETAILS]
        ],
    }
