"""Checks that trees from a file are whole, finite and without a circle. The file may be hostile, so every loop is bounded."""

from typing import TYPE_CHECKING

import msgspec

from leptonctl.providers.trainers.boosted_graph import Boosted, ModelFileError, Tree

if TYPE_CHECKING:
    import numpy as np

DEEPEST = 2048
"""Levels of a tree: onnxruntime makes one nested call for each level when it loads a graph."""
WIDEST = 1_000_000
DAMAGES = (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError, RecursionError, MemoryError, msgspec.ValidationError)
"""What may be raised while a damaged file is read."""


def check_boosted(boosted: Boosted, width: int, classes: int | None) -> None:
    """ValueError unless every tree is whole and uses columns below `width` and scores that exist. classes None: a regression."""
    problem = _model_problem(boosted, width, classes)
    if problem is not None:
        raise ModelFileError(problem)
    for number, tree in enumerate(boosted.trees):
        problem = _tree_problem(tree, width, len(boosted.start))
        if problem is not None:
            msg = f"tree {number} {problem}"
            raise ModelFileError(msg)


def damage_error(title: str, problem: Exception) -> ModelFileError:
    """The error for what was raised while a file of a library was read."""
    text = " ".join(str(problem).split())[:200]
    if isinstance(problem, ModelFileError):
        return ModelFileError(text)
    return ModelFileError(f"it is not a whole model of {title}: {text or type(problem).__name__}")


def _model_problem(boosted: Boosted, width: int, classes: int | None) -> str | None:
    scores = classes if classes is not None and boosted.link == "softmax" else 1
    if len(boosted.start) != scores:
        return f"it gives {len(boosted.start)} scores a row where {scores} would do"
    if not 1 <= width <= WIDEST:
        return f"it takes {width} columns"
    if not boosted.trees:
        return "it has no trees"
    if not all(abs(value) < float("inf") for value in boosted.start):
        return "the score that it starts with is not a number"
    return None


def _tree_problem(tree: Tree, width: int, scores: int) -> str | None:
    import numpy as np

    arrays = (tree.left, tree.right, tree.features, tree.thresholds, tree.missing_left, tree.leaves)
    count = len(tree.left)
    if not count or any(array.shape != (count,) for array in arrays):
        return "has nodes that are not complete"
    if not 0 <= tree.target < scores:
        return f"adds to the score {tree.target} of {scores}"
    inner = (tree.left >= 0) | (tree.right >= 0)
    children = np.concatenate([tree.left[inner], tree.right[inner]])
    if (children < 0).any() or (children >= count).any():
        return "has a node whose child does not exist"
    return _split_problem(tree, inner, width) or _shape_problem(tree, inner, np.bincount(children, minlength=count))


def _split_problem(tree: Tree, inner: "np.ndarray", width: int) -> str | None:
    import numpy as np

    features = tree.features[inner]
    if (features < 0).any() or (features >= width).any():
        return f"splits by a column beyond the {width} that the model takes"
    if np.isnan(tree.thresholds[inner]).any() or not np.isfinite(tree.leaves[~inner]).all():
        return "has a threshold or a leaf that is not a number"
    return None


def _shape_problem(tree: Tree, inner: "np.ndarray", parents: "np.ndarray") -> str | None:
    if parents[0] or (parents > 1).any():
        return "has a node with two parents, or a circle"
    reached = _reached_nodes(tree, inner)
    if reached is None:
        return f"is deeper than {DEEPEST} levels"
    return "has a circle that its root does not reach" if (inner & ~reached).any() else None


def _reached_nodes(tree: Tree, inner: "np.ndarray") -> "np.ndarray | None":
    """Which nodes the root reaches, level by level; None when there are too many levels. Expects that no node has two parents."""
    import numpy as np

    reached = np.zeros(len(inner), dtype=bool)
    level = np.zeros(1, dtype=np.int64)
    for _ in range(DEEPEST):
        reached[level] = True
        level = level[inner[level]]
        if not len(level):
            return reached
        level = np.concatenate([tree.left[level], tree.right[level]])
    return None
