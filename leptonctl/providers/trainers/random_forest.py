"""A forest of trees on samples drawn with replacement, for classification and regression."""

from leptonctl.providers.trainers.more_trees import refuse_class_weight, resume_forest
from leptonctl.providers.trainers.sklearn_fits import constrain
from leptonctl.providers.trainers.tree_checkpoint import fit_trees
from leptonctl.providers.trainers.tree_params import (
    CLASS_CRITERION,
    FOREST_CLASS_WEIGHT,
    VALUE_CRITERION,
    forest,
    max_features,
)
from leptonctl.spi import replace
from leptonctl.spi.learning import Estimator, Params, Trainer


def build_classifier(params: Params, seed: int) -> Estimator:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(**params, random_state=seed, n_jobs=1)


def build_regressor(params: Params, seed: int) -> Estimator:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(**params, random_state=seed, n_jobs=1)


CLASSIFIER = Trainer(
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
    fit_from=fit_trees,
    monotonic=constrain,
    resume=resume_forest,
    resume_refuse=refuse_class_weight,
    scores="predict_proba",
    splits=True,
)
REGRESSOR = replace(
    CLASSIFIER,
    task="regression",
    params={**forest(bootstrap=True), "criterion": VALUE_CRITERION, "max_features": max_features(1.0)},
    build=build_regressor,
    resume_refuse=None,
    scores=None,
)
TRAINERS = (CLASSIFIER, REGRESSOR)
