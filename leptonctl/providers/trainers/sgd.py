"""Linear models by stochastic gradient descent in mini-batches, for classification and regression. Reports its loss after every epoch.

scikit-learn's SGD steps row by row and has no batch size, so the steps are our own (sgd_steps); the fitted model is a plain
SGDClassifier or SGDRegressor. More than two classes are fitted one against the rest, as in scikit-learn.
"""

import warnings

from leptonctl.providers.trainers import sgd_steps
from leptonctl.providers.trainers.shared_params import FIT_INTERCEPT
from leptonctl.spi import replace
from leptonctl.spi.learning import Estimator, Options, Params, Schema, Trainer, Training

COMMON: dict[str, Schema] = {
    "penalty": {"enum": ["l2", "l1", "elasticnet", None], "default": "l2", "description": "Norm of the coefficients that is penalised."},
    "alpha": {"type": "number", "minimum": 0, "default": 0.0001, "description": "Strength of the penalty."},
    "l1_ratio": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "default": 0.15,
        "description": "Share of the L1 penalty in the penalty elasticnet.",
    },
    "fit_intercept": FIT_INTERCEPT,
    "max_iter": {"type": "integer", "minimum": 1, "default": 1000, "description": "Maximum number of epochs."},
    "tol": {
        "type": ["number", "null"],
        "minimum": 0,
        "default": 0.001,
        "description": "Smallest decrease of the loss that counts as an improvement; null never stops early.",
    },
    "eta0": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 0.01,
        "description": "Initial learning rate of the schedules constant and invscaling.",
    },
    "n_iter_no_change": {"type": "integer", "minimum": 1, "default": 5, "description": "Stop after this many epochs without improvement."},
    "average": {"type": "boolean", "default": False, "description": "Whether to average the weights over all steps."},
    "batch_size": {
        "type": "integer",
        "minimum": 1,
        "default": 32,
        "description": "Number of rows in a mini-batch; each step follows their mean gradient.",
    },
}
SCHEDULES = ["constant", "optimal", "invscaling"]


def learning_rate(default: str, power_t: float) -> dict[str, Schema]:
    """The parameters of the learning rate schedule, whose defaults differ between the tasks."""
    return {
        "learning_rate": {"enum": SCHEDULES, "default": default, "description": "Learning rate schedule."},
        "power_t": {"type": "number", "default": power_t, "description": "Exponent of the schedule invscaling."},
    }


def build_classifier(params: Params, seed: int) -> Estimator:
    from sklearn.linear_model import SGDClassifier

    return _with_batches(SGDClassifier(**_sklearn_params(params), random_state=seed, n_jobs=1), params)


def build_regressor(params: Params, seed: int) -> Estimator:
    from sklearn.linear_model import SGDRegressor

    return _with_batches(SGDRegressor(**_sklearn_params(params), random_state=seed), params)


def fit_classifier(estimator: Estimator, training: Training, start: sgd_steps.Start | None = None) -> Estimator:
    import numpy as np

    classes, places = np.unique(training.target, return_inverse=True)
    binary = len(classes) == 2  # noqa: PLR2004
    sides = np.where(places[:, None] == (np.array([1]) if binary else np.arange(len(classes))), 1.0, -1.0)
    loss = sgd_steps.log_loss if estimator.loss == "log_loss" else sgd_steps.modified_huber
    descent = _descend(estimator, replace(training, target=sides), loss, start)
    estimator.classes_, estimator.coef_, estimator.intercept_ = classes, descent.weights.T.copy(), descent.intercepts
    return estimator


def fit_regressor(estimator: Estimator, training: Training, start: sgd_steps.Start | None = None) -> Estimator:
    losses = {
        "squared_error": sgd_steps.squared_error,
        "huber": sgd_steps.huber(estimator.epsilon),
        "epsilon_insensitive": sgd_steps.epsilon_insensitive(estimator.epsilon),
        "squared_epsilon_insensitive": sgd_steps.squared_epsilon_insensitive(estimator.epsilon),
    }
    values = training.target.reshape(-1, 1)
    descent = _descend(estimator, replace(training, target=values), losses[estimator.loss], start)
    estimator.coef_, estimator.intercept_ = descent.weights[:, 0].copy(), descent.intercepts
    return estimator


def resume_classifier(parent: Estimator, fresh: Estimator, training: Training) -> Estimator:
    """More epochs from the parent's weights; the learning rate continues where its schedule was."""
    return fit_classifier(fresh, training, _end_of(parent))


def resume_regressor(parent: Estimator, fresh: Estimator, training: Training) -> Estimator:
    """As for a classifier."""
    return fit_regressor(fresh, training, _end_of(parent))


def _end_of(parent: Estimator) -> sgd_steps.Start:
    """Where the descent of a fitted model ended."""
    import numpy as np

    return sgd_steps.Start(
        weights=np.atleast_2d(parent.coef_).T.copy(), intercepts=np.atleast_1d(parent.intercept_).copy(), rows_seen=round(parent.t_) - 1
    )


def _descend(estimator: Estimator, training: Training, loss: sgd_steps.Loss, start: sgd_steps.Start | None) -> sgd_steps.Descent:
    """Descend with the estimator's parameters, and set its counters. The target is [rows, outputs]."""
    from sklearn.exceptions import ConvergenceWarning

    params = estimator.get_params() | {"batch_size": estimator.batch_size_}
    descent = sgd_steps.descend(training, loss, params, seed=estimator.random_state, start=start)
    if not descent.converged:
        warnings.warn("the loss was still falling at the last epoch", ConvergenceWarning, stacklevel=2)
    width = training.features.shape[1]
    estimator.n_features_in_, estimator.n_iter_, estimator.t_ = width, descent.epochs, float(descent.rows_seen + 1)
    return descent


def _sklearn_params(params: Params) -> Options:
    return {name: value for name, value in params.items() if name != "batch_size"}


def _with_batches(estimator: Estimator, params: Params) -> Estimator:
    estimator.batch_size_ = params["batch_size"]
    return estimator


TRAINERS = (
    Trainer(
        name="sgd",
        task="classification",
        description="Linear classifier by stochastic gradient descent in mini-batches.",
        params={
            "loss": {
                "enum": ["log_loss", "modified_huber"],
                "default": "log_loss",
                "description": "The loss to minimise; both give probabilities.",
            },
            **COMMON,
            **learning_rate("optimal", 0.5),
        },
        build=build_classifier,
        weighs=True,
        fit_from=fit_classifier,
        resume=resume_classifier,
    ),
    Trainer(
        name="sgd",
        task="regression",
        description="Linear regression by stochastic gradient descent in mini-batches.",
        params={
            "loss": {
                "enum": ["squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive"],
                "default": "squared_error",
                "description": "The loss to minimise.",
            },
            "epsilon": {
                "type": "number",
                "minimum": 0,
                "default": 0.1,
                "description": "Threshold of the losses huber, epsilon_insensitive and squared_epsilon_insensitive.",
            },
            **COMMON,
            **learning_rate("invscaling", 0.25),
        },
        build=build_regressor,
        weighs=True,
        fit_from=fit_regressor,
        resume=resume_regressor,
    ),
)
