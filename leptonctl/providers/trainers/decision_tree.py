"""One decision tree, for classes or for values."""

from leptonctl.providers.trainers.shared_params import CLASS_WEIGHT
from leptonctl.providers.trainers.tree_params import CLASS_CRITERION, TREE, VALUE_CRITERION, max_features
from leptonctl.spi.learning import Estimator, Params, Schema, Trainer

SPLITTER: Schema = {
    "enum": ["best", "random"],
    "default": "best",
    "description": "Whether a split is the best one or the best of random ones.",
}


def build_classifier(params: Params, seed: int) -> Estimator:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(**params, random_state=seed)


def build_regressor(params: Params, seed: int) -> Estimator:
    from sklearn.tree import DecisionTreeRegressor

    return DecisionTreeRegressor(**params, random_state=seed)


TRAINERS = (
    Trainer(
        name="decision_tree",
        task="classification",
        description="One tree of yes-or-no questions about the features.",
        params={
            "criterion": CLASS_CRITERION,
            "splitter": SPLITTER,
            **TREE,
            "max_features": max_features(None),
            "class_weight": CLASS_WEIGHT,
        },
        build=build_classifier,
        splits=True,
    ),
    Trainer(
        name="decision_tree",
        task="regression",
        description="One tree of yes-or-no questions about the features.",
        params={"criterion": VALUE_CRITERION, "splitter": SPLITTER, **TREE, "max_features": max_features(None)},
        build=build_regressor,
        splits=True,
    ),
)
