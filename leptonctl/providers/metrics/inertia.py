"""The metric `inertia`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.clusters import distances
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(_y: np.ndarray, prediction: Prediction, _scoring: Scoring) -> float:
    import numpy as np

    return float((distances(prediction) ** 2).sum(dtype=np.float64))


METRICS = (
    Metric(
        name="inertia",
        task="clustering",
        description="Sum of the squared distances of the rows to their clusters",
        greater_is_better=False,
        least=0,
        score=score,
        default=True,
    ),
)
