"""Powers and products of columns."""

from leptonctl.spi.learning import Estimator, Params, Preprocessor, Schema

PARAMS: dict[str, Schema] = {
    "degree": {"type": "integer", "minimum": 1, "maximum": 6, "default": 2, "description": "Maximum degree of the products."},
    "interaction_only": {"type": "boolean", "default": False, "description": "Whether to make only products of different columns."},
    "include_bias": {"type": "boolean", "default": True, "description": "Whether to add a column of ones first."},
}


def build(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    from sklearn.preprocessing import PolynomialFeatures

    return PolynomialFeatures(**params)


PREPROCESSOR = Preprocessor(
    name="polynomial",
    description="Replaces columns with their powers and products up to a degree.",
    params=PARAMS,
    build=build,
    takes="number",
    keeps=False,
)
