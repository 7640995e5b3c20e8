"""The plan as text for people: one block per change, the summary on the last lines, similar changes grouped."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from leptonctl.core.address import parse
from leptonctl.core.change import Plan
from leptonctl.views.holds import STILL_HELD, hold_line
from leptonctl.views.plan_json import plan_to_json
from leptonctl.views.records import UNLIMITED, place
from leptonctl.views.style import Style, cut, members_changed, printable, value_text
from leptonctl.views.tables import table
from leptonctl.views.words import (
    MARKS,
    NOT_ASKED,
    NOT_MEASURED,
    build_steps,
    failed_gates,
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
)
from leptonctl.views.words import (
    forecast as forecast_text,
)

MANY = 30
"""With more changes than this, those of one kind are grouped."""
SHOWN = 3
"""How many changes of a group are shown in full."""


def render(plan: Plan | dict[str, Any], *, color: bool, width: int, verbose: bool = False) -> str:
    """The text of a plan or of its JSON, without a trailing newline. `verbose` lists every change, not only the first ones."""
    obj = plan_to_json(plan) if isinstance(plan, Plan) else plan
    style = Style(color)
    blocks = [*_changes(obj["changes"], style, width, verbose=verbose), _drift(obj["drift"], style, width)]
    # a known hold is shown with its change
    blocks.append(diagnostics_text([d for d in obj["diagnostics"] if d["id"] != STILL_HELD], style))
    blocks.append(_closing(obj, style))
    return "\n\n".join(b for b in blocks if b)


def _closing(plan: dict[str, Any], style: Style) -> str:
    if not has_effect(plan):
        return summary_line(plan)
    gates = gates_line(plan)
    failed = any(map(failed_gates, plan["changes"]))
    lines = [style.red(gates) if failed else gates, style.bold(summary_line(plan, uncounted=STILL_HELD)), forecast_line(plan)]
    return "\n".join(line for line in lines if line)


def _changes(changes: list[dict[str, Any]], style: Style, width: int, *, verbose: bool) -> Iterable[str]:
    if verbose or len(changes) <= MANY:
        return [_block(c, style, UNLIMITED if verbose else width) for c in changes]
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for change in changes:
        groups.setdefault((change["action"], parse(change["address"]).kind, change["reason"]), []).append(change)
    blocks: list[str] = []
    for group in groups.values():
        # a change that is held is never folded: the reader must see it
        first = [c for c in group if is_held(c)]
        first += [c for c in group if c not in first][: max(0, SHOWN - len(first))]
        rest = [c for c in group if c not in first]
        blocks += [_block(c, style, width) for c in first]
        if len(rest) == 1:
            blocks.append(_block(rest[0], style, width))
        elif rest:
            blocks.append(_fold(rest, style, width))
    return blocks


def _fold(rest: list[dict[str, Any]], style: Style, width: int) -> str:
    """`~ … and 47 more like these: train 47, export 47, about 3 min`, and below it the addresses."""
    steps = build_steps({"changes": rest})
    counts = Counter(s["op"].replace("_", "-") for s in steps)
    work = ", ".join(f"{op} {n}" for op, n in counts.items())
    forecasts = [s["forecast_s"] for s in steps if s["forecast_s"] is not None]
    forecast = f", {forecast_text(sum(forecasts))}" if forecasts else ""
    line = f"… and {len(rest)} more like these" + (f": {work}{forecast}" if work else "")
    names = cut(", ".join(printable(c["address"]) for c in rest), max(width - 20, 20))
    return f"{_mark(rest[0]['action'], style)} {line}\n    {style.dim(names + '  (-v lists all)')}"


def _mark(action: str, style: Style) -> str:
    paint = {"create": style.green, "update": style.yellow, "remove": style.red, "forget": style.dim}[action]
    return paint(MARKS[action])


def _block(change: dict[str, Any], style: Style, width: int) -> str:
    versions = versions_text(change)
    head = f"{_mark(change['action'], style)} {style.bold(printable(change['address']))}"
    if versions:
        head += "  " + style.cyan(printable(versions))
    why = why_text(change)
    if why:
        head += "  " + style.dim(printable(why))
    if change.get("placement") == "elsewhere" and parse(change["address"]).member is None:
        head += "  " + style.dim("runs elsewhere")
    lines = [head, _because(change["because"], style, width)]
    if change["steps"]:
        lines.append("    " + " · ".join(style.dim(text) if cached else text for text, cached in step_texts(change)))
    lines.append(gates_table(change["gates"], style, indent=4))
    hold = change.get("hold")
    if hold is not None and (needs_hold_line(hold) or hold["since"]):
        lines.append("    " + hold_line(hold, style))
    return "\n".join(line for line in lines if line)


def _because(because: list[dict[str, Any]], style: Style, width: int) -> str:
    room = max(16, (width - 50) // 2)
    rows = [
        (
            printable(b["path"]),
            _edit(b["before"], b["after"], style, room),
            style.dim(place(b)),
        )
        for b in because
    ]
    return table(rows, indent=4)


def _edit(before: object, after: object, style: Style, room: int) -> str:
    """Both values, or what was removed from a list and added to it, if the whole lists are too long."""
    removed, added = members_changed(before, after)
    if (removed or added) and max(len(value_text(one, UNLIMITED)) for one in (before, after)) > room:
        words = (("removed", removed, style.red), ("added", added, style.green))
        return ", ".join(paint(f"{word} {', '.join(value_text(one, room) for one in ones)}") for word, ones, paint in words if ones)
    return f"{style.red(value_text(before, room))} → {style.green(value_text(after, room))}"


def gates_table(gates: Iterable[dict[str, Any]], style: Style, *, indent: int) -> str:
    """One line per gate: verdict, metric, measured value, limit; then which rows were left out. Also the evidence for a refusal."""
    paint = {"✓": style.green, "✗": style.red, "?": style.yellow, NOT_ASKED: style.dim, NOT_MEASURED: style.dim}
    rows, gates = [], list(gates)
    for gate in gates:
        verdict, metric, measured, limit = gate_cells(gate)
        rows.append((f"{paint[verdict](verdict)} {printable(metric)}", measured, printable(limit)))
    if any(measured for _, measured, _ in rows):
        lines = [table(rows, indent=indent, right=(1,))]
    else:
        lines = [table([(metric, limit) for metric, _, limit in rows], indent=indent)]
    lines += [" " * (indent + 2) + style.dim(printable(text)) for text in grounds(gates)]
    return "\n".join(line for line in lines if line)


def _drift(drift: list[dict[str, Any]], style: Style, width: int) -> str:
    if not drift:
        return ""
    paint = {"heal": style.yellow, "note": style.dim, "decision": style.red, "unobserved": style.dim}
    room = max(16, (width - 50) // 2)
    rows = [
        (
            paint[d["class"]](d["class"]),
            printable(d["address"]),
            f"recorded {_what(d['recorded'], room)}, live {_what(d['live'], room)}" if d["recorded"] != d["live"] else "",
            printable(d["reason"]),
        )
        for d in drift
    ]
    return style.bold("Live differs from what is recorded:") + "\n" + table(rows, indent=2)


def _what(value: Any, room: int) -> str:
    """A deployment by its number, anything else as it is."""
    return f"deployment {value}" if isinstance(value, int) else value_text(value, room, absent="nothing")


def diagnostics_text(diagnostics: Iterable[dict[str, Any]], style: Style) -> str:
    """Diagnostics on one or two lines each; `validate` prints the full form with carets."""
    paint = {"error": style.red, "warning": style.yellow, "note": style.cyan}
    lines = []
    for d in diagnostics:
        text = f"{paint[d['severity']](d['severity'])}[{d['id']}]: {printable(d['summary'])}"
        text += f". {printable(d['detail'])}" if d["detail"] else ""
        lines.append(text + (style.dim(f"  {place(d)}") if d["file"] else ""))
        if d["hint"]:
            lines.append(f"  hint: {printable(d['hint'])}")
    return "\n".join(lines)
