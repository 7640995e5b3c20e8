"""What models without a target answer: clusterers and detectors of anomalies. Fits nothing."""

import numpy as np

from leptonctl.learning.fitting.frame import Matrix
from leptonctl.spi.learning import Estimator, Prediction, Trainer

NORMAL, OUTLIER = "normal", "outlier"
"""The labels of a detector."""


def convert_type(trainer: Trainer, matrix: Matrix) -> Matrix:
    """The float32 numbers in the type that the algorithm computes in: float64 where its graph does.

    In float32 distances between far rows cancel, and a row between two clusters may belong to either.
    """
    return matrix.astype(np.float64) if trainer.to_onnx is not None else matrix


def native_answer(trainer: Trainer, estimator: Estimator, matrix: Matrix) -> Prediction:
    """The answer to the algorithm's input: the label of each row, with its score (anomaly) or its distance to the cluster."""
    matrix = convert_type(trainer, matrix)
    if trainer.task == "anomaly":
        scores = np.asarray(estimator.decision_function(matrix), dtype=np.float64).reshape(-1)
        return Prediction(labels=labels_of(scores), values=scores)
    assert trainer.distance is not None, f"{trainer.name} has no distance"
    labels = np.asarray(estimator.predict(matrix)).astype(np.int64)
    dense = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
    return Prediction(labels=labels, values=np.asarray(trainer.distance(estimator, dense), dtype=np.float64).reshape(-1), matrix=dense)


def labels_of(scores: np.ndarray) -> np.ndarray:
    """`outlier` for scores below 0, else `normal`."""
    return np.where(scores < 0, OUTLIER, NORMAL).astype(object)


def match_clusters(labels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """`others` with the numbers of clusters changed so that as many rows as possible have the same number as in `labels`.

    Numbers of clusters are arbitrary: two fits of the same clusters may number them differently.
    """
    from scipy.optimize import linear_sum_assignment

    ours, theirs = np.unique(labels), np.unique(others)
    together = np.array([[int(((labels == a) & (others == b)).sum()) for a in ours] for b in theirs])
    places = dict(zip(*(axis.tolist() for axis in linear_sum_assignment(-together)), strict=True))
    fresh = int(max(ours.max(), theirs.max())) + 1
    names = {int(b): int(ours[places[i]]) if i in places else fresh + i for i, b in enumerate(theirs)}
    return np.array([names[int(label)] for label in others], dtype=np.int64)
