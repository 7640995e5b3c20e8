"""A forest of trees with random thresholds, for classification."""

from leptonctl.providers.trainers.more_trees import refuse_class_weight, resume_forest
from leptonctl.providers.trainers.sklearn_fits import constrain
from leptonctl.providers.trainers.tree_checkpoint import fit_trees
from leptonctl.providers.trainers.tree_params import (
    CLASS_CRITERION,
    FOREST_CLASS_WEIGHT,
    forest,
    max_features,
)
from leptonctl.spi.learning import Estimator, Params, Trainer


def build(params: Params, seed: int) -> Estimator:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(**params, random_state=seed, n_jobs=1)


TRAINERS = (
    Trainer(
        name="extra_trees",
        task="classification",
        description="The average of many trees with randomly drawn thresholds.",
        params={
            **forest(bootstrap=False),
            "criterion": CLASS_CRITERION,
            "max_features": max_features("sqrt"),
            "class_weight": FOREST_CLASS_WEIGHT,
        },
        build=build,
        weighs=True,
        fit_from=fit_trees,
        monotonic=constrain,
        resume=resume_forest,
        resume_refuse=refuse_class_weight,
        scores="predict_proba",
        splits=True,
    ),
)
