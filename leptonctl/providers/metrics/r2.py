"""The metric `r2`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.classes import undefined_value
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(y: np.ndarray, prediction: Prediction, _scoring: Scoring) -> float:
    from sklearn.metrics import r2_score

    if len(y) < 2:  # noqa: PLR2004
        raise undefined_value("it needs at least two rows")
    if (y == y[0]).all():
        # scikit-learn answers 0 or 1 where there is no variance to explain
        raise undefined_value("the target is the same in all of these rows")
    return float(r2_score(y, prediction.values))


METRICS = (
    Metric(
        name="r2",
        task="regression",
        description="Share of the target's variance that is explained; 1 is perfect, 0 is as good as predicting the mean",
        greater_is_better=True,
        most=1,
        score=score,
        default=True,
    ),
)
