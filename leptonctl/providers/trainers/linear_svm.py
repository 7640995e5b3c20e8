"""Linear support vector machine for classes, with probabilities by Platt's sigmoid fitted on five folds."""

from leptonctl.providers.trainers.shared_params import CLASS_WEIGHT, FIT_INTERCEPT
from leptonctl.spi.learning import Estimator, Params, Schema, Trainer

PARAMS: dict[str, Schema] = {
    "penalty": {
        "enum": ["l1", "l2"],
        "default": "l2",
        "description": "Which norm of the coefficients is held small; l1 needs the loss squared_hinge.",
    },
    "loss": {"enum": ["hinge", "squared_hinge"], "default": "squared_hinge", "description": "What a row on the wrong side costs."},
    "dual": {
        "enum": ["auto", True, False],
        "default": "auto",
        "description": "Whether to solve the dual problem; auto chooses by the data.",
    },
    "tol": {"type": "number", "exclusiveMinimum": 0, "default": 0.0001, "description": "Stop when the violation falls below this."},
    "C": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 1.0,
        "description": "Inverse of the strength of the penalty: smaller is stronger.",
    },
    "fit_intercept": FIT_INTERCEPT,
    "intercept_scaling": {"type": "number", "exclusiveMinimum": 0, "default": 1, "description": "Scale of the intercept's column."},
    "class_weight": CLASS_WEIGHT,
    "max_iter": {"type": "integer", "minimum": 1, "default": 1000, "description": "Most iterations of the solver."},
}


def build(params: Params, seed: int) -> Estimator:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import LinearSVC

    return CalibratedClassifierCV(LinearSVC(**params, random_state=seed), method="sigmoid", ensemble=False, n_jobs=1)


TRAINERS = (
    Trainer(
        name="linear_svm",
        task="classification",
        description="Linear support vector machine; probabilities by a sigmoid fitted on five folds.",
        params=PARAMS,
        build=build,
    ),
)
