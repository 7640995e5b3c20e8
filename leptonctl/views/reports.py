"""The short output of single commands: validate, init, pin, verify, predict, gc, locks, version. Values in, text out."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from leptonctl.core.diagnostic import Diagnostic, has_errors
from leptonctl.release import __version__
from leptonctl.views.diagnostics import render as render_diagnostics
from leptonctl.views.plan_json import FORMAT_VERSION
from leptonctl.views.plan_text import diagnostics_text
from leptonctl.views.style import Style, count_text, printable, rows_text, size_text, value_text
from leptonctl.views.tables import table

LIBRARIES = ("scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy", "polars", "skops")
NAMES = frozenset({"columns", "missing"})
"""Fields whose keys are names of columns."""


def validation_to_json(diagnostics: Sequence[Diagnostic]) -> dict[str, Any]:
    """The object of `validate --json`."""
    return {"format_version": FORMAT_VERSION, "ok": not has_errors(diagnostics), "diagnostics": [d.to_json() for d in diagnostics]}


def validation_text(diagnostics: Sequence[Diagnostic], sources: Mapping[str, str], *, color: bool) -> str:
    """All diagnostics, and that the project is valid if none is an error."""
    verdict = Style(color).green("The project is valid.") if not has_errors(diagnostics) else ""
    return "\n".join(part for part in (render_diagnostics(diagnostics, sources, color=color), verdict) if part)


def init_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """The files written, what was inferred and why, and what to do next."""
    style, inferred = Style(color), obj["inferred"]
    lines = [style.bold("Wrote"), *(f"  {printable(str(f))}" for f in obj["files"]), style.bold("Inferred")]
    lines.append(f"  {inferred['rows']:,} rows, {len(inferred['columns'])} columns")
    lines += [f"  {printable(reason['about'])}: {printable(reason['detail'])}{_other_target(reason)}" for reason in inferred["reasons"]]
    missing = ", ".join(f"{printable(name)} {count:,}" for name, count in inferred["missing"].items())
    lines += [f"  missing cells: {missing}"] if missing else []
    return "\n".join([*lines, "", "Next: `leptonctl plan`, then `leptonctl apply`."])


def _other_target(reason: Mapping[str, Any]) -> str:
    """How to choose another target, if a rule chose this one."""
    is_chosen = reason["about"] == "target" and not reason["detail"].endswith("--target")
    return "; `--target COL` picks another" if is_chosen else ""


def pin_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """The digests written, then the problems."""
    style = Style(color)
    rows = [(printable(p["address"]), style.dim(printable(p["digest"])), f"{printable(p['file'])}:{p['line']}") for p in obj["pinned"]]
    result = table(rows) if rows else "Nothing to pin: every digest is already in the YAML."
    problems = diagnostics_text(obj["diagnostics"], style)
    return "\n\n".join(part for part in (result if rows or not problems else "", problems) if part)


def has_error(obj: Mapping[str, Any]) -> bool:
    """Whether the diagnostics of a JSON object contain an error."""
    return any(d["severity"] == "error" for d in obj["diagnostics"])


DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")


def verification_text(obj: Mapping[str, Any], *, color: bool, verbose: bool = False) -> str:
    """The verdict, then the evidence for it. Unless `verbose`, digests are cut, and what was rebuilt to the same bytes is left out."""
    style = Style(color)
    verdict = style.green("✓ verified") if obj["ok"] else style.red("✗ not what was recorded")
    shown = {name: value for name, value in obj.items() if name != "ok"}
    return f"{verdict}\n{outline(shown if verbose else _brief(shown), style, indent=2)}"


def _brief(value: Any) -> Any:
    """The value with digests of 12 digits, without empty parts and without pairs of equal digests."""
    if isinstance(value, str):
        return DIGEST.sub(r"\1…", value)
    if isinstance(value, Mapping):
        pairs = {n: v for n, v in value.items() if not (isinstance(v, Mapping) and "rebuilt" in v and v["rebuilt"] == v.get("recorded"))}
        brief = {name: _brief(item) for name, item in pairs.items()}
        return {name: item for name, item in brief.items() if item is not None and item not in ({}, [])}
    return [_brief(item) for item in value] if isinstance(value, list) else value


def prediction_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """The predictions themselves, or where they were written."""
    del color
    if obj.get("text") is not None:
        return str(obj["text"])
    return f"Predicted {rows_text(obj['rows'])} with {printable(str(obj['target']))}: {printable(str(obj['output']))}"


def outside_lines(obj: Mapping[str, Any]) -> list[str]:
    """A line for each column with cells outside its declared range. Such rows are predicted, as by a server."""
    rows = rows_text(obj["rows"])
    return [
        f"note: {count} of {rows} {'is' if count == 1 else 'are'} outside the declared range of {printable(name)}; predicted all the same"
        for name, count in sorted(obj["outside"].items())
    ]


REASONS = {
    "declared": "declared in the YAML",
    "recorded": "of what is bound or recorded now",
    "deployments": "of deployments to return to",
    "projects": "of other projects of the store",
    "builds": "of builds and plans",
    "young": "not old enough (`keep: {builds: …}`)",
    "unreadable": "perhaps named by a record that cannot be read",
}


def gc_preview(obj: Mapping[str, Any], *, color: bool) -> str:
    """What gc would free, by the address and the project that it was built for."""
    style = Style(color)
    if "lineage" in obj:
        whose = f" of project {printable(obj['project'])}" if obj["project"] else ""
        return f"Lineage {printable(obj['lineage'])}{whose} ends: {obj['objects']} objects go, and what only it refers to can be freed."
    rows = [
        (printable(item["address"] or "no record"), printable(item["project"] or ""), str(item["artifacts"]), size_text(item["bytes"]))
        for item in obj["items"]
    ]
    head = ["built for", "by project", "artifacts", "size"]
    later = obj["artifacts"] - obj["now"]
    lines = [f"{obj['artifacts']} artifacts ({size_text(obj['bytes'])}) are not needed; {obj['kept']} stay."]
    if purged := obj.get("purged"):
        lines.append(
            f"{purged} were purged and have come back, as from a backup: `gc --yes` removes them at once, even if they are referred to."
        )
    if obj["now"]:
        lines.append(f"`gc --yes` deletes {obj['now']} ({size_text(obj['now_bytes'])}) at once.")
    if later:
        lines.append(f"`gc --yes` condemns {later}; a gc a day later frees those that are still unused then.")
    sums = "\n".join([*lines, *_reasons(obj, style)])
    return table(rows, head=head, right=(2, 3), color=style.color) + "\n\n" + sums if rows else sums


def gc_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """What gc freed."""
    style = Style(color)
    if "lineage" in obj:
        return style.green(f"Lineage {printable(obj['lineage'])} has ended.") if obj["done"] else "Nothing was deleted."
    lines = []
    if obj.get("checkpoints"):
        lines.append(style.green(f"Removed {count_text(obj['checkpoints'], 'checkpoint')} that no step needs any more."))
    if obj.get("purged") and (obj["done"] or obj["freed"] or obj["condemned"]):
        lines.append(style.green(f"Removed {obj['purged']} purged artifacts that had come back."))
    if obj["freed"]:
        lines.append(style.green(f"Freed {size_text(obj['freed_bytes'])}: {obj['freed']} artifacts deleted, their records stay."))
    if obj["condemned"]:
        lines.append(f"{obj['condemned']} artifacts are condemned: a gc a day from now frees those that are still unused then.")
    if lines:
        return "\n".join(lines)
    if obj["artifacts"] or obj.get("purged"):
        return "Nothing was deleted."
    return "\n".join([f"Nothing to free: all {obj['kept']} artifacts are needed or too young.", *_reasons(obj, style)])


def _reasons(obj: Mapping[str, Any], style: Style) -> list[str]:
    """Why artifacts are kept: one line for each reason."""
    rows = []
    for entry in obj.get("stays", ()):
        until = f", the first until {entry['until'][:16].replace('T', ' ')} UTC" if entry["until"] else ""
        rows.append((str(entry["artifacts"]), size_text(entry["bytes"]), REASONS[entry["reason"]] + until))
    return [table(rows, right=(0, 1), indent=2, color=style.color)] if rows else []


def outline_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """Any object as an outline."""
    return outline(obj, Style(color))


def locks_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """One line for each lock: who holds it, and whether the holder is known to be alive."""
    rows = [(printable(lock["id"]), lock["kind"], "yes" if lock["held"] else "no", printable(lock["describe"])) for lock in obj["locks"]]
    if not rows:
        return "No locks are held."
    listing = table(rows, head=["id", "kind", "alive", "holder"], color=color)
    return f"{listing}\n\n`leptonctl lock release ID` takes a lock from its holder; that of an apply takes its environments' too."


def lock_release_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """Which lock was released, and whose it was."""
    lock = obj["released"]
    text = f"Released {printable(lock['id'])} of {printable(lock['describe'])}."
    return Style(color).green(text) + "\nIf that process lives, its next write is refused, and it ends with exit code 5."


def versions() -> dict[str, Any]:
    """The object of `version --json`."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    libraries: dict[str, str | None] = {}
    for library in LIBRARIES:
        try:
            libraries[library] = version(library)
        except PackageNotFoundError:
            libraries[library] = None
    machine = f"{platform.system()} {platform.machine()}"
    return {"version": __version__, "python": platform.python_version(), "platform": machine, "libraries": libraries}


