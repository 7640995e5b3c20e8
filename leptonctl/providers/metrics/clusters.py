"""What the metrics of clusterings share: the rows as the algorithm got them, their clusters, and when a metric is not defined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.providers.metrics.classes import undefined_value
from leptonctl.spi.learning import Prediction

if TYPE_CHECKING:
    import numpy as np


def labels_of(prediction: Prediction) -> np.ndarray:
    """The number of each row's cluster."""
    import numpy as np

    return np.asarray(prediction.labels)


def distances(prediction: Prediction) -> np.ndarray:
    """The distance of each row to its cluster."""
    import numpy as np

    return np.asarray(prediction.values, dtype=np.float64)


def rows_and_clusters(prediction: Prediction, most: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The numbers [N, k] that the algorithm got, and the cluster of each row; at most `most` rows, evenly spread.

    Raises ProviderError (undefined-metric) unless there are at least two clusters, and fewer clusters than rows.
    """
    import numpy as np

    if prediction.matrix is None:
        raise undefined_value("the model does not say in which numbers it found its clusters")
    matrix, labels = np.asarray(prediction.matrix), labels_of(prediction)
    if most is not None and len(labels) > most:
        rows = np.linspace(0, len(labels) - 1, most).astype(int)
        matrix, labels = matrix[rows], labels[rows]
    count = len(np.unique(labels))
    if not 2 <= count < len(labels):  # noqa: PLR2004
        raise undefined_value(f"these {len(labels)} rows are in {count} cluster{'s' if count != 1 else ''}")
    return matrix, labels
