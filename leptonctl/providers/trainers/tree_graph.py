"""What the graphs of trees share: thresholds in float32, and the repair of trees that add up to a score."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import onnx

TINY = -(2.0**-126)
"""The smallest normal float32 below zero: it changes no score."""
LEAF = {
    "nodes_falsenodeids": 0, "nodes_featureids": 0, "nodes_hitrates": 1.0, "nodes_missing_value_tracks_true": 0, "nodes_modes": b"LEAF",
    "nodes_nodeids": 0, "nodes_truenodeids": 0, "nodes_values": 0.0, "class_ids": 0, "class_nodeids": 0, "class_weights": TINY,
}  # fmt: skip


def compare_scores_with_zero(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Make the label of two classes follow the sign of the score, as in scikit-learn.

    onnxruntime takes scores for probabilities when no leaf is negative, and compares them with 0.5: trees without a split, whose leaves are
    all 0, and trees that only add. A tree of one leaf, negative but too small to count, tells it what they are.
    """
    for node in model.graph.node:
        fields = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type != "TreeEnsembleClassifier":
            continue
        if len({*fields["class_ids"].ints}) > 1 or min(fields["class_weights"].floats) < 0:
            continue
        tree = max(fields["nodes_treeids"].ints) + 1
        for name, value in {**LEAF, "nodes_treeids": tree, "class_treeids": tree}.items():
            if name not in fields:
                continue
            if isinstance(value, bytes):
                fields[name].strings.append(value)
            elif isinstance(value, float):
                fields[name].floats.append(value)
            else:
                fields[name].ints.append(value)
    return model


def float32_below(exact: "np.ndarray") -> "np.ndarray":
    """The largest float32 that is not above each number: a float32 x is at most the number when it is at most that."""
    import numpy as np

    with np.errstate(over="ignore"):
        near = exact.astype(np.float32)
    return np.where(near.astype(np.float64) > exact, np.nextafter(near, np.float32(-np.inf)), near)
