"""The metric `mae`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(y: np.ndarray, prediction: Prediction, _scoring: Scoring) -> float:
    from sklearn.metrics import mean_absolute_error

    return float(mean_absolute_error(y, prediction.values))


METRICS = (
    Metric(
        name="mae",
        task="regression",
        description="Mean absolute error",
        greater_is_better=False,
        least=0,
        score=score,
        default=True,
    ),
)
