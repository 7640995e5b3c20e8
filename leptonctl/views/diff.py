"""Two versions side by side. Pure: reads two recipes or the object of `diff --json`, writes nothing.

`size`, `latency` and `data` are null or `{a, b}`: bytes of the exported model, milliseconds per row, and the data that the
version was trained on.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from leptonctl.core.address import short
from leptonctl.core.canonical import encode
from leptonctl.core.values import Json
from leptonctl.views.decision import short_decision
from leptonctl.views.diff_datasets import dataset_blocks
from leptonctl.views.records import UNLIMITED, whole_value
from leptonctl.views.style import Style, figure, printable, rows_text, size_text, value_text
from leptonctl.views.tables import paragraph, table
from leptonctl.views.words import direction

SAME = "Both have the same recipe."
NARROW = 36
"""The width of a metric's name and its change, beside the two figures."""


def diff_fields(recipe_a: Mapping[str, Json], recipe_b: Mapping[str, Json]) -> list[dict[str, Json]]:
    """The fields that differ, by dotted path: `[{path, a, b}]`, null where a side lacks the field.

    A mapping that only one side has gives one entry for each of its fields. A list is one field; where it holds mappings, some of them the
    same on both sides, `items` has those that differ, as `[{path, a, b}]` with their positions in `b`, or in `a` where `b` lacks them.
    """
    from deepdiff import DeepDiff

    # at its default threshold DeepDiff reports two recipes with little in common as one change of the whole
    nested_a, nested_b = ({key: _comparable(value) for key, value in recipe.items()} for recipe in (recipe_a, recipe_b))
    differences = DeepDiff(nested_a, nested_b, view="tree", threshold_to_diff_deeper=0, ignore_private_variables=False)
    fields: dict[str, tuple[Json, Json]] = {}
    items: dict[str, list[tuple[int | None, int | None]]] = {}
    for change, nodes in differences.items():
        for node in nodes:
            *outer, last = path = node.path(output_format="list")
            if isinstance(last, int):
                index_b = node.path(output_format="list", use_t2=True)[-1]
                indexes = (None if change == "iterable_item_added" else last, None if change == "iterable_item_removed" else index_b)
                items.setdefault(".".join(outer), []).append(indexes)
                path = outer
            leaves_a, leaves_b = (_leaves_at(recipe, path) for recipe in (recipe_a, recipe_b))
            fields.update({leaf: (leaves_a.get(leaf), leaves_b.get(leaf)) for leaf in leaves_a | leaves_b})
    return [{"path": path, "a": a, "b": b, **_items(path, a, b, items.get(path, []))} for path, (a, b) in sorted(fields.items())]


def _comparable(value: Json) -> Any:
    """What DeepDiff compares: it treats 0 and false as equal inside lists, and aligns only lists of strings.

    So it gets leaves and the items of lists in the canonical encoding from which digests are computed.
    """
    if isinstance(value, dict) and value:
        return {key: _comparable(inner) for key, inner in value.items()}
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return [encode(item).decode() for item in value]
    return encode(value).decode()


def _leaves_at(recipe: Mapping[str, Json], path: Sequence[str]) -> dict[str, Json]:
    """The leaves by dotted path at or below a path; none where the recipe lacks it."""
    value: Json = dict(recipe)
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return {}
        value = value[key]
    return _flat(value, ".".join(path))


def _items(path: str, a: Json, b: Json, changes: Sequence[tuple[int | None, int | None]]) -> dict[str, Json]:
    """The items that differ in two lists with something in common, each with its index on both sides."""
    if not isinstance(a, list) or not isinstance(b, list) or not changes or len(changes) >= max(len(a), len(b)):
        return {}
    ordered = sorted(changes, key=lambda indexes: next(index for index in reversed(indexes) if index is not None))
    return {
        "items": [
            {"path": f"{path}.{j if j is not None else i}", "a": None if i is None else a[i], "b": None if j is None else b[j]}
            for i, j in ordered
        ]
    }


def _flat(value: Json, path: str = "") -> dict[str, Json]:
    """Leaves by dotted path; an empty mapping is a leaf."""
    if not isinstance(value, dict) or (path and not value):
        return {path: value}
    leaves: dict[str, Json] = {}
    for key in value:
        leaves.update(_flat(value[key], f"{path}.{key}" if path else key))
    return leaves


