"""One case: a table, a task, an algorithm and a chain, built and compared; and whether a refusal is right."""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from leptonctl.spi.learning import ProviderError
from tests.reference import plain
from tests.reference.built import Built, Prepared, built, prepared
from tests.reference.chains import Columns, chains
from tests.reference.compare import differences, figures
from tests.reference.tables import Table

SAME, UNSTABLE, REFUSED, WRONGLY_REFUSED = "equal", "scikit-learn differs as much from itself", "refused", "REFUSED without reason"
DIFFERENT, WARNED = "DIFFERENT", "warned of"
Steps = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`details`: what differs, or why a build was refused. `id`: of the refusal."""

    case: str
    outcome: str
    id: str = ""
    details: tuple[str, ...] = ()

    @property
    def record(self) -> dict[str, Any]:
        name = f"{self.outcome}: {self.id}" if self.id else self.outcome
        return {"case": self.case, "outcome": name, "details": list(self.details)}


def outcomes(table: Table, task: str, folder: Path, only: set[str], every: int, known: set[str]) -> Iterator[Outcome]:
    """The outcomes of all cases of a table and a task that are asked for."""
    rows = table.rows(task)
    data = prepared(folder, table.name, rows, table.target(task), task)
    theirs = plain.read(data.file, table.target(task), task)
    holes = any(np.isnan(side[name]).any() for side in (theirs.train, theirs.test) for name in theirs.numbers)
    columns = Columns(numbers=theirs.numbers, strings=theirs.strings, words=table.text, holes=holes)
    number = 0
    for chain, steps in chains(columns).items():
        for algorithm in plain.ALGORITHMS[task]:
            number += 1
            names = {table.name, task, algorithm, chain}
            case = f"{table.name} {task} {algorithm} {chain}"
            if (only and not only <= names) or number % every or case in known:
                continue
            yield outcome(case, data, theirs, algorithm, steps)


def outcome(case: str, data: Prepared, theirs: plain.Data, algorithm: str, steps: Steps) -> Outcome:
    params = plain.ALGORITHMS[data.task][algorithm][0]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            ours = built(data, algorithm, params, json.loads(json.dumps(steps)))
        except ProviderError as refusal:
            reason = why_refused(refusal, theirs, algorithm, steps)
            return Outcome(case=case, outcome=REFUSED if reason else WRONGLY_REFUSED, id=refusal.id, details=(refusal.detail, reason))
        return compared(case, ours, theirs, algorithm, steps)


def unfilled(theirs: plain.Data, steps: Steps, side: str) -> bool:
    """Whether missing cells of one side reach an algorithm."""
    holes = any(np.isnan(getattr(theirs, side)[name]).any() for name in theirs.numbers)
    return holes and not any(step["use"] == "imputer" for step in steps)


def compared(case: str, ours: Built, theirs: plain.Data, algorithm: str, steps: Steps) -> Outcome:
    def fits(change: Callable[..., Any] | None = None) -> tuple[plain.Fit, list[plain.Fit]]:
        folds = [plain.fit(theirs, steps, algorithm, others, change) for others, _ in plain.folds(theirs)]
        return plain.fit(theirs, steps, algorithm, change=change), folds

    if unfilled(theirs, steps, "test") and algorithm != "hist_gradient_boosting":
        # scikit-learn refuses such rows, or (its forests) has learned nothing of them
        warned = "unanswered" in ours.warnings
        return Outcome(case=case, outcome=WARNED if warned else DIFFERENT, details=("missing cells of test rows reach the algorithm",))
    found = list(differences(ours, theirs, *fits()))
    if not found:
        return Outcome(case=case, outcome=SAME)
    # an iteration that has not converged, or a tie between splits, turns on the last bit of a number
    changes = _changes(steps)
    for change in changes:
        if not list(differences(ours, theirs, *fits(change))):
            return Outcome(case=case, outcome=UNSTABLE, details=tuple(found[:3]))
    if _turns(fits, theirs, found, changes):
        return Outcome(case=case, outcome=UNSTABLE, details=tuple(found[:3]))
    return Outcome(case=case, outcome=DIFFERENT, details=tuple(found[:8]))


def _jittered(seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """The numbers moved by at most one unit in the last place of a float32."""

    def change(matrix: np.ndarray) -> np.ndarray:
        way = np.random.RandomState(seed).randint(-1, 2, matrix.shape)
        return np.where(way == 0, matrix, np.nextafter(matrix, np.float32(np.inf) * way.astype(np.float32)))

    return change


def _changes(steps: Steps) -> list[Callable[..., Any]]:
    """Roundings of an algorithm's inputs: their order in memory, their last bit, and of sums over columns a few bits more."""
    summed = any(step["use"] == "pca" for step in steps)
    return [np.asfortranarray, *(_jittered(seed) for seed in (1, 2, 3)), *(_shaken(seed) for seed in (1, 2, 3) if summed)]


