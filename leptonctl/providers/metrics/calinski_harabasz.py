"""The metric `calinski_harabasz`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.clusters import rows_and_clusters
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(_y: np.ndarray, prediction: Prediction, _scoring: Scoring) -> float:
    from sklearn.metrics import calinski_harabasz_score

    return float(calinski_harabasz_score(*rows_and_clusters(prediction)))


METRICS = (
    Metric(
        name="calinski_harabasz",
        task="clustering",
        description="The spread between clusters by the spread within them",
        greater_is_better=True,
        least=0,
        score=score,
        default=True,
    ),
)
