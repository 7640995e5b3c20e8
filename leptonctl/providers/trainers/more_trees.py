"""How ensembles of trees continue (`warm_start`): with more trees, fitted to the new rows, beside those of the parent."""

from collections.abc import Iterable
from typing import Any

from leptonctl.providers.trainers.tree_checkpoint import replay_trees
from leptonctl.spi.learning import Estimator, Params, Training


def resume_forest(parent: Estimator, fresh: Estimator, training: Training) -> Estimator:
    """`n_estimators` more trees."""
    forest = copy_of(parent, parent.estimators_).set_params(**fresh.get_params())
    forest.set_params(warm_start=True, n_estimators=len(parent.estimators_) + fresh.n_estimators)
    with replay_trees(training.checkpoint):
        return forest.fit(training.features, training.target).set_params(warm_start=False)


def refuse_class_weight(params: Params) -> str | None:
    """Why a forest with these parameters cannot continue, or None."""
    if params.get("class_weight") is None:
        return None
    return "`class_weight` is of all rows, and the earlier trees have weights of other rows; remove it"


def copy_of(ensemble: Estimator, trees: Iterable[Estimator]) -> Estimator:
    """A copy of an ensemble with these `trees`, of equal bytes every time: numpy copies records without the gaps between their fields."""
    from copy import deepcopy

    copies = {id(tree.tree_): _copy_of_tree(tree.tree_) for tree in trees}
    return deepcopy(ensemble, copies)


def _copy_of_tree(tree: Any) -> Any:
    import numpy as np

    state = tree.__getstate__()
    nodes = np.zeros(state["nodes"].shape, dtype=state["nodes"].dtype)
    for name in nodes.dtype.names:
        nodes[name] = state["nodes"][name]
    kind, arguments, _ = tree.__reduce__()
    copy = kind(*arguments)
    copy.__setstate__({**state, "nodes": nodes})
    return copy
