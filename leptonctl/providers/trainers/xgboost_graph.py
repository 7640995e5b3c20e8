"""XGBoost's own JSON as trees and a link. Reads the file alone: XGBoost need not be installed."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers.boosted_graph import Boosted, Link, ModelFileError, Tree

if TYPE_CHECKING:
    import numpy as np

LINKS: Mapping[str, Link] = {
    "binary:logistic": "sigmoid",
    "multi:softprob": "softmax",
    "reg:squarederror": "identity",
    "reg:squaredlogerror": "identity",
    "reg:pseudohubererror": "identity",
    "reg:absoluteerror": "identity",
    "reg:quantileerror": "identity",
    "reg:logistic": "sigmoid",
    "count:poisson": "exp",
    "reg:gamma": "exp",
    "reg:tweedie": "exp",
}
"""Objective -> the function from the sum of its trees to an answer. Other objectives are not offered."""


def read_trees(text: bytes) -> Boosted:
    """The trees of a model in the JSON that XGBoost writes. ModelFileError for what has no exact graph."""
    import numpy as np

    learner = json.loads(text)["learner"]
    objective, booster = learner["objective"]["name"], learner["gradient_booster"]
    if objective not in LINKS:
        msg = f"the objective {objective} has no graph; these have: {', '.join(LINKS)}"
        raise ModelFileError(msg)
    if booster["name"] not in ("gbtree", "dart"):
        msg = f"the booster {booster['name']} has no graph; gbtree and dart have"
        raise ModelFileError(msg)
    model = model_of(learner)
    weights = np.array(booster["weight_drop"] if booster["name"] == "dart" else [1.0] * len(model["trees"]), dtype=np.float32)
    trees = [_tree(tree, target, weight) for tree, target, weight in zip(model["trees"], model["tree_info"], weights, strict=True)]
    link = LINKS[objective]
    count = max(1, int(learner["learner_model_param"]["num_class"]), int(learner["learner_model_param"].get("num_target", 1)))
    start = _scores(learner["learner_model_param"]["base_score"], link)
    return Boosted(trees=trees, rule="BRANCH_LT", start=start * count if len(start) == 1 else start, link=link)


def model_of(learner: Any) -> Any:
    """The trees in the file and what is written about them; None where the booster has no trees."""
    booster = learner["gradient_booster"]
    return booster["gbtree"]["model"] if booster["name"] == "dart" else booster.get("model")


def _scores(written: str, link: Link) -> list[float]:
    """The raw scores before the first tree. XGBoost writes them as answers: one, or one for each class."""
    import numpy as np

    answers = np.atleast_1d(np.array(json.loads(written), dtype=np.float32))
    if link == "sigmoid":
        answers = -np.log(np.float32(1) / answers - np.float32(1))
    elif link == "exp":
        answers = np.log(answers)
    return [float(value) for value in answers]


def _tree(written: Mapping[str, Any], target: int, weight: "np.float32") -> Tree:
    """A tree. In the file, leaves have their values where other nodes have thresholds."""
    import numpy as np

    if any(written["split_type"]):
        msg = "splits by category have no graph: encode the categories, by one_hot or ordinal"
        raise ModelFileError(msg)
    values = np.array(written["split_conditions"], dtype=np.float32)
    return Tree(
        target=target,
        left=np.array(written["left_children"], dtype=np.int64),
        right=np.array(written["right_children"], dtype=np.int64),
        features=np.array(written["split_indices"], dtype=np.int64),
        thresholds=values,
        missing_left=np.array(written["default_left"], dtype=bool),
        leaves=values * weight,
    )
