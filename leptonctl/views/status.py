"""Who serves what since when, as text. Reads the object of `status --json`, writes nothing."""

from collections.abc import Mapping
from typing import Any

from leptonctl.views.records import SHORT, metrics_text, short, when
from leptonctl.views.style import Style, cut, printable
from leptonctl.views.tables import table

NOTHING = "No environment is bound yet. `leptonctl plan` shows what would be."
REMEDIES = {
    "heal": "`leptonctl apply` mends it",
    "decision": "yours to decide: make the YAML agree, or apply again",
    "note": "",
    "unobserved": "",
}


def render_text(status: Mapping[str, Any], *, color: bool = False, width: int = 100, now: str | float | None = None) -> str:
    """One block an environment, without a trailing newline."""
    blocks = [_environment(e, Style(color), color=color, width=width, now=now) for e in status["environments"]]
    return "\n\n".join(blocks) if blocks else NOTHING


def _environment(environment: Mapping[str, Any], style: Style, *, color: bool, width: int, now: str | float | None) -> str:
    head = [style.bold(printable(environment["name"])), *([printable(environment["url"])] if environment.get("url") else [])]
    protected = [style.dim("protected")] if environment.get("protected") else []
    commit = [style.dim(f"commit {printable(str(environment['commit']))[:SHORT]}")] if environment.get("commit") else []
    lines = ["  ".join([*head, _health(environment.get("healthy"), style), *protected, *commit])]
    models = environment["models"]
    if not models:
        return "\n".join([*lines, "  no model is bound"])
    rows = [
        (
            printable(m["name"]),
            printable(m["version"]),
            when(m["since"], now),
            f"#{m['serial']}",
            short(m["artifact"]),
            _metrics(m, models, width, now),
        )
        for m in models
    ]
    lines.append(table(rows, head=("model", "version", "since", "serial", "artifact", "metrics"), right=(3,), indent=2, color=color))
    lines.extend(line for m in models for line in _drift(m, style))
    return "\n".join(lines)


def _metrics(model: Mapping[str, Any], models: list[Mapping[str, Any]], width: int, now: str | float | None) -> str:
    taken = (
        2
        + max(len(m["name"]) for m in models)
        + max(7, *(len(m["version"]) for m in models))
        + len(when(model["since"], now))
        + 6
        + 12
        + 10
    )
    return cut(metrics_text(model.get("metrics")), max(width - taken, 24))


def _health(healthy: bool | None, style: Style) -> str:
    if healthy is None:
        return style.dim("not observed from here")
    return style.green("healthy") if healthy else style.red("not healthy")


def _drift(model: Mapping[str, Any], style: Style) -> list[str]:
    """One line for each way in which the server differs from what is recorded: a text, or `{class, reason}`, or several."""
    drift = model.get("drift")
    found = drift if isinstance(drift, list) else [drift] if drift else []
    lines = []
    for item in found:
        told = item if isinstance(item, Mapping) else {"reason": item}
        remedy = REMEDIES.get(told.get("class", ""), "`leptonctl plan` says what mends it")
        line = f"  {style.yellow('!')} {printable(model['name'])}: {printable(told['reason'])}{_served(model)}"
        lines.append(line + (f"; {remedy}" if remedy else ""))
    return lines


def _served(model: Mapping[str, Any]) -> str:
    if not model.get("live_artifact") or model["live_artifact"] == model["artifact"]:
        return ""
    return f" (serves {short(model['live_artifact'])}" + (f" since {when(model['live_since'])})" if model.get("live_since") else ")")
