"""What the metrics of anomalies share: which rows are outliers by the target, and which by the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.classes import Rates, undefined_value
from leptonctl.spi.learning import Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np

OUTLIER = "outlier"


def predicted_outliers(prediction: Prediction) -> np.ndarray:
    """Which rows the model calls outliers."""
    import numpy as np

    predicted: np.ndarray = np.asarray(prediction.labels) == OUTLIER
    return predicted


def true_outliers(y: np.ndarray, scoring: Scoring) -> np.ndarray:
    """Which rows are outliers: those of the positive class. Raises ProviderError (undefined-metric) when all rows are, or none."""
    import numpy as np

    true: np.ndarray = np.asarray(y == scoring.positive)
    if true.all() or not true.any():
        raise undefined_value(f"{'all' if true.all() else 'none'} of these rows are of the class {scoring.positive!s}")
    return true


def outlier_rates(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> Rates:
    """Precision, recall and F1 of the outliers. Raises ProviderError: undefined-metric."""
    from sklearn.metrics import precision_recall_fscore_support

    true, predicted = true_outliers(y, scoring), predicted_outliers(prediction)
    precision, recall, f1, _ = precision_recall_fscore_support(true, predicted, average="binary", zero_division=0)
    return Rates(precision=float(precision), recall=float(recall), f1=float(f1))
