"""Encodes each category as a column of zeros and ones."""

from leptonctl.spi.learning import Estimator, Params, Preprocessor, Schema

PARAMS: dict[str, Schema] = {
    "drop": {
        "enum": [None, "first", "if_binary"],
        "default": None,
        "description": "Whether to drop the first category of each column (first) or of columns with two categories (if_binary).",
    },
    "handle_unknown": {
        "enum": ["ignore"],
        "default": "ignore",
        "description": "A category that did not occur in training becomes all zeros, because a served model must answer.",
    },
}


def build(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    import numpy as np
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(**params, sparse_output=False, dtype=np.float32)


PREPROCESSOR = Preprocessor(
    name="one_hot",
    holds_rows="the categories of the training rows",
    description="Encodes each category of string and boolean columns as a column of zeros and ones; missing is a category.",
    params=PARAMS,
    build=build,
    takes="string",
    keeps=False,
)
