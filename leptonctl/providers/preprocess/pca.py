"""Principal components."""

from leptonctl.spi.learning import Estimator, Params, Preprocessor, Schema

PARAMS: dict[str, Schema] = {
    "n_components": {
        "anyOf": [
            {"type": "integer", "minimum": 1},
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            {"type": "null"},
        ],
        "default": None,
        "description": "Components to keep: a count, a share of the variance, or null for all.",
    },
    "whiten": {"type": "boolean", "default": False, "description": "Whether to scale the components to variance 1."},
    "svd_solver": {
        "enum": ["auto", "full", "covariance_eigh", "arpack", "randomized"],
        "default": "auto",
        "description": "Algorithm that computes the components.",
    },
    "tol": {"type": "number", "minimum": 0, "default": 0.0, "description": "Tolerance of the solver arpack."},
    "iterated_power": {
        "anyOf": [{"enum": ["auto"]}, {"type": "integer", "minimum": 0}],
        "default": "auto",
        "description": "Number of power iterations of the solver randomized.",
    },
}


def build(params: Params, seed: int) -> Estimator:
    from sklearn.decomposition import PCA

    return PCA(**params, random_state=seed)


PREPROCESSOR = Preprocessor(
    name="pca",
    description="Replaces columns with their principal components.",
    params=PARAMS,
    build=build,
    takes="number",
    keeps=False,
)
