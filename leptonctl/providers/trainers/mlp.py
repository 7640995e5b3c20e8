"""A small neural network, for classes or for values. Tells its loss after every epoch."""

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
        "description": "Neurons of each hidden layer.",
    },
    "activation": {
        "enum": ["identity", "logistic", "tanh", "relu"],
        "default": "relu",
        "description": "What each hidden neuron does with its sum.",
    },
    "solver": {"enum": ["lbfgs", "sgd", "adam"], "default": "adam", "description": "How the weights are found."},
    "alpha": {"type": "number", "minimum": 0, "default": 0.0001, "description": "Strength of the L2 penalty."},
    "batch_size": {
        "anyOf": [{"enum": ["auto"]}, {"type": "integer", "minimum": 1}],
        "default": "auto",
        "description": "Rows of a mini-batch; auto is 200, or all when there are fewer.",
    },
    "learning_rate": {
        "enum": ["constant", "invscaling", "adaptive"],
        "default": "constant",
        "description": "How the learning rate changes; only for the solver sgd.",
    },
    "learning_rate_init": {"type": "number", "exclusiveMinimum": 0, "default": 0.001, "description": "The first learning rate."},
    "power_t": {"type": "number", "minimum": 0, "default": 0.5, "description": "Exponent of the learning rate invscaling."},
    "max_iter": {"type": "integer", "minimum": 1, "default": 200, "description": "Most epochs (iterations for the solver lbfgs)."},
    "shuffle": {"type": "boolean", "default": True, "description": "Whether rows are shuffled in every epoch."},
    "tol": {"type": "number", "minimum": 0, "default": 0.0001, "description": "What counts as an improvement of the loss."},
    "momentum": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.9, "description": "Momentum of the solver sgd."},
    "nesterovs_momentum": {
        "type": "boolean",
        "default": True,
        "description": "Whether the momentum is Nesterov's; only for the solver sgd.",
    },
    "early_stopping": {"type": "boolean", "default": False, "description": "Whether to set rows aside and stop when they stop improving."},
    "validation_fraction": {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "default": 0.1,
        "description": "Share of the rows set aside to stop early.",
    },
    "beta_1": {"type": "number", "minimum": 0, "exclusiveMaximum": 1, "default": 0.9, "description": "Decay of the first moment of adam."},
    "beta_2": {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "default": 0.999,
        "description": "Decay of the second moment of adam.",
    },
    "epsilon": {"type": "number", "exclusiveMinimum": 0, "default": 1e-8, "description": "Keeps adam from dividing by zero."},
    "n_iter_no_change": {"type": "integer", "minimum": 1, "default": 10, "description": "Stop when so many epochs brought nothing."},
    "max_fun": {"type": "integer", "minimum": 1, "default": 15000, "description": "Most evaluations of the loss by the solver lbfgs."},
}
AFTER_EPOCH = "_update_no_improvement_count"


def build_classifier(params: Params, seed: int) -> Estimator:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(**params, random_state=seed)


def build_regressor(params: Params, seed: int) -> Estimator:
    from sklearn.neural_network import MLPRegressor

    return MLPRegressor(**params, random_state=seed)


def fit(estimator: Estimator, features: "np.ndarray", target: "np.ndarray", progress: Progress) -> Estimator:
    """`estimator.fit`, watched: scikit-learn calls one method of the estimator after every epoch, and this instance's tells first.

    The numbers are untouched, and the watch is taken off before the model is stored.
    """
    after_epoch = getattr(estimator, AFTER_EPOCH)

    def watched(*arguments: Any, **named: Any) -> None:
        progress(iteration=estimator.n_iter_, of=estimator.max_iter, loss=float(estimator.loss_))
        after_epoch(*arguments, **named)

    setattr(estimator, AFTER_EPOCH, watched)
    try:
        return estimator.fit(features, target)
    finally:
        delattr(estimator, AFTER_EPOCH)


TRAINERS = (
    Trainer(
        name="mlp",
        task="classification",
        description="A neural network of dense layers.",
        params=PARAMS,
        build=build_classifier,
        fit=fit,
        tolerance=5e-4,
    ),
    Trainer(
        name="mlp",
        task="regression",
        description="A neural network of dense layers.",
        params=PARAMS,
        build=build_regressor,
        fit=fit,
        tolerance=5e-4,
    ),
)
