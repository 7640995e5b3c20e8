"""The metric `accuracy`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.classes import pairs
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(y: np.ndarray, prediction: Prediction, _scoring: Scoring) -> float:
    from sklearn.metrics import accuracy_score

    # each pair of class and label once, weighted by its rows: the same figure as over all rows
    true, labels, rows = pairs(y, prediction)
    return float(accuracy_score(true, labels, sample_weight=rows))


METRICS = (
    Metric(
        name="accuracy",
        task="classification",
        description="Share of rows with the right label",
        greater_is_better=True,
        least=0,
        most=1,
        score=score,
        default=True,
    ),
)
