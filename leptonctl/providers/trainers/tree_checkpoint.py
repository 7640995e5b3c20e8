"""Lets scikit-learn's ensembles of trees go on after a kill, to the same bytes: the trees that were grown are not grown again.

The fit runs from its beginning and does all that it does between two trees: draws of rows, gradients, weights, early stopping. Where it
grows a tree that was saved, that tree is set instead. So nothing of the ensemble's own state has to be saved or known here.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers import fit_state
from leptonctl.spi.learning import Checkpoint, Estimator, Progress

if TYPE_CHECKING:
    import numpy as np

BUILDERS = ("DepthFirstTreeBuilder", "BestFirstTreeBuilder")
RAND_R_MAX = 2147483647
"""Below which a splitter draws its seed, once for each tree, from the random numbers of the ensemble."""
RANDOM = 4
"""The place of those random numbers among the arguments of a splitter."""
State = dict[str, Any]


def fit(
    estimator: Estimator,
    features: "np.ndarray",
    target: "np.ndarray",
    _progress: Progress,
    checkpoint: Checkpoint,
    weights: "np.ndarray | None" = None,
) -> Estimator:
    """`estimator.fit`, which keeps the trees that it has grown."""
    with kept_trees(checkpoint):
        return estimator.fit(features, target, **({} if weights is None else {"sample_weight": weights}))


@contextmanager
def kept_trees(checkpoint: Checkpoint | None, *, leaves_change: bool = False) -> Iterator[None]:
    """Within it, scikit-learn takes the trees of a checkpoint instead of growing them, and those that it grows are saved when it is due.

    leaves_change: the ensemble sets the leaves of a tree after it has grown.
    """
    from sklearn.tree import _classes

    if checkpoint is None:
        yield
        return
    trees = _Trees(checkpoint=checkpoint, leaves_change=leaves_change)
    growers = {name: getattr(_classes, name) for name in BUILDERS}
    for name, grower in growers.items():
        setattr(_classes, name, trees.builder(grower))
    try:
        yield
    finally:
        for name, grower in growers.items():
            setattr(_classes, name, grower)


@dataclass(slots=True, kw_only=True)
class _Trees:
    """The trees of a fit in the order in which they grow, and their leaves. `saved`: those that an earlier process has grown."""

    checkpoint: Checkpoint
    leaves_change: bool
    saved: Sequence[State] = ()
    grown: list[Any] = field(default_factory=list)
    leaves: "list[np.ndarray]" = field(default_factory=list)

    def __post_init__(self) -> None:
        data = self.checkpoint.load()
        self.saved = [] if data is None else _load(data)

    def builder(self, grower: Callable[..., Any]) -> Callable[..., Any]:
        """What scikit-learn makes a builder of trees with."""

        def make(splitter: Any, *settings: Any) -> "_Builder":
            return _Builder(trees=self, splitter=splitter, real=grower(splitter, *settings))

        return make

    def take(self, tree: Any) -> bool:
        """Set the tree to the next one that was saved, if there is one."""
        if len(self.grown) >= len(self.saved):
            return False
        tree.__setstate__(self.saved[len(self.grown)])
        self.add(tree)
        return True

    def add(self, tree: Any) -> None:
        """Note a tree as it has grown."""
        self.grown.append(tree)
        self.leaves.append(tree.value.copy() if self.leaves_change else tree.value)

    def save_if_due(self) -> None:
        if self.checkpoint.is_due():
            self.checkpoint.save(_dump(self.grown, self.leaves))


@dataclass(slots=True, kw_only=True)
class _Builder:
    """In place of scikit-learn's builder of trees."""

    trees: _Trees
    splitter: Any
    real: Any

    def build(self, tree: Any, *rows: Any) -> None:
        """Grow the tree, or set the saved one, with the same effect on the random numbers."""
        if self.trees.take(tree):
            _, settings, *_ = self.splitter.__reduce__()
            settings[RANDOM].randint(0, RAND_R_MAX)
            return
        self.real.build(tree, *rows)
        self.trees.add(tree)
        self.trees.save_if_due()


def _dump(trees: Sequence[Any], leaves: "Sequence[np.ndarray]") -> bytes:
    """The trees one after the other: thousands of small arrays would take long to read."""
    import numpy as np

    states = [tree.__getstate__() for tree in trees]
    numbers = [[state["max_depth"], state["node_count"], list(values.shape)] for state, values in zip(states, leaves, strict=True)]
    nodes = np.concatenate([fit_state.packed(state["nodes"]) for state in states])
    return fit_state.dump({"trees": numbers}, {"nodes": nodes, "values": np.concatenate([values.reshape(-1) for values in leaves])})


def _load(data: bytes) -> list[State]:
    """The states of the trees."""
    from sklearn.tree._tree import NODE_DTYPE

    numbers, arrays = fit_state.load(data)
    nodes, values = fit_state.unpacked(arrays["nodes"], NODE_DTYPE), arrays["values"]
    states, node, value = [], 0, 0
    for depth, count, shape in numbers["trees"]:
        end = value + count * shape[1] * shape[2]
        # a slice of records keeps the gaps between their fields
        states.append(
            {"max_depth": depth, "node_count": count, "nodes": nodes[node : node + count], "values": values[value:end].reshape(shape)}
        )
        node, value = node + count, end
    return states
