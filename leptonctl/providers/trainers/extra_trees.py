"""A forest of trees with random thresholds, for classification."""

from leptonctl.providers.trainers import random_forest
from leptonctl.providers.trainers.tree_params import forest
from leptonctl.spi import replace
from leptonctl.spi.learning import Estimator, Params


def build(params: Params, seed: int) -> Estimator:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(**params, random_state=seed, n_jobs=1)


EXTRA_TREES = replace(
    random_forest.CLASSIFIER,
    name="extra_trees",
    description="The average of many trees with randomly drawn thresholds.",
    params={**random_forest.CLASSIFIER.params, **forest(bootstrap=False)},
    build=build,
)
TRAINERS = (EXTRA_TREES,)
