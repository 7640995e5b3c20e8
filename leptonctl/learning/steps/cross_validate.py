"""The step `cross_validate`: the metrics of each fold of the training rows when it is held out. Records nothing.

For each fold, preprocessing and model are fitted again on the other folds, as scikit-learn pipelines; nothing is exported.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from leptonctl.core.frozen import replace
from leptonctl.core.values import Json
from leptonctl.learning.ancestry import WARM_PREPARE, WARM_START, ancestors, fair_to
from leptonctl.learning.fitting.folds import Folds, fit_folds, predict_fold, split_folds
from leptonctl.learning.inputs import CrossValidateInputs, read_inputs
from leptonctl.learning.needs import read_prepared, read_side
from leptonctl.learning.outputs import CrossValidateOutputs, FoldMetrics
from leptonctl.learning.scoring.metrics import score, scoring_of
from leptonctl.learning.steps.train import parent_of
from leptonctl.learning.tables.prepared import Rows, take_rows
from leptonctl.learning.winner import with_search_result
from leptonctl.spi.running import Bench, Needs, Produced


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    request = read_inputs("cross_validate", inputs, CrossValidateInputs)
    request = replace(request, train=with_search_result(request.train, needs))
    task = request.train.task
    rows = read_prepared(needs["prepare"], "train", task, bench.artifacts)
    classes = sorted(set(rows.y.tolist())) if task == "classification" else []
    metrics, scoring = scoring_of(task, request, rows.y, classes, has_target=bool(rows.target))
    metrics = [metric for metric in metrics if metric.score]
    fold_results = Folds[tuple[Mapping[str, float], list[str]]](bench.checkpoint)
    parent = parent_of(request.train, needs, bench)
    unlearned = _fair_mask(rows, needs, bench) if parent else None
    splits = split_folds(rows.y, task, request.folds, request.seed)
    for number, held_out, fitted in fit_folds(request.train, rows, splits, fold_results, bench, parent=parent):
        notes: list[str] = []
        fair = held_out if unlearned is None else _fair_rows(held_out, unlearned, number, notes)
        if not len(fair):
            fold_results.add(({}, notes))
            continue
        prediction = predict_fold(fitted, take_rows(rows.columns, fair), number)
        scores = score(metrics, rows.y[fair], prediction, scoring)
        notes.extend(f"fold {number}: {note}" for note in scores.notes)
        fold_results.add((scores.numbers, notes))
    folds = [numbers for numbers, _ in fold_results.results]
    evaluation = FoldMetrics(folds=folds, notes=[note for _, notes in fold_results.results for note in notes])
    return Produced(outputs=CrossValidateOutputs(metrics=summary(folds), evaluation=evaluation).to_json())


def _fair_mask(rows: Rows, needs: Needs, bench: Bench) -> np.ndarray:
    """Which training rows the ancestors have not learned."""
    before = [*ancestors(needs[WARM_START]), needs[WARM_PREPARE]]
    evaluation = read_side(needs["prepare"], "train", bench.artifacts)
    return fair_to("an earlier version", before, evaluation, bench.artifacts, len(rows.y)).keep


def _fair_rows(rows: np.ndarray, unlearned: np.ndarray, fold: int, notes: list[str]) -> np.ndarray:
    """The rows of a fold that no ancestor has learned. A fold without any has no figures, and a note says so."""
    fair: np.ndarray = rows[unlearned[rows]]
    if not len(fair):
        notes.append(f"fold {fold}: not scored, since the versions before were trained on all of its {len(rows)} rows")
    elif len(fair) < len(rows):
        notes.append(f"fold {fold}: of {len(rows)} rows without {len(rows) - len(fair)} that the versions before were trained on")
    return fair


def summary(folds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean and standard deviation (of the population, like numpy's) of each metric that is defined on every fold."""
    names = [name for name in folds[0] if all(name in fold for fold in folds)]
    numbers: dict[str, float] = {}
    for name in names:
        values = np.array([fold[name] for fold in folds])
        numbers[f"cv_{name}_mean"], numbers[f"cv_{name}_std"] = float(values.mean()), float(values.std())
    return numbers
