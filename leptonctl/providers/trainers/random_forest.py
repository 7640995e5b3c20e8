"""A forest of trees on samples drawn with replacement, for classification and regression."""

from leptonctl.providers.trainers import tree_checkpoint
from leptonctl.providers.trainers.shared_params import constrain
from leptonctl.providers.trainers.tree_params import (
    CLASS_CRITERION,
    FOREST_CLASS_WEIGHT,
    VALUE_CRITERION,
    forest,
    max_features,
    more_trees,
    more_trees_refuse,
)
from leptonctl.spi.learning import Estimator, Params, Trainer


def build_classifier(params: Params, seed: int) -> Estimator:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(**params, random_state=seed, n_jobs=1)


def build_regressor(params: Params, seed: int) -> Estimator:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(**params, random_state=seed, n_jobs=1)


TRAINERS = (
    Trainer(
        name="random_forest",
        task="classification",
        description="The average of many trees on random samples of rows and features.",
        params={
            **forest(bootstrap=True),
            "criterion": CLASS_CRITERION,
            "max_features": max_features("sqrt"),
            "class_weight": FOREST_CLASS_WEIGHT,
        },
        build=build_classifier,
        weighs=True,
        fit_from=tree_checkpoint.fit,
        monotonic=constrain,
        resume=more_trees(build_classifier),
        resume_from=more_trees(build_classifier),
        resume_refuse=more_trees_refuse,
        scores="predict_proba",
        splits=True,
    ),
    Trainer(
        name="random_forest",
        task="regression",
        description="The average of many trees on random samples of rows and features.",
        params={**forest(bootstrap=True), "criterion": VALUE_CRITERION, "max_features": max_features(1.0)},
        build=build_regressor,
        weighs=True,
        fit_from=tree_checkpoint.fit,
        monotonic=constrain,
        resume=more_trees(build_regressor),
        resume_from=more_trees(build_regressor),
        splits=True,
    ),
)
