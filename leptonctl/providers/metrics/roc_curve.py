"""The detail `roc_curve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.classes import columns_to_judge, plain, probabilities, undefined
from leptonctl.providers.metrics.points import thin
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np

    from leptonctl.spi import Json


def detail(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> Json:
    """A curve for each class that some rows have and some have not; the first threshold is null: nothing reaches it."""
    from sklearn.metrics import roc_curve

    judged = probabilities(y, prediction)
    curves: list[Json] = []
    for name, column in columns_to_judge(prediction, scoring):
        positive = y == name
        if positive.any() and not positive.all():
            false_positive, true_positive, thresholds = roc_curve(positive, judged[:, column])
            curves.append({"class": plain(name), **thin(fpr=false_positive, tpr=true_positive, thresholds=thresholds)})
    if not curves:
        raise undefined("these rows are all of one class")
    return {"curves": curves}


METRICS = (
    Metric(
        name="roc_curve",
        task="classification",
        description="Share of negative rows called positive (fpr) against share of positive rows found (tpr), at up to 201 thresholds",
        greater_is_better=None,
        detail=detail,
        needs_probabilities=True,
        default=True,
    ),
)
