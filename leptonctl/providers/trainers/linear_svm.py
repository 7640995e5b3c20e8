"""Linear support vector machine for classification, with probabilities by Platt scaling fitted on five folds."""

from leptonctl.providers.trainers.shared_params import CLASS_WEIGHT, FIT_INTERCEPT
from leptonctl.providers.trainers.sklearn_fits import calibrate
from leptonctl.spi.learning import Estimator, Params, Schema, Trainer

PARAMS: dict[str, Schema] = {
    "penalty": {
        "enum": ["l1", "l2"],
        "default": "l2",
        "description": "Norm of the coefficients that is penalised; l1 needs the loss squared_hinge.",
    },
    "loss": {
        "enum": ["hinge", "squared_hinge"],
        "default": "squared_hinge",
        "description": "Loss of a row on the wrong side of the margin.",
    },
    "dual": {
        "enum": ["auto", True, False],
        "default": "auto",
        "description": "Whether to solve the dual problem; auto chooses according to the data.",
    },
    "tol": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 0.0001,
        "description": "Stop when the optimality violation falls below this.",
    },
    "C": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 1.0,
        "description": "Inverse of the penalty's strength: smaller is stronger.",
    },
    "fit_intercept": FIT_INTERCEPT,
    "intercept_scaling": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 1,
        "description": "Value of the constant column that represents the intercept.",
    },
    "class_weight": CLASS_WEIGHT,
    "max_iter": {"type": "integer", "minimum": 1, "default": 1000, "description": "Maximum number of iterations of the solver."},
}


def build(params: Params, seed: int) -> Estimator:
    from sklearn.svm import LinearSVC

    return calibrate(LinearSVC(**params, random_state=seed))


def conflict(params: Params) -> str | None:
    penalty, loss, dual = params["penalty"], params["loss"], params["dual"]
    if penalty == "l1" and loss == "hinge":
        return "`penalty: l1` needs `loss: squared_hinge`"
    if penalty == "l1" and dual is True:
        return "`penalty: l1` needs `dual: false` or `dual: auto`"
    if penalty == "l2" and loss == "hinge" and dual is False:
        return "`loss: hinge` needs `dual: true` or `dual: auto`"
    return None


TRAINERS = (
    Trainer(
        name="linear_svm",
        task="classification",
        description="Linear support vector machine; probabilities by Platt scaling fitted on five folds.",
        params=PARAMS,
        build=build,
        weighs=True,
        conflict=conflict,
    ),
)