def _shaken(seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """The numbers moved by up to eight roundings of the largest of their column."""

    def change(matrix: np.ndarray) -> np.ndarray:
        size = np.abs(matrix).max(axis=0) * np.finfo(np.float32).eps
        return (matrix + np.random.RandomState(seed).randint(-8, 9, matrix.shape) * size).astype(np.float32)

    return change


def _turns(fits: Callable[..., Any], theirs: plain.Data, found: Sequence[str], changes: Sequence[Callable[..., Any]]) -> bool:
    """Whether scikit-learn's own figures and answers move as far as ours differ when the last bit of its inputs moves."""
    every, answers = [], []
    for change in (None, *changes):
        whole, folds = fits(change)
        one = [figures(theirs.task, theirs.test_y, whole, theirs.test)]
        one += [
            figures(theirs.task, theirs.train_y[held], f, plain.rows_of(theirs.train, held))
            for f, (_, held) in zip(folds, plain.folds(theirs), strict=True)
        ]
        every.append([value for part in one for value in part.values()])
        answers.append(_answers(whole, whole.matrix(theirs.test)))
    table = np.array(every)
    spread = float(((table.max(0) - table.min(0)) / np.maximum(np.abs(table).max(0), 1e-9)).max())
    scale = 1.0 if theirs.task == "classification" else float(np.std(theirs.train_y))
    moved = float(np.ptp(np.array(answers), axis=0).max()) / scale
    # four samples of such a spread may miss its ends
    numbers, words = _largest(found)
    return numbers <= 4 * spread and (not words or moved > 1e-3)


def _largest(found: Sequence[str]) -> tuple[float, bool]:
    """The largest relative difference in words like `mae: 1.0, scikit-learn 2.0`, and whether there are others."""
    worst, others = 0.0, False
    for text in found:
        if text.startswith("cv_"):
            # they follow from the folds, and a deviation magnifies what differs there
            continue
        try:
            ours, other = (float(part) for part in text.rsplit(": ", 1)[1].split(", scikit-learn "))
        except (IndexError, ValueError):
            others = True
        else:
            worst = max(worst, abs(ours - other) / max(abs(ours), abs(other), 1e-9))
    return worst, others


def why_refused(refusal: ProviderError, theirs: plain.Data, algorithm: str, steps: Steps) -> str:
    """Why a refusal is right, found without leptonctl; "" where nothing is found."""
    if refusal.id == "missing-values":
        return "cells are missing, and nothing fills them" if unfilled(theirs, steps, "train") else ""
    try:
        fit, *folds = (plain.fit(theirs, steps, algorithm, rows) for rows in (None, *(others for others, _ in plain.folds(theirs))))
        matrix = fit.matrix(theirs.test)
        answers = _answers(fit, matrix)
    except (ValueError, FloatingPointError, OverflowError) as problem:
        return f"scikit-learn refuses it too: {' '.join(str(problem).split())[:120]}"
    if not np.isfinite(answers).all():
        return "scikit-learn's answers are not finite"
    scale = 1.0 if theirs.task == "classification" else float(np.std(theirs.train_y))
    if refusal.id == "training-failed":
        every = [np.abs(one.answers(theirs.train)).max() / scale for one in (fit, *folds)]
        return f"scikit-learn's model has exploded: {max(every):.1e}" if max(every) > 1e3 else ""
    if algorithm == "knn" and (tied := _ties(fit, theirs)):
        return f"{tied} rows have neighbours that are equally far, of which the order of the rows chooses"
    moved = max(np.abs(_answers(fit, _jittered(seed)(matrix)) - answers).max() for seed in range(8))
    return f"one unit in the last place of the inputs moves scikit-learn's answers by {moved / scale:.1e}" if moved / scale > 1e-5 else ""


def _answers(fit: plain.Fit, matrix: np.ndarray) -> np.ndarray:
    classes = getattr(fit.model, "classes_", None)
    return fit.model.predict(matrix) if classes is None else fit.model.predict_proba(matrix)


def _ties(fit: plain.Fit, theirs: plain.Data) -> int:
    """Rows with a fifth and a sixth neighbour at the same distance: test rows, and test rows with one number far beyond the others."""
    far = [theirs.test]
    for name in theirs.numbers:
        size = float(np.nanmax(np.abs(theirs.test[name]), initial=1.0))
        far += [{**theirs.test, name: np.full_like(theirs.test[name], way * 1e4 * size)} for way in (1, -1)]
    count = 0
    for frame in far:
        rows, known = fit.matrix(frame).astype(np.float64), np.asarray(fit.model._fit_X, dtype=np.float64)
        distances = np.sort(((rows[:, None] - known[None]) ** 2).sum(-1), axis=1)
        # a distance is a difference of squares, and as exact as they are
        count += int((distances[:, 5] - distances[:, 4] <= 1e-6 * (rows**2).sum(1)).sum())
    return count
