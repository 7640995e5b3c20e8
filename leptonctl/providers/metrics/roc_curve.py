"""The detail `roc_curve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.classes import curve_columns, plain, probabilities, undefined_value
from leptonctl.providers.metrics.points import thin
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np

    from leptonctl.spi import Json


def detail(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> Json:
    """A curve for each class that some but not all rows have; the first threshold, which nothing reaches, is null."""
    from sklearn.metrics import roc_curve

    clipped = probabilities(y, prediction)
    curves: list[Json] = []
    for name, column in curve_columns(prediction, scoring):
        positive = y == name
        if positive.any() and not positive.all():
            false_positive, true_positive, thresholds = roc_curve(positive, clipped[:, column])
            curves.append({"class": plain(name), **thin(fpr=false_positive, tpr=true_positive, thresholds=thresholds)})
    if not curves:
        raise undefined_value("these rows are all of one class")
    return {"curves": curves}


METRICS = (
    Metric(
        name="roc_curve",
        task="classification",
        description="False positive rate (fpr) against true positive rate (tpr), at up to 201 thresholds",
        greater_is_better=None,
        detail=detail,
        needs_probabilities=True,
        default=True,
    ),
)
