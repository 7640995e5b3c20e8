"""The metric `roc_auc`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.classes import curve_columns, probabilities, undefined
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> float:
    """For more than two classes the mean of each class against the rest, like scikit-learn's `multi_class="ovr", average="macro"`."""
    import numpy as np
    from sklearn.metrics import roc_auc_score

    clipped = probabilities(y, prediction)
    areas = []
    for name, column in curve_columns(prediction, scoring):
        positive = y == name
        if positive.all() or not positive.any():
            raise undefined(f"{'all' if positive.all() else 'none'} of these rows are of the class {name!s}")
        areas.append(float(roc_auc_score(positive, clipped[:, column])))
    return float(np.mean(areas))


METRICS = (
    Metric(
        name="roc_auc",
        task="classification",
        description="Area under the ROC curve; for more than two classes the mean of each class against the rest",
        greater_is_better=True,
        least=0,
        most=1,
        score=score,
        needs_probabilities=True,
        default=True,
    ),
)