def render_text(diff: Mapping[str, Any], *, color: bool = False, width: int = 100) -> str:
    """The differences of the recipes, then those of the outcomes, each in two aligned columns, without a trailing newline."""
    style = Style(color)
    a, b = (printable(name) for name in (diff["a"], diff["b"]))
    if NARROW + len(a) + len(b) > width:
        # without their kind, which the reader knows
        a, b = (short(name) for name in (a, b))
    # a field that is null and one that is absent make different recipes, but that is not worth a line
    shown = [f for f in diff["fields"] if (f["a"], f["b"]) != (None, None)] or diff["fields"]
    fields = [(printable(f["path"]), _whole(f["a"], width), _whole(f["b"], width)) for f in _align(shown)]
    recipe = table(fields, head=("recipe", a, b), color=color, width=width, wrap=(1, 2)) if fields else SAME
    apart = diff.get("same_test_rows") is False
    outcome = [*_metrics(diff["metrics"], style, apart=apart), *_other_outcomes(diff)]
    blocks = [
        _bound_versions(diff),
        recipe,
        table(outcome, head=("outcome", a, b, "change"), right=(1, 2, 3), color=color) if outcome else "",
        _common(diff, (a, b), style, width) if apart and diff["metrics"] else "",
        _flips(diff.get("flips")),
        *(dataset_blocks(diff["dataset"], (a, b), style, width) if diff.get("dataset") else ()),
    ]
    return "\n\n".join(block for block in blocks if block)


def _align(fields: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The fields, with the items that differ in place of a list that has some in common."""
    for field in fields:
        yield from field.get("items") or (field,)


def _whole(value: Any, width: int) -> str:
    """A value on one line; files with their own options as digests and options."""
    if isinstance(value, list) and value and all(isinstance(part, list) for part in value):
        return ", ".join(" ".join(_whole(one, width) for one in part) for part in value)
    if isinstance(value, dict) and value:
        return " ".join(f"{name} {_whole(one, width)}" for name, one in value.items() if one is not None)
    return whole_value(value, width)


def _bound_versions(diff: Mapping[str, Any]) -> str:
    """Which versions are bound, where a binding is compared."""
    pairs = [(diff[side], diff.get(f"{side}_version")) for side in ("a", "b")]
    lines = [f"{printable(address)} stands for {printable(version)}" for address, version in pairs if version and version != address]
    return "\n".join(lines)


def _common(diff: Mapping[str, Any], names: tuple[str, str], style: Style, width: int) -> str:
    """The metrics on the rows that are fair to both, or why there are none."""
    common, note = diff["common"], "* Each was measured on other test rows, so these figures do not say which is better."
    metrics = {name: {**pair, "better": diff["metrics"][name].get("better")} for name, pair in common["metrics"].items()}
    reason = f"{printable(common['reason'])[:1].upper()}{printable(common['reason'])[1:]}."
    blocks = [paragraph(note, width)]
    if metrics:
        head = (f"on {common['rows']} common rows", *names, "change")
        blocks.append(table(_metrics(metrics, style), head=head, right=(1, 2, 3), color=style.color))
    if common["reason"]:
        blocks.append(paragraph(reason, width))
    return "\n\n".join(blocks)


def _metrics(metrics: Mapping[str, Any], style: Style, *, apart: bool = False) -> list[tuple[str, ...]]:
    """`apart`: measured on different rows, so that the difference of two figures says nothing about the versions."""
    rows = []
    for name, pair in metrics.items():
        if name.endswith("_std"):
            continue  # deviations over folds are in the JSON
        a, b = pair["a"], pair["b"]
        change = "" if a is None or b is None else "*" if apart else "=" if a == b else _change(b - a, pair.get("better"), style)
        label = f"{printable(name)} {direction(pair.get('better'))}".rstrip()
        rows.append((label, *(("-" if v is None else figure(v, other)) for v, other in ((a, b), (b, a))), change))
    return rows


def _change(change: float, better: str | None, style: Style) -> str:
    """`+0.012`, in green where that is better and in red where it is worse."""
    text = f"{change:+.4g}"
    if better is None:
        return style.bold(text)
    return style.green(text) if (change > 0) == (better == "higher") else style.red(text)


def _other_outcomes(diff: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows = []
    for name, as_text in (("size", size_text), ("latency", lambda v: f"{figure(v)} ms"), ("data", lambda v: value_text(v, UNLIMITED))):
        pair = diff.get(name)
        if pair and (pair["a"], pair["b"]) != (None, None):
            a, b = pair["a"], pair["b"]
            rows.append((name, *("-" if v is None else as_text(v) for v in (a, b)), "=" if a == b else ""))
    a, b = (short_decision((diff.get("decision") or {}).get(side)) for side in ("a", "b"))
    return [*rows, ("label", a or "largest", b or "largest", "=" if a == b else "")] if a or b else rows


def _flips(flips: Mapping[str, Any] | None) -> str:
    if not flips:
        return ""
    which = f"; {printable(flips['reason'])}." if flips.get("reason") else " that neither was trained on."
    if flips["share"] is None:
        return f"Compared on {rows_text(flips['rows'])}{which}"
    return f"Labels differ on {flips['changed']} of {rows_text(flips['rows'])} ({flips['share']:.2%}){which}"
