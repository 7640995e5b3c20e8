"""The metric `roc_auc`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.classes import curve_columns, probabilities, undefined_value
from leptonctl.providers.metrics.outliers import true_outliers
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
            raise undefined_value(f"{'all' if positive.all() else 'none'} of these rows are of the class {name!s}")
        areas.append(float(roc_auc_score(positive, clipped[:, column])))
    return float(np.mean(areas))


def outlier_score(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> float:
    import numpy as np
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(true_outliers(y, scoring), -np.asarray(prediction.values)))


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
    Metric(
        name="roc_auc",
        task="anomaly",
        description="Area under the ROC curve of the score against the positive class of the target",
        greater_is_better=True,
        least=0,
        most=1,
        score=outlier_score,
        needs_target=True,
        default=True,
    ),
)
