"""A small neural network, for classification and regression. Reports its loss after every epoch."""

from leptonctl.providers.trainers.mlp_checkpoint import fit_network
from leptonctl.spi import replace
from leptonctl.spi.learning import Estimator, Params, Schema, Trainer, Training

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
    "solver": {"enum": ["lbfgs", "sgd", "adam"], "default": "adam", "description": "Algorithm that optimizes the weights."},
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


def build_classifier(params: Params, seed: int) -> Estimator:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(**params, random_state=seed)


def build_regressor(params: Params, seed: int) -> Estimator:
    from sklearn.neural_network import MLPRegressor

    return MLPRegressor(**params, random_state=seed)


def resume_classifier(parent: Estimator, fresh: Estimator, training: Training) -> Estimator:
    """More epochs from the parent's weights, with an optimizer of its own."""
    fresh.classes_, fresh._label_binarizer = parent.classes_, parent._label_binarizer  # noqa: SLF001
    return resume_regressor(parent, fresh, training)


def resume_regressor(parent: Estimator, fresh: Estimator, training: Training) -> Estimator:
    """scikit-learn's own way to continue, with the counters of a first fit and the parent's weights.

    The parent's early stopping was judged on other rows, so its best score does not count here.
    """
    import numpy as np

    fresh.n_features_in_, fresh.n_outputs_, fresh.n_layers_ = training.features.shape[1], parent.n_outputs_, parent.n_layers_
    fresh.out_activation_, fresh.n_iter_, fresh.t_ = parent.out_activation_, 0, 0
    fresh.coefs_, fresh.intercepts_ = ([array.copy() for array in arrays] for arrays in (parent.coefs_, parent.intercepts_))
    fresh._best_coefs, fresh._best_intercepts = ([a.copy() for a in arrays] for arrays in (parent.coefs_, parent.intercepts_))  # noqa: SLF001
    fresh.loss_curve_, fresh._no_improvement_count = [], 0  # noqa: SLF001
    early = fresh.early_stopping
    fresh.best_loss_, fresh.validation_scores_ = (None, []) if early else (np.inf, None)
    fresh.best_validation_score_ = -np.inf if early else None
    fresh.warm_start = True
    try:
        return fit_network(fresh, training)
    finally:
        fresh.warm_start = False


CLASSIFIER = Trainer(
    name="mlp",
    task="classification",
    description="A neural network of fully connected layers.",
    params=PARAMS,
    build=build_classifier,
    weighs=True,
    fit_from=fit_network,
    resume=resume_classifier,
    resume_keeps=("hidden_layer_sizes", "activation"),
    scores="_forward_pass_fast",
    tolerance=5e-4,
)
REGRESSOR = replace(CLASSIFIER, task="regression", build=build_regressor, resume=resume_regressor, scores=None)
TRAINERS = (CLASSIFIER, REGRESSOR)
