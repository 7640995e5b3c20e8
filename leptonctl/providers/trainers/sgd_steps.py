"""Mini-batch gradient descent for linear models: losses, learning rates, penalties. Knows no estimators; numpy and scipy only.

A step moves the weights against the mean gradient of one batch. With batches of one row and the penalty l2, the steps equal those
of scikit-learn's SGDClassifier and SGDRegressor on the same rows in the same order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leptonctl.spi.learning import Params, Progress

if TYPE_CHECKING:
    import numpy as np

Loss = Callable[["np.ndarray", "np.ndarray"], "tuple[np.ndarray, np.ndarray]"]
DIVERGED = 1e9  # times the loss of the untrained model


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """The result: weights [features, outputs], intercepts [outputs], the number of epochs, and the number of rows processed.

    converged: the loss has stopped falling by `tol` before the last epoch; without `tol` no more is asked for than the epochs.
    """

    weights: "np.ndarray"
    intercepts: "np.ndarray"
    epochs: int
    rows_seen: int
    converged: bool


def descend(
    features: Any, targets: "np.ndarray", loss: Loss, params: Params, *, seed: int, progress: Progress,
    row_weights: "np.ndarray | None" = None,
) -> Descent:  # fmt: skip
    """Run epochs over the rows, shuffled by the seed, until the loss has not fallen by `tol` for `n_iter_no_change` epochs.

    `targets` is [rows, outputs]; `loss` returns the value and the derivative with respect to the score for each (score, target).
    `row_weights` [rows] multiply the gradient and the loss of each row, as scikit-learn's `sample_weight` does.
    Raises ValueError when the loss diverges.
    """
    import numpy as np

    rows, outputs = targets.shape
    weights, intercepts = np.zeros((features.shape[1], outputs)), np.zeros(outputs)
    mean_weights, mean_intercepts = weights.copy(), intercepts.copy()
    initial_loss = _mean(loss(np.zeros_like(targets), targets)[0], row_weights)
    rng = np.random.RandomState(seed)
    rate = _rate(params, loss)
    best_loss, epochs_without_improvement, steps, rows_seen, epoch = np.inf, 0, 0, 0, 0
    while epoch < params["max_iter"] and epochs_without_improvement < params["n_iter_no_change"]:
        epoch += 1
        shuffled = rng.permutation(rows)
        for start in range(0, rows, params["batch_size"]):
            batch = shuffled[start : start + params["batch_size"]]
            eta = rate(rows_seen + 1)
            batch_features = features[batch]
            slope = np.clip(loss(batch_features @ weights + intercepts, targets[batch])[1], -1e12, 1e12) / len(batch)
            if row_weights is not None:
                slope = slope * row_weights[batch, None]
            weights = _apply_l2(weights, eta, params) - eta * (batch_features.T @ slope)
            weights = _apply_l1(weights, eta, params)
            if params["fit_intercept"]:
                intercepts = intercepts - eta * slope.sum(axis=0)
            rows_seen, steps = rows_seen + len(batch), steps + 1
            mean_weights += (weights - mean_weights) / steps
            mean_intercepts += (intercepts - mean_intercepts) / steps
        current_loss = _mean(loss(features @ weights + intercepts, targets)[0], row_weights)
        if not current_loss <= DIVERGED * initial_loss:
            msg = "the loss diverges: scale the features (standard_scaler) or lower eta0"
            raise ValueError(msg)
        progress(iteration=epoch, of=params["max_iter"], loss=current_loss)
        improved = params["tol"] is None or not current_loss > best_loss - params["tol"]
        epochs_without_improvement = 0 if improved else epochs_without_improvement + 1
        best_loss = min(best_loss, current_loss)
    if params["average"]:
        weights, intercepts = mean_weights, mean_intercepts
    converged = params["tol"] is None or epochs_without_improvement >= params["n_iter_no_change"]
    return Descent(weights=weights, intercepts=intercepts, epochs=epoch, rows_seen=rows_seen, converged=converged)


def _mean(losses: "np.ndarray", row_weights: "np.ndarray | None") -> float:
    """Of losses [rows, outputs], the rows weighed."""
    import numpy as np

    return float(losses.mean() if row_weights is None else np.average(losses.mean(axis=1), weights=row_weights))


def log_loss(score: "np.ndarray", side: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """`side` is -1 or 1."""
    import numpy as np
    from scipy.special import expit

    margin = score * side
    return np.logaddexp(0, -margin), -side * expit(-margin)


def modified_huber(score: "np.ndarray", side: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    import numpy as np

    margin = score * side
    shortfall = np.maximum(0, 1 - margin)
    far = margin < -1
    return np.where(far, -4 * margin, shortfall**2), np.where(far, -4 * side, -2 * shortfall * side)


def squared_error(score: "np.ndarray", target: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    return (score - target) ** 2 / 2, score - target


def huber(epsilon: float) -> Loss:
    def pair(score: "np.ndarray", target: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        import numpy as np

        error = score - target
        size = np.abs(error)
        return np.where(size <= epsilon, error**2 / 2, epsilon * (size - epsilon / 2)), np.clip(error, -epsilon, epsilon)

    return pair


def epsilon_insensitive(epsilon: float) -> Loss:
    def pair(score: "np.ndarray", target: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        import numpy as np

        error = score - target
        excess = np.maximum(0, np.abs(error) - epsilon)
        return excess, np.sign(error) * (excess > 0)

    return pair


def squared_epsilon_insensitive(epsilon: float) -> Loss:
    def pair(score: "np.ndarray", target: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        import numpy as np

        error = score - target
        excess = np.maximum(0, np.abs(error) - epsilon)
        return excess**2, 2 * np.sign(error) * excess

    return pair


def _rate(params: Params, loss: Loss) -> Callable[[int], float]:
    """The learning rate as a function of the number of rows processed, counted from 1."""
    import numpy as np

    eta0, power = params["eta0"], params["power_t"]
    if params["learning_rate"] == "constant":
        return lambda _seen: float(eta0)
    if params["learning_rate"] == "invscaling":
        return lambda rows_seen: float(eta0 / rows_seen**power)
    alpha = params["alpha"] or 1e-12
    typical = np.sqrt(1 / np.sqrt(alpha))
    slope = float(loss(np.array([-typical]), np.array([1.0]))[1][0])
    start = 1 / (typical / max(1.0, slope) * alpha)
    return lambda rows_seen: float(1 / (alpha * (start + rows_seen - 1)))


def _apply_l2(weights: "np.ndarray", eta: float, params: Params) -> "np.ndarray":
    share = {"l2": 1.0, "l1": 0.0, "elasticnet": 1 - params["l1_ratio"], None: 0.0}[params["penalty"]]
    shrink: float = max(0.0, 1 - eta * params["alpha"] * share)
    return weights * shrink


def _apply_l1(weights: "np.ndarray", eta: float, params: Params) -> "np.ndarray":
    import numpy as np

    share = {"l2": 0.0, "l1": 1.0, "elasticnet": params["l1_ratio"], None: 0.0}[params["penalty"]]
    if not share:
        return weights
    shrunk: np.ndarray = np.sign(weights) * np.maximum(0, np.abs(weights) - eta * params["alpha"] * share)
    return shrunk
