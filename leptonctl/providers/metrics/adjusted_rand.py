"""The metric `adjusted_rand`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.clusters import labels_of
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(y: np.ndarray, prediction: Prediction, _scoring: Scoring) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(y, labels_of(prediction)))


METRICS = (
    Metric(
        name="adjusted_rand",
        task="clustering",
        description="How well clusters agree with the classes of the target, corrected for chance; 1 is equal",
        greater_is_better=True,
        least=-0.5,
        most=1,
        score=score,
        needs_target=True,
        default=True,
    ),
)
