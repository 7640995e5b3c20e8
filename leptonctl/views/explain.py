"""A node's story: what its digest is made of, where each part is written, what changed, and who built it. Writes nothing.

Reads `{address, digest, recorded, held?: {reason, hint, since}, fields: [{path, value, file, line, column}], changed: [{path,
before, after, file, line, column}], steps: [{name, op, key, cached, at, by, host, commit, seconds}], builds: [{at, by, host,
commit, seconds, metrics}]}`. `recorded` is the digest in the state, null without one; `held` says why an apply does not change
it, null where it would; a field without `file` is a default; a step's `key` is null while it depends on bytes that are not built
yet.
"""

from collections.abc import Mapping
from typing import Any

from leptonctl.views.records import ROOMY, UNLIMITED, metrics_text, short, when, who, whole_value
from leptonctl.views.style import Style, duration, printable
from leptonctl.views.tables import paragraph, table
from leptonctl.views.words import step_label


def render_text(story: Mapping[str, Any], *, color: bool = False, width: int = 100, now: str | float | None = None) -> str:
    """The blocks of the story, without a trailing newline."""
    style = Style(color)
    blocks = [
        _head(story, style),
        _changed(story, width, style, color=color),
        _fields(story["fields"], width, style, color=color),
        _steps(story["steps"], style, color=color, now=now if width >= ROOMY else None),
        _builds(story["builds"], width, style, now=now if width >= ROOMY else None),
    ]
    return "\n\n".join(block for block in blocks if block)


def _head(story: Mapping[str, Any], style: Style) -> str:
    lines = [f"{style.bold(printable(story['address']))}  {printable(story['digest'])}"]
    held = story.get("held")
    if held:
        lines.append(f"recorded as {printable(story['recorded'])}" if story["recorded"] else "not recorded yet")
        since = f" since {when(held['since'])}" if held["since"] else ""
        lines.append(style.yellow(f"an apply would not change it, held{since}: {printable(held['reason'])}"))
        lines += [f"  hint: {printable(held['hint'])}"] if held["hint"] else []
    elif story["recorded"] is None:
        lines.append("not recorded yet: an apply would create it")
    elif story["recorded"] == story["digest"]:
        lines.append("recorded as this: nothing to do")
    else:
        lines.append(f"recorded as {printable(story['recorded'])}: an apply would change it")
    return "\n".join(lines)


def _changed(story: Mapping[str, Any], width: int, style: Style, *, color: bool) -> str:
    rows = [
        (style.yellow("~"), printable(c["path"]), whole_value(c["before"], width), "→", whole_value(c["after"], width), style.dim(place(c)))
        for c in story["changed"]
    ]
    return "What changed since it was recorded\n" + table(rows, indent=2, color=color, width=width, wrap=(2, 4)) if rows else ""


def _fields(fields: list[Mapping[str, Any]], width: int, style: Style, *, color: bool) -> str:
    rows = [(printable(f["path"]), whole_value(f["value"], width, absent="null"), style.dim(_origin(f))) for f in fields]
    return "What determines it\n" + table(rows, indent=2, color=color, width=width, wrap=(1,)) if rows else ""


def _origin(field: Mapping[str, Any]) -> str:
    """Where a field is written; who set it otherwise. The epoch of a trainer comes with leptonctl."""
    return "this release" if not field["file"] and str(field["path"]).rpartition(".")[2] == "epoch" else place(field)


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


def place(field: Mapping[str, Any]) -> str:
    """`models/spam.yaml:4:12`, or `default` for a value that no file holds."""
    if not field.get("file"):
        return "default"
    return ":".join(printable(str(part)) for part in (field["file"], field.get("line"), field.get("column")) if part is not None)
