"""LightGBM's own text as trees and a link. Reads the file alone: LightGBM need not be installed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from leptonctl.providers.trainers.boosted_graph import Boosted, Link, ModelFileError, Tree
from leptonctl.providers.trainers.tree_graph import float32_below

if TYPE_CHECKING:
    import numpy as np

LINKS: Mapping[str, Link] = {
    "binary": "sigmoid",
    "multiclass": "softmax",
    "regression": "identity",
    "regression_l1": "identity",
    "huber": "identity",
    "fair": "identity",
    "quantile": "identity",
    "mape": "identity",
    "poisson": "exp",
    "gamma": "exp",
    "tweedie": "exp",
    "cross_entropy": "sigmoid",
    "cross_entropy_lambda": "log1p_exp",
}
"""Objective -> the function from the sum of its trees to an answer. Other objectives are not offered."""
CATEGORICAL, DEFAULT_LEFT = 1, 2
MISSING_IS_ZERO, MISSING_IS_NAN = 4, 8
"""Bits of a node's `decision_type`."""
ZERO = 1e-35
"""The size, as float32, up to which LightGBM takes a number for zero."""


def read_trees(text: str) -> Boosted:
    """The trees of a model in the text that LightGBM writes. ModelFileError for what has no exact graph."""
    head, *blocks = text.partition("\nend of trees")[0].split("\nTree=")
    if not head.startswith("tree\n") or "\nend of trees" not in text:
        msg = "is not a model of LightGBM"
        raise ModelFileError(msg)
    fields = _fields(head)
    objective, *options = fields.get("objective", "").split()
    if objective not in LINKS or (objective == "binary" and dict(o.split(":") for o in options).get("sigmoid") != "1"):
        msg = f"the objective {fields.get('objective')} has no graph; these have: {', '.join(LINKS)}"
        raise ModelFileError(msg)
    link = LINKS[objective]
    if "sqrt" in options:
        link = "signed_square"
    targets = int(fields["num_tree_per_iteration"])
    # a random forest answers the mean of its trees, not their sum
    share = len(blocks) // targets if "average_output" in fields else 1
    trees = [_tree(_fields(block), number % targets, share) for number, block in enumerate(blocks)]
    return Boosted(trees=trees, rule="BRANCH_LEQ", start=[0.0] * targets, link=link)


def _fields(block: str) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in block.splitlines())


def _tree(fields: Mapping[str, str], target: int, share: int) -> Tree:
    """A tree: its inner nodes, then its leaves, which children name as ~leaf."""
    import numpy as np

    leaves = _numbers(fields, "leaf_value", np.float64) / share
    inner, no_child = len(leaves) - 1, np.full(len(leaves), -1, dtype=np.int64)
    decisions = _numbers(fields, "decision_type", np.int64)
    _require_graph(fields, decisions)
    thresholds = _numbers(fields, "threshold", np.float64)
    children = [_numbers(fields, f"{side}_child", np.int64) for side in ("left", "right")]
    left, right = (np.where(side < 0, inner + ~side, side) for side in children)
    # a node without a missing value in training takes one for zero
    missing = np.where(decisions & MISSING_IS_NAN, decisions & DEFAULT_LEFT, thresholds >= 0).astype(bool)
    with np.errstate(over="ignore"):
        values = leaves.astype(np.float32)
    return Tree(
        target=target,
        left=np.concatenate([left, no_child]),
        right=np.concatenate([right, no_child]),
        features=np.concatenate([_numbers(fields, "split_feature", np.int64), np.zeros(len(leaves), dtype=np.int64)]),
        thresholds=np.concatenate([_float32_thresholds(thresholds), np.zeros(len(leaves), dtype=np.float32)]),
        missing_left=np.concatenate([missing, np.zeros(len(leaves), dtype=bool)]),
        leaves=np.concatenate([np.zeros(inner, dtype=np.float32), values]),
    )


def _numbers(fields: Mapping[str, str], name: str, dtype: "type[np.generic]") -> "np.ndarray":
    import numpy as np

    kind = float if issubclass(dtype, np.floating) else int
    return np.array([kind(word) for word in fields.get(name, "").split()], dtype=dtype)


def _require_graph(fields: Mapping[str, str], decisions: "np.ndarray") -> None:
    """Raises ModelFileError for a tree that has no exact graph."""
    if fields.get("is_linear", "0") != "0":
        msg = "linear trees have no graph: remove linear_tree"
        raise ModelFileError(msg)
    if (decisions & CATEGORICAL).any():
        msg = "splits by category have no graph: encode the categories, by one_hot or ordinal"
        raise ModelFileError(msg)
    if (decisions & MISSING_IS_ZERO).any():
        msg = "zeros that count as missing have no graph: remove zero_as_missing"
        raise ModelFileError(msg)


def _float32_thresholds(exact: "np.ndarray") -> "np.ndarray":
    """The float32 thresholds by which a float32 x goes where LightGBM sends it, which takes numbers up to ZERO in size for zero."""
    import numpy as np

    zero = np.float32(ZERO)
    near_zero = np.where(exact >= 0, zero, np.nextafter(-zero, np.float32(-np.inf)))
    return np.where(np.abs(exact) <= float(zero), near_zero, float32_below(exact))
