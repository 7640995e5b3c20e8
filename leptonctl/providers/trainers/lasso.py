"""Linear regression with an L1 penalty."""

from leptonctl.providers.trainers.shared_params import COORDINATE_DESCENT
from leptonctl.providers.trainers.sklearn_fits import resume_coefficients
from leptonctl.spi.learning import Estimator, Params, Schema, Trainer

PARAMS: dict[str, Schema] = {
    "alpha": {"type": "number", "minimum": 0, "default": 1.0, "description": "Strength of the penalty."},
    **COORDINATE_DESCENT,
}


def build(params: Params, seed: int) -> Estimator:
    from sklearn.linear_model import Lasso

    return Lasso(**params, random_state=seed)


TRAINERS = (
    Trainer(
        name="lasso",
        task="regression",
        description="Linear regression with an L1 penalty, which sets unimportant coefficients to zero.",
        params=PARAMS,
        build=build,
        weighs=True,
        resume=resume_coefficients,
    ),
)
