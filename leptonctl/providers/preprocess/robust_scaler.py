"""Scales columns by median and quantiles, which are robust to outliers."""

from leptonctl.spi.learning import Estimator, Params, Preprocessor, Schema

PARAMS: dict[str, Schema] = {
    "with_centering": {"type": "boolean", "default": True, "description": "Whether to subtract the median."},
    "with_scaling": {"type": "boolean", "default": True, "description": "Whether to divide by the range between the two quantiles."},
    "quantile_range": {
        "type": "array",
        "items": {"type": "number", "minimum": 0, "maximum": 100},
        "minItems": 2,
        "maxItems": 2,
        "default": [25.0, 75.0],
        "description": "The two quantiles, in percent.",
    },
    "unit_variance": {
        "type": "boolean",
        "default": False,
        "description": "Whether to scale so that normally distributed data has variance 1.",
    },
}


def build(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    from sklearn.preprocessing import RobustScaler

    return RobustScaler(**{**params, "quantile_range": tuple(params["quantile_range"])})


PREPROCESSOR = Preprocessor(
    name="robust_scaler",
    description="Subtracts the median and divides by the range between two quantiles.",
    params=PARAMS,
    build=build,
    takes="number",
    keeps=True,
)
