"""Scales columns to a range."""

from leptonctl.spi.learning import Estimator, Params, Preprocessor, Schema

PARAMS: dict[str, Schema] = {
    "feature_range": {
        "type": "array",
        "items": {"type": "number"},
        "minItems": 2,
        "maxItems": 2,
        "default": [0, 1],
        "description": "What the smallest and the largest training value are mapped to.",
    },
    "clip": {"type": "boolean", "default": False, "description": "Whether to clip later values to the range."},
}


def build(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    from sklearn.preprocessing import MinMaxScaler

    return MinMaxScaler(**{**params, "feature_range": tuple(params["feature_range"])})


PREPROCESSOR = Preprocessor(
    name="min_max_scaler",
    holds_rows="the smallest and largest values of the training rows",
    description="Maps the range of each column to another range.",
    params=PARAMS,
    build=build,
    takes="number",
    keeps=True,
)
