"""Linear models by stochastic gradient descent in mini-batches, for classes or for values. Tells its loss after every epoch.

The epochs are our own, so that a loss can be shown and a batch size chosen. In each: rows in a new order drawn from the seed, cut into
batches of `batch_size`, one `partial_fit` per batch (which steps row by row and carries the learning rate on). Training stops when
the loss over all rows has not fallen by `tol` in `n_iter_no_change` epochs.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers.shared_params import FIT_INTERCEPT
from leptonctl.spi import Progress, Schema, Trainer

if TYPE_CHECKING:
    import numpy as np

COMMON: dict[str, Schema] = {
    "penalty": {"enum": ["l2", "l1", "elasticnet", None], "default": "l2", "description": "Which norm of the coefficients is held small."},
    "alpha": {"type": "number", "minimum": 0, "default": 0.0001, "description": "Strength of the penalty."},
    "l1_ratio": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.15, "description": "Share of the L1 penalty in elasticnet."},
    "fit_intercept": FIT_INTERCEPT,
    "max_iter": {"type": "integer", "minimum": 1, "default": 1000, "description": "Most epochs."},
    "tol": {"type": ["number", "null"], "minimum": 0, "default": 0.001, "description": "What counts as an improvement of the loss; null never stops early."},
    "eta0": {"type": "number", "exclusiveMinimum": 0, "default": 0.01, "description": "First learning rate of the schedules constant and invscaling."},
    "n_iter_no_change": {"type": "integer", "minimum": 1, "default": 5, "description": "Stop when so many epochs brought nothing."},
    "average": {"type": "boolean", "default": False, "description": "Whether the result is the mean of the weights of all steps."},
    "batch_size": {"type": "integer", "minimum": 1, "default": 32, "description": "Rows of a mini-batch."},
}
SCHEDULES = ["constant", "optimal", "invscaling"]


def learning_rate(default: str, power_t: float) -> dict[str, Schema]:
    """The schedule of the learning rate, whose defaults differ between the tasks."""
    return {
        "learning_rate": {"enum": SCHEDULES, "default": default, "description": "How the learning rate falls with every step."},
        "power_t": {"type": "number", "default": power_t, "description": "Exponent of the schedule invscaling."},
    }


def build_classifier(params: Mapping[str, Any], seed: int) -> Any:  # noqa: ANN401
    from sklearn.linear_model import SGDClassifier

    estimator = SGDClassifier(**{k: v for k, v in params.items() if k != "batch_size"}, shuffle=False, random_state=seed, n_jobs=1)
    return _with_batches(estimator, params["batch_size"])


def build_regressor(params: Mapping[str, Any], seed: int) -> Any:  # noqa: ANN401
    from sklearn.linear_model import SGDRegressor

    estimator = SGDRegressor(**{k: v for k, v in params.items() if k != "batch_size"}, shuffle=False, random_state=seed)
    return _with_batches(estimator, params["batch_size"])


def fit_classifier(estimator: Any, features: "np.ndarray", target: "np.ndarray", progress: Progress) -> Any:  # noqa: ANN401
    import numpy as np
    from sklearn.metrics import log_loss

    classes = np.unique(target)

    def loss() -> float:
        return float(log_loss(target, estimator.predict_proba(features).astype(np.float64), labels=classes))

    return _epochs(estimator, features, target, progress, loss, {"classes": classes})


def fit_regressor(estimator: Any, features: "np.ndarray", target: "np.ndarray", progress: Progress) -> Any:  # noqa: ANN401
    import numpy as np

    def loss() -> float:
        return float(np.mean((estimator.predict(features) - target) ** 2) / 2)

    return _epochs(estimator, features, target, progress, loss, {})


def _with_batches(estimator: Any, batch_size: int) -> Any:  # noqa: ANN401
    estimator.batch_size_ = batch_size
    return estimator


def _epochs(
    estimator: Any,  # noqa: ANN401
    features: "np.ndarray",
    target: "np.ndarray",
    progress: Progress,
    loss: Callable[[], float],
    first: Mapping[str, Any],
) -> Any:  # noqa: ANN401
    import numpy as np

    order = np.random.RandomState(estimator.random_state)
    best, waited = np.inf, 0
    for epoch in range(1, estimator.max_iter + 1):
        rows = order.permutation(len(target))
        for start in range(0, len(rows), estimator.batch_size_):
            batch = rows[start : start + estimator.batch_size_]
            estimator.partial_fit(features[batch], target[batch], **first)
        now = loss()
        if not np.isfinite(now):
            msg = "the loss is no longer finite: scale the features (standard_scaler) or lower eta0"
            raise ValueError(msg)
        progress(iteration=epoch, of=estimator.max_iter, loss=now)
        waited = waited + 1 if estimator.tol is not None and now > best - estimator.tol else 0
        best = min(best, now)
        if waited >= estimator.n_iter_no_change:
            break
    estimator.n_iter_ = epoch
    return estimator


TRAINERS = (
    Trainer(
        name="sgd",
        task="classification",
        description="Linear classifier by stochastic gradient descent in mini-batches.",
        params={
            "loss": {"enum": ["log_loss", "modified_huber"], "default": "log_loss", "description": "What is minimised; both give probabilities."},
            **COMMON,
            **learning_rate("optimal", 0.5),
        },
        build=build_classifier,
        fit=fit_classifier,
    ),
    Trainer(
        name="sgd",
        task="regression",
        description="Linear regression by stochastic gradient descent in mini-batches.",
        params={
            "loss": {
                "enum": ["squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive"],
                "default": "squared_error",
                "description": "What is minimised.",
            },
            "epsilon": {
                "type": "number",
                "minimum": 0,
                "default": 0.1,
                "description": "Where the losses huber, epsilon_insensitive and squared_epsilon_insensitive change.",
            },
            **COMMON,
            **learning_rate("invscaling", 0.25),
        },
        build=build_regressor,
        fit=fit_regressor,
    ),
)
