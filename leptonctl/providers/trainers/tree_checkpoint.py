"""Lets scikit-learn's ensembles of trees continue after a kill, to the same bytes: the trees that were saved are not grown again.

The fit runs from its beginning and does everything that it does between two trees: draws of rows, gradients, weights, early stopping. Where
it would grow a tree that was saved, the saved one is set instead. So no other state of the ensemble has to be saved.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers import fit_state
from leptonctl.providers.trainers.sklearn_fits import fit_weighted
from leptonctl.spi.learning import Checkpoint, Estimator, Training

if TYPE_CHECKING:
    import numpy as np

BUILDERS = ("DepthFirstTreeBuilder", "BestFirstTreeBuilder")
RAND_R_MAX = 2147483647
"""The bound of the seed that a splitter draws, once for each tree, from the random numbers of the ensemble."""
RANDOM = 4
"""The place of those random numbers among the arguments of a splitter."""
State = dict[str, Any]


def fit_trees(estimator: Estimator, training: Training) -> Estimator:
    """Fit an ensemble, and keep the trees that it has grown."""
    with replay_trees(training.checkpoint):
        return fit_weighted(estimator, training)


@contextmanager
def replay_trees(checkpoint: Checkpoint | None, *, leaves_change: bool = False) -> Iterator[None]:
    """Within it, scikit-learn takes the trees of a checkpoint instead of growing them, and saves those that it grows when that is due.

    leaves_change: the ensemble sets the leaves of a tree after it has grown.
    """
    if checkpoint is None:
        yield
        return
    from sklearn.tree import _classes

    trees = _Trees(checkpoint=checkpoint, leaves_change=leaves_change)
    originals = {name: getattr(_classes, name) for name in BUILDERS}
    for name, original in originals.items():
        setattr(_classes, name, trees.builder(original))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(_classes, name, original)


@dataclass(slots=True, kw_only=True)
class _Trees:
    """The trees of a fit so far, in the order in which they grew, and their leaves. `earlier`: those that an earlier process saved."""

    checkpoint: Checkpoint
    leaves_change: bool
    earlier: Sequence[State] = ()
    trees: list[Any] = field(default_factory=list)
    leaves: "list[np.ndarray]" = field(default_factory=list)

    def __post_init__(self) -> None:
        data = self.checkpoint.load()
        self.earlier = () if data is None else _load(data)

    def builder(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """The class that scikit-learn builds trees with, replaced."""

        def build(splitter: Any, *settings: Any) -> "_Builder":
            return _Builder(trees=self, splitter=splitter, original=original(splitter, *settings))

        return build

    def replay(self, tree: Any) -> bool:
        """Set the tree to the next one that was saved. False when there is none."""
        if len(self.trees) >= len(self.earlier):
            return False
        tree.__setstate__(self.earlier[len(self.trees)])
        self.add(tree)
        return True

    def add(self, tree: Any) -> None:
        self.trees.append(tree)
        self.leaves.append(tree.value.copy() if self.leaves_change else tree.value)

    def save_if_due(self) -> None:
        if self.checkpoint.is_due():
            self.checkpoint.save(_dump(self.trees, self.leaves))


@dataclass(slots=True, kw_only=True)
class _Builder:
    """Takes the place of scikit-learn's builder of trees."""

    trees: _Trees
    splitter: Any
    original: Any

    def build(self, tree: Any, *rows: Any) -> None:
        """Grow the tree, or set the saved one, with the same effect on the random numbers."""
        if self.trees.replay(tree):
            _, settings, *_ = self.splitter.__reduce__()
            settings[RANDOM].randint(0, RAND_R_MAX)
            return
        self.original.build(tree, *rows)
        self.trees.add(tree)
        self.trees.save_if_due()


def _dump(trees: Sequence[Any], leaves: "Sequence[np.ndarray]") -> bytes:
    """The trees one after the other: thousands of small arrays would take long to read."""
    import numpy as np

    states = [tree.__getstate__() for tree in trees]
    numbers = [[state["max_depth"], state["node_count"], list(values.shape)] for state, values in zip(states, leaves, strict=True)]
    nodes = np.concatenate([fit_state.pack(state["nodes"]) for state in states])
    return fit_state.dump({"trees": numbers}, {"nodes": nodes, "values": np.concatenate([values.reshape(-1) for values in leaves])})


def _load(data: bytes) -> list[State]:
    """The states of the trees."""
    from sklearn.tree._tree import NODE_DTYPE

    numbers, arrays = fit_state.load(data)
    nodes, values = fit_state.unpack(arrays["nodes"], NODE_DTYPE), arrays["values"]
    states, node, value = [], 0, 0
    for depth, count, shape in numbers["trees"]:
        end = value + count * shape[1] * shape[2]
        # a slice of records keeps the gaps between their fields
        states.append(
            {"max_depth": depth, "node_count": count, "nodes": nodes[node : node + count], "values": values[value:end].reshape(shape)}
        )
        node, value = node + count, end
    return states
