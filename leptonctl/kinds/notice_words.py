"""The text of each notice of a step, by its check. Data only."""

from collections.abc import Mapping

from leptonctl.core.diagnostic import Diagnostic

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
        hint="write only the numbers, or declare the column as text: `type: string` under `columns`",
    ),
    "markers": Diagnostic(
        id="number-like-text", severity="warning", summary="A column of text looks like numbers",
        detail="is all that keeps it from being numbers, in {count} cells{lines}",
        hint="list it under `missing_values`, or declare the column as text: `type: string` under `columns`",
    ),
    "padded": Diagnostic(
        id="leading-zeros", severity="warning", summary="Integers with leading zeros are read as text",
        detail="{count} cells{lines} would lose their zeros as numbers",
        hint="declare `type: string` or `type: integer` under `columns`",
    ),
    "rounded": Diagnostic(
        id="rounded-integers", severity="warning", summary="Integers are rounded",
        detail="{count} cells cannot be stored exactly as float32, so different ones may become equal",
        hint="if they are identities, declare `type: string`, or leave the column out with `features:` or `ignore: true`",
    ),
    "rule": Diagnostic(
        id="row-check", severity="warning", summary="Rows break a rule", detail="{count} rows break it{lines}",
        hint="correct the rows, or change the rule under `checks`",
    ),
    "unseen_class": Diagnostic(
        id="unseen-class", severity="warning", summary="Test rows have a class that no training row has",
        detail="{count} test rows cannot be answered correctly", hint="set `split: {{stratify: true}}`, or add rows of the rare classes",
    ),
    "learned_rows": Diagnostic(
        id="learned-test-rows", severity="warning", summary="Test rows are training rows too",
        detail="{count} test rows occur among the training rows{lines}; metrics on them look too good",
        hint="name a file with other rows under `test:`, or remove the repeated rows",
    ),
    "tells_target": Diagnostic(
        id="target-leak", severity="warning", summary="A column gives the target away",
        detail="each of its values stands for one value of the target", hint="leave it out with `features:` if requests will not have it",
    ),
    "determines_target": Diagnostic(
        id="target-leak", severity="warning", summary="A column gives the target away",
        detail="each of its values goes with one value of the target, in all {count} rows",
        hint="leave it out with `features:` if requests will not have it",
    ),
    "orders_target": Diagnostic(
        id="target-leak", severity="warning", summary="A column gives the target away",
        detail="its {count} cells have exactly the order of the target or the reverse, as its logarithm or rank would",
        hint="leave it out with `features:` if requests will not have it",
    ),
    "time_order": Diagnostic(
        id="split-ignores-time", severity="note", summary="Test rows are not the newest ones",
        detail="the {count} rows are in the order of this column, and the split mixes old and new ones",
        hint="if the model will predict the future, write `split: {{test: SHARE, time: COLUMN}}`",
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
        detail="{count} of the rows that it was tried on get an answer that is not a number",
        hint="give the columns with missing cells a fill value: `columns: {{COLUMN: {{missing: VALUE}}}}`",
    ),
    "no_number_complete": Diagnostic(
        id="unanswered-rows", severity="warning", summary="The model cannot answer some test rows",
        detail="{count} of the rows that it was tried on get an answer that is not a number, and no cell of them is missing",
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
        detail="the metrics of {count} rows tell nothing about the other classes", hint="set `split: {{stratify: true}}`, or add rows",
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
    "outlier_classes": Diagnostic(
        id="outlier-classes", severity="warning", summary="The class of the outliers is not declared",
        detail="the target has {count} classes, and only the rows of the last one count as outliers",
        hint="name it: `evaluate: {{positive: CLASS}}`; outliers of several classes need a target with two values",
    ),
    "common_outliers": Diagnostic(
        id="outlier-classes", severity="warning", summary="The class of the outliers is not declared",
        detail="the last class counts as that of the outliers, and {count} test rows have it, which is more than half",
        hint="name the class of the outliers: `evaluate: {{positive: CLASS}}`",
    ),
    "reversed_outliers": Diagnostic(
        id="reversed-classes", severity="warning", summary="The classes may be in the other order",
        detail="on {count} test rows: the answers would be good the other way round",
        hint="if the outliers have the other class, write it: `evaluate: {{positive: CLASS}}`",
    ),
    "reversed_classes": Diagnostic(
        id="reversed-classes", severity="warning", summary="The classes may be in the other order",
        detail="on {count} test rows: the answers would be good the other way round",
        hint="check that the targets of the test rows mean the same as those of the training rows",
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
    "reversed_classes": {
        "imported": "if so, list them in the order of the model's probabilities: `classes: [FIRST, SECOND]` beside `import`",
        "command": "if so, list them in the order in which the program's model has them: `classes: [FIRST, SECOND]` beside `command`",
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
"""Check -> method of the split, or origin of the version -> the hint, where the usual one does not fit."""
