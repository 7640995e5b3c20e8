"""Powers and products of columns."""

from leptonctl.spi.learning import Estimator, Params, Preprocessor, Schema

PARAMS: dict[str, Schema] = {
    "degree": {"type": "integer", "minimum": 1, "maximum": 6, "default": 2, "description": "Highest degree of a product."},
    "interaction_only": {"type": "boolean", "default": False, "description": "Whether only products of different columns are made."},
    "include_bias": {"type": "boolean", "default": True, "description": "Whether a column of ones comes first."},
}


def build(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    from sklearn.preprocessing import PolynomialFeatures

    return PolynomialFeatures(**params)


PREPROCESSOR = Preprocessor(
    name="polynomial",
    description="Replaces columns by their powers and products up to a degree.",
    params=PARAMS,
    build=build,
    takes="number",
    keeps=False,
)
