"""Two versions side by side. Pure: reads two recipes or the object of `diff --json`, writes nothing.

`size`, `latency` and `data` are null or `{a, b}`: bytes of the exported model, milliseconds per row, and the data that the
version was trained on.
"""

from collections.abc import Mapping
from typing import Any

from leptonctl.core.canonical import encode
from leptonctl.core.values import Json
from leptonctl.views.style import Style, figure, printable, size_text, value_text
from leptonctl.views.tables import table

SAME = "Both have the same recipe."


def diff_fields(recipe_a: Mapping[str, Json], recipe_b: Mapping[str, Json]) -> list[dict[str, Json]]:
    """The fields that differ, by dotted path: `[{path, a, b}]`, null where a side lacks the field. Lists are compared whole.

    A mapping that only one side has gives one entry for each of its fields.
    """
    from deepdiff import DeepDiff

    flat_a, flat_b = _flat(dict(recipe_a)), _flat(dict(recipe_b))
    # inside lists DeepDiff treats 0 and false as equal, so it compares the canonical encodings that digests are made of. At its
    # default threshold it reports two recipes with little in common as one change of the whole
    encoded_a, encoded_b = ({path: encode(value).decode() for path, value in flat.items()} for flat in (flat_a, flat_b))
    differences = DeepDiff(encoded_a, encoded_b, view="tree", threshold_to_diff_deeper=0)
    paths = {node.path(output_format="list")[0] for nodes in differences.values() for node in nodes}
    return [{"path": path, "a": flat_a.get(path), "b": flat_b.get(path)} for path in sorted(paths)]


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
    style, a, b = Style(color), printable(diff["a"]), printable(diff["b"])
    cell = max((width - 30) // 2, 12)
    fields = [(printable(f["path"]), value_text(f["a"], cell), value_text(f["b"], cell)) for f in diff["fields"]]
    recipe = table(fields, head=("recipe", a, b), color=color) if fields else SAME
    outcome = [*_metrics(diff["metrics"], style), *_other_outcomes(diff, cell)]
    blocks = [
        recipe,
        table(outcome, head=("outcome", a, b, "change"), right=(1, 2, 3), color=color) if outcome else "",
        _flips(diff.get("flips")),
    ]
    return "\n\n".join(block for block in blocks if block)


def _metrics(metrics: Mapping[str, Any], style: Style) -> list[tuple[str, ...]]:
    rows = []
    for name, pair in metrics.items():
        a, b = pair["a"], pair["b"]
        change = "" if a is None or b is None else "=" if a == b else style.bold(f"{b - a:+.4g}")
        rows.append((printable(name), *(("-" if v is None else figure(v, other)) for v, other in ((a, b), (b, a))), change))
    return rows


def _other_outcomes(diff: Mapping[str, Any], cell: int) -> list[tuple[str, ...]]:
    rows = []
    for name, as_text in (("size", size_text), ("latency", lambda v: f"{figure(v)} ms"), ("data", lambda v: value_text(v, cell))):
        pair = diff.get(name)
        if pair:
            a, b = pair["a"], pair["b"]
            rows.append((name, *("-" if v is None else as_text(v) for v in (a, b)), "=" if a == b else ""))
    return rows


def _flips(flips: Mapping[str, Any] | None) -> str:
    if not flips:
        return ""
    if flips["share"] is None:
        return f"Compared on {flips['rows']} rows that neither was trained on."
    return f"Labels differ on {flips['changed']} of {flips['rows']} rows ({flips['share']:.2%}) that neither was trained on."
