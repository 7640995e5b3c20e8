"""The metric `outlier_share`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.outliers import predicted_outliers
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(_y: np.ndarray, prediction: Prediction, _scoring: Scoring) -> float:
    return float(predicted_outliers(prediction).mean())


METRICS = (
    Metric(
        name="outlier_share",
        task="anomaly",
        description="Share of the rows that the model calls outliers",
        greater_is_better=None,
        least=0,
        most=1,
        score=score,
        default=True,
    ),
)
