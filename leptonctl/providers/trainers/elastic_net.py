"""Linear regression with L1 and L2 penalties."""

from leptonctl.providers.trainers.shared_params import COORDINATE_DESCENT
from leptonctl.providers.trainers.sklearn_fits import resume_coefficients
from leptonctl.spi.learning import Estimator, Params, Schema, Trainer

PARAMS: dict[str, Schema] = {
    "alpha": {"type": "number", "minimum": 0, "default": 1.0, "description": "Strength of the combined penalty."},
    "l1_ratio": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "default": 0.5,
        "description": "Share of the L1 penalty: 0 is ridge, 1 is lasso.",
    },
    **COORDINATE_DESCENT,
}


def build(params: Params, seed: int) -> Estimator:
    from sklearn.linear_model import ElasticNet

    return ElasticNet(**params, random_state=seed)


TRAINERS = (
    Trainer(
        name="elastic_net",
        task="regression",
        description="Linear regression with a mix of the ridge and lasso penalties.",
        params=PARAMS,
        build=build,
        weighs=True,
        resume=resume_coefficients,
    ),
)
