"""The metric `f1`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.classes import rates
from leptonctl.providers.metrics.outliers import outlier_rates
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> float:
    return rates(y, prediction, scoring).f1


def outlier_score(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> float:
    return outlier_rates(y, prediction, scoring).f1


METRICS = (
    Metric(
        name="f1",
        task="classification",
        description="Harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN)",
        greater_is_better=True,
        least=0,
        most=1,
        score=score,
        default=True,
    ),
    Metric(
        name="f1",
        task="anomaly",
        description="Harmonic mean of precision and recall of the outliers",
        greater_is_better=True,
        least=0,
        most=1,
        score=outlier_score,
        needs_target=True,
        default=True,
    ),
)