def version_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """The versions, aligned, one per line."""
    style = Style(color)
    rows = [(style.bold("leptonctl"), obj["version"]), ("python", obj["python"]), ("platform", obj["platform"])]
    return table([*rows, *((name, number or style.yellow("not installed")) for name, number in obj["libraries"].items())])


def outline(obj: Mapping[str, Any], style: Style, *, indent: int = 0, of_names: bool = False) -> str:
    """Scalars as aligned lines, then each nested value below its name. `of_names`: the keys are names that the user chose, not fields."""
    title = printable if of_names else _title
    flat = {k: v for k, v in obj.items() if not isinstance(v, Mapping | list) or not v}
    parts = [table([(style.dim(title(k)), _scalar(v)) for k, v in flat.items()], indent=indent)]
    for key, value in obj.items():
        if key in flat:
            continue
        parts.append(" " * indent + style.dim(title(key)))
        if isinstance(value, Mapping):
            parts.append(outline(value, style, indent=indent + 2, of_names=key in NAMES))
        else:
            parts.append(_items(value, style, indent + 2))
    return "\n".join(part for part in parts if part)


def _items(values: Iterable[Any], style: Style, indent: int) -> str:
    rows = list(values)
    if all(isinstance(row, Mapping) for row in rows):
        head = list(dict.fromkeys(key for row in rows for key in row))
        return table(
            ([_scalar(row.get(k)) for k in head] for row in rows), head=[_title(k) for k in head], indent=indent, color=style.color
        )
    return "\n".join(" " * indent + _scalar(row) for row in rows)


def _title(key: str) -> str:
    return printable(key.replace("_", " "))


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None or value in ([], {}) else value_text(value, 100)
