"""Two dataset versions side by side as text: the object `dataset` of `diff --json`. Writes nothing."""

from collections.abc import Callable, Mapping
from typing import Any

from leptonctl.views.style import Style, figure, printable, rows_text, share_text, value_text
from leptonctl.views.tables import paragraph, table

WORDS = {"nullable": "missing allowed", "fill": "missing becomes", "hashed": "hashed"}


def dataset_blocks(dataset: Mapping[str, Any], names: tuple[str, str], style: Style, width: int) -> list[str]:
    """Blocks of lines: the rows, the columns, and the differences of their contracts."""
    blocks = [paragraph(_rows(dataset["rows"], names), width)]
    if dataset["columns"]:
        blocks.append(_columns(dataset["columns"], style, width))
    contract = [
        (printable(c["name"]), f"{WORDS.get(f['path'], f['path'])}: {_value(f['a'])} → {_value(f['b'])}")
        for c in dataset["columns"]
        for f in c["contract"]
    ]
    contract += [(f"{printable(rule)}", f"rule: {pair['a'] or 'none'} → {pair['b'] or 'none'}") for rule, pair in dataset["rules"].items()]
    if contract:
        blocks.append(f"{style.bold('Contract')}\n{table(contract, indent=2, width=width, wrap=(1,))}")
    return blocks


def _rows(rows: Mapping[str, Any], names: tuple[str, str]) -> str:
    a, b = ("not prepared" if rows[side] is None else rows_text(rows[side]) for side in ("a", "b"))
    text = f"{names[0]}: {a}; {names[1]}: {b}."
    if rows["by"] is None:
        return f"{text} It is not known which were added or removed: {printable(rows['reason'])}."
    identity = "their id" if rows["by"] == "id" else "their record"
    changed = f", {rows['changed']} of them with other cells" if rows["changed"] is not None else ""
    return f"{text} By {identity}, {rows['added']} were added and {rows['gone']} are gone; {rows['common']} are in both{changed}."


def _columns(columns: list[Mapping[str, Any]], style: Style, width: int) -> str:
    rows = [
        (
            printable(c["name"]) + (f"  {style.cyan(c['change'])}" if c["change"] in ("added", "gone") else ""),
            _pair(c["type"], str),
            _pair(c["missing"], share_text),
            _pair(c["distinct"], str),
            *_distance(c["distance"], style),
            _range(c),
        )
        for c in columns
    ]
    head = ("column", "type", "missing", "distinct", "psi", "chance", "range")
    note = "psi: population stability index over ten bins; by chance alone it would stay below the figure beside it 19 times out of 20."
    return f"{table(rows, head=head, right=(4, 5), color=style.color, width=width, wrap=(6, 0))}\n{style.dim(paragraph(note, width))}"


def _distance(distance: Mapping[str, Any] | None, style: Style) -> tuple[str, str]:
    if distance is None:
        return "", ""
    value = f"{distance['value']:.3f}" + (" of lengths" if distance["of"] == "lengths" else "")
    return (style.yellow(value) if distance["value"] > distance["chance"] else value), f"{distance['chance']:.3f}"


def _pair(pair: Mapping[str, Any], as_text: Callable[[Any], str]) -> str:
    """`a → b`; a single value where both are equal or one side has none."""
    texts = [as_text(pair[side]) for side in ("a", "b") if pair[side] is not None]
    return " → ".join(dict.fromkeys(texts))


def _range(column: Mapping[str, Any]) -> str:
    ends = [(column["lowest"][side], column["highest"][side]) for side in ("a", "b")]
    return " → ".join(dict.fromkeys(f"{figure(low)} to {figure(high)}" for low, high in ends if low is not None and high is not None))


def _value(value: Any) -> str:
    return "none" if value is None else value_text(value)
