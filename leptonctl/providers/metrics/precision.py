"""The metric `precision`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.classes import rates
from leptonctl.providers.metrics.outliers import outlier_rates
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> float:
    return rates(y, prediction, scoring).precision


def outlier_score(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> float:
    return outlier_rates(y, prediction, scoring).precision


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
    Metric(
        name="precision",
        task="anomaly",
        description="Share of the rows called outliers that are of the positive class of the target",
        greater_is_better=True,
        least=0,
        most=1,
        score=outlier_score,
        needs_target=True,
        default=True,
    ),
)
