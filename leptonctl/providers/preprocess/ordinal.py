"""Encodes each category as a number."""

from leptonctl.spi.learning import Estimator, Params, Preprocessor, Schema

PARAMS: dict[str, Schema] = {
    "handle_unknown": {
        "enum": ["use_encoded_value"],
        "default": "use_encoded_value",
        "description": "A category that did not occur in training becomes unknown_value, because a served model must answer.",
    },
    "unknown_value": {"type": "integer", "maximum": -1, "default": -1, "description": "The number for unknown categories."},
}


def build(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    import numpy as np
    from sklearn.preprocessing import OrdinalEncoder

    return OrdinalEncoder(**params, dtype=np.float32)


PREPROCESSOR = Preprocessor(
    name="ordinal",
    holds_rows="the categories of the training rows",
    description="Encodes the sorted categories of string and boolean columns as the numbers from 0.",
    params=PARAMS,
    build=build,
    takes="string",
    keeps=True,
)
