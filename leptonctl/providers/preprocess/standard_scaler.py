"""Scales columns to mean 0 and variance 1."""

from leptonctl.spi.learning import Estimator, Params, Preprocessor, Schema

PARAMS: dict[str, Schema] = {
    "with_mean": {"type": "boolean", "default": True, "description": "Take the mean away."},
    "with_std": {"type": "boolean", "default": True, "description": "Divide by the standard deviation."},
}


def build(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    from sklearn.preprocessing import StandardScaler

    return StandardScaler(**params)


PREPROCESSOR = Preprocessor(
    name="standard_scaler",
    description="Takes the mean away and divides by the standard deviation, column by column.",
    params=PARAMS,
    build=build,
    takes="number",
    keeps=True,
)
