"""Withdrawals, readmissions and freezes in plain words. Values in, text out."""

from collections.abc import Iterable, Mapping
from typing import Any

from leptonctl.views.records import short
from leptonctl.views.style import Style, printable

STILL_HELD = "still-held"
"""The id of the warning about a hold that an earlier run has met."""
RETURNS = """\
A version that has served here or is readmitted may still return, by an edit of the YAML too.
To keep one out, roll back from it: that withdraws it."""
"""One sentence per line."""


def readmitted_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """What was readmitted, and that an apply binds it."""
    withdrawal = obj["withdrawal"]
    what = printable(f"{obj['model']} {obj['version']}")
    head = Style(color).green(f"Readmitted to {printable(obj['environment'])}: {what} ({withdrawal['id']}).")
    return f"{head}\nAn apply of YAML that names it binds it."


def freeze_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """Whether the environment is frozen now."""
    name, style = printable(obj["environment"]), Style(color)
    if obj["frozen"]:
        reason, before = printable(obj["frozen"]["reason"]), obj.get("before")
        already = "" if obj["changed"] else " already"
        replaced = f" It was frozen before, for another reason: {printable(before['reason'])}." if before else ""
        head = style.yellow(f"{name} is frozen{already}: {reason}. Only returns and heals continue.{replaced}")
        return f"{head}\n{RETURNS}"
    return style.green(f"{name} is no longer frozen.") if obj["changed"] else f"{name} is not frozen."


def act_text(act: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    """`withdrawn: spam-filter v2 (w1): it flags invoices`, `frozen: prod`. The reason of the whole entry is not repeated."""
    environment = entry.get("environment") or ""
    what = " ".join(part for part in (act["model"], act["version"]) if part) or environment
    what += f" ({act['withdrawal']})" if act["withdrawal"] else ""
    return printable(f"{act['kind']}: {what}" + (f": {act['reason']}" if act["reason"] and act["reason"] != entry.get("reason") else ""))


def hold_line(hold: Mapping[str, Any], style: Style) -> str:
    """`held: prod is frozen since …`, with a hint; in yellow and with its time if an earlier run has met it. Its gates are listed above."""
    since = f" since {hold['since'][:16].replace('T', ' ')} UTC" if hold["since"] else ""
    paint = style.yellow if since else style.red
    reason = "it does not pass its gates" if hold["kind"] == "gate" else hold["reason"]
    line = paint(printable(f"held{since}: {reason}"))
    return line + (f"\n      hint: {printable(hold['hint'])}" if hold["hint"] else "")


def withdrawn_lines(withdrawn: Iterable[Mapping[str, Any]]) -> list[str]:
    """What a command has withdrawn, with the ids of the withdrawals."""
    names = [printable(f"{row['environment']}/{row['model']}@{row['version']}") + f" ({_which(row)})" for row in withdrawn]
    return ["", f"Withdrawn: {', '.join(names)}."] if names else []


def _which(row: Mapping[str, Any]) -> str:
    """The id of a withdrawal, and its build if another build of the version is bound now."""
    digest = row.get("digest")
    return (
        f"{printable(row['id'])}: the build {short(digest)}; another build of {printable(row['version'])} is bound"
        if digest
        else printable(row["id"])
    )
