"""Fills missing numbers."""

from leptonctl.spi.learning import Estimator, Params, Preprocessor, Schema

PARAMS: dict[str, Schema] = {
    "strategy": {
        "enum": ["mean", "median", "most_frequent", "constant"],
        "default": "mean",
        "description": "What to replace missing values with, in each column.",
    },
    "fill_value": {
        "type": ["number", "null"],
        "default": None,
        "description": "Value for the strategy constant; null is 0.",
    },
    "keep_empty_features": {
        "type": "boolean",
        "default": False,
        "description": "Whether to keep a column without any value in training, filled with 0.",
    },
}


def build(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    from sklearn.impute import SimpleImputer

    return SimpleImputer(**params)


PREPROCESSOR = Preprocessor(
    name="imputer",
    description="Fills missing numbers with the mean, the median, the most frequent value or a constant.",
    params=PARAMS,
    build=build,
    takes="number",
    keeps=True,
    drops_empty=lambda params: not params["keep_empty_features"],
)
