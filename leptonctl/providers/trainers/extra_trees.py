"""A forest of trees with random thresholds, for classification."""

from leptonctl.providers.trainers import tree_checkpoint
from leptonctl.providers.trainers.shared_params import constrain
from leptonctl.providers.trainers.tree_params import (
    CLASS_CRITERION,
    FOREST_CLASS_WEIGHT,
    forest,
    max_features,
    more_trees,
    more_trees_refuse,
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
        fit_from=tree_checkpoint.fit,
        monotonic=constrain,
        resume=more_trees(build),
        resume_from=more_trees(build),
        resume_refuse=more_trees_refuse,
        scores="predict_proba",
        splits=True,
    ),
)
