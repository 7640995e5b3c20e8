"""The metric `precision`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.classes import averaging
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> float:
    from sklearn.metrics import precision_score

    return float(precision_score(y, prediction.labels, **averaging(y, prediction, scoring)))


METRICS = (
    Metric(
        name="precision",
        task="classification",
        description="Share of the rows predicted positive that are positive: TP / (TP + FP). 0 when none is predicted positive",
        greater_is_better=True,
        least=0,
        most=1,
        score=score,
        default=True,
    ),
)
