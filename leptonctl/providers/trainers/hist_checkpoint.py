"""Lets scikit-learn's histogram gradient boosting go on after a kill, to the same bytes: the trees that were grown are not grown again.

As in tree_checkpoint, the fit runs from its beginning and does all that it does between two trees. Where it grows a tree that was saved,
the saved one is taken and adds to the answers what it added before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers import fit_state
from leptonctl.spi.learning import Checkpoint, Estimator, Progress

if TYPE_CHECKING:
    import numpy as np

GROWER, ADD, SET_LEAVES = "TreeGrower", "_update_raw_predictions", "_update_leaves_values"
ARRAYS = ("nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets")


def fit(
    estimator: Estimator,
    features: "np.ndarray",
    target: "np.ndarray",
    _progress: Progress,
    checkpoint: Checkpoint,
    weights: "np.ndarray | None" = None,
) -> Estimator:
    """`estimator.fit`, which keeps the trees that it has grown."""
    with kept_trees(estimator, checkpoint):
        return estimator.fit(features, target, **({} if weights is None else {"sample_weight": weights}))


@contextmanager
def kept_trees(estimator: Estimator, checkpoint: Checkpoint | None) -> Iterator[None]:
    """Within it, scikit-learn takes the trees of the checkpoint instead of growing them, and what it grows is saved when it is due."""
    from sklearn.ensemble._hist_gradient_boosting import gradient_boosting as boosting

    if checkpoint is None:
        yield
        return
    own = {name: getattr(boosting, name) for name in (GROWER, ADD, SET_LEAVES)}
    trees = _Trees(estimator, checkpoint)

    class Grower(boosting.TreeGrower):  # type: ignore[misc]
        """Which notes the tree that it has grown."""

        def make_predictor(self, **thresholds: Any) -> Any:
            return trees.add(super().make_predictor(**thresholds))

    def grower(**settings: Any) -> Any:
        tree = trees.take()
        return Grower(**settings) if tree is None else _Saved(tree, settings["X_binned"])

    def add(answers: "np.ndarray", grower: Any, threads: int) -> None:
        if isinstance(grower, _Saved):
            missing = estimator._bin_mapper.missing_values_bin_idx_  # noqa: SLF001
            answers += grower.tree.predict_binned(grower.rows, missing, threads)
        else:
            own[ADD](answers, grower, threads)

    def set_leaves(*, grower: Any, **others: Any) -> None:
        if not isinstance(grower, _Saved):
            own[SET_LEAVES](grower=grower, **others)

    for name, value in ((GROWER, grower), (ADD, add), (SET_LEAVES, set_leaves)):
        setattr(boosting, name, value)
    try:
        yield
    finally:
        for name, value in own.items():
            setattr(boosting, name, value)


class _Trees:
    """The trees of a fit in the order in which they grow. `saved`: those that an earlier process has grown."""

    def __init__(self, estimator: Estimator, checkpoint: Checkpoint) -> None:
        self._estimator, self._checkpoint = estimator, checkpoint
        self._grown: list[Any] = []
        data = checkpoint.load()
        self._draws, self._saved = ({}, []) if data is None else _load(data)

    def take(self) -> Any:
        """The next tree that was saved; None when there is none left."""
        if len(self._grown) >= len(self._saved):
            return None
        self._grown.append(self._saved[len(self._grown)])
        if len(self._grown) == len(self._saved):
            self._estimator._feature_subsample_rng.bit_generator.state = self._draws  # noqa: SLF001
        return self._grown[-1]

    def add(self, tree: Any) -> Any:
        """Note a tree that has grown."""
        self._grown.append(tree)
        if self._checkpoint.is_due():
            self._checkpoint.save(_dump(self._grown, self._estimator._feature_subsample_rng))  # noqa: SLF001
        return tree


class _Saved:
    """In place of what grows a tree: the tree itself, and the binned rows."""

    total_apply_split_time = total_find_split_time = total_compute_hist_time = 0.0

    def __init__(self, tree: Any, rows: "np.ndarray") -> None:
        self.tree, self.rows = tree, rows

    def grow(self) -> None:
        """Has been done."""

    def make_predictor(self, **_: Any) -> Any:
        return self.tree


def _dump(trees: list[Any], draws: "np.random.Generator") -> bytes:
    """The trees one after the other, and the random numbers as they are after the last of them."""
    import numpy as np

    counts = [[len(getattr(tree, name)) for name in ARRAYS] for tree in trees]
    arrays = {name: np.concatenate([fit_state.packed(getattr(tree, name)) for tree in trees]) for name in ARRAYS}
    return fit_state.dump({"counts": counts, "draws": draws.bit_generator.state}, arrays)


def _load(data: bytes) -> tuple[dict[str, Any], list[Any]]:
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE, X_BITSET_INNER_DTYPE
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    numbers, packed = fit_state.load(data)
    kinds = (PREDICTOR_RECORD_DTYPE, (X_BITSET_INNER_DTYPE, 8), (X_BITSET_INNER_DTYPE, 8))
    arrays = [fit_state.unpacked(packed[name], kind) for name, kind in zip(ARRAYS, kinds, strict=True)]
    trees, places = [], [0, 0, 0]
    for counts in numbers["counts"]:
        trees.append(TreePredictor(*(array[at : at + count].copy() for array, at, count in zip(arrays, places, counts, strict=True))))
        places = [at + count for at, count in zip(places, counts, strict=True)]
    return numbers["draws"], trees
