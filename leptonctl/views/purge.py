"""The report of `purge` as text: what would be or was removed, and what cannot be reached."""

from collections.abc import Mapping
from typing import Any

from leptonctl.core.address import parse
from leptonctl.views.records import short
from leptonctl.views.style import Style, count_text, printable, rows_text
from leptonctl.views.tables import table


def purge_preview(obj: Mapping[str, Any], *, color: bool) -> str:
    """What holds the rows and would be removed."""
    return "\n\n".join([_holders(obj, Style(color)), *_others(obj)])


def purge_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """What was removed, or that there is nothing to remove. `purge_preview` says what is not covered."""
    style = Style(color)
    if not obj["holders"] and not obj["records"]:
        return "\n\n".join([_nothing(obj), *_others(obj)])
    if not obj["done"]:
        return "Nothing was removed."
    return "\n\n".join([style.green(_removal(obj)), *_serving(obj)])


def _removal(obj: Mapping[str, Any]) -> str:
    artifacts = {h["digest"] for h in obj["holders"]}
    if not artifacts:
        return f"Removed {_ranges(obj)}."
    again = artifacts - {h["digest"] for h in obj["holders"] if h["refused"]}
    ranges = f" and {_ranges(obj)}" if obj["records"] else ""
    removed = f"Removed {count_text(len(artifacts), 'artifact')}{ranges}; the same bytes are refused from now on"
    return f"{removed}, except {len(again)} that a build without the rows may produce again." if again else f"{removed}."


def _ranges(obj: Mapping[str, Any]) -> str:
    return f"the ranges of columns from {count_text(len(obj['records']), 'record')}"


def _nothing(obj: Mapping[str, Any]) -> str:
    if parse(str(obj["subject"])).kind == "dataset" and not obj["cannot_tell"]:
        return f"Nothing in the store holds rows of {printable(obj['subject'])}: never built, or removed before."
    if parse(str(obj["subject"])).kind == "dataset":
        return f"Nothing in the store that can be searched holds rows of {printable(obj['subject'])}: never built, or removed before."
    return "Nothing in the store that can be searched holds this row: it was never stored, or removed before."


def _serving(obj: Mapping[str, Any]) -> list[str]:
    """What to do about servers that answer with what was removed."""
    bound = sorted({place for holder in obj["holders"] for place in holder["bound"]})
    if not bound:
        return []
    back = " or ".join(f"`leptonctl rollback {name}`" for name in sorted({parse(place).name for place in bound}))
    memory = "A server that runs answers from memory and could not load it again: do not restart it."
    out = (
        "Remove the rows from the file; where it is pinned, remove its `digest:` and run `leptonctl pin`; commit where that is required;"
        f" run `leptonctl apply --yes`. Or go back with {back}, if the version before holds none of them."
    )
    return [f"Bound to what was removed: {', '.join(map(printable, bound))}. {memory}\n{out}"]


def _holders(obj: Mapping[str, Any], style: Style) -> str:
    rows = [
        (
            printable(h["address"]),
            h["op"],
            printable(h["artifact"]),
            short(h["digest"]),
            printable(h["holds"]),
            ", ".join(map(printable, h["bound"])),
        )
        for h in obj["holders"]
    ]
    rows += [(printable(r["address"]), r["op"], "its record", short(r["key"]), printable(r["holds"]), "") for r in obj["records"]]
    what = "rows of " if parse(str(obj["subject"])).kind == "dataset" else "what is recorded as "
    by_address = ", ".join(f"{rows_text(count)} in {printable(address)}" for address, count in obj["rows"].items())
    also = "also " if parse(str(obj["subject"])).kind == "dataset" else ""
    subject = printable(obj["subject"]) + (f" ({also}{by_address})" if by_address else "")
    return style.bold(f"These hold {what}{subject}, and a purge removes them:") + "\n" + table(rows)


def _others(obj: Mapping[str, Any]) -> list[str]:
    sections = (
        ("Data files are not edited; remove the rows there yourself", obj["sources"]),
        ("Trained on the rows, but holding none of them; they stay", obj["learned"]),
        ("Not searched (no `id:`, damaged, another key, or an earlier build of a version); they stay", obj["cannot_tell"]),
        ("Out of reach", obj["unreachable"]),
    )
    return [f"{title}:\n" + "\n".join(f"  {printable(str(line))}" for line in lines) for title, lines in sections if lines]
