"""The short answers of single commands as text: validate, init, pin, verify, predict, gc, locks, version. Values in, text out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from leptonctl import __version__
from leptonctl.core.diagnostic import Diagnostic, has_errors
from leptonctl.views.diagnostics import render as render_diagnostics
from leptonctl.views.plan_json import FORMAT_VERSION
from leptonctl.views.plan_text import notes
from leptonctl.views.style import Style, printable, value_text
from leptonctl.views.tables import table

LIBRARIES = ("scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy", "polars", "skops")


def validation_to_json(found: Sequence[Diagnostic]) -> dict[str, Any]:
    """The object of `validate --json`."""
    return {"format_version": FORMAT_VERSION, "ok": not has_errors(found), "diagnostics": [d.to_json() for d in found]}


def validated(found: Sequence[Diagnostic], sources: Mapping[str, str], *, color: bool) -> str:
    """Every finding, or that there is none."""
    verdict = Style(color).green("The project is valid.") if not has_errors(found) else ""
    return "\n".join(part for part in (render_diagnostics(found, sources, color=color), verdict) if part)


def initialised(obj: Mapping[str, Any], *, color: bool) -> str:
    """What was written, what was inferred, and what to do next."""
    style = Style(color)
    lines = [style.bold("Wrote"), *(f"  {printable(str(f))}" for f in obj["files"])]
    if obj.get("inferred"):
        lines += [style.bold("Inferred"), outline(obj["inferred"], style, indent=2)]
    return "\n".join([*lines, "", "Next: `leptonctl plan`, then `leptonctl apply`."])


def pinned(obj: Mapping[str, Any], *, color: bool) -> str:
    """The digests written, then what could not be pinned."""
    style = Style(color)
    rows = [(printable(p["address"]), style.dim(printable(p["digest"])), f"{printable(p['file'])}:{p['line']}") for p in obj["pinned"]]
    said = table(rows) if rows else "Nothing to pin: every digest is written."
    findings = notes(obj["diagnostics"], style)
    return "\n\n".join(part for part in (said if rows or not findings else "", findings) if part)


def has_error(obj: Mapping[str, Any]) -> bool:
    """Whether the diagnostics of a JSON object hold an error."""
    return any(d["severity"] == "error" for d in obj["diagnostics"])


def verified(obj: Mapping[str, Any], *, color: bool) -> str:
    """The verdict, then what it rests on."""
    style = Style(color)
    verdict = style.green("✓ verified") if obj["ok"] else style.red("✗ not what was recorded")
    return f"{verdict}\n{outline({k: v for k, v in obj.items() if k != 'ok'}, style, indent=2)}"


def predicted(obj: Mapping[str, Any], *, color: bool) -> str:
    """The predictions themselves, or where they were written."""
    del color
    if obj.get("text") is not None:
        return str(obj["text"])
    return f"Predicted {obj['rows']} rows with {printable(str(obj['target']))}: {printable(str(obj['output']))}"


def collectable(obj: Mapping[str, Any], *, color: bool) -> str:
    """What a collection would delete."""
    del color
    return (
        f"{obj['artifacts']} artifacts ({size_text(obj['bytes'])}) that nothing needs would be deleted; {obj['kept']} are needed and stay."
    )


def collected(obj: Mapping[str, Any], *, color: bool) -> str:
    """What a collection did."""
    if obj["done"]:
        return Style(color).green(f"Freed {size_text(obj['bytes'])}: {obj['artifacts']} artifacts deleted, their records stay.")
    return "Nothing was deleted." if obj["artifacts"] else f"Nothing to free: all {obj['kept']} artifacts are needed or too young."


def size_text(size: float) -> str:
    """`812 B`, `14.2 kB`, `3.1 MB`."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004 - a thousand of a unit is one of the next
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def described(obj: Mapping[str, Any], *, color: bool) -> str:
    """Any object as an outline."""
    return outline(obj, Style(color))


def locks(obj: Mapping[str, Any], *, color: bool) -> str:
    """One block a lock."""
    style = Style(color)
    blocks = [outline(lock, style) for lock in obj["locks"]]
    return "\n\n".join(blocks) if blocks else "No locks are held."


def versions() -> dict[str, Any]:
    """The object of `version --json`."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, str | None] = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = None
    machine = f"{platform.system()} {platform.machine()}"
    return {"version": __version__, "python": platform.python_version(), "platform": machine, "libraries": found}


def version_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """One aligned line each."""
    style = Style(color)
    rows = [(style.bold("leptonctl"), obj["version"]), ("python", obj["python"]), ("platform", obj["platform"])]
    return table([*rows, *((name, found or style.yellow("not installed")) for name, found in obj["libraries"].items())])


def outline(obj: Mapping[str, Any], style: Style, *, indent: int = 0) -> str:
    """Scalars as aligned lines, then what is nested, each below its name."""
    flat = {k: v for k, v in obj.items() if not isinstance(v, Mapping | list) or not v}
    parts = [table([(style.dim(_title(k)), _scalar(v)) for k, v in flat.items()], indent=indent)]
    for key, value in obj.items():
        if key not in flat:
            parts.append(" " * indent + style.dim(_title(key)))
            parts.append(outline(value, style, indent=indent + 2) if isinstance(value, Mapping) else _items(value, style, indent + 2))
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
