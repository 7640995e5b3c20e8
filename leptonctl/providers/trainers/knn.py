"""Nearest neighbours, for classification and regression."""

from leptonctl.spi import replace
from leptonctl.spi.learning import Estimator, Params, Schema, Trainer

PARAMS: dict[str, Schema] = {
    "n_neighbors": {"type": "integer", "minimum": 1, "default": 5, "description": "Number of neighbours."},
    "weights": {
        "enum": ["uniform", "distance"],
        "default": "uniform",
        "description": "Weight of the neighbours: uniform weighs all alike; distance is refused because it cannot be exported faithfully.",
    },
    "algorithm": {
        "enum": ["auto", "ball_tree", "kd_tree", "brute"],
        "default": "auto",
        "description": "How the nearest neighbours are computed in training.",
    },
    "leaf_size": {"type": "integer", "minimum": 1, "default": 30, "description": "Number of rows in a leaf of the search trees."},
    "p": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 2,
        "description": "Power of the minkowski metric: 1 is manhattan, 2 is euclidean.",
    },
    "metric": {
        "enum": ["minkowski", "euclidean", "manhattan"],
        "default": "minkowski",
        "description": "Distance between two rows.",
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
        return "`weights: distance` gives other answers once exported; use `weights: uniform`"
    return None


CLASSIFIER = Trainer(
    name="knn",
    task="classification",
    description="The most frequent class among the nearest training rows.",
    params=PARAMS,
    build=build_classifier,
    refuse=refuse,
    takes_sparse=False,
    holds_rows="the training rows",
    holds_every_row=True,
)
REGRESSOR = replace(CLASSIFIER, task="regression", description="The mean target of the nearest training rows.", build=build_regressor)
TRAINERS = (CLASSIFIER, REGRESSOR)
