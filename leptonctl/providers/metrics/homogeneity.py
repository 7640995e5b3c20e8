"""The metric `homogeneity`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.clusters import labels_of
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(y: np.ndarray, prediction: Prediction, _scoring: Scoring) -> float:
    from sklearn.metrics import homogeneity_score

    return float(homogeneity_score(y, labels_of(prediction)))


METRICS = (
    Metric(
        name="homogeneity",
        task="clustering",
        description="Whether each cluster has rows of one class of the target only; 1 is best",
        greater_is_better=True,
        least=0,
        most=1,
        score=score,
        needs_target=True,
        default=True,
    ),
)
