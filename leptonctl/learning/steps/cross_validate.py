"""The step `cross_validate`: metrics on the held-out fold, for every fold of the training rows. Records nothing.

Preprocessing and model are fitted anew on the other folds, as scikit-learn pipelines; no fold is exported.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from leptonctl.core.frozen import replace
from leptonctl.core.values import Json
from leptonctl.learning.fit import Fitted, fit
from leptonctl.learning.inputs import CrossValidateInputs, read_inputs
from leptonctl.learning.outputs import CrossValidateOutputs, Folds
from leptonctl.learning.results import read_prepared
from leptonctl.learning.scoring import native_dtype, score, scoring_of
from leptonctl.learning.tables.prepared import Columns, take_rows
from leptonctl.spi.learning import Prediction, ProviderError
from leptonctl.spi.running import Bench, Needs, Produced


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    order = read_inputs("cross_validate", inputs, CrossValidateInputs)
    task = order.train.task
    rows = read_prepared(needs["prepare"], "train", task, bench.artifacts)
    classes = sorted(set(rows.y.tolist())) if task == "classification" else []
    metrics, scoring = scoring_of(task, order, rows.y, classes)
    metrics = [metric for metric in metrics if metric.score]
    folds: list[Mapping[str, float]] = []
    notes: list[str] = []
    for number, (others, held) in enumerate(splits(rows.y, task, order.folds, order.seed), 1):
        bench.progress(message=f"fold {number} of {order.folds}", iteration=number, of=order.folds)
        fitted = fit(order.train, take_rows(rows.columns, others), rows.y[others], silent)
        prediction = predicted(fitted, take_rows(rows.columns, held), number)
        scores = score(metrics, rows.y[held], prediction, scoring)
        folds.append(scores.numbers)
        notes.extend(f"fold {number}: {note}" for note in scores.notes)
    return Produced(outputs=CrossValidateOutputs(metrics=summary(folds), evaluation=Folds(folds=folds, notes=notes)).to_json())


def predicted(fitted: Fitted, columns: Columns, fold: int) -> Prediction:
    """The native answer on a held-out fold, which may have a missing cell where the fitted rows had none."""
    try:
        answer = fitted.predict(columns)
    except ValueError as problem:
        raise ProviderError(
            "Missing values reach a step that cannot take them",
            detail=f"Held-out fold {fold} cannot be predicted: {' '.join(str(problem).split())[:400]}.",
            hint="put - {columns: numeric, use: imputer} before it, or give the columns a missing: fill value",
            id="missing-values",
        ) from problem
    if answer.probabilities is None:
        return answer
    return replace(answer, probabilities=answer.probabilities.astype(native_dtype(fitted)))


def splits(y: np.ndarray, task: str, count: int, seed: int) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Row indices to fit on and to judge on, exactly as scikit-learn's shuffled folds with this seed give them."""
    from sklearn.model_selection import KFold, StratifiedKFold

    folds: Iterable[tuple[np.ndarray, np.ndarray]]
    if task == "classification":
        classes, counts = np.unique(y, return_counts=True)
        rarest = int(np.argmin(counts))
        if counts[rarest] < count:
            detail = f"The class {classes[rarest]!s} has {counts[rarest]} of the training rows; every fold needs one."
            raise too_few(detail, int(counts[rarest]))
        folds = StratifiedKFold(count, shuffle=True, random_state=seed).split(np.zeros(len(y)), y)
        return folds
    if len(y) < count:
        raise too_few(f"There are {len(y)} training rows; every fold needs one.", len(y))
    folds = KFold(count, shuffle=True, random_state=seed).split(np.zeros(len(y)))
    return folds


def summary(folds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean and deviation (of the population, as numpy's) of each metric that is defined on every fold."""
    everywhere = [name for name in folds[0] if all(name in fold for fold in folds)]
    numbers: dict[str, float] = {}
    for name in everywhere:
        values = np.array([fold[name] for fold in folds])
        numbers[f"cv_{name}_mean"], numbers[f"cv_{name}_std"] = float(values.mean()), float(values.std())
    return numbers


def too_few(detail: str, most: int) -> ProviderError:
    return ProviderError(
        "Too few training rows for so many folds",
        detail=detail,
        hint=f"write `cross_validation: {most}` or less" if most > 1 else "leave `cross_validation` out, or bring more rows",
        id="too-few-rows-for-folds",
    )


def silent(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
    """Progress within a fold is not told: folds are what is counted."""
