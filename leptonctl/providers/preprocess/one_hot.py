"""One column of 0 and 1 for each category."""

from leptonctl.spi.learning import Estimator, Params, Preprocessor, Schema

PARAMS: dict[str, Schema] = {
    "drop": {
        "enum": [None, "first", "if_binary"],
        "default": None,
        "description": "Whether the first category of each column (or of columns with two) gets no column of its own.",
    },
    "handle_unknown": {
        "enum": ["ignore"],
        "default": "ignore",
        "description": "A category that training did not see becomes all zeros: a served model has to answer.",
    },
}


def build(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    import numpy as np
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(**params, sparse_output=False, dtype=np.float32)


PREPROCESSOR = Preprocessor(
    name="one_hot",
    description="One column of 0 and 1 for each category of text and boolean columns; missing is a category of its own.",
    params=PARAMS,
    build=build,
    takes="string",
    keeps=False,
)
