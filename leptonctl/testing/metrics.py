"""The conformance suite of metrics."""

import json
from math import isfinite
from typing import Any

from leptonctl.core.manifest import UNSUPERVISED
from leptonctl.spi.learning import Metric, Prediction, Scoring
from leptonctl.testing.declarations import check_identity
from leptonctl.testing.requirements import require


def check_metric(metric: Metric) -> None:
    """Check a metric: defined on ordinary answers, independent of the order of rows, better for better answers. Raises AssertionError."""
    check_identity(metric.name, metric.description, metric.score or metric.detail)
    require(metric.score is not None or metric.detail is not None, "a metric has a score, a detail, or both")
    if metric.task in UNSUPERVISED:
        return  # they do not measure how close an answer is to a target
    cases = [(False, 2), (True, 2), (True, 3)] if metric.task == "classification" else [(False, 0)]
    for with_probabilities, classes in cases:
        if with_probabilities or not metric.needs_probabilities:
            _check_scores(metric, classes, with_probabilities=with_probabilities)


def _check_scores(metric: Metric, classes: int, *, with_probabilities: bool) -> None:
    y, right, partly_wrong = _answers(classes, with_probabilities=with_probabilities)
    scoring = Scoring(positive="b", average="binary") if classes == 2 else Scoring(average="macro")  # noqa: PLR2004
    order = list(range(len(y)))[::-2] + list(range(len(y)))[-2::-2]
    if metric.detail is not None:
        text = json.dumps(metric.detail(y, partly_wrong, scoring), allow_nan=False, sort_keys=True)
        again = json.dumps(metric.detail(y, partly_wrong, scoring), allow_nan=False, sort_keys=True)
        require(text == again, "a detail is the same every time")
    if metric.score is None:
        return
    low, high = metric.score(y, partly_wrong, scoring), metric.score(y, right, scoring)
    require(isfinite(low) and isfinite(high), f"a score is finite, not {low!r} and {high!r}")
    reordered = metric.score(y[order], _select_rows(partly_wrong, order), scoring)
    require(abs(reordered - low) <= 1e-9 * max(1.0, abs(low)), "the order of rows does not matter")
    if metric.greater_is_better is not None:
        better, worse = (high, low) if metric.greater_is_better else (low, high)
        require(better > worse, f"better answers score better: all right {high}, partly wrong {low}")


def _answers(classes: int, *, with_probabilities: bool) -> tuple[Any, Prediction, Prediction]:
    """True values, answers that are all right, and answers that are partly wrong."""
    import numpy as np

    rng = np.random.RandomState(0)
    if not classes:
        y = rng.uniform(1, 10, 60)
        return y, Prediction(values=y.copy()), Prediction(values=y + rng.normal(0, 2, 60))
    names = np.array(["a", "b", "c"][:classes])
    truth = np.arange(60) % classes
    partly_wrong = np.where(rng.uniform(size=60) < 0.3, (truth + 1) % classes, truth)  # noqa: PLR2004
    right, wrong = (_prediction(names, places, with_probabilities=with_probabilities) for places in (truth, partly_wrong))
    return names[truth], right, wrong


def _prediction(names: Any, places: Any, *, with_probabilities: bool) -> Prediction:
    import numpy as np

    probabilities = np.full((len(places), len(names)), 0.1)
    probabilities[np.arange(len(places)), places] = 1 - 0.1 * (len(names) - 1)
    return Prediction(labels=names[places], probabilities=probabilities if with_probabilities else None, classes=tuple(names.tolist()))


def _select_rows(prediction: Prediction, rows: list[int]) -> Prediction:
    parts = (prediction.labels, prediction.probabilities, prediction.values)
    labels, probabilities, values = (None if part is None else part[rows] for part in parts)
    return Prediction(labels=labels, probabilities=probabilities, values=values, classes=prediction.classes)
