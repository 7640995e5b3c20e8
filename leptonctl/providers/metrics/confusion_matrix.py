"""The detail `confusion_matrix`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.classes import all_classes, pairs, plain
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np

    from leptonctl.spi import Json


def detail(y: np.ndarray, prediction: Prediction, _scoring: Scoring) -> Json:
    from sklearn.metrics import confusion_matrix

    classes = all_classes(y, prediction)
    true, labels, rows = pairs(y, prediction)
    matrix = confusion_matrix(true, labels, labels=classes, sample_weight=rows)
    return {"labels": [plain(c) for c in classes], "matrix": matrix.tolist()}


METRICS = (
    Metric(
        name="confusion_matrix",
        task="classification",
        description="Number of rows of each class (row) that got each label (column)",
        greater_is_better=None,
        detail=detail,
        default=True,
    ),
)
