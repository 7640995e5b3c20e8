"""Everything about one dataset version as text: the object `dataset` of `show ADDR --json`. Writes nothing."""

import json
from collections.abc import Mapping
from typing import Any

from leptonctl.core.profile import Bins, spread
from leptonctl.views.plots import histogram
from leptonctl.views.records import ROOMY, short, when, who
from leptonctl.views.style import Style, duration, figure, printable, rows_text, share_text, value_text
from leptonctl.views.tables import paragraph, table

HISTOGRAM, NARROW = 8, 6
"""The width of a histogram, on a wide and on a narrow terminal."""
LEAST_LONG_INTEGER = 10**9
"""Integers from here on are shown with four significant digits."""
LEAST_RULE = 10
"""The width that is always kept for the rules of a column."""


def render_dataset(dataset: Mapping[str, Any], *, color: bool, width: int, now: str | float | None = None) -> str:
    """The screen in blocks, without a trailing newline."""
    style = Style(color)
    lines = [style.bold(printable(dataset["address"]))]
    if dataset["description"]:
        lines.append(paragraph(printable(dataset["description"]), width))
    blocks = ["\n".join(lines), _facts(dataset, width, style, now), _columns(dataset, style, width)]
    if dataset["rules"]:
        rows = [(style.dim(rule["severity"]), printable(rule["rule"])) for rule in dataset["rules"]]
        blocks.append(f"{style.bold('Rules')}\n{table(rows, indent=2, width=width, wrap=(1,))}")
    if dataset["checks"]:
        rows = [(printable(c["column"]), _note(c)) for c in dataset["checks"]]
        blocks.append(f"{style.bold('Notes')}\n{table(rows, indent=2, width=width, wrap=(1,))}")
    return "\n\n".join(blocks)


def _note(check: Mapping[str, Any]) -> str:
    """`constant: 40 rows`, `rule: low < high: 7 rows`."""
    detail = f" {printable(check['detail']).removesuffix(':')}:" if check.get("detail") else ""
    return f"{check['check'].replace('_', ' ')}:{detail} {rows_text(check['count'])}"


def _facts(dataset: Mapping[str, Any], width: int, style: Style, now: str | float | None) -> str:
    source, prepared, rows = dataset["source"], dataset["prepared"], dataset["rows"]
    facts = [
        ("source", f"{printable(source['path'])} ({source['format']})"),
        ("bytes", printable(source["digest"] or "unknown") + ("" if source["pinned"] else ", not pinned (`leptonctl pin`)")),
        ("reading", _options({**(dataset["options"] or {}), **({"encoding": None} if source["format"] == "parquet" else {})})),
        ("digest", short(dataset["digest"])),
        ("split", _split(dataset["split"])),
    ]
    if rows:
        total = sum(rows.values())
        without = f"; {dataset['left_out']} without a target left out" if dataset["left_out"] else ""
        facts.append(("rows", f"{total}: {rows.get('train')} to train on, {rows.get('test')} to test on{without}"))
    facts.append(("id", printable(dataset.get("id") or "")))
    for name, word in (("drop", "dropped"), ("hash", "hashed")):
        if dataset["privacy"][name]:
            facts.append((word, ", ".join(map(printable, dataset["privacy"][name]))))
    if dataset["ignored"]:
        facts.append(("ignored", ", ".join(map(printable, dataset["ignored"]))))
    facts += [("dates", _date(date)) for date in dataset["dates"]]
    facts.append(("read by", ", ".join(map(printable, dataset["used_by"])) or "no model"))
    now = now if width >= ROOMY else None
    built = f"{when(prepared['at'], now)} in {duration(prepared['seconds'])} by {who(prepared)}" if prepared["cached"] else "not yet"
    lines = table([(style.dim(f"{name:8}"), text) for name, text in facts if text], indent=2, width=width, wrap=(1,))
    # not wrapped, so that the length of the names of people and hosts does not change the screen
    return f"{lines}\n  {style.dim('prepared')}  {built}"


