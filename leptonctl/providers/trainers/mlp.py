"""A small neural network, for classification and regression. Reports its loss after every epoch."""

from typing import TYPE_CHECKING, Any

from leptonctl.spi.learning import Estimator, Params, Progress, Schema, Trainer

if TYPE_CHECKING:
    import numpy as np

PARAMS: dict[str, Schema] = {
    "hidden_layer_sizes": {
        "anyOf": [
            {"type": "array", "items": {"type": "integer", "minimum": 1}},
            {"type": "integer", "minimum": 1},
        ],
        "default": [100],
        "description": "Number of neurons in each hidden layer.",
    },
    "activation": {
        "enum": ["identity", "logistic", "tanh", "relu"],
        "default": "relu",
        "description": "Activation function of the hidden neurons.",
    },
    "solver": {"enum": ["lbfgs", "sgd", "adam"], "default": "adam", "description": "Algorithm that optimises the weights."},
    "alpha": {"type": "number", "minimum": 0, "default": 0.0001, "description": "Strength of the L2 penalty."},
    "batch_size": {
        "anyOf": [{"enum": ["auto"]}, {"type": "integer", "minimum": 1}],
        "default": "auto",
        "description": "Number of rows in a mini-batch; auto is 200, or all rows when there are fewer.",
    },
    "learning_rate": {
        "enum": ["constant", "invscaling", "adaptive"],
        "default": "constant",
        "description": "Learning rate schedule; only for the solver sgd.",
    },
    "learning_rate_init": {"type": "number", "exclusiveMinimum": 0, "default": 0.001, "description": "Initial learning rate."},
    "power_t": {"type": "number", "minimum": 0, "default": 0.5, "description": "Exponent of the schedule invscaling."},
    "max_iter": {
        "type": "integer",
        "minimum": 1,
        "default": 200,
        "description": "Maximum number of epochs (of iterations for the solver lbfgs).",
    },
    "shuffle": {"type": "boolean", "default": True, "description": "Whether to shuffle the rows in every epoch."},
    "tol": {
        "type": "number",
        "minimum": 0,
        "default": 0.0001,
        "description": "Smallest decrease of the loss that counts as an improvement.",
    },
    "momentum": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.9, "description": "Momentum of the solver sgd."},
    "nesterovs_momentum": {
        "type": "boolean",
        "default": True,
        "description": "Whether to use Nesterov's momentum; only for the solver sgd.",
    },
    "early_stopping": {
        "type": "boolean",
        "default": False,
        "description": "Whether to stop when the score on held-out rows stops improving.",
    },
    "validation_fraction": {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "default": 0.1,
        "description": "Share of the rows held out for early stopping.",
    },
    "beta_1": {"type": "number", "minimum": 0, "exclusiveMaximum": 1, "default": 0.9, "description": "Decay rate of adam's first moment."},
    "beta_2": {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "default": 0.999,
        "description": "Decay rate of adam's second moment.",
    },
    "epsilon": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 1e-8,
        "description": "Keeps adam from dividing by zero; a small number.",
    },
    "n_iter_no_change": {"type": "integer", "minimum": 1, "default": 10, "description": "Stop after this many epochs without improvement."},
    "max_fun": {
        "type": "integer",
        "minimum": 1,
        "default": 15000,
        "description": "Maximum number of loss evaluations by the solver lbfgs.",
    },
}
AFTER_EPOCH = "_update_no_improvement_count"


def build_classifier(params: Params, seed: int) -> Estimator:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(**params, random_state=seed)


def build_regressor(params: Params, seed: int) -> Estimator:
    from sklearn.neural_network import MLPRegressor

    return MLPRegressor(**params, random_state=seed)


def fit(
    estimator: Estimator, features: "np.ndarray", target: "np.ndarray", progress: Progress, weights: "np.ndarray | None" = None
) -> Estimator:
    """`estimator.fit` with a report after every epoch: scikit-learn then calls one method of the estimator, which is wrapped here.

    The wrapper changes no numbers and is removed before the model is stored.
    """
    after_epoch = getattr(estimator, AFTER_EPOCH)

    def report_epoch(*arguments: Any, **keywords: Any) -> None:
        progress(iteration=estimator.n_iter_, of=estimator.max_iter, loss=float(estimator.loss_))
        after_epoch(*arguments, **keywords)

    setattr(estimator, AFTER_EPOCH, report_epoch)
    try:
        return estimator.fit(features, target, sample_weight=weights)
    finally:
        delattr(estimator, AFTER_EPOCH)


TRAINERS = (
    Trainer(
        name="mlp",
        task="classification",
        description="A neural network of fully connected layers.",
        params=PARAMS,
        build=build_classifier,
        weighs=True,
        fit=fit,
        tolerance=5e-4,
    ),
    Trainer(
        name="mlp",
        task="regression",
        description="A neural network of fully connected layers.",
        params=PARAMS,
        build=build_regressor,
        weighs=True,
        fit=fit,
        tolerance=5e-4,
    ),
)
