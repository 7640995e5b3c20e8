"""The metric `log_loss`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from leptonctl.providers.metrics.classes import probabilities, undefined_value
from leptonctl.spi.learning import Metric, Prediction, Scoring

if TYPE_CHECKING:
    import numpy as np


def score(y: np.ndarray, prediction: Prediction, _scoring: Scoring) -> float:
    from sklearn.metrics import log_loss

    clipped = probabilities(y, prediction)
    if len(prediction.classes) < 2:  # noqa: PLR2004
        raise undefined_value("the model knows one class only")
    with warnings.catch_warnings():
        # float32 answers cast to float64 sum to one within 1e-7; scikit-learn expects 1.5e-8, but only warns
        warnings.simplefilter("ignore", UserWarning)
        return float(log_loss(y, clipped, labels=list(prediction.classes)))


METRICS = (
    Metric(
        name="log_loss",
        task="classification",
        description="Mean negative logarithm of the probability given to the true class",
        greater_is_better=False,
        least=0,
        score=score,
        needs_probabilities=True,
        default=True,
    ),
)
