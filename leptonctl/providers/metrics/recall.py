"""The metric `recall`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.classes import rates
from leptonctl.providers.metrics.outliers import outlier_rates
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> float:
    return rates(y, prediction, scoring).recall


def outlier_score(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> float:
    return outlier_rates(y, prediction, scoring).recall


METRICS = (
    Metric(
        name="recall",
        task="classification",
        description="Share of the positive rows that are predicted positive: TP / (TP + FN). 0 when there are no positive rows",
        greater_is_better=True,
        least=0,
        most=1,
        score=score,
        default=True,
    ),
    Metric(
        name="recall",
        task="anomaly",
        description="Share of the rows of the positive class of the target that are called outliers",
        greater_is_better=True,
        least=0,
        most=1,
        score=outlier_score,
        needs_target=True,
        default=True,
    ),
)