def _date(date: Mapping[str, Any]) -> str:
    """`when: datetime as %d.%m.%Y, as year and month`."""
    form = printable(date["format"] or "ISO 8601") + (" with an offset" if date["zoned"] else "")
    return f"{printable(date['name'])}: {date['type']} in {form}, as {', '.join(date['parts'])}"


def _options(options: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{name} {_option(value)}" for name, value in (options or {}).items() if value is not None)


def _option(value: object) -> str:
    """A value; punctuation in quotes, as in `decimal ","`."""
    return value_text(value) if not isinstance(value, str) or value.isalnum() or len(value) > 1 else json.dumps(value, ensure_ascii=False)


def _split(split: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value_text(value)}" for name, value in split.items() if value is not None)


def _columns(dataset: Mapping[str, Any], style: Style, width: int) -> str:
    rows = [
        (
            printable(c["name"]) + (style.cyan("  target") if c["role"] == "target" else ""),
            c["type"] or "not known yet",
            _distribution(c, NARROW if width < ROOMY else HISTOGRAM),
            "" if c["missing"] is None else share_text(c["missing"]),
            "" if c["distinct"] is None else str(c["distinct"]),
            _rules(c),
        )
        for c in dataset["columns"]
    ]
    head = ("column", "type", "distribution", "missing", "distinct", "contract")
    features = sum(c["role"] == "feature" for c in dataset["columns"])
    title = style.bold("Columns") + f": {features} {'feature' if features == 1 else 'features'}"
    title += " and the target" if features < len(dataset["columns"]) else ""
    # only declared columns are known before the rows are prepared
    title = title if dataset["rows"] else style.bold("Columns") + " that are declared"
    return f"{title}\n{table(rows, head=head, right=(3, 4), indent=2, color=style.color, width=width, wrap=(5, 0), least=LEAST_RULE)}"


def _distribution(column: Mapping[str, Any], columns: int) -> str:
    """`0.05 ▂▅█▂▁▁▁▁ 9.99`: the range of all rows around a histogram of the training rows; of text, a histogram of its values."""
    rows = _histogram(column["distribution"], columns)
    if column["lowest"] is None or column["highest"] is None:
        return rows
    low, high = (_end(column[end], column["type"]) for end in ("lowest", "highest"))
    return f"{low} {rows or 'to'} {high}"


def _end(value: float, kind: str | None) -> str:
    """The end of a range: an integer in full, if it is not too long."""
    return str(int(value)) if kind == "integer" and value == int(value) and abs(value) < LEAST_LONG_INTEGER else figure(value)


def _histogram(distribution: Mapping[str, Any] | None, columns: int) -> str:
    """The training rows from the lowest to the highest number, or by category: the most frequent first, all others together last."""
    if distribution is None:
        return ""
    bins = distribution["bins"]
    if bins is not None:
        return histogram(spread(Bins(edges=tuple(bins["edges"]), counts=tuple(bins["counts"])), columns))
    counts = [category["rows"] for category in distribution["categories"] or ()]
    rest = sum(counts[columns - 1 :]) + distribution["other"]
    return histogram([*counts[: columns - 1], *([rest] if rest else [])])


def _rules(column: Mapping[str, Any]) -> str:
    """`declared, 0 to 100, missing allowed, filled with 0`."""
    low, high = column["min"], column["max"]
    parts = ["declared" if column["declared"] else "", "hashed" if column["hashed"] else ""]
    if low is not None or high is not None:
        ends = [figure(end) if end is not None else "" for end in (low, high)]
        parts.append(f"{ends[0]} to {ends[1]}" if all(ends) else f"at least {ends[0]}" if ends[0] else f"at most {ends[1]}")
    if column["values"]:
        parts.append("one of " + ", ".join(value_text(v) for v in column["values"]))
    parts += [name if value is True else f"{name} {value_text(value)}" for name, value in column["rules"].items() if value is not False]
    if column["fill"] is not None:
        parts.append(f"missing becomes {value_text(column['fill'])}")
    elif column["nullable"] and column["missing"]:
        parts.append("missing allowed")
    return ", ".join(part for part in parts if part)
