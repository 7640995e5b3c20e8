"""What serves where, and since when. Reads the object of `status --json`, writes nothing."""

from collections.abc import Mapping
from typing import Any

from leptonctl.views.records import commit_text, metrics_text, short, when
from leptonctl.views.style import Style, printable, text_width
from leptonctl.views.tables import table

NOTHING = "No environment is bound yet. `leptonctl plan` shows what an apply would bind."
LEAST = 24
"""Columns that metrics may always take."""
REMEDIES = {
    "heal": "`leptonctl apply` repairs it",
    "decision": "yours to decide: make the YAML agree, or apply again",
    "note": "",
    "unobserved": "",
}


def render_text(status: Mapping[str, Any], *, color: bool = False, width: int = 100, now: str | float | None = None) -> str:
    """One block per environment, without a trailing newline."""
    blocks = [_environment(e, Style(color), color=color, width=width, now=now) for e in status["environments"]]
    return "\n\n".join(blocks) if blocks else NOTHING


def _environment(environment: Mapping[str, Any], style: Style, *, color: bool, width: int, now: str | float | None) -> str:
    models = environment["models"]
    head = [style.bold(printable(environment["name"])), *([printable(environment["url"])] if environment.get("url") else [])]
    if models or environment.get("healthy"):
        # where nothing is bound, no server has to run
        head.append(_health(environment.get("healthy"), style))
    head += [style.dim("protected")] if environment.get("protected") else []
    head += [style.dim(commit_text(environment))] if environment.get("commit") else []
    if not models:
        return "  ".join(head) + "\n  no model is bound"
    rows = [(printable(m["name"]), printable(m["version"]), when(m["since"], now), f"#{m['serial']}", short(m["artifact"])) for m in models]
    names = ("model", "version", "since", "serial", "artifact")
    room = max(width - 4 - max(map(text_width, table([names, *rows]).split("\n"))), LEAST)
    cells = [(*row, metrics_text(m.get("metrics"), columns=room)) for row, m in zip(rows, models, strict=True)]
    lines = ["  ".join(head), table(cells, head=(*names, "metrics"), right=(3,), indent=2, color=color)]
    lines.extend(line for m in models for line in _drift(m, style))
    return "\n".join(lines)


def _health(healthy: bool | None, style: Style) -> str:
    if healthy is None:
        return style.dim("not observed from here")
    return style.green("healthy") if healthy else style.red("not healthy")


def _drift(model: Mapping[str, Any], style: Style) -> list[str]:
    """One line for each difference between the server and the state. `drift`: a string, `{class, reason}`, or a list of these."""
    drift = model.get("drift")
    items = drift if isinstance(drift, list) else [drift] if drift else []
    lines = []
    for item in items:
        difference = item if isinstance(item, Mapping) else {"reason": item}
        remedy = REMEDIES.get(difference.get("class", ""), "`leptonctl plan` shows how to repair it")
        line = f"  {style.yellow('!')} {printable(model['name'])}: {printable(difference['reason'])}{_served(model)}"
        lines.append(line + (f"; {remedy}" if remedy else ""))
    return lines


def _served(model: Mapping[str, Any]) -> str:
    if not model.get("live_artifact") or model["live_artifact"] == model["artifact"]:
        return ""
    return f" (serves {short(model['live_artifact'])}" + (f" since {when(model['live_since'])})" if model.get("live_since") else ")")
