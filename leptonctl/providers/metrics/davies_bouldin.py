"""The metric `davies_bouldin`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.clusters import clustered
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> float:  # noqa: ARG001 - what every metric gets
    from sklearn.metrics import davies_bouldin_score

    return float(davies_bouldin_score(*clustered(prediction)))


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
