"""Two versions side by side. Pure: reads two recipes or the object of `diff --json`, writes nothing.

`size`, `latency` and `data` are null or `{a, b}`: bytes of the exported model, milliseconds a row, and what the version
was trained on.
"""

from collections.abc import Mapping
from typing import Any

from leptonctl.core.canonical import encode
from leptonctl.core.values import Json
from leptonctl.views.style import Style, figure, printable, value_text
from leptonctl.views.tables import table

SAME = "The two have the same recipe."


def diff_fields(recipe_a: Mapping[str, Json], recipe_b: Mapping[str, Json]) -> list[dict[str, Json]]:
    """The fields that differ, by dotted path: `[{path, a, b}]`, null where one has none. Lists are compared whole.

    A field that is a map on one side and absent on the other is one entry for each of its fields.
    """
    from deepdiff import DeepDiff

    flat_a, flat_b = _flat(dict(recipe_a)), _flat(dict(recipe_b))
    # inside lists DeepDiff takes 0 for false: it is given the texts that digests are made of. At its default threshold it reports
    # two recipes with little in common as one change of the whole
    texts_a, texts_b = ({path: encode(value).decode() for path, value in flat.items()} for flat in (flat_a, flat_b))
    found = DeepDiff(texts_a, texts_b, view="tree", threshold_to_diff_deeper=0)
    paths = {node.path(output_format="list")[0] for nodes in found.values() for node in nodes}
    return [{"path": path, "a": flat_a.get(path), "b": flat_b.get(path)} for path in sorted(paths)]


def _flat(value: Json, path: str = "") -> dict[str, Json]:
    """Leaves by dotted path; an empty map is a leaf."""
    if not isinstance(value, dict) or (path and not value):
        return {path: value}
    leaves: dict[str, Json] = {}
    for key in value:
        leaves.update(_flat(value[key], f"{path}.{key}" if path else key))
    return leaves


def render_text(diff: Mapping[str, Any], *, color: bool = False, width: int = 100) -> str:
    """What differs in the recipe, then what came of it, each as two aligned columns, without a trailing newline."""
    style, a, b = Style(color), printable(diff["a"]), printable(diff["b"])
    cell = max((width - 30) // 2, 12)
    fields = [(printable(f["path"]), value_text(f["a"], cell), value_text(f["b"], cell)) for f in diff["fields"]]
    recipe = table(fields, head=("recipe", a, b), color=color) if fields else SAME
    outcome = [*_metrics(diff["metrics"], style), *_beside(diff, cell)]
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


def _beside(diff: Mapping[str, Any], cell: int) -> list[tuple[str, ...]]:
    rows = []
    for name, shown in (("size", _bytes), ("latency", lambda v: f"{figure(v)} ms"), ("data", lambda v: value_text(v, cell))):
        pair = diff.get(name)
        if pair:
            a, b = pair["a"], pair["b"]
            rows.append((name, *("-" if v is None else shown(v) for v in (a, b)), "=" if a == b else ""))
    return rows


def _bytes(size: float) -> str:
    """`812 B`, `14.2 kB`, `3.1 MB`."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004 - a thousand of a unit is one of the next
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _flips(flips: Mapping[str, Any] | None) -> str:
    if not flips:
        return ""
    if flips["share"] is None:
        return f"Compared on {flips['rows']} rows that neither was trained on."
    return f"Labels differ on {flips['changed']} of {flips['rows']} rows ({flips['share']:.2%}) that neither was trained on."
