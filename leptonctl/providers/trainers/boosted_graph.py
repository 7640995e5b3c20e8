"""Boosted trees as an ONNX graph: one TreeEnsembleRegressor for the raw scores, then the function from scores to answers.

Knows no library: XGBoost and LightGBM describe their trees as `Tree`s. A TreeEnsembleClassifier would save the last nodes, but onnxruntime
guesses from the signs of its leaves whether it holds probabilities (`tree_graph.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from leptonctl.providers.trainers.own_graph import PROBABILITIES, ROWS, VALUES, classifier_model, regression_model, two_classes
from leptonctl.spi.learning import Conversion

if TYPE_CHECKING:
    import numpy as np
    import onnx

Link = Literal["identity", "sigmoid", "softmax", "exp", "log1p_exp", "signed_square"]
"""The function from a raw score to an answer."""
Rule = Literal["BRANCH_LT", "BRANCH_LEQ"]


class ModelFileError(ValueError):
    """A model from a file cannot be used. Says why, for the person who has the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One tree, its nodes in arrays of equal length; node 0 is the root.

    target: the raw score that it adds to. left, right: the node for rows that meet the rule, and for the others; -1 at leaves.
    features, thresholds (float32): of the rule. missing_left: whether a row without the feature goes left. leaves (float32): values.
    """

    target: int
    left: "np.ndarray"
    right: "np.ndarray"
    features: "np.ndarray"
    thresholds: "np.ndarray"
    missing_left: "np.ndarray"
    leaves: "np.ndarray"


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosted:
    """Trees, the rule that their nodes apply, the raw scores before the first tree, and the link."""

    trees: Sequence[Tree]
    rule: Rule
    start: Sequence[float]
    link: Link


def trees_to_onnx(boosted: Boosted, classes: "np.ndarray | None", conversion: Conversion) -> "onnx.ModelProto":
    """The graph; `classes` None for a regression."""
    import numpy as np

    nodes, constants = [_scores(boosted)], {"one": np.ones(1, dtype=np.float32)}
    if classes is None:
        nodes += _values(boosted.link)
        if boosted.link in ("identity", "sigmoid", "exp"):
            constants = {}
        return regression_model(nodes, constants, conversion)
    from onnx import helper

    if boosted.link == "softmax":
        nodes.append(helper.make_node("Softmax", ["scores"], [PROBABILITIES], axis=1))
        return classifier_model(nodes, {}, classes, conversion)
    nodes += [helper.make_node("Sigmoid", ["scores"], ["of_second"]), *two_classes("of_second")]
    return classifier_model(nodes, constants, classes, conversion)


def file_to_onnx(boosted: Boosted, classes: int | None, conversion: Conversion) -> "onnx.ModelProto":
    """The graph of a model from a file, whose classes are numbers from 0; `classes` None for a regression."""
    import numpy as np

    return trees_to_onnx(boosted, None if classes is None else np.arange(classes), conversion)


def _values(link: Link) -> list["onnx.NodeProto"]:
    """Nodes from scores [N,1] to values [N,1]."""
    from onnx import helper

    if link == "log1p_exp":
        return [helper.make_node("Softplus", ["scores"], [VALUES])]
    if link == "signed_square":
        return [
            helper.make_node("Abs", ["scores"], ["size"]),
            helper.make_node("Mul", ["scores", "size"], [VALUES]),
        ]
    return [helper.make_node({"identity": "Identity", "sigmoid": "Sigmoid", "exp": "Exp"}[link], ["scores"], [VALUES])]


def _scores(boosted: Boosted) -> "onnx.NodeProto":
    from onnx import helper

    fields: dict[str, Any] = {name: [] for name in _FIELDS}
    for number, tree in enumerate(boosted.trees):
        _add(fields, number, tree, boosted.rule)
    return helper.make_node(
        "TreeEnsembleRegressor",
        [ROWS],
        ["scores"],
        domain="ai.onnx.ml",
        n_targets=len(boosted.start),
        base_values=[float(value) for value in boosted.start],
        aggregate_function="SUM",
        post_transform="NONE",
        **fields,
    )


_FIELDS = (
    "nodes_treeids", "nodes_nodeids", "nodes_modes", "nodes_featureids", "nodes_values", "nodes_truenodeids", "nodes_falsenodeids",
    "nodes_missing_value_tracks_true", "target_treeids", "target_nodeids", "target_ids", "target_weights",
)  # fmt: skip


def _add(fields: dict[str, list[Any]], number: int, tree: Tree, rule: Rule) -> None:
    """Add a tree to the attributes of the node."""
    import numpy as np

    leaf = tree.left < 0
    inner, places = ~leaf, np.flatnonzero(leaf)
    fields["nodes_treeids"] += [number] * len(leaf)
    fields["nodes_nodeids"] += range(len(leaf))
    fields["nodes_modes"] += ["LEAF" if one else rule for one in leaf]
    for name, values in (
        ("nodes_featureids", tree.features),
        ("nodes_values", tree.thresholds),
        ("nodes_truenodeids", tree.left),
        ("nodes_falsenodeids", tree.right),
        ("nodes_missing_value_tracks_true", tree.missing_left.astype(np.int64)),
    ):
        fields[name] += np.where(inner, values, 0).tolist()
    fields["target_treeids"] += [number] * len(places)
    fields["target_nodeids"] += places.tolist()
    fields["target_ids"] += [tree.target] * len(places)
    fields["target_weights"] += tree.leaves[places].tolist()
