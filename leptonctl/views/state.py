"""The text of the `state` commands. Values in, text out."""

from collections.abc import Mapping
from typing import Any

from leptonctl.core.address import document
from leptonctl.views.history import move
from leptonctl.views.records import UNLIMITED, short, when
from leptonctl.views.style import Style, printable
from leptonctl.views.tables import table

LEAST_MOMENT = 10
"""The width that a moment always has: that of its date."""
MOST = 20
"""How many changes of pointers are listed."""


def list_text(obj: Mapping[str, Any], *, color: bool, width: int = UNLIMITED) -> str:
    """One line per address. Where that is too wide, the time of a moment is put below its date."""
    if not obj["pointers"]:
        return "The state is empty."
    head = ["address", "digest", "version", "deployment", "since"]
    rows = [
        (
            printable(p["address"]), short(p["digest"]), printable(p["version"] or ""),
            "" if p["deployment"] is None else str(p["deployment"]), when(p["at"]) if p["at"] else "",
        )
        for p in obj["pointers"]
    ]  # fmt: skip
    return table(rows, head=head, color=color, width=width, wrap=(4,), least=LEAST_MOMENT)


def backup_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """What was written and read back."""
    return Style(color).green(f"Wrote {printable(obj['file'])}: serial {obj['serial']}, {obj['pointers']} pointers. Read back and equal.")


def preview(obj: Mapping[str, Any], *, color: bool) -> str:
    """What a restore, an adoption or an edit would do."""
    if "folder" in obj:
        return _folder(obj)
    if "address" in obj:
        return f"{printable(obj['address'])} is dropped from the state; {obj['kept']}."
    if "before" in obj:
        return f"State and store of project {printable(obj['before'])} are renamed to {printable(obj['after'])}."
    style = Style(color)
    if "restored_serial" in obj:
        lines = [f"The state goes back to serial {obj['restored_serial']} of {printable(obj['file'])}; it becomes serial {obj['serial']}."]
    elif obj["kept"]:
        lines = [printable(obj["why"]), f"The state stays as it is: {obj['pointers']} pointers, serial {obj['serial']}."]
    else:
        lines = [printable(obj["why"]), f"The state is rebuilt from the store: {obj['pointers']} pointers, serial {obj['serial']}."]
    lines.append(f"A state of a generation below {obj['generation']} can then only be read. Nothing is built, and no server is touched.")
    lines += [f"  {printable(c['address'])}  {move(c)}" for c in obj["changes"][:MOST]]
    if len(obj["changes"]) > MOST:
        lines.append(f"  and {len(obj['changes']) - MOST} more")
    return "\n".join([*lines, *_older_environments(obj, style)])


def takeover_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """What was done."""
    style = Style(color)
    if not obj["done"]:
        if obj.get("why") != "":
            return "Nothing was changed."
        text = "Nothing to adopt: the state is the newest one."
        if obj.get("copy_of"):
            text += f"\nIt was recorded for {printable(obj['copy_of'])}. To use this folder: `leptonctl state adopt --copy` (or `--moved`)."
        return text
    if "folder" in obj:
        text = (
            f"This folder is a project of its own: lineage {obj['lineage']}."
            if obj["lineage"]
            else "This folder is recorded as the project's already: nothing has moved."
            if obj.get("ours")
            else "This folder is recorded as the project's."
        )
        return style.green(text) + "\nNext: `leptonctl plan`."
    lines = [style.green(f"The state is in charge: serial {obj['serial']}, generation {obj['generation']}.")]
    if obj["set_aside"]:
        lines.append(f"What could not be read is kept as {printable(obj['set_aside'])}.")
    return "\n".join([*lines, *_older_environments(obj, style), "Next: `leptonctl plan`."])


def edit_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """What was forgotten or renamed."""
    if not obj["done"]:
        return "Nothing was changed."
    if "address" in obj:
        return Style(color).green(f"Dropped {printable(obj['address'])}; {obj['kept']}.")
    return Style(color).green(f"State and store belong to project {printable(obj['after'])}: serial {obj['serial']}.")


def _folder(obj: Mapping[str, Any]) -> str:
    if obj.get("copy"):
        original = f" {printable(obj['recorded'])}" if obj["recorded"] else ""
        return (
            f"{printable(obj['folder'])} becomes a project of its own: with what was built, and nothing bound.\n"
            f"The original{original} is not touched."
        )
    recorded = f", recorded for {printable(obj['recorded'])}," if obj["recorded"] else ""
    return f"{printable(obj['folder'])}{recorded} becomes the folder that this state belongs to."


def _older_environments(obj: Mapping[str, Any], style: Style) -> list[str]:
    return [
        style.yellow(
            f"{document('environment', printable(row['environment']))}: deployment {row['recorded']} is recorded, "
            f"the head names {row['head']};"
        )
        + " the next apply puts what is recorded in force"
        for row in obj["behind"]
    ]
