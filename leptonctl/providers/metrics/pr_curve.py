"""The detail `pr_curve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.classes import curve_columns, plain, probabilities, undefined_value
from leptonctl.providers.metrics.points import thin
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np

    from leptonctl.spi import Json


def detail(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> Json:
    """A curve for each class that occurs in the rows; the last point (precision 1, recall 0) has the threshold null."""
    import numpy as np
    from sklearn.metrics import precision_recall_curve

    clipped = probabilities(y, prediction)
    curves: list[Json] = []
    for name, column in curve_columns(prediction, scoring):
        positive = y == name
        if positive.any():
            precision, recall, thresholds = precision_recall_curve(positive, clipped[:, column])
            curves.append({"class": plain(name), **thin(precision=precision, recall=recall, thresholds=np.append(thresholds, np.inf))})
    if not curves:
        raise undefined_value(f"none of these rows is of the class {scoring.positive!s}")
    return {"curves": curves}


METRICS = (
    Metric(
        name="pr_curve",
        task="classification",
        description="Precision against recall, at up to 201 thresholds",
        greater_is_better=None,
        detail=detail,
        needs_probabilities=True,
        default=True,
    ),
)
