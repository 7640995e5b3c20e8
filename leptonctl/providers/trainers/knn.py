"""Nearest neighbours, for classes or for values."""

from leptonctl.spi.learning import Estimator, Params, Schema, Trainer

PARAMS: dict[str, Schema] = {
    "n_neighbors": {"type": "integer", "minimum": 1, "default": 5, "description": "How many training rows are asked."},
    "weights": {
        "enum": ["uniform", "distance"],
        "default": "uniform",
        "description": "Whether all neighbours count alike; distance cannot be exported truthfully and is refused.",
    },
    "algorithm": {
        "enum": ["auto", "ball_tree", "kd_tree", "brute"],
        "default": "auto",
        "description": "How neighbours are found in training.",
    },
    "leaf_size": {"type": "integer", "minimum": 1, "default": 30, "description": "Rows in a leaf of the search trees."},
    "p": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 2,
        "description": "Power of the metric minkowski: 1 is manhattan, 2 is euclidean.",
    },
    "metric": {
        "enum": ["minkowski", "euclidean", "manhattan"],
        "default": "minkowski",
        "description": "How the distance of two rows is measured.",
    },
}


def build_classifier(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(**params, n_jobs=1)


def build_regressor(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    from sklearn.neighbors import KNeighborsRegressor

    return KNeighborsRegressor(**params, n_jobs=1)


def refuse(params: Params) -> str | None:
    if params.get("weights") == "distance":
        return "weights: distance answers otherwise once exported (up to 0.05 of probability); use weights: uniform"
    return None


TRAINERS = (
    Trainer(
        name="knn",
        task="classification",
        description="The most frequent class among the nearest training rows.",
        params=PARAMS,
        build=build_classifier,
        refuse=refuse,
        takes_sparse=False,
    ),
    Trainer(
        name="knn",
        task="regression",
        description="The mean of the nearest training rows.",
        params=PARAMS,
        build=build_regressor,
        refuse=refuse,
        takes_sparse=False,
    ),
)
