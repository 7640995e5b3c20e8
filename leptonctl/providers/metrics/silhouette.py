"""The metric `silhouette`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.clusters import rows_and_clusters
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(_y: np.ndarray, prediction: Prediction, _scoring: Scoring) -> float:
    from sklearn.metrics import silhouette_score

    matrix, labels = rows_and_clusters(prediction, most=5000)
    return float(silhouette_score(matrix, labels))


METRICS = (
    Metric(
        name="silhouette",
        task="clustering",
        description="How much nearer a row is to its own cluster than to the next one, from -1 to 1, over at most 5,000 of the rows",
        greater_is_better=True,
        least=-1,
        most=1,
        score=score,
        default=True,
    ),
)
