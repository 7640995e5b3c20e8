"""The metric `silhouette`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.clusters import clustered
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> float:  # noqa: ARG001 - what every metric gets
    from sklearn.metrics import silhouette_score

    matrix, labels = clustered(prediction, most=5000)
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
