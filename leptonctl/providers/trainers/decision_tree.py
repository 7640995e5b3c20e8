"""A single decision tree, for classification and regression."""

from leptonctl.providers.trainers.shared_params import CLASS_WEIGHT
from leptonctl.providers.trainers.sklearn_fits import constrain
from leptonctl.providers.trainers.tree_params import CLASS_CRITERION, TREE, VALUE_CRITERION, max_features
from leptonctl.spi.learning import Estimator, Params, Schema, Trainer

SPLITTER: Schema = {
    "enum": ["best", "random"],
    "default": "best",
    "description": "Whether to take the best of all splits or the best of random splits.",
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
        description="A single tree of yes-or-no questions about the features.",
        params={
            "criterion": CLASS_CRITERION,
            "splitter": SPLITTER,
            **TREE,
            "max_features": max_features(None),
            "class_weight": CLASS_WEIGHT,
        },
        build=build_classifier,
        weighs=True,
        monotonic=constrain,
        splits=True,
    ),
    Trainer(
        name="decision_tree",
        task="regression",
        description="A single tree of yes-or-no questions about the features.",
        params={"criterion": VALUE_CRITERION, "splitter": SPLITTER, **TREE, "max_features": max_features(None)},
        build=build_regressor,
        weighs=True,
        monotonic=constrain,
        splits=True,
    ),
)
