"""The metric `calinski_harabasz`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.clusters import clustered
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> float:  # noqa: ARG001 - what every metric gets
    from sklearn.metrics import calinski_harabasz_score

    return float(calinski_harabasz_score(*clustered(prediction)))


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
