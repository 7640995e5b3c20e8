"""Lets scikit-learn's histogram gradient boosting continue after a kill, to the same bytes: the trees that were saved are not grown again.

As in tree_checkpoint, the fit runs from its beginning and does everything that it does between two trees. Where it would grow a tree that
was saved, the saved one takes its place and adds to the answers what it added before.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers import fit_state
from leptonctl.providers.trainers.sklearn_fits import fit_weighted
from leptonctl.spi.learning import Checkpoint, Estimator, Training

if TYPE_CHECKING:
    import numpy as np

GROWER, ADD, SET_LEAVES = "TreeGrower", "_update_raw_predictions", "_update_leaves_values"
"""What scikit-learn's loop calls for each tree, by name: to grow it, to add its answers, and to set its leaves."""
ARRAYS = ("nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets")


def fit_trees(estimator: Estimator, training: Training) -> Estimator:
    """Fit the ensemble, and keep the trees that it has grown."""
    with replay_trees(estimator, training.checkpoint):
        return fit_weighted(estimator, training)


@contextmanager
def replay_trees(estimator: Estimator, checkpoint: Checkpoint | None) -> Iterator[None]:
    """Within it, scikit-learn takes the trees of a checkpoint instead of growing them, and saves those that it grows when that is due."""
    if checkpoint is None:
        yield
        return
    from sklearn.ensemble._hist_gradient_boosting import gradient_boosting as boosting

    originals = {name: getattr(boosting, name) for name in (GROWER, ADD, SET_LEAVES)}
    for name, replacement in _replacements(originals, estimator, checkpoint).items():
        setattr(boosting, name, replacement)
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(boosting, name, original)


def _replacements(originals: Mapping[str, Any], estimator: Estimator, checkpoint: Checkpoint) -> dict[str, Callable[..., Any]]:
    trees, own_grower = _Trees(estimator, checkpoint), originals[GROWER]

    class Grower(own_grower):  # type: ignore[valid-type,misc]
        """Notes the tree that it has grown."""

        def make_predictor(self, **thresholds: Any) -> Any:
            return trees.add(super().make_predictor(**thresholds))

    def grower(**settings: Any) -> Any:
        tree = trees.replay()
        return Grower(**settings) if tree is None else _Saved(tree, settings["X_binned"])

    def add(answers: "np.ndarray", grower: Any, threads: int) -> None:
        if isinstance(grower, _Saved):
            missing = estimator._bin_mapper.missing_values_bin_idx_  # noqa: SLF001
            answers += grower.tree.predict_binned(grower.rows, missing, threads)
        else:
            originals[ADD](answers, grower, threads)

    def set_leaves(*, grower: Any, **others: Any) -> None:
        if not isinstance(grower, _Saved):
            originals[SET_LEAVES](grower=grower, **others)

    return {GROWER: grower, ADD: add, SET_LEAVES: set_leaves}


class _Trees:
    """The trees of a fit so far, in the order in which they grew."""

    def __init__(self, estimator: Estimator, checkpoint: Checkpoint) -> None:
        self._estimator, self._checkpoint = estimator, checkpoint
        self._trees: list[Any] = []
        data = checkpoint.load()
        self._draws, self._earlier = ({}, []) if data is None else _load(data)

    def replay(self) -> Any:
        """The next tree that an earlier process saved; None when there is none."""
        if len(self._trees) >= len(self._earlier):
            return None
        self._trees.append(self._earlier[len(self._trees)])
        if len(self._trees) == len(self._earlier):
            self._estimator._feature_subsample_rng.bit_generator.state = self._draws  # noqa: SLF001
        return self._trees[-1]

    def add(self, tree: Any) -> Any:
        """Note a tree that has grown, and save when that is due."""
        self._trees.append(tree)
        if self._checkpoint.is_due():
            self._checkpoint.save(_dump(self._trees, self._estimator._feature_subsample_rng))  # noqa: SLF001
        return tree


class _Saved:
    """Takes the place of what grows a tree: the tree itself, and the binned rows."""

    total_apply_split_time = total_find_split_time = total_compute_hist_time = 0.0

    def __init__(self, tree: Any, rows: "np.ndarray") -> None:
        self.tree, self.rows = tree, rows

    def grow(self) -> None:
        """Do nothing: the tree has grown already."""

    def make_predictor(self, **_: Any) -> Any:
        return self.tree


def _dump(trees: list[Any], draws: "np.random.Generator") -> bytes:
    """The trees one after the other, and the random numbers as they are after the last of them."""
    import numpy as np

    counts = [[len(getattr(tree, name)) for name in ARRAYS] for tree in trees]
    arrays = {name: np.concatenate([fit_state.pack(getattr(tree, name)) for tree in trees]) for name in ARRAYS}
    return fit_state.dump({"counts": counts, "draws": draws.bit_generator.state}, arrays)


def _load(data: bytes) -> tuple[dict[str, Any], list[Any]]:
    """The random numbers after the last tree, and the trees."""
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE, X_BITSET_INNER_DTYPE
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    numbers, packed = fit_state.load(data)
    kinds = (PREDICTOR_RECORD_DTYPE, (X_BITSET_INNER_DTYPE, 8), (X_BITSET_INNER_DTYPE, 8))
    arrays = [fit_state.unpack(packed[name], kind) for name, kind in zip(ARRAYS, kinds, strict=True)]
    trees, places = [], [0, 0, 0]
    for counts in numbers["counts"]:
        trees.append(TreePredictor(*(array[at : at + count].copy() for array, at, count in zip(arrays, places, counts, strict=True))))
        places = [at + count for at, count in zip(places, counts, strict=True)]
    return numbers["draws"], trees
