"""The step `cross_validate`: the metrics of each fold of the training rows when it is held out. Records nothing.

For each fold, preprocessing and model are fitted again on the other folds, as scikit-learn pipelines; nothing is exported.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from leptonctl.core.frozen import replace
from leptonctl.core.values import Json
from leptonctl.learning.ancestry import WARM_PREPARE, WARM_START, ancestors, fair_to
from leptonctl.learning.fitting.fit import fit
from leptonctl.learning.fitting.fitted_model import Fitted, native_dtype
from leptonctl.learning.fitting.folds import Folds
from leptonctl.learning.fitting.resume import resume
from leptonctl.learning.inputs import CrossValidateInputs, read_inputs
from leptonctl.learning.needs import read_prepared, read_side
from leptonctl.learning.outputs import CrossValidateOutputs, FoldMetrics
from leptonctl.learning.scoring.metrics import score, scoring_of
from leptonctl.learning.steps.train import parent_of
from leptonctl.learning.tables.prepared import Columns, Rows, take_rows
from leptonctl.learning.winner import with_search_result
from leptonctl.spi.learning import Prediction, ProviderError
from leptonctl.spi.running import Bench, Needs, Produced


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    request = read_inputs("cross_validate", inputs, CrossValidateInputs)
    request = replace(request, train=with_search_result(request.train, needs))
    task = request.train.task
    rows = read_prepared(needs["prepare"], "train", task, bench.artifacts)
    classes = sorted(set(rows.y.tolist())) if task == "classification" else []
    metrics, scoring = scoring_of(task, request, rows.y, classes, has_target=bool(rows.target))
    metrics = [metric for metric in metrics if metric.score]
    checkpoint = Folds[tuple[Mapping[str, float], list[str]]](bench.checkpoint)
    parent = parent_of(request.train, needs, bench)
    unlearned = _fair_mask(rows, needs, bench) if parent else None
    for number, (others, held_out) in checkpoint.remaining(split_folds(rows.y, task, request.folds, request.seed)):
        notes: list[str] = []
        bench.progress(message=f"fold {number} of {request.folds}", iteration=number, of=request.folds)
        training = take_rows(rows.columns, others), rows.y[others], no_progress
        if parent is not None:
            fitted = resume(request.train, parent, *training, checkpoint=checkpoint)
        else:
            fitted = fit(request.train, *training, checkpoint=checkpoint)
        evaluation_rows = held_out if unlearned is None else _fair_rows(held_out, unlearned, number, notes)
        if not len(evaluation_rows):
            checkpoint.add(({}, notes))
            continue
        prediction = predict_fold(fitted, take_rows(rows.columns, evaluation_rows), number)
        scores = score(metrics, rows.y[evaluation_rows], prediction, scoring)
        notes.extend(f"fold {number}: {note}" for note in scores.notes)
        checkpoint.add((scores.numbers, notes))
    folds = [numbers for numbers, _ in checkpoint.results]
    evaluation = FoldMetrics(folds=folds, notes=[note for _, notes in checkpoint.results for note in notes])
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


def predict_fold(fitted: Fitted, columns: Columns, fold: int) -> Prediction:
    """The native model's answer to a held-out fold. Raises ProviderError (missing-values), also where only this fold has missing cells."""
    try:
        answer = fitted.predict(columns)
    except ValueError as problem:
        raise ProviderError(
            "Missing values reach a step that cannot take them",
            detail=f"Held-out fold {fold} cannot be predicted: {' '.join(str(problem).split())[:400]}.",
            hint="put `- {columns: numeric, use: imputer}` before it, or give the columns a `missing:` fill value",
            id="missing-values",
        ) from problem
    if answer.probabilities is None:
        return answer
    return replace(answer, probabilities=answer.probabilities.astype(native_dtype(fitted)))


def split_folds(y: np.ndarray, task: str, count: int, seed: int) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """For each fold the row indices to fit on and those held out, exactly as scikit-learn's shuffled folds with this seed."""
    from sklearn.model_selection import KFold, StratifiedKFold

    folds: Iterable[tuple[np.ndarray, np.ndarray]]
    if task == "classification":
        classes, counts = np.unique(y, return_counts=True)
        rarest = int(np.argmin(counts))
        if counts[rarest] < count:
            detail = f"The class {classes[rarest]!s} has {counts[rarest]} training rows, but every fold needs one."
            raise too_few_rows(detail, int(counts[rarest]))
        folds = StratifiedKFold(count, shuffle=True, random_state=seed).split(np.zeros(len(y)), y)
        return folds
    if len(y) < count:
        raise too_few_rows(f"There are {len(y)} training rows, but every fold needs one.", len(y))
    folds = KFold(count, shuffle=True, random_state=seed).split(np.zeros(len(y)))
    return folds


def summary(folds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean and standard deviation (of the population, like numpy's) of each metric that is defined on every fold."""
    names = [name for name in folds[0] if all(name in fold for fold in folds)]
    numbers: dict[str, float] = {}
    for name in names:
        values = np.array([fold[name] for fold in folds])
        numbers[f"cv_{name}_mean"], numbers[f"cv_{name}_std"] = float(values.mean()), float(values.std())
    return numbers


def too_few_rows(detail: str, limit: int) -> ProviderError:
    return ProviderError(
        "Too few training rows for so many folds",
        detail=detail,
        hint=f"write `cross_validation: {limit}` or less" if limit > 1 else "remove `cross_validation`, or add rows",
        id="too-few-rows-for-folds",
    )


def no_progress(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
    """Report no progress within a fold: the step counts folds."""
