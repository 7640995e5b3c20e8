"""One number for each category."""

from leptonctl.spi.learning import Estimator, Params, Preprocessor, Schema

PARAMS: dict[str, Schema] = {
    "handle_unknown": {
        "enum": ["use_encoded_value"],
        "default": "use_encoded_value",
        "description": "A category that training did not see becomes unknown_value: a served model has to answer.",
    },
    "unknown_value": {"type": "integer", "maximum": -1, "default": -1, "description": "The number of unknown categories."},
}


def build(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    import numpy as np
    from sklearn.preprocessing import OrdinalEncoder

    return OrdinalEncoder(**params, dtype=np.float32)


PREPROCESSOR = Preprocessor(
    name="ordinal",
    description="Numbers the sorted categories of text and boolean columns from 0.",
    params=PARAMS,
    build=build,
    takes="string",
    keeps=True,
)
