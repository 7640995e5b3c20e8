"""The notices in the results of steps as warnings: what is allowed but deserves attention. Pure. Every view gets them from here."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import cast

from leptonctl.core.address import parse
from leptonctl.core.codec import BadRecord, Record, convert
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.core.values import Json, Node, Span
from leptonctl.kinds.notice_words import HINTS, WORDS

FIELDS = ("checks", "notices")
"""The outputs that hold notices."""


class Notice(Record):
    """A notice as a step recorded it."""

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
"""What is noticed of a column as a feature: it matters to no one where no model learns from the column."""


def notices(
    result: Result,
    address: str,
    span: Span | None = None,
    *,
    recipe: Mapping[str, Json],
    features: Collection[str] | None = None,
    rules: Collection[str] | None = None,
) -> tuple[Diagnostic, ...]:
    """The notices of a step's result as warnings about an address. A notice that this release does not know is left out.

    `recipe`: of the address. `features`: the columns that models learn from; None: all. `rules`: those that warn; None: all.
    """
    data = recipe.get("data", recipe)
    split = data.get("split") if isinstance(data, Mapping) else None
    method = str(split.get("method")) if isinstance(split, Mapping) else ""
    origin = "imported" if "import" in recipe else "command" if "command" in recipe else "trained"
    return tuple(
        _worded(notice, address, span, (method, origin))
        for notice in _recorded(result)
        if notice.check in WORDS
        and not (features is not None and notice.check in OF_FEATURES and notice.column not in features)
        and is_in_force(notice.check, notice.detail, rules)
    )


def is_in_force(check: str, detail: str, rules: Collection[str] | None) -> bool:
    """Whether a notice is of no rule about rows, or of one of these. None: of any."""
    # places may follow the rule, in data of several files
    return rules is None or check != "rule" or any(detail.startswith(f"{rule}:") for rule in rules)


def warning_rules(node: Node) -> frozenset[str] | None:
    """The rules about rows that warn as a dataset declares them now: its rows may be those of another one. None of other nodes."""
    if parse(node.address).kind != "dataset":
        return None
    return only_warning(cast("list[Json]", node.notes.get("rules") or []))


def only_warning(rules: Iterable[Json]) -> frozenset[str]:
    """Those of a dataset's rules about rows that only warn."""
    return frozenset(str(rule["rule"]) for rule in rules if isinstance(rule, Mapping) and rule.get("severity") == "warn")


def read_features(nodes: Iterable[Node], addresses: Collection[str] | None = None) -> dict[str, frozenset[str]]:
    """The columns that the declared models learn from, by the address of the data and of the version; absent where that may be all.

    A target is there too: what is noticed of it matters to every model. `addresses`: those that are asked for; None: all.
    """
    named: dict[str, set[str]] = {}
    whole: set[str] = set()
    for node in nodes:
        places = [place for place in (node.address, *node.needs) if addresses is None or place in addresses]
        # whoever asks for a recipe may have it read from its file
        if not places or "features" not in node.recipe:
            continue
        features = node.recipe["features"]
        for place in places:
            if isinstance(features, list):
                named.setdefault(place, {str(node.recipe.get("target"))}).update(map(str, features))
            else:
                whole.add(place)
    return {place: frozenset(names) for place, names in named.items() if place not in whole}


def _recorded(result: Result) -> Iterator[Notice]:
    for field in FIELDS:
        listed = result.outputs.get(field)
        for item in listed if isinstance(listed, list | tuple) else ():
            try:
                yield convert(item, Notice)
            except BadRecord:
                continue


def _worded(notice: Notice, address: str, span: Span | None, variants: Collection[str]) -> Diagnostic:
    words = WORDS[notice.check]
    lines = f" (line {', '.join(map(str, notice.lines))}{', …' if notice.count > len(notice.lines) else ''})" if notice.lines else ""
    facts = " ".join(part for part in (notice.detail, words.detail.format(count=notice.count, lines=lines)) if part)
    about = [address, *([f'column "{notice.column}"'] if notice.column else []), facts]
    hints = HINTS.get(notice.check, {})
    hint = next((hints[name] for name in variants if name in hints), None) or words.hint.format()
    return replace(words, detail=": ".join(about), hint=hint, span=span)


def hardened(warning: Diagnostic) -> Diagnostic:
    """The warning as an error, for a project with `warnings: error`."""
    return replace(warning, severity="error") if warning.severity == "warning" else warning
