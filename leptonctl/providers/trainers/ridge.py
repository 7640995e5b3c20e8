"""Linear regression with an L2 penalty."""

from leptonctl.providers.trainers.shared_params import FIT_INTERCEPT, POSITIVE
from leptonctl.spi.learning import Estimator, Params, Schema, Trainer

PARAMS: dict[str, Schema] = {
    "alpha": {"type": "number", "minimum": 0, "default": 1.0, "description": "Strength of the penalty."},
    "fit_intercept": FIT_INTERCEPT,
    "max_iter": {
        "type": ["integer", "null"],
        "minimum": 1,
        "default": None,
        "description": "Maximum number of iterations of an iterative solver; null is the solver's default.",
    },
    "tol": {"type": "number", "minimum": 0, "default": 0.0001, "description": "Precision of an iterative solver."},
    "solver": {
        "enum": ["auto", "svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga", "lbfgs"],
        "default": "auto",
        "description": "Algorithm that solves the equations; lbfgs is for `positive: true`.",
    },
    "positive": POSITIVE,
}


def build(params: Params, seed: int) -> Estimator:
    from sklearn.linear_model import Ridge

    return Ridge(**params, random_state=seed)


TRAINERS = (
    Trainer(
        name="ridge",
        task="regression",
        description="Linear regression with an L2 penalty, which keeps coefficients small.",
        params=PARAMS,
        build=build,
        weighs=True,
    ),
)
