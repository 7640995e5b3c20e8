"""What serves where, and since when. Reads the object of `status --json`, writes nothing."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from leptonctl.views.records import commit_text, metrics_text, seen_text, short, since_text, when
from leptonctl.views.style import Style, printable, text_width
from leptonctl.views.tables import table

NOTHING = "No environment is bound. `leptonctl plan` shows what an apply would bind."
LEAST = 24
"""The width that metrics always have."""
HEAL = "`leptonctl apply` repairs it"
REMEDIES = {
    "heal": HEAL,
    "decision": "yours to decide: make the YAML agree, or apply again",
    "note": "",
    "unobserved": "",
}


def render_text(status: Mapping[str, Any], *, color: bool = False, width: int = 100, now: str | float | None = None) -> str:
    """One block per environment, without a trailing newline."""
    style, differences = Style(color), status.get("differences") or []
    blocks = []
    for environment in status["environments"]:
        own = _differences([d for d in differences if d["environment"] == environment["name"]], style, width)
        heal = _heal(environment["name"], differences)
        blocks.append("\n".join([_environment(environment, style, color=color, width=width, now=now, heal=heal), *own]))
    shown = {environment["name"] for environment in status["environments"]}
    for name in dict.fromkeys(d["environment"] for d in differences if d["environment"] not in shown):
        own = _differences([d for d in differences if d["environment"] == name], style, width)
        blocks.append("\n".join([f"{style.bold(printable(name))}  not bound", *own]))
    return "\n\n".join(blocks) if blocks else NOTHING


def _differences(entries: Sequence[Mapping[str, Any]], style: Style, width: int) -> list[str]:
    """How what is declared differs from what is bound."""
    lines = []
    for entry in entries:
        of = f"{entry['model']}: " if entry["model"] else ""
        place = f" ({entry['file']}:{entry['line']})" if entry["file"] else ""
        lines.append(problem_text(f"{of}{entry['reason']}{place}", style, width, indent=2))
    return lines


def _heal(name: str, differences: Sequence[Mapping[str, Any]]) -> str:
    """The command that repairs what serves in an environment, and what else it would move."""
    if not differences:
        return HEAL
    also = ", and binds what differs below" if any(d["environment"] == name for d in differences) else ""
    elsewhere = any(d["environment"] != name for d in differences)
    return f"`leptonctl apply{f' --only environment/{printable(name)}' if elsewhere else ''}` repairs it{also}"


def _environment(
    environment: Mapping[str, Any], style: Style, *, color: bool, width: int, now: str | float | None, heal: str = HEAL
) -> str:
    models = environment["models"]
    head = [style.bold(printable(environment["name"])), *_url(environment)]
    if models or environment.get("healthy"):
        # where nothing is bound, no server has to run
        head.append(_health(environment.get("healthy"), style))
    head += [style.dim("elsewhere")] if environment.get("placement") == "elsewhere" else []
    head += [style.dim(f"run by {_runner(environment)}")] if environment.get("placement") == "here" and not _is_here(environment) else []
    head += [style.dim("protected")] if environment.get("protected") else []
    head += [style.dim(commit_text(environment))] if environment.get("commit") else []
    head += (
        [style.dim(f"rewind baseline {short(environment['baseline'])}")]
        if environment.get("baseline") and environment.get("protected")
        else []
    )
    head += [f"deployment {environment['deployment']}"] if environment.get("deployment") else []
    lines = [_wrap(head, width)]
    lines += [_models(models, color=color, width=width, now=now)] if models else ["  no model is bound"]
    # where it runs elsewhere, no apply from here repairs it
    reason = "" if _is_here(environment) else environment.get("reason")
    lines.extend(line for m in models for line in ([] if reason else _drift(m, style, width, here=_is_here(environment), heal=heal)))
    servers = servers_lines(environment, color=color, width=width, now=now)
    ways = [*_freeze_lines(environment, style), *_hold_lines(environment, style), *_withdrawal_lines(environment, style)]
    # servers report their own problems; those listed in a copy are not its own
    unexplained = reason if reason and (not servers or environment.get("copy")) else ""
    return "\n".join([*lines, *ways, *servers, *([problem_text(unexplained, style, width, indent=2)] if unexplained else [])])


def _is_here(environment: Mapping[str, Any]) -> bool:
    """Whether this folder runs the environment, so that an apply repairs what serves."""
    return bool(environment.get("here", environment.get("placement") != "elsewhere"))


def _runner(environment: Mapping[str, Any]) -> str:
    """The folder that runs an environment, with its host."""
    return printable(":".join(filter(None, [environment.get("host"), environment.get("folder")])) or "another folder")


def _url(environment: Mapping[str, Any]) -> list[str]:
    """The URL of an environment; of one that runs elsewhere, only if one of its servers has it."""
    url = environment.get("url")
    known = environment.get("placement") != "elsewhere" or any(server["url"] == url for server in environment.get("servers") or [])
    return [printable(url)] if url and known else []


def _wrap(parts: Sequence[str], width: int) -> str:
    """Parts two spaces apart, on more lines where they do not fit."""
    lines = [parts[0]]
    for part in parts[1:]:
        fits = text_width(lines[-1]) + 2 + text_width(part) <= width
        lines[-1:] = [f"{lines[-1]}  {part}"] if fits else [lines[-1], f"  {part}"]
    return "\n".join(lines)


def _number(model: Mapping[str, Any]) -> str:
    """The deployment that brought a binding, as `rollback --to` takes it."""
    return "-" if model.get("deployment") is None else str(model["deployment"])


def _freeze_lines(environment: Mapping[str, Any], style: Style) -> list[str]:
    frozen = environment.get("frozen")
    if not frozen:
        return []
    by = f" by {printable(frozen['by'])}" if frozen["by"] else ""
    return [f"  {style.yellow('frozen')} since {when(frozen['at'])}{by}: {printable(frozen['reason'])}"]


def _hold_lines(environment: Mapping[str, Any], style: Style) -> list[str]:
    lines = []
    for hold in environment.get("held") or []:
        text = f"{hold['model'] or environment['name']} {hold['version'] or '(removal)'} since {when(hold['since'])}: {hold['reason']}"
        lines.append(f"  {style.yellow('held')} {printable(text)}")
    return lines


def _withdrawal_lines(environment: Mapping[str, Any], style: Style) -> list[str]:
    lines = []
    for model in environment["models"]:
        for w in model.get("withdrawn") or []:
            by, why = f" by {w['by']}" if w["by"] else "", f": {w['reason']}" if w["reason"] else ""
            build = f", package {short(w['package'])}" if w["version"] == model["version"] and w["package"] else ""
            text = printable(f"{model['name']} {w['version']}{build} ({w['id']}) since {when(w['at'])}{by}{why}")
            lines.append(f"  {style.yellow('withdrawn')} {text}")
    return lines


def _models(models: Sequence[Mapping[str, Any]], *, color: bool, width: int, now: str | float | None) -> str:
    """One line for each binding, in the fullest form that fits: with the moment or only its age, with the artifact or without."""
    text = ""
    for full, artifact in ((True, True), (False, True), (False, False)):
        names, *rows = _model_rows(models, now, full=full, artifact=artifact)
        room = max(width - 4 - _width(table([names, *rows])), LEAST)
        cells = [(*row, metrics_text(m.get("metrics"), columns=room)) for row, m in zip(rows, models, strict=True)]
        text = table(cells, head=(*names, "metrics"), right=(3,), indent=2, color=color)
        if _width(text) <= width:
            break
    return text


def _width(text: str) -> int:
    """The columns of the longest line."""
    return max(map(text_width, text.split("\n")))


def _model_rows(models: Sequence[Mapping[str, Any]], now: str | float | None, *, full: bool, artifact: bool) -> list[Sequence[str]]:
    """The names of the columns, then the cells of each binding."""
    rows: list[Sequence[str]] = [("model", "version", "since", "deployment", *(["artifact"] if artifact else []))]
    for model in models:
        since = (when if full else since_text)(model["since"], now)
        cells = (printable(model["name"]), printable(model["version"]), since, _number(model))
        rows.append((*cells, short(model["artifact"])) if artifact else cells)
    return rows


def servers_lines(environment: Mapping[str, Any], *, color: bool, width: int, now: str | float | None) -> list[str]:
    """The servers of an environment; none if this folder runs the only one, which the URL and the bindings describe."""
    servers, style = environment.get("servers") or [], Style(color)
    if not servers or (_is_here(environment) and len(servers) == 1):
        return []
    problems = [problem_text(f"{s['id']} {s['reason']}", style, width, indent=2) for s in servers if s["reason"]]
    return [servers_table(servers, color=color, width=width, now=now), *problems]


def servers_table(servers: Sequence[Mapping[str, Any]], *, color: bool, width: int, now: str | float | None, first: str = "") -> str:
    """One line for each server, with its URL if that fits. `first`: the key of a column before the others."""
    names = [*([first] if first else []), "server", "url", "serves", "since", "seen"]
    rows: list[Sequence[str]] = [names]
    for s in servers:
        cells = [printable(s[first])] if first else []
        serves = f"#{s['deployment']}" if s["deployment"] else "nothing"
        cells += [printable(s["id"]), printable(s["url"]), "stopped" if s["stopped"] else serves]
        rows.append([*cells, since_text(s["since"], now), seen_text(s["seen"], now)])
    if _width(table(rows, indent=2)) > width:
        url = names.index("url")
        rows = [[*row[:url], *row[url + 1 :]] for row in rows]
    return table(rows[1:], head=rows[0], indent=2, color=color)


def _health(healthy: bool | None, style: Style) -> str:
    if healthy is None:
        return style.dim("not observed from here")
    return style.green("healthy") if healthy else style.red("not healthy")


def problem_text(text: str, style: Style, width: int, *, indent: int = 0) -> str:
    """A problem on lines that fit, after `!`; a word longer than a line stays whole."""
    mark = " " * indent + "! "
    lines = wrap(
        printable(text), width, initial_indent=mark, subsequent_indent=" " * len(mark), break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines).replace("!", style.yellow("!"), 1)


def _drift(model: Mapping[str, Any], style: Style, width: int, *, here: bool, heal: str) -> list[str]:
    """One line for each difference between the server and the state. `drift`: a string, `{class, reason}`, or a list of these."""
    drift = model.get("drift")
    items = drift if isinstance(drift, list) else [drift] if drift else []
    lines = []
    for item in items:
        difference = item if isinstance(item, Mapping) else {"reason": item}
        remedy = (REMEDIES | {"heal": heal}).get(difference.get("class", "heal" if here else ""), "`leptonctl plan` shows how to repair it")
        text = f"{model['name']}: {difference['reason']}{_served_package(model)}" + (f"; {remedy}" if remedy else "")
        lines.append(problem_text(text, style, width, indent=2))
    return lines


def _served_package(model: Mapping[str, Any]) -> str:
    if not model.get("live_artifact") or model["live_artifact"] == model["artifact"]:
        return ""
    return f" (serves {short(model['live_artifact'])}" + (f" since {when(model['live_since'])})" if model.get("live_since") else ")")
