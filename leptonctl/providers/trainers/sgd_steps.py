"""Mini-batch gradient descent for linear models: losses, learning rates, penalties. Knows no estimators; numpy and scipy only.

A step moves the weights against the mean gradient of one batch. With batches of one row and the penalty l2, the steps equal those
of scikit-learn's SGDClassifier and SGDRegressor on the same rows in the same order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from leptonctl.providers.trainers import fit_state
from leptonctl.spi.learning import Params, Training

if TYPE_CHECKING:
    import numpy as np

Loss = Callable[["np.ndarray", "np.ndarray"], "tuple[np.ndarray, np.ndarray]"]
DIVERGED = 1e9  # times the loss of the untrained model


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where a descent begins instead of at zero: weights [features, outputs], intercepts [outputs], and the rows processed before."""

    weights: "np.ndarray"
    intercepts: "np.ndarray"
    rows_seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """The result: weights [features, outputs], intercepts [outputs], the number of epochs, and the number of rows processed.

    converged: whether the loss stopped falling by `tol` before the last epoch; True where there is no `tol`.
    """

    weights: "np.ndarray"
    intercepts: "np.ndarray"
    epochs: int
    rows_seen: int
    converged: bool


@dataclass(slots=True, kw_only=True)
class _State:
    """A descent in progress, after a whole epoch. `rng` draws the order of the rows; `losses` are those of the epochs so far."""

    weights: "np.ndarray"
    intercepts: "np.ndarray"
    mean_weights: "np.ndarray"
    mean_intercepts: "np.ndarray"
    rng: "np.random.RandomState"
    rows_seen: int
    best_loss: float
    losses: list[float]
    steps: int = 0
    stalled: int = 0

    @classmethod
    def begin(cls, start: Start, seed: int) -> "_State":
        import numpy as np

        return cls(
            weights=start.weights, intercepts=start.intercepts, mean_weights=start.weights.copy(), mean_intercepts=start.intercepts.copy(),
            rng=np.random.RandomState(seed), rows_seen=start.rows_seen, best_loss=float("inf"), losses=[],
        )  # fmt: skip

    @classmethod
    def load(cls, numbers: dict[str, Any], arrays: "dict[str, np.ndarray]") -> "_State":
        import numpy as np

        (name, *place), keys, rng = numbers.pop("rng"), arrays.pop("rng"), np.random.RandomState()
        rng.set_state((name, keys, *place))
        fields: dict[str, Any] = {**arrays, **numbers, "rng": rng}
        return cls(**fields)

    def dump(self) -> bytes:
        state: Any = self.rng.get_state(legacy=True)
        name, keys, *place = state
        arrays = {field: getattr(self, field) for field in ARRAYS}
        numbers = {field: getattr(self, field) for field in NUMBERS} | {"rng": [name, *place]}
        return fit_state.dump(numbers, {**arrays, "rng": keys})

    def end_epoch(self, loss: float, tol: float | None) -> None:
        """Note the loss after an epoch, and whether it has fallen by `tol`."""
        improved = tol is None or not loss > self.best_loss - tol
        self.losses.append(loss)
        self.stalled = 0 if improved else self.stalled + 1
        self.best_loss = min(self.best_loss, loss)


ARRAYS = ("weights", "intercepts", "mean_weights", "mean_intercepts")
NUMBERS = ("rows_seen", "best_loss", "losses", "steps", "stalled")


def descend(training: Training, loss: Loss, params: Params, *, seed: int, start: Start | None = None) -> Descent:
    """Run epochs over the rows, shuffled by the seed, until the loss has not fallen by `tol` for `n_iter_no_change` epochs.

    The target is [rows, outputs]; `loss` returns the value and the derivative with respect to the score for each (score, target). The
    weights multiply the gradient and the loss of each row, as scikit-learn's `sample_weight` does.
    start: where an earlier descent ended; its rows count for the learning rate. Raises ValueError when the loss diverges.
    """
    import numpy as np

    features, targets, checkpoint, epochs = training.features, training.target, training.checkpoint, params["max_iter"]
    untrained_loss = _mean(loss(np.zeros_like(targets), targets)[0], training.weights)
    earlier = fit_state.load_from(checkpoint)
    state = _State.begin(start or _zero(training), seed) if earlier is None else _State.load(*earlier)
    fit_state.report_again(training.progress, state.losses, epochs)
    while len(state.losses) < epochs and state.stalled < params["n_iter_no_change"]:
        _run_epoch(state, training, loss, params)
        current_loss = _mean(loss(features @ state.weights + state.intercepts, targets)[0], training.weights)
        if not current_loss <= DIVERGED * untrained_loss:
            msg = "the loss diverges: scale the features (standard_scaler) or lower eta0"
            raise ValueError(msg)
        state.end_epoch(current_loss, params["tol"])
        training.progress(iteration=len(state.losses), of=epochs, loss=current_loss)
        if checkpoint is not None and checkpoint.is_due():
            checkpoint.save(state.dump())
    return Descent(
        weights=state.mean_weights if params["average"] else state.weights,
        intercepts=state.mean_intercepts if params["average"] else state.intercepts,
        epochs=len(state.losses),
        rows_seen=state.rows_seen,
        converged=params["tol"] is None or state.stalled >= params["n_iter_no_change"],
    )


def _zero(training: Training) -> Start:
    import numpy as np

    width, outputs = training.features.shape[1], training.target.shape[1]
    return Start(weights=np.zeros((width, outputs)), intercepts=np.zeros(outputs), rows_seen=0)


def _run_epoch(state: _State, training: Training, loss: Loss, params: Params) -> None:
    """One step for each batch of the shuffled rows."""
    rate, size = _rate(params, loss), params["batch_size"]
    order = state.rng.permutation(len(training.target))
    for first in range(0, len(order), size):
        rows = order[first : first + size]
        weights = None if training.weights is None else training.weights[rows, None]
        _step(state, _Batch(training.features[rows], training.target[rows], weights), loss, params, rate(state.rows_seen + 1))


class _Batch(NamedTuple):
    features: Any
    targets: "np.ndarray"
    row_weights: "np.ndarray | None"


def _step(state: _State, batch: _Batch, loss: Loss, params: Params, eta: float) -> None:
    import numpy as np

    features, targets, row_weights = batch
    count = len(targets)
    slope = np.clip(loss(features @ state.weights + state.intercepts, targets)[1], -1e12, 1e12) / count
    if row_weights is not None:
        slope = slope * row_weights
    weights = _apply_l2(state.weights, eta, params) - eta * (features.T @ slope)
    state.weights = _apply_l1(weights, eta, params)
    if params["fit_intercept"]:
        state.intercepts = state.intercepts - eta * slope.sum(axis=0)
    state.rows_seen, state.steps = state.rows_seen + count, state.steps + 1
    state.mean_weights += (state.weights - state.mean_weights) / state.steps
    state.mean_intercepts += (state.intercepts - state.mean_intercepts) / state.steps


def _mean(losses: "np.ndarray", row_weights: "np.ndarray | None") -> float:
    """The mean of losses [rows, outputs], over the weights of the rows."""
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
