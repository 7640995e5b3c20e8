"""Fits a model for each fold of the training rows, and keeps the results while a step goes through them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeAlias, TypeVar

import numpy as np

from leptonctl.core.frozen import replace
from leptonctl.learning.fitting.fit import fit
from leptonctl.learning.fitting.fitted_model import Fitted, native_dtype
from leptonctl.learning.fitting.resume import resume
from leptonctl.learning.inputs import TrainInputs
from leptonctl.learning.tables.prepared import Columns, Rows, take_rows
from leptonctl.spi.learning import Checkpoint, Prediction, ProviderError
from leptonctl.spi.running import Bench

TOO_FEW_ROWS = "too-few-rows-for-folds"

Fold = TypeVar("Fold")
Value = TypeVar("Value")
"""A JSON value."""
Split: TypeAlias = tuple[np.ndarray, np.ndarray]
"""The row indices to fit on, and those held out."""


class Folds(Generic[Value]):
    """The result of each fold so far. After a kill, `results` begins with those of the earlier process.

    It is also the checkpoint (`spi.learning.Checkpoint`) of the fit of the next fold.
    """

    def __init__(self, checkpoint: Checkpoint | None) -> None:
        self._checkpoint, self._fit = checkpoint, b""
        self.results: list[Value] = []
        data = None if checkpoint is None else checkpoint.load()
        if data is not None:
            line, _, self._fit = data.partition(b"\n")
            self.results = json.loads(line)

    def remaining(self, folds: Iterable[Fold]) -> Iterator[tuple[int, Fold]]:
        """The folds that have no result yet, each with its number from 1."""
        before = len(self.results)
        return ((number, fold) for number, fold in enumerate(folds, 1) if number > before)

    def add(self, value: Value) -> None:
        """Add the result of a fold."""
        self.results.append(value)
        self._fit = b""
        if self.is_due():
            self.save(b"")

    def load(self) -> bytes | None:
        """How far the fit of the next fold was."""
        return self._fit or None

    def is_due(self) -> bool:
        return self._checkpoint is not None and self._checkpoint.is_due()

    def save(self, data: bytes) -> None:
        """Keep the results, and how far the fit of the next fold is."""
        if self._checkpoint is not None:
            self._checkpoint.save(b"\n".join([json.dumps(self.results).encode(), data]))


def fit_folds(
    train: TrainInputs, rows: Rows, splits: Sequence[Split], results: Folds[Value], bench: Bench, *, parent: Fitted | None = None
) -> Iterator[tuple[int, np.ndarray, Fitted]]:
    """The number of each fold without a result, its held-out rows, and the model that is fitted on the others, from `parent` on.

    Add the result of a fold to `results` before asking for the next.
    """
    for number, (others, held_out) in results.remaining(splits):
        bench.progress(message=f"fold {number} of {len(splits)}", iteration=number, of=len(splits))
        columns, y = take_rows(rows.columns, others), rows.y[others]
        if parent is not None:
            yield number, held_out, resume(train, parent, columns, y, no_progress, checkpoint=results)
        else:
            yield number, held_out, fit(train, columns, y, no_progress, checkpoint=results)


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


def split_folds(y: np.ndarray, task: str, count: int, seed: int) -> list[Split]:
    """For each fold the row indices to fit on and those held out, exactly as scikit-learn's shuffled folds with this seed."""
    from sklearn.model_selection import KFold, StratifiedKFold

    if task == "classification":
        classes, counts = np.unique(y, return_counts=True)
        rarest = int(np.argmin(counts))
        if counts[rarest] < count:
            detail = f"The class {classes[rarest]!s} has {counts[rarest]} training rows, but every fold needs one."
            raise _too_few_rows(detail, int(counts[rarest]))
        return [*StratifiedKFold(count, shuffle=True, random_state=seed).split(np.zeros(len(y)), y)]
    if len(y) < count:
        raise _too_few_rows(f"There are {len(y)} training rows, but every fold needs one.", len(y))
    return [*KFold(count, shuffle=True, random_state=seed).split(np.zeros(len(y)))]


def _too_few_rows(detail: str, limit: int) -> ProviderError:
    return ProviderError(
        "Too few training rows for so many folds",
        detail=detail,
        hint=f"write `cross_validation: {limit}` or less" if limit > 1 else "remove `cross_validation`, or add rows",
        id="too-few-rows-for-folds",
    )


def no_progress(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
    """Report no progress within a fold: the step counts folds."""
