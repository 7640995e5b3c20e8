"""Mini-batch gradient descent on linear models: losses, learning rates, penalties. Knows no estimator; numpy only.

A step moves the weights against the mean gradient of one batch. With batches of one row and the penalty l2 the steps are those of
scikit-learn's SGDClassifier and SGDRegressor on the same rows in the same order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leptonctl.spi.learning import Params, Progress

if TYPE_CHECKING:
    import numpy as np

Pair = Callable[["np.ndarray", "np.ndarray"], "tuple[np.ndarray, np.ndarray]"]
DIVERGED = 1e9  # times the loss of a model that has learnt nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """The result: weights [features, outputs], intercepts [outputs], passes over the rows and rows seen."""

    weights: "np.ndarray"
    intercepts: "np.ndarray"
    epochs: int
    seen: int


def descend(features: Any, targets: "np.ndarray", loss: Pair, params: Params, seed: int, progress: Progress) -> Descent:
    """Epochs over rows in an order drawn from the seed, until the loss has not fallen by `tol` in `n_iter_no_change` of them.

    `targets` is [rows, outputs]; `loss` gives value and derivative by the score for each (score, target).
    """
    import numpy as np

    rows, outputs = targets.shape
    weights, intercepts = np.zeros((features.shape[1], outputs)), np.zeros(outputs)
    mean_weights, mean_intercepts = weights.copy(), intercepts.copy()
    first = float(loss(np.zeros_like(targets), targets)[0].mean())
    order = np.random.RandomState(seed)
    rate = _rate(params, loss)
    best, waited, steps, seen, epoch = np.inf, 0, 0, 0, 0
    while epoch < params["max_iter"] and waited < params["n_iter_no_change"]:
        epoch += 1
        shuffled = order.permutation(rows)
        for start in range(0, rows, params["batch_size"]):
            batch = shuffled[start : start + params["batch_size"]]
            eta = rate(seen + 1)
            part = features[batch]
            slope = np.clip(loss(part @ weights + intercepts, targets[batch])[1], -1e12, 1e12) / len(batch)
            weights = _penalised(weights, eta, params) - eta * (part.T @ slope)
            weights = _sparsened(weights, eta, params)
            if params["fit_intercept"]:
                intercepts = intercepts - eta * slope.sum(axis=0)
            seen, steps = seen + len(batch), steps + 1
            mean_weights += (weights - mean_weights) / steps
            mean_intercepts += (intercepts - mean_intercepts) / steps
        now = float(loss(features @ weights + intercepts, targets)[0].mean())
        if not now <= DIVERGED * first:
            msg = "the loss grows without end: scale the features (standard_scaler) or lower eta0"
            raise ValueError(msg)
        progress(iteration=epoch, of=params["max_iter"], loss=now)
        waited = waited + 1 if params["tol"] is not None and now > best - params["tol"] else 0
        best = min(best, now)
    if params["average"]:
        weights, intercepts = mean_weights, mean_intercepts
    return Descent(weights=weights, intercepts=intercepts, epochs=epoch, seen=seen)


def log_loss(score: "np.ndarray", side: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """`side` is -1 or 1."""
    import numpy as np
    from scipy.special import expit

    margin = score * side
    return np.logaddexp(0, -margin), -side * expit(-margin)


def modified_huber(score: "np.ndarray", side: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    import numpy as np

    margin = score * side
    short = np.maximum(0, 1 - margin)
    far = margin < -1
    return np.where(far, -4 * margin, short**2), np.where(far, -4 * side, -2 * short * side)


def squared_error(score: "np.ndarray", target: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    return (score - target) ** 2 / 2, score - target


def huber(epsilon: float) -> Pair:
    def pair(score: "np.ndarray", target: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        import numpy as np

        off = score - target
        size = np.abs(off)
        return np.where(size <= epsilon, off**2 / 2, epsilon * (size - epsilon / 2)), np.clip(off, -epsilon, epsilon)

    return pair


def epsilon_insensitive(epsilon: float) -> Pair:
    def pair(score: "np.ndarray", target: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        import numpy as np

        off = score - target
        beyond = np.maximum(0, np.abs(off) - epsilon)
        return beyond, np.sign(off) * (beyond > 0)

    return pair


def squared_epsilon_insensitive(epsilon: float) -> Pair:
    def pair(score: "np.ndarray", target: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        import numpy as np

        off = score - target
        beyond = np.maximum(0, np.abs(off) - epsilon)
        return beyond**2, 2 * np.sign(off) * beyond

    return pair


def _rate(params: Params, loss: Pair) -> Callable[[int], float]:
    """The learning rate at the n-th row seen (from 1)."""
    import numpy as np

    eta0, power = params["eta0"], params["power_t"]
    if params["learning_rate"] == "constant":
        return lambda _seen: float(eta0)
    if params["learning_rate"] == "invscaling":
        return lambda seen: float(eta0 / seen**power)
    alpha = params["alpha"] or 1e-12
    typical = np.sqrt(1 / np.sqrt(alpha))
    slope = float(loss(np.array([-typical]), np.array([1.0]))[1][0])
    start = 1 / (typical / max(1.0, slope) * alpha)
    return lambda seen: float(1 / (alpha * (start + seen - 1)))


def _penalised(weights: "np.ndarray", eta: float, params: Params) -> "np.ndarray":
    share = {"l2": 1.0, "l1": 0.0, "elasticnet": 1 - params["l1_ratio"], None: 0.0}[params["penalty"]]
    shrink: float = max(0.0, 1 - eta * params["alpha"] * share)
    return weights * shrink


def _sparsened(weights: "np.ndarray", eta: float, params: Params) -> "np.ndarray":
    import numpy as np

    share = {"l2": 0.0, "l1": 1.0, "elasticnet": params["l1_ratio"], None: 0.0}[params["penalty"]]
    if not share:
        return weights
    shrunk: np.ndarray = np.sign(weights) * np.maximum(0, np.abs(weights) - eta * params["alpha"] * share)
    return shrunk
