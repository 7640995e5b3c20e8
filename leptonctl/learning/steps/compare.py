"""The step `compare`: the bound package (a) and a candidate (b) on rows that neither was trained on. Records nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from leptonctl.core.contract import Scalar
from leptonctl.core.frozen import replace
from leptonctl.core.manifest import Manifest, ManifestColumn
from leptonctl.core.row_list import BOUND, CANDIDATE, IMPORTED, OWNERS, question_differences
from leptonctl.core.values import Json
from leptonctl.learning.ancestry import ancestors, sides
from leptonctl.learning.comparable import Fair, excluded_rows, fair_rows
from leptonctl.learning.fitting.unsupervised import match_clusters
from leptonctl.learning.inputs import CompareInputs, read_inputs
from leptonctl.learning.needs import Package, read_contract, read_package, read_prepared, read_side
from leptonctl.learning.outputs import CompareOutputs, Excluded, Flips, Sides
from leptonctl.learning.scoring.answers import predict_onnx
from leptonctl.learning.scoring.metrics import score, scoring_of
from leptonctl.learning.tables.prepared import Columns, kind_of, take_rows
from leptonctl.spi.learning import Prediction, ProviderError
from leptonctl.spi.running import Bench, Needs, Produced


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    return Produced(outputs=comparison(read_inputs("compare", inputs, CompareInputs), needs, bench).to_json())


def comparison(request: CompareInputs, needs: Needs, bench: Bench) -> CompareOutputs:
    """Compare both versions on the candidate's test rows, without those that either was trained on.

    Where it is not known which rows those are, or the versions answer different questions, the outputs say why (`not_comparable`). They
    still have the figures on the rows that are left, if any, for gates that accept them.
    """
    artifacts = bench.artifacts
    candidate, bound = read_package(needs["export"], artifacts), read_package(needs["bound_export"], artifacts)
    rows = read_prepared(needs["prepare"], "test", request.task, artifacts)
    imported = [owner for owner, of in ((BOUND, bound), (CANDIDATE, candidate)) if of.manifest.origin == "imported"]
    training = {
        owner: [read_side(needs[rows], "train", artifacts), *sides(ancestors(needs.get(train)), artifacts)]
        for owner, rows, train in ((BOUND, "bound_prepare", "bound_train"), (CANDIDATE, "prepare", "train"))
        if owner not in imported
    }
    fair = fair_rows(read_side(needs["prepare"], "test", artifacts), training, len(rows.y))
    contracts = read_contract(needs["bound_prepare"]), read_contract(needs["prepare"])
    origins = [IMPORTED.format(OWNERS[owner]) for owner in imported]
    reasons = (*question_differences(*contracts, bound_task=bound.manifest.task, task=request.task), *origins, *fair.reasons)
    if request.task != bound.manifest.task:
        return without_figures(fair, reasons)
    if not fair.keep.any():
        return no_rows_left(fair, reasons)
    y, columns = rows.y[fair.keep], take_rows(rows.columns, fair.keep)
    bench.progress(message=f"comparing on {len(y)} rows")
    try:
        answers = _answers(bound, columns_for(bound.manifest, candidate.manifest, columns)), _answers(candidate, columns)
        figures = compare(request, y, *answers, has_target=bool(rows.target))
    except ProviderError as problem:
        if problem.id != "not-comparable" and not reasons:
            raise
        return without_figures(fair, (*reasons, problem.detail.rstrip(".")))
    return replace(figures, **_selection(fair, reasons), notes=[*_notes(fair), *figures.notes])


def no_rows_left(fair: Fair, reasons: Sequence[str]) -> CompareOutputs:
    """The outputs when no row is fair to both. They are evidence too: a gate that needs the comparison cannot pass."""
    count = len(fair.keep)
    note = f"the two were trained on all {count} evaluation rows of the candidate; `split: {{by: COLUMN}}` prevents that"
    return replace(without_figures(fair, reasons), notes=[note, *_notes(fair)])


def without_figures(fair: Fair, reasons: Sequence[str]) -> CompareOutputs:
    """The outputs where nothing can be measured."""
    return replace(CompareOutputs(n=0, rows=0, excluded=0, metrics={}, flips=Flips(rows=0)), **_selection(fair, reasons))


def _selection(fair: Fair, reasons: Sequence[str]) -> dict[str, Any]:
    """The fields that say which rows were left out, and why the figures do not compare the versions."""
    learned = Excluded(bound=fair.learned.get(BOUND, 0), candidate=fair.learned.get(CANDIDATE, 0))
    return {"excluded": int((~fair.keep).sum()), "excluded_by": learned, "not_comparable": "; ".join(reasons)}


def _notes(fair: Fair) -> list[str]:
    note = excluded_rows(fair.learned, len(fair.keep))
    return [note] if note else []


def compare(request: CompareInputs, y: np.ndarray, bound: Prediction, candidate: Prediction, *, has_target: bool = True) -> CompareOutputs:
    """The metrics of both on the same rows, and the rows whose label differs: of clusters, once they have been matched."""
    if request.task == "clustering" and bound.labels is not None and candidate.labels is not None and len(y):
        candidate = replace(candidate, labels=match_clusters(bound.labels, candidate.labels))
    if bound.labels is not None and candidate.labels is not None and bound.labels.dtype != candidate.labels.dtype:
        y, bound, candidate = to_strings(y), with_string_classes(bound), with_string_classes(candidate)
    metrics, scoring = scoring_of(request.task, request, y, sorted({*bound.classes, *candidate.classes}), has_target=has_target)
    metrics = [metric for metric in metrics if metric.score]
    a, b = score(metrics, y, bound, scoring), score(metrics, y, candidate, scoring)
    return CompareOutputs(
        n=len(y),
        rows=len(y),
        excluded=0,
        metrics={name: Sides(a=a.numbers[name], b=b.numbers[name]) for name in b.numbers if name in a.numbers},
        flips=flips(bound, candidate, len(y)),
        notes=[*(f"a: {note}" for note in a.notes), *(f"b: {note}" for note in b.notes)],
    )


def flips(bound: Prediction, candidate: Prediction, rows: int) -> Flips:
    """How many labels differ. The share of a regression, which has no labels, is null, so that no gate mistakes it for agreement."""
    if bound.labels is None or candidate.labels is None:
        return Flips(rows=rows)
    changed = int((bound.labels != candidate.labels).sum())
    return Flips(rows=rows, changed=changed, share=changed / rows)


def columns_for(bound: Manifest, candidate: Manifest, columns: Columns) -> Columns:
    """The candidate's rows as inputs of the bound version: its columns, with its own fill values for missing cells.

    Raises ProviderError: not-comparable.
    """
    keys = [manifest.privacy.key_id if manifest.privacy else None for manifest in (bound, candidate)]
    for column in bound.columns:
        _check_readable(column, columns)
        if column.hash and keys[0] != keys[1]:
            raise not_comparable(
                f"The column {column.name} is hashed with the key {keys[0]} for the bound version, with {keys[1]} for the candidate."
            )
    return {column.name: fill_missing(columns[column.name], column.fill) for column in bound.columns}


def fill_missing(values: np.ndarray, fill: Scalar | None) -> np.ndarray:
    if fill is None:
        return values
    kind = kind_of(values)
    missing = np.isnan(values) if kind == "number" else values < 0 if kind == "boolean" else values == ""
    complete = values.copy()
    complete[missing] = fill
    return complete


def not_comparable(detail: str) -> ProviderError:
    return ProviderError(
        "Versions cannot be compared on the same rows",
        detail=detail,
        hint="remove the `max_drop` and `flips` gates from this model for this change, or keep the columns that the bound version reads",
        id="not-comparable",
    )


def to_strings(values: np.ndarray) -> np.ndarray:
    return np.array([str(v) for v in values.tolist()], dtype=object)


def with_string_classes(prediction: Prediction) -> Prediction:
    """The same prediction with classes and labels as strings."""
    labels = None if prediction.labels is None else to_strings(prediction.labels)
    return Prediction(labels=labels, probabilities=prediction.probabilities, classes=tuple(map(str, prediction.classes)))


def _answers(package: Package, columns: Columns) -> Prediction:
    return predict_onnx(package.onnx, package.manifest, columns, package.dtype)


def _check_readable(column: ManifestColumn, columns: Columns) -> None:
    if column.name not in columns:
        raise not_comparable(f"The bound version reads the column {column.name}, which the candidate's dataset does not have.")
    kind = kind_of(columns[column.name])
    if kind != ("number" if column.type == "integer" else column.type):
        raise not_comparable(f"The column {column.name} is {column.type} for the bound version, {kind} in the candidate's dataset.")
