"""The report of `purge` -> text. Says what would be or was removed, and what cannot be reached."""

from collections.abc import Mapping
from typing import Any

from leptonctl.views.style import Style, printable
from leptonctl.views.tables import table


def purge_preview(obj: Mapping[str, Any], *, color: bool) -> str:
    """What holds the rows and would be removed."""
    return "\n\n".join([_holders(obj, Style(color)), *_others(obj)])


def purge_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """What was removed, and what that does not cover."""
    style = Style(color)
    if not obj["holders"]:
        return "\n\n".join([f"Nothing in the store is known to hold rows of {printable(obj['subject'])}.", *_others(obj)])
    if not obj["done"]:
        return "Nothing was removed."
    done = style.green(f"Removed {len({h['digest'] for h in obj['holders']})} artifacts; the same bytes are refused from now on.")
    bound = sorted({place for holder in obj["holders"] for place in holder["bound"]})
    serving = [f"Bound to what was removed: {', '.join(map(printable, bound))}. Remove the rows, plan and apply."] if bound else []
    return "\n\n".join([done, *serving, *_others(obj)])


def _holders(obj: Mapping[str, Any], style: Style) -> str:
    rows = [
        (printable(h["address"]), h["op"], printable(h["artifact"]), printable(h["holds"]), ", ".join(map(printable, h["bound"])))
        for h in obj["holders"]
    ]
    return style.bold(f"These hold rows of {printable(obj['subject'])} and would be removed:") + "\n" + table(rows)


def _others(obj: Mapping[str, Any]) -> list[str]:
    named = (
        ("Not edited; remove the rows there yourself", obj["sources"]),
        ("Trained on the rows, but holding none of them; they stay", obj["learned"]),
        ("Cannot be told (no `id:`, or an earlier build); they stay", obj["cannot_tell"]),
        ("Out of reach", obj["unreachable"]),
    )
    return [f"{title}:\n" + "\n".join(f"  {printable(str(line))}" for line in lines) for title, lines in named if lines]
