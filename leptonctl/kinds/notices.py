"""The notices in the results of steps, as warnings: what is allowed but deserves attention. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import cast

from leptonctl.core.address import parse
from leptonctl.core.codec import BadRecord, Record, convert
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.core.values import Json, Node, Span
from leptonctl.kinds.model.recipes import origin_of
from leptonctl.kinds.notice_words import HINTS, WORDS

OUTPUTS = ("checks", "notices")
"""The outputs that hold notices."""


class Notice(Record):
    """A notice as a step recorded it (`learning.outputs.Notice`, which `kinds` may not import)."""

    check: str
    column: str = ""
    count: int = 0
    lines: tuple[int, ...] = ()
    severity: str = "warning"
    detail: str = ""


OF_FEATURES = frozenset(
    {
        "constant", "all_missing", "rounded", "tells_target", "determines_target", "orders_target", "padded", "other_numbers",
        "signed_numbers", "markers", "dates_as_text",
    }
)  # fmt: skip
"""Notices about a column as a feature, which do not matter if no model learns from the column."""


def notices(
    result: Result,
    address: str,
    span: Span | None = None,
    *,
    recipe: Mapping[str, Json],
    features: Collection[str] | None = None,
    rules: Collection[str] | None = None,
) -> tuple[Diagnostic, ...]:
    """The notices of a step's result as warnings about an address, without those that this release does not know.

    recipe: of the address. features: the columns that models learn from; None: all. rules: the rules that warn; None: all.
    """
    data = recipe.get("data", recipe)
    split = data.get("split") if isinstance(data, Mapping) else None
    method = str(split.get("method")) if isinstance(split, Mapping) else ""
    return tuple(
        _diagnostic(notice, address, span, variants=(method, origin_of(recipe)))
        for notice in _recorded_notices(result)
        if notice.check in WORDS
        and not (features is not None and notice.check in OF_FEATURES and notice.column not in features)
        and is_in_force(notice.check, notice.detail, rules)
    )


def is_in_force(check: str, detail: str, rules: Collection[str] | None) -> bool:
    """Whether a notice counts: one about a rule for rows only if it is one of `rules`. None: all count."""
    # in data of several files, places follow the rule
    return rules is None or check != "rule" or any(detail.startswith(f"{rule}:") for rule in rules)


def warning_rules(node: Node) -> frozenset[str] | None:
    """The rules for rows that warn, as the dataset declares them now; None for other nodes. Its result may be that of another dataset."""
    if parse(node.address).kind != "dataset":
        return None
    return only_warning(cast("list[Json]", node.notes.get("rules") or []))


def only_warning(rules: Iterable[Json]) -> frozenset[str]:
    """Those of a dataset's rules for rows that only warn."""
    return frozenset(str(rule["rule"]) for rule in rules if isinstance(rule, Mapping) and rule.get("severity") == "warn")


def features_by_address(nodes: Iterable[Node], addresses: Collection[str] | None = None) -> dict[str, frozenset[str]]:
    """The columns that the declared models learn from, by the address of the data and of the version; absent where they may be all.

    Targets are included: notices about them matter to every model. addresses: the addresses to return; None: all.
    """
    columns: dict[str, set[str]] = {}
    unlimited: set[str] = set()
    for node in nodes:
        places = [place for place in (node.address, *node.needs) if addresses is None or place in addresses]
        # reading a recipe may read its file
        if not places or "features" not in node.recipe:
            continue
        features = node.recipe["features"]
        for place in places:
            if isinstance(features, list):
                columns.setdefault(place, {str(node.recipe.get("target"))}).update(map(str, features))
            else:
                unlimited.add(place)
    return {place: frozenset(names) for place, names in columns.items() if place not in unlimited}


def _recorded_notices(result: Result) -> Iterator[Notice]:
    for output in OUTPUTS:
        items = result.outputs.get(output)
        for item in items if isinstance(items, list | tuple) else ():
            try:
                yield convert(item, Notice)
            except BadRecord:
                continue


def _diagnostic(notice: Notice, address: str, span: Span | None, *, variants: Collection[str]) -> Diagnostic:
    words = WORDS[notice.check]
    lines = f" (line {', '.join(map(str, notice.lines))}{', …' if notice.count > len(notice.lines) else ''})" if notice.lines else ""
    facts = " ".join(part for part in (notice.detail, words.detail.format(count=notice.count, lines=lines)) if part)
    about = [address, *([f'column "{notice.column}"'] if notice.column else []), facts]
    hints = HINTS.get(notice.check, {})
    hint = next((hints[name] for name in variants if name in hints), None) or words.hint.format()
    return replace(words, detail=": ".join(about), hint=hint, span=span)


def as_error(warning: Diagnostic) -> Diagnostic:
    """The warning as an error, for a project with `warnings: error`."""
    return replace(warning, severity="error") if warning.severity == "warning" else warning
