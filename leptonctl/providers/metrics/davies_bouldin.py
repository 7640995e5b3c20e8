"""The metric `davies_bouldin`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.clusters import rows_and_clusters
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(_y: np.ndarray, prediction: Prediction, _scoring: Scoring) -> float:
    from sklearn.metrics import davies_bouldin_score

    return float(davies_bouldin_score(*rows_and_clusters(prediction)))


METRICS = (
    Metric(
        name="davies_bouldin",
        task="clustering",
        description="How similar each cluster is to the one that is most like it; 0 is best",
        greater_is_better=False,
        least=0,
        score=score,
        default=True,
    ),
)
