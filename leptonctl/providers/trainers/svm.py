"""Kernel support vector machines. For classification with probabilities by Platt scaling, fitted on five folds."""

from leptonctl.providers.trainers.shared_params import CLASS_WEIGHT
from leptonctl.providers.trainers.sklearn_fits import calibrate
from leptonctl.spi.learning import Estimator, Params, Schema, Trainer

KERNEL: dict[str, Schema] = {
    "C": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 1.0,
        "description": "Inverse of the penalty's strength: smaller is stronger.",
    },
    "kernel": {"enum": ["linear", "poly", "rbf", "sigmoid"], "default": "rbf", "description": "Kernel function that compares two rows."},
    "degree": {"type": "integer", "minimum": 0, "default": 3, "description": "Degree of the poly kernel."},
    "gamma": {
        "anyOf": [{"enum": ["scale", "auto"]}, {"type": "number", "minimum": 0}],
        "default": "scale",
        "description": "Coefficient of the rbf, poly and sigmoid kernels: scale is 1 / (features x variance), auto is 1 / features.",
    },
    "coef0": {"type": "number", "default": 0.0, "description": "Constant term of the poly and sigmoid kernels."},
    "shrinking": {
        "type": "boolean",
        "default": True,
        "description": "Whether to use the shrinking heuristic, which skips rows that seem settled.",
    },
    "tol": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 0.001,
        "description": "Stop when the optimality violation falls below this.",
    },
    "max_iter": {
        "type": "integer",
        "minimum": -1,
        "default": -1,
        "description": "Maximum number of iterations of the solver; -1 sets no limit.",
    },
}


def build_classifier(params: Params, seed: int) -> Estimator:
    from sklearn.svm import SVC

    return calibrate(SVC(**params, random_state=seed))


def build_regressor(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    from sklearn.svm import SVR

    return SVR(**params)


TRAINERS = (
    Trainer(
        name="svm",
        task="classification",
        holds_rows="support vectors, which are training rows",
        description="Support vector machine with a kernel; probabilities by Platt scaling fitted on five folds.",
        params={**KERNEL, "class_weight": CLASS_WEIGHT},
        build=build_classifier,
        weighs=True,
    ),
    Trainer(
        name="svm",
        task="regression",
        holds_rows="support vectors, which are training rows",
        description="Support vector regression with a kernel.",
        params={
            **KERNEL,
            "epsilon": {"type": "number", "minimum": 0, "default": 0.1, "description": "Errors smaller than this are not penalised."},
        },
        build=build_regressor,
        weighs=True,
        tolerance=5e-4,
    ),
)
