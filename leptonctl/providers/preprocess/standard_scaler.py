"""Scales columns to mean 0 and variance 1."""

from leptonctl.spi.learning import Estimator, Params, Preprocessor, Schema

PARAMS: dict[str, Schema] = {
    "with_mean": {"type": "boolean", "default": True, "description": "Whether to subtract the mean."},
    "with_std": {"type": "boolean", "default": True, "description": "Whether to divide by the standard deviation."},
}


def build(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    from sklearn.preprocessing import StandardScaler

    return StandardScaler(**params)


PREPROCESSOR = Preprocessor(
    name="standard_scaler",
    description="Subtracts the mean and divides by the standard deviation, in each column.",
    params=PARAMS,
    build=build,
    takes="number",
    keeps=True,
)
