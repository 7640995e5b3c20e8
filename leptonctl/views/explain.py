"""A node explained: what its digest is made of, where each part is written, what changed, and who built it. Writes nothing.

Reads `{address, digest, recorded, held?: {reason, hint, since}, fields: [{path, value, file, line, column}], changed: [{path,
before, after, file, line, column}], steps: [{name, op, key, cached, at, by, host, commit, seconds}], builds: [{at, by, host,
commit, seconds, metrics}]}`. `recorded` is the digest in the state, null without one; `held` says why an apply does not change
it, null where it would; a field without `file` is a default; a step's `key` is null while it depends on bytes that are not built
yet.
"""

from collections.abc import Mapping
from typing import Any

from leptonctl.views.records import ROOMY, UNLIMITED, metrics_text, place, short, when, who, whole_value
from leptonctl.views.style import Style, duration, printable
from leptonctl.views.tables import paragraph, table
from leptonctl.views.words import step_label

DEFAULT = "default"
"""Stands for the place of a value that no file holds."""


def render_text(node: Mapping[str, Any], *, color: bool = False, width: int = 100, now: str | float | None = None) -> str:
    """The explanation in blocks, without a trailing newline."""
    style = Style(color)
    blocks = [
        _head(node, style),
        _changes(node, width, style, color=color),
        _fields(node["fields"], width, style, color=color),
        _steps(node["steps"], style, color=color, now=now if width >= ROOMY else None),
        _builds(node["builds"], width, style, now=now if width >= ROOMY else None),
    ]
    return "\n\n".join(block for block in blocks if block)


def _head(node: Mapping[str, Any], style: Style) -> str:
    lines = [f"{style.bold(printable(node['address']))}  {printable(node['digest'])}"]
    held = node.get("held")
    if held:
        lines.append(f"recorded as {printable(node['recorded'])}" if node["recorded"] else "not recorded yet")
        since = f" since {when(held['since'])}" if held["since"] else ""
        lines.append(style.yellow(f"an apply would not change it, held{since}: {printable(held['reason'])}"))
        lines += [f"  hint: {printable(held['hint'])}"] if held["hint"] else []
    elif node["recorded"] is None:
        lines.append("not recorded yet: an apply would create it")
    elif node["recorded"] == node["digest"]:
        lines.append("recorded as this: nothing to do")
    else:
        lines.append(f"recorded as {printable(node['recorded'])}: an apply would change it")
    return "\n".join(lines)


def _changes(node: Mapping[str, Any], width: int, style: Style, *, color: bool) -> str:
    rows = [
        (
            style.yellow("~"),
            printable(c["path"]),
            whole_value(c["before"], width),
            "→",
            whole_value(c["after"], width),
            style.dim(place(c) or DEFAULT),
        )
        for c in node["changed"]
    ]
    return "What changed since it was recorded\n" + table(rows, indent=2, color=color, width=width, wrap=(2, 4)) if rows else ""


def _fields(fields: list[Mapping[str, Any]], width: int, style: Style, *, color: bool) -> str:
    rows = [(printable(f["path"]), whole_value(f["value"], width, absent="null"), style.dim(_origin(f))) for f in fields]
    return "What determines it\n" + table(rows, indent=2, color=color, width=width, wrap=(1,)) if rows else ""


def _origin(field: Mapping[str, Any]) -> str:
    """Where a field is written, or what else sets it: the epoch of a trainer comes with the release of leptonctl."""
    return "this release" if not field["file"] and str(field["path"]).rpartition(".")[2] == "epoch" else place(field) or DEFAULT


def _steps(steps: list[Mapping[str, Any]], style: Style, *, color: bool, now: str | float | None) -> str:
    rows = []
    for step in steps:
        key = short(step["key"]) if step["key"] else "known after its build"
        outcome = (
            f"done {when(step['at'], now)} in {duration(step['seconds'])} by {who(step)}"
            if step["cached"]
            else style.yellow("no result yet")
        )
        rows.append((step_label(step), key, outcome))
    return "Steps\n" + table(rows, head=("step", "key", ""), indent=2, color=color) if rows else ""


def _builds(builds: list[Mapping[str, Any]], width: int, style: Style, *, now: str | float | None) -> str:
    lines = []
    for build in builds:
        ops = ", ".join(printable(op).replace("_", "-") for op in dict.fromkeys(build.get("ops") or ()))
        lines.append(f"  {when(build['at'], now)}  {ops and f'{ops}  '}in {duration(build['seconds'])} by {who(build)}")
        metrics = metrics_text(build.get("metrics"), UNLIMITED)
        if metrics:
            lines.append(style.dim(paragraph(metrics, width, indent=4)))
    return "\n".join(["Built", *lines]) if lines else ""
