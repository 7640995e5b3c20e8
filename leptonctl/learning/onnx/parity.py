"""Compares an exported graph with the native model, row by row. Owns the rules for what counts as equal; repairs nothing.

Labels must be equal except at ties (native top-two margin <= 1e-5, counted), probabilities must agree within 1e-4, and values within
1e-5 x max(|native|, standard deviation of the training target), or within the trainer's own tolerance. Rows where the native model
raises or is not finite are counted, not compared.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.manifest import OUTPUTS, UNSUPERVISED
from leptonctl.learning.fitting.fitted_model import Fitted
from leptonctl.learning.outputs import ParityFigures
from leptonctl.learning.scoring.batches import run_in_batches
from leptonctl.learning.tables.prepared import Columns, count_rows, take_rows
from leptonctl.spi.learning import Prediction

if TYPE_CHECKING:
    import onnxruntime as ort

TIE = 1e-5
PROBABILITY, VALUE = 1e-4, 1e-5


class Parity(Frozen):
    """The result of comparing some rows. `mismatches` are the indices of the rows that break the rules."""

    compared: int = 0
    not_compared: int = 0
    labels_differ: int = 0
    ties: int = 0
    max_probability_diff: float = 0.0
    max_value_diff: float = 0.0
    mismatches: tuple[int, ...] = ()


def run_graph(session: "ort.InferenceSession", fitted: Fitted, columns: Columns) -> Prediction:
    """The exported graph's answer, unconverted: labels and float32 probabilities, or float32 values [N]."""
    names = [value.name for value in session.get_inputs()]
    arrays = fitted.inputs.arrays(columns)
    outputs = [*OUTPUTS[fitted.trainer.task]]
    answers = [np.concatenate(parts) for parts in run_in_batches(session, outputs, dict(zip(names, arrays, strict=True)))]
    if fitted.trainer.task == "regression":
        return Prediction(values=answers[0].reshape(-1))
    if fitted.trainer.task in UNSUPERVISED:
        return Prediction(labels=answers[0].reshape(-1), values=answers[1].reshape(-1))
    return Prediction(labels=answers[0].reshape(-1), probabilities=answers[1], classes=fitted.classes)


def unstable_rows(fitted: Fitted, columns: Columns, rows: Sequence[int], *, scale: float, tolerance: float) -> frozenset[int]:
    """The rows whose native answer changes when the input changes by a float32 rounding error: no float32 graph can agree there.

    Always empty for models with thresholds, whose answers jump by design.
    """
    candidates = [] if fitted.trainer.splits else rows
    return frozenset(row for row in candidates if _is_unstable(fitted, take_rows(columns, np.array([row])), scale, tolerance))


def runtime_errors() -> tuple[type[Exception], ...]:
    """The exceptions that onnxruntime raises for a graph that it cannot load or run."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (state.Fail, state.InvalidGraph, state.InvalidArgument, state.NotImplemented, state.RuntimeException)


def default_tolerance(fitted: Fitted, requested: float | None) -> float:
    """The recipe's tolerance, else the larger of the trainer's and the task's."""
    task_tolerance = PROBABILITY if fitted.trainer.task == "classification" else VALUE
    return requested if requested is not None else max(task_tolerance, fitted.trainer.tolerance or 0.0)


def compare(
    fitted: Fitted,
    session: "ort.InferenceSession",
    columns: Columns,
    *,
    scale: float,
    tolerance: float,
    skip: frozenset[int] = frozenset(),
    answers: Prediction | None = None,
) -> Parity:
    """Compare both models on these rows, except those in `skip`, which are counted as not compared.

    `scale`: the standard deviation of the training target (regression only). `answers`: the graph's answers to all rows, if known already.
    """
    rows = count_rows(columns)
    native, places = native_rows(fitted, columns, np.array([row for row in range(rows) if row not in skip], dtype=np.intp))
    if not len(places):
        return Parity(not_compared=rows)
    if answers is None or len(places) < rows:
        answers = run_graph(session, fitted, take_rows(columns, places))
    if native.values is None:
        parity = compare_classes(native, answers, places, tolerance)
    elif native.labels is None:
        parity = compare_values(native, answers, places, scale, tolerance)
    else:
        parity = _compare_labelled(fitted, native, answers, places, tolerance)
    return replace(parity, not_compared=rows - len(places))


def native_rows(fitted: Fitted, columns: Columns, rows: np.ndarray) -> tuple[Prediction, np.ndarray]:
    """The finite native answers, and the rows they belong to. A batch that raises is split in half until single rows are left."""
    answers: list[Prediction] = []
    places: list[np.ndarray] = []
    batches = [rows] if len(rows) else []
    while batches:
        batch = batches.pop(0)
        try:
            answer, batch = _answer(fitted, columns, batch)
        except (ValueError, OverflowError):
            if len(batch) > 1:
                middle = len(batch) // 2
                batches[:0] = [batch[:middle], batch[middle:]]
            continue
        numbers = answer.values.reshape(-1, 1) if answer.values is not None else answer.probabilities
        finite = np.isfinite(np.asarray(numbers)).all(axis=1)
        answers.append(_select_rows(answer, finite))
        places.append(batch[finite])
    if not answers:
        return Prediction(), np.zeros(0, dtype=np.intp)
    return _concatenate(answers), np.concatenate(places)


