"""The notices in the results of steps as warnings: what is allowed but deserves attention. Pure. Every view gets them from here."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import cast

from leptonctl.core.address import parse
from leptonctl.core.codec import BadRecord, Record, convert
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.core.values import Json, Node, Span

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
        "constant", "all_missing", "rounded", "tells_target", "determines_target", "padded", "other_numbers", "signed_numbers", "markers",
        "dates_as_text",
    }
)  # fmt: skip
"""What is noticed of a column as a feature: it matters to no one where no model learns from the column."""

WORDS: Mapping[str, Diagnostic] = {
    "dates_as_text": Diagnostic(
        id="dates-as-text", severity="warning", summary="A column of dates is read as text", detail="",
        hint="declare its `type` (date or datetime), `format` and `parts`; `ignore: true` leaves it out, `type: string` keeps it as it is",
    ),
    "no_target": Diagnostic(
        id="no-target", severity="note", summary="Rows without a target are left out",
        detail="{count} rows have no target{lines}", hint="write the targets into the file to use these rows",
    ),
    "constant": Diagnostic(
        id="constant-column", severity="warning", summary="A column has one value in all rows", detail="nothing can be learned from it",
        hint="leave it out with the `features:` of every model that reads it, or with `ignore: true` under `columns`",
    ),
    "all_missing": Diagnostic(
        id="empty-column", severity="warning", summary="A column has no values", detail="all {count} cells are missing",
        hint="correct the file, or leave it out with the `features:` of every model that reads it, or with `ignore: true` under `columns`",
    ),
    "other_numbers": Diagnostic(
        id="number-like-text", severity="warning", summary="A column of text looks like numbers",
        detail="would read {count} cells{lines} as numbers", hint="declare it, or that the column is text: `type: string` under `columns`",
    ),
    "signed_numbers": Diagnostic(
        id="number-like-text", severity="warning", summary="A column of text looks like numbers",
        detail="keeps {count} cells{lines} from being numbers, and no key removes it",
        hint="write the numbers alone, or say that it is text: `type: string` under `columns`",
    ),
    "markers": Diagnostic(
        id="number-like-text", severity="warning", summary="A column of text looks like numbers",
        detail="is all that keeps it from being numbers, in {count} cells{lines}",
        hint="list it under `missing_values`, or say that the column is text: `type: string` under `columns`",
    ),
    "padded": Diagnostic(
        id="leading-zeros", severity="warning", summary="Integers with leading zeros are read as text",
        detail="{count} cells{lines} would lose their zeros as numbers",
        hint="declare `type: string` or `type: integer` under `columns`",
    ),
    "rounded": Diagnostic(
        id="rounded-integers", severity="warning", summary="Integers are rounded",
        detail="{count} cells are no float32 numbers, so different ones may become equal",
        hint="if they are identities, declare `type: string`, or leave the column out with `features:` or `ignore: true`",
    ),
    "rule": Diagnostic(
        id="row-check", severity="warning", summary="Rows break a rule", detail="{count} rows break it{lines}",
        hint="correct the rows, or change the rule under `checks`",
    ),
    "unseen_class": Diagnostic(
        id="unseen-class", severity="warning", summary="Test rows have a class that no training row has",
        detail="{count} test rows cannot be answered rightly", hint="set `split: {{stratify: true}}`, or add rows of the rare classes",
    ),
    "learned_rows": Diagnostic(
        id="learned-test-rows", severity="warning", summary="Test rows are training rows too",
        detail="{count} test rows occur among the training rows{lines}; metrics on them look too good",
        hint="name a file with other rows under `test:`, or remove the repeated rows",
    ),
    "tells_target": Diagnostic(
        id="target-leak", severity="warning", summary="A column tells the target",
        detail="each of its values stands for one value of the target", hint="leave it out with `features:` if requests will not have it",
    ),
    "determines_target": Diagnostic(
        id="target-leak", severity="warning", summary="A column tells the target",
        detail="each of its values goes with one value of the target, in all {count} rows",
        hint="leave it out with `features:` if requests will not have it",
    ),
    "time_order": Diagnostic(
        id="split-ignores-time", severity="note", summary="Test rows are not the newest ones",
        detail="the {count} rows stand in the order of this column, and the split mixes old and new ones",
        hint="if the model will answer for times to come, write `split: {{test: SHARE, time: COLUMN}}`",
    ),
    "unconverged": Diagnostic(
        id="not-converged", severity="warning", summary="The training has not converged",
        detail="it stopped after {count} iterations before its tolerance was met",
        hint="raise `max_iter`, or put a `standard_scaler` before the algorithm",
    ),
    "unconverged_uncounted": Diagnostic(
        id="not-converged", severity="warning", summary="The training has not converged",
        detail="it stopped before its tolerance was met", hint="raise `max_iter`, or put a `standard_scaler` before the algorithm",
    ),
    "trials_failed": Diagnostic(
        id="trials-failed", severity="warning", summary="Trials of a search failed", detail="{count} in all, which lose",
        hint="`leptonctl show MODEL@VERSION --trials` says why; change `search.parameters` if this is not intended",
    ),
    "warned": Diagnostic(
        id="training-warning", severity="warning", summary="scikit-learn warned about the training", detail="",
        hint="change the parameters or the columns if this is not intended",
    ),
    "unanswered": Diagnostic(
        id="unanswered-rows", severity="warning", summary="The model cannot answer some test rows",
        detail="{count} test rows have missing cells, which no training row had and the algorithm cannot take; "
        "the metrics count what the graph happens to answer",
        hint="put `- {{columns: numeric, use: imputer}}` first under `preprocess:`, or give the columns a `missing:` fill value",
    ),
    "no_number": Diagnostic(
        id="unanswered-rows", severity="warning", summary="The model cannot answer some test rows",
        detail="{count} of the rows that it was tried on get no number for an answer",
        hint="give the columns with missing cells a fill value: `columns: {{COLUMN: {{missing: VALUE}}}}`",
    ),
    "no_number_complete": Diagnostic(
        id="unanswered-rows", severity="warning", summary="The model cannot answer some test rows",
        detail="{count} of the rows that it was tried on get no number for an answer, and no cell is missing in these rows",
        hint="check that it answers such rows where it was trained, and that `inputs:` has the columns in the order of training",
    ),
    "other_label": Diagnostic(
        id="other-label", severity="warning", summary="The model's label is not its most probable class",
        detail="{count} of the rows that it was tried on have another label than their largest probability",
        hint="if the model has no threshold of its own, list its classes in the order of its probabilities: `classes: […]`",
    ),
    "parity_not_compared": Diagnostic(
        id="parity-not-compared", severity="note", summary="The graph was not compared with the library that saved the model", detail="",
        hint="where the library is installed, the step `import` compares both on test rows",
    ),
    "rounds_after_best": Diagnostic(
        id="rounds-after-best", severity="warning", summary="The model holds rounds after its best one",
        detail="{count} rounds after the best one of early stopping answer too; XGBoost's scikit-learn interface leaves them out",
        hint="save the best rounds alone: `model.get_booster()[: model.best_iteration + 1].save_model(FILE)`",
    ),
    "few_rows": Diagnostic(
        id="few-test-rows", severity="warning", summary="There are few test rows",
        detail="the metrics are of {count} rows and may be chance",
        hint="raise `split.test`, or use `cross_validation`",
    ),
    "one_class": Diagnostic(
        id="one-class-evaluation", severity="warning", summary="All test rows have one class",
        detail="the metrics of {count} rows say nothing of the other classes", hint="set `split: {{stratify: true}}`, or add rows",
    ),
    "one_value": Diagnostic(
        id="one-value-evaluation", severity="warning", summary="All test rows have one target",
        detail="r2 compares with a variance of zero on {count} rows", hint="add rows, or change the split",
    ),
    "common_class": Diagnostic(
        id="misleading-accuracy", severity="warning", summary="Accuracy misleads on these rows", detail="",
        hint="judge by `balanced_accuracy`, `f1` or `roc_auc`",
    ),
    "small_targets": Diagnostic(
        id="misleading-mape", severity="warning", summary="mape misleads on these rows",
        detail="{count} targets are zero or close to it, and errors relative to them have no meaning", hint="judge by `mae` or `rmse`",
    ),
    "untold_ancestors": Diagnostic(
        id="learned-test-rows", severity="warning", summary="Test rows may have been learned before",
        detail="so the metrics may look too good", hint="declare an `id` column in the dataset, for the version before too",
    ),
    "perfect": Diagnostic(
        id="perfect-score", severity="warning", summary="A metric is perfect", detail="on all {count} test rows",
        hint="look for a column that is known only after the target, or for test rows among the training rows",
    ),
}  # fmt: skip

_BY_COLUMN, _BY_FILE = "in the column that `split.column` names", "under `test:`"
HINTS: Mapping[str, Mapping[str, str]] = {
    "few_rows": {
        "column": f"mark more rows as test rows {_BY_COLUMN}, or use `cross_validation`",
        "source": f"name a file with more rows {_BY_FILE}, or use `cross_validation`",
    },
    "one_class": {
        "column": f"mark rows of every class as test rows {_BY_COLUMN}",
        "source": f"name a file with rows of every class {_BY_FILE}",
        "hash": "raise `split.test`, or add rows of the other classes",
        "time": "raise `split.test`, so that the test rows reach further back",
    },
    "unseen_class": {
        "column": f"mark rows of every class as training rows {_BY_COLUMN}",
        "source": "add rows of this class to the training file",
        "hash": "lower `split.test`, or add rows of the rare classes",
        "time": "lower `split.test`, or add newer rows",
    },
}
"""Check -> method of the split -> the hint, where the usual one does not fit: only a random split can be stratified."""


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
    return tuple(
        _worded(notice, address, span, method)
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


def _worded(notice: Notice, address: str, span: Span | None, method: str) -> Diagnostic:
    words = WORDS[notice.check]
    lines = f" (line {', '.join(map(str, notice.lines))}{', …' if notice.count > len(notice.lines) else ''})" if notice.lines else ""
    facts = " ".join(part for part in (notice.detail, words.detail.format(count=notice.count, lines=lines)) if part)
    about = [address, *([f'column "{notice.column}"'] if notice.column else []), facts]
    hint = HINTS.get(notice.check, {}).get(method) or words.hint.format()
    return replace(words, detail=": ".join(about), hint=hint, span=span)


def hardened(warning: Diagnostic) -> Diagnostic:
    """The warning as an error, for a project with `warnings: error`."""
    return replace(warning, severity="error") if warning.severity == "warning" else warning
