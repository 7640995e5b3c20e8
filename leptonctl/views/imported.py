"""What `import` read and wrote, as text. Writes nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from leptonctl.views.style import Style, printable, size_text
from leptonctl.views.tables import table

MOST = 8
"""How many columns of an input are shown."""


def imported_text(obj: Mapping[str, Any], *, color: bool) -> str:
    """Where the version was written, then what the file says about itself, then the next command."""
    style = Style(color)
    verb = "Wrote" if obj["created"] else "Added to"
    head = f"{style.bold(printable(obj['address']))}  {verb} {printable(obj['file'])}:{obj['line']}"
    classes, producer = obj["classes"], f", made by {printable(obj['producer'])}" if obj["producer"] else ""
    rows = [
        ("file", f"{printable(obj['import'])}, {size_text(obj['size'])}, {obj['digest'][:19]}…"),
        ("graph", f"{obj['nodes']} nodes, operator set {obj['opset']}{producer}"),
        *(("input", _shape(shape) + _columns_of(obj["takes"].get(shape["name"], ()))) for shape in obj["inputs"]),
        *(("output", _shape(shape)) for shape in obj["outputs"]),
        *([("classes", printable(", ".join(map(str, classes))))] if classes is not None else []),
        *([("classes", "not listed in the file")] if obj["needs_classes"] else []),
    ]
    next_step = f"`leptonctl build {printable(obj['address'].partition('/')[2])}` checks that it runs, and evaluates it."
    if obj["needs_classes"]:
        place = f"{printable(obj['file'])}:{obj['line']}"
        next_step = (
            f"unless the target is 0, 1, …, say at {place} which output is which class: `classes: [FIRST, SECOND, …]`, in the order "
            f"of its probabilities. Then {next_step}"
        )
    lines = [head, *table(rows, indent=2).splitlines(), *(_problem(one, style) for one in obj["problems"]), f"Next: {next_step}"]
    return "\n".join(lines)


def _problem(problem: Mapping[str, Any], style: Style) -> str:
    hint = f": {printable(problem['hint'])}" if problem["hint"] else ""
    place = f"{printable(problem['file'])}:{problem['line']}"
    return f"{style.yellow('warning:')} it does not fit the dataset. {printable(problem['detail'])} At {place}{hint}"


def _columns_of(columns: Sequence[str]) -> str:
    """The columns that an input takes, in order."""
    names = ", ".join(map(printable, columns[:MOST])) + (" …" if len(columns) > MOST else "")
    return f": {names}{' in this order' if len(columns) > 1 else ''}" if columns else ""


def _shape(shape: Mapping[str, Any]) -> str:
    columns = "any number of columns" if shape["columns"] is None else f"{shape['columns']} column{'' if shape['columns'] == 1 else 's'}"
    return f"{printable(shape['name'])}  {shape['type']}, {columns}"
