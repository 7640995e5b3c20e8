"""Ordinary least squares."""

from leptonctl.providers.trainers.shared_params import FIT_INTERCEPT, POSITIVE
from leptonctl.spi.learning import Estimator, Params, Schema, Trainer

PARAMS: dict[str, Schema] = {
    "fit_intercept": FIT_INTERCEPT,
    "tol": {"type": "number", "minimum": 0, "default": 1e-6, "description": "Precision of the solution for sparse features."},
    "positive": POSITIVE,
}


def build(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    from sklearn.linear_model import LinearRegression

    return LinearRegression(**params, n_jobs=1)


TRAINERS = (
    Trainer(
        name="linear",
        task="regression",
        description="Linear regression by ordinary least squares.",
        params=PARAMS,
        build=build,
        weighs=True,
    ),
)