def _answer(fitted: Fitted, columns: Columns, rows: np.ndarray) -> tuple[Prediction, np.ndarray]:
    """The native answers, and the rows of the batch that have one. Raises ValueError where scikit-learn does.

    Rows with missing cells are left out first: finding them by bisection would take most of the time of a small comparison.
    """
    matrix = fitted.matrix(take_rows(columns, rows))
    if isinstance(matrix, np.ndarray) and not fitted.trainer.takes_missing:
        whole = ~np.isnan(matrix).any(axis=1)
        if whole.any() and not whole.all():
            rows, matrix = rows[whole], matrix[whole]
    return fitted.answer(matrix), rows


def figures(test: Parity, hard: Parity, tolerance: float, repairs: Sequence[str]) -> ParityFigures:
    """The figures over both sets of rows."""
    return ParityFigures(
        rows=test.compared,
        hard_rows=hard.compared,
        not_compared=test.not_compared + hard.not_compared,
        labels_differ=test.labels_differ + hard.labels_differ,
        ties=test.ties + hard.ties,
        max_probability_diff=max(test.max_probability_diff, hard.max_probability_diff),
        max_value_diff=max(test.max_value_diff, hard.max_value_diff),
        tolerance=tolerance,
        repairs=tuple(repairs),
    )


def compare_classes(native: Prediction, exported: Prediction, places: np.ndarray, tolerance: float) -> Parity:
    """Compare labels and probabilities of the rows at `places`."""
    probabilities = np.asarray(native.probabilities)
    top = np.sort(probabilities, axis=1)
    is_tie = top[:, -1] - top[:, -2] <= TIE
    differ = np.asarray(native.labels) != np.asarray(exported.labels)
    distance = np.abs(probabilities - np.asarray(exported.probabilities, dtype=np.float64)).max(axis=1)
    distance = np.where(np.isnan(distance), np.inf, distance)
    bad = (differ & ~is_tie) | (distance > tolerance)
    parity = _labels(differ, is_tie, places)
    return replace(parity, max_probability_diff=float(distance.max()), mismatches=tuple(places[bad].tolist()))


def compare_values(native: Prediction, exported: Prediction, places: np.ndarray, scale: float, tolerance: float) -> Parity:
    """Compare values of the rows at `places`, relative to their size or to `scale`."""
    distance = _value_distances(native, exported, scale)
    return Parity(compared=len(places), max_value_diff=float(distance.max()), mismatches=tuple(places[distance > tolerance].tolist()))


def _compare_labelled(fitted: Fitted, native: Prediction, exported: Prediction, places: np.ndarray, tolerance: float) -> Parity:
    """Labels with scores or distances. A score within the tolerance of 0 may have either label."""
    values = np.asarray(native.values)
    scale = float(np.std(values))
    distance = _value_distances(native, exported, scale)
    differ = np.asarray(native.labels) != np.asarray(exported.labels)
    is_close = np.abs(values) <= tolerance * max(scale, 1e-30) if fitted.trainer.task == "anomaly" else np.zeros(len(values), dtype=bool)
    bad = (distance > tolerance) | (differ & ~is_close)
    return replace(_labels(differ, is_close, places), max_value_diff=float(distance.max()), mismatches=tuple(places[bad].tolist()))


def _labels(differ: np.ndarray, is_tie: np.ndarray, places: np.ndarray) -> Parity:
    return Parity(compared=len(places), labels_differ=int((differ & ~is_tie).sum()), ties=int((differ & is_tie).sum()))


def _value_distances(native: Prediction, exported: Prediction, scale: float) -> np.ndarray:
    """How far the values are apart, in parts of their size or of `scale`; infinite where the exported one is NaN."""
    expected = np.asarray(native.values)
    size = np.maximum(np.maximum(np.abs(expected), scale), 1e-30)
    distance = np.abs(expected - np.asarray(exported.values, dtype=np.float64)) / size
    return np.where(np.isnan(distance), np.inf, distance)


def _select_rows(answer: Prediction, rows: np.ndarray) -> Prediction:
    if answer.values is not None:
        return Prediction(values=answer.values[rows], labels=None if answer.labels is None else np.asarray(answer.labels)[rows])
    return Prediction(labels=np.asarray(answer.labels)[rows], probabilities=np.asarray(answer.probabilities)[rows], classes=answer.classes)


def _concatenate(answers: Sequence[Prediction]) -> Prediction:
    if answers[0].values is not None:
        labels = None if answers[0].labels is None else np.concatenate([np.asarray(a.labels) for a in answers])
        return Prediction(values=np.concatenate([np.asarray(a.values) for a in answers]), labels=labels)
    return Prediction(
        labels=np.concatenate([np.asarray(a.labels) for a in answers]),
        probabilities=np.concatenate([np.asarray(a.probabilities) for a in answers]),
        classes=answers[0].classes,
    )


def _is_unstable(fitted: Fitted, row: Columns, scale: float, tolerance: float) -> bool:
    from scipy import sparse

    original = fitted.matrix(row)
    matrix = original.toarray() if fitted.sparse else original
    step = np.float32(np.abs(matrix).max() * 2.0**-22)
    signs = np.random.RandomState(0).choice(np.array([-1, 1], dtype=np.float32), size=(16, matrix.shape[1]))
    shifted = matrix + signs * step
    answer, shifted_answer = fitted.answer(original), fitted.answer(sparse.csr_matrix(shifted) if fitted.sparse else shifted)
    if answer.values is not None:
        original_answers = Prediction(values=np.repeat(np.asarray(answer.values), len(signs)))
        return bool((_value_distances(original_answers, shifted_answer, scale) > tolerance).any())
    distance = np.abs(np.asarray(shifted_answer.probabilities) - np.asarray(answer.probabilities))
    return bool((distance > tolerance).any() or (np.asarray(shifted_answer.labels) != np.asarray(answer.labels)).any())
