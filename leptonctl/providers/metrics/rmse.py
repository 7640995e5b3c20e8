"""The metric `rmse`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(y: np.ndarray, prediction: Prediction, _scoring: Scoring) -> float:
    from sklearn.metrics import root_mean_squared_error

    return float(root_mean_squared_error(y, prediction.values))


METRICS = (
    Metric(
        name="rmse",
        task="regression",
        description="Square root of the mean squared error, in the unit of the target",
        greater_is_better=False,
        least=0,
        score=score,
        default=True,
    ),
)
