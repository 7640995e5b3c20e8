"""The distances of rows to their clusters."""

import numpy as np

from leptonctl.spi.learning import Estimator


def to_center(estimator: Estimator, matrix: np.ndarray) -> np.ndarray:
    """The Euclidean distance to the nearest centre, [N]."""
    rows, centers = matrix.astype(np.float64), np.asarray(estimator.cluster_centers_, dtype=np.float64)
    labels = np.asarray(estimator.predict(matrix))
    distances: np.ndarray = np.sqrt(((rows - centers[labels]) ** 2).sum(axis=1))
    return distances


def to_component(estimator: Estimator, matrix: np.ndarray) -> np.ndarray:
    """The Mahalanobis distance to the mean of the likeliest component, [N]."""
    rows, labels = matrix.astype(np.float64), np.asarray(estimator.predict(matrix))
    distances = np.zeros(len(rows))
    for place, (mean, root) in enumerate(zip(estimator.means_, precision_roots(estimator), strict=True)):
        members = labels == place
        distances[members] = np.sqrt((((rows[members] - mean) @ root) ** 2).sum(axis=1))
    return distances


def precision_roots(mixture: Estimator) -> list[np.ndarray]:
    """The Cholesky factors of the components' precisions, each [d, d], of any type of covariance."""
    factors, width = np.asarray(mixture.precisions_cholesky_, dtype=np.float64), mixture.means_.shape[1]
    components = range(len(mixture.means_))
    if mixture.covariance_type == "full":
        return [factors[place] for place in components]
    if mixture.covariance_type == "tied":
        return [factors for _ in components]
    if mixture.covariance_type == "diag":
        return [np.diag(factors[place]) for place in components]
    return [np.eye(width) * factors[place] for place in components]
