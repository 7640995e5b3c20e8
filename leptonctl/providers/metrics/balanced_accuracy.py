"""The metric `balanced_accuracy`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from leptonctl.providers.metrics.classes import pairs
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(y: np.ndarray, prediction: Prediction, _scoring: Scoring) -> float:
    from sklearn.metrics import balanced_accuracy_score

    true, labels, rows = pairs(y, prediction)
    with warnings.catch_warnings():
        # a class that is predicted but occurs in no row has no recall; scikit-learn leaves it out with a warning
        warnings.simplefilter("ignore", UserWarning)
        return float(balanced_accuracy_score(true, labels, sample_weight=rows))


METRICS = (
    Metric(
        name="balanced_accuracy",
        task="classification",
        description="Mean recall over the classes that occur in the rows",
        greater_is_better=True,
        least=0,
        most=1,
        score=score,
        default=True,
    ),
)
