"""ONNX graphs of estimators for which the converter has none, or a wrong one. They compute in float64, as scikit-learn does.

Each function takes a fitted estimator and returns a model with one float32 input [N, width] and the outputs that `Trainer.to_onnx`
describes.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from leptonctl.providers.estimators.distances import precision_roots
from leptonctl.providers.trainers.tree_graph import float32_below
from leptonctl.spi.learning import Conversion, Estimator


class _Graph:
    """Nodes in order. Each method returns the name of its result; `x` is the input in float64."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.x = self.add("Cast", "features", to=TensorProto.DOUBLE)

    def constant(self, values: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, kind: str, *inputs: str | np.ndarray, domain: str = "", **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        self.nodes.append(helper.make_node(kind, names, [name], domain=domain, **attributes))
        return name

    def wide(self, kind: str, *inputs: str | np.ndarray, **attributes: Any) -> str:
        """A node whose constants are float64."""
        return self.add(kind, *(v if isinstance(v, str) else np.asarray(v, dtype=np.float64) for v in inputs), **attributes)

    def zeros(self) -> str:
        """A 0 for each row, [N, 1]."""
        return self.wide("Mul", self.add("Slice", self.x, np.array([0]), np.array([1]), np.array([1])), np.array([0.0]))

    def model(self, conversion: Conversion, outputs: list[tuple[str, int]]) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "model",
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", conversion.width])],
            [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs],
            self.constants,
        )
        opsets = [helper.make_opsetid("", conversion.opset), helper.make_opsetid("ai.onnx.ml", conversion.ml_opset)]
        return helper.make_model(graph, opset_imports=opsets)

    def classes(self, conversion: Conversion, labels: np.ndarray, probabilities: str, chosen: str) -> onnx.ModelProto:
        """A classifier: `probabilities` is [N, C], `chosen` the place of each row's class [N]."""
        strings = labels.dtype.kind not in "iu"
        values = labels.astype(object) if strings else labels.astype(np.int64)
        label = self.add("Gather", values, chosen, axis=0)
        narrow = self.add("Cast", probabilities, to=TensorProto.FLOAT)
        return self.model(conversion, [(label, TensorProto.STRING if strings else TensorProto.INT64), (narrow, TensorProto.FLOAT)])


def linear_classes(estimator: Estimator, conversion: Conversion) -> onnx.ModelProto:
    """Linear scores: a sigmoid for two classes, a softmax for more."""
    graph = _Graph()
    scores = graph.wide("Add", graph.wide("MatMul", graph.x, estimator.coef_.T), estimator.intercept_)
    if len(estimator.classes_) == 2:  # noqa: PLR2004
        second = graph.add("Sigmoid", scores)
        probabilities = graph.add("Concat", graph.wide("Sub", np.array([1.0]), second), second, axis=1)
        above = graph.wide("Greater", scores, np.array([0.0]))
        chosen = graph.add("Reshape", graph.add("Cast", above, to=TensorProto.INT64), np.array([-1]))
    else:
        probabilities = graph.add("Softmax", scores, axis=1)
        chosen = graph.add("ArgMax", scores, axis=1, keepdims=0)
    return graph.classes(conversion, estimator.classes_, probabilities, chosen)


def constant_classes(estimator: Estimator, conversion: Conversion) -> onnx.ModelProto:
    """The same probabilities for every row."""
    graph = _Graph()
    answer = estimator.predict_proba(np.zeros((1, conversion.width), dtype=np.float32))
    probabilities = graph.wide("Add", graph.zeros(), answer)
    chosen = graph.add("ArgMax", probabilities, axis=1, keepdims=0)
    return graph.classes(conversion, estimator.classes_, probabilities, chosen)


def constant_value(estimator: Estimator, conversion: Conversion) -> onnx.ModelProto:
    """The same value for every row."""
    graph = _Graph()
    value = graph.wide("Add", graph.zeros(), np.asarray(estimator.constant_, dtype=np.float64).reshape(1, 1))
    return graph.model(conversion, [(value, TensorProto.DOUBLE)])


def nearest_center(estimator: Estimator, conversion: Conversion) -> onnx.ModelProto:
    """The nearest of the centres, and the distance to it. Differences are squared one by one, since products of far rows cancel."""
    graph = _Graph()
    centers = np.asarray(estimator.cluster_centers_, dtype=np.float64)
    rows = graph.add("Unsqueeze", graph.x, np.array([1]))
    gaps = graph.wide("Sub", rows, centers[np.newaxis])
    squares = graph.add("ReduceSum", graph.wide("Mul", gaps, gaps), np.array([2]), keepdims=0)
    return _clusters(graph, conversion, graph.wide("Neg", squares), squares)


def mixture(estimator: Estimator, conversion: Conversion) -> onnx.ModelProto:
    """The likeliest component, and the Mahalanobis distance to its mean."""
    graph = _Graph()
    columns = []
    for mean, root in zip(np.asarray(estimator.means_, dtype=np.float64), precision_roots(estimator), strict=True):
        moved = graph.wide("MatMul", graph.wide("Sub", graph.x, mean), root)
        columns.append(graph.add("ReduceSum", graph.wide("Mul", moved, moved), np.array([1]), keepdims=1))
    squares = graph.add("Concat", *columns, axis=1)
    weights = _weights(estimator)
    scores = graph.wide("Add", graph.wide("Mul", squares, np.array([-0.5])), weights)
    return _clusters(graph, conversion, scores, squares)


def _weights(mixture_model: Estimator) -> np.ndarray:
    """The part of each component's score that is not the distance: its weight and volume, or what a Bayesian mixture expects of them."""
    point = np.asarray(mixture_model.means_[:1], dtype=np.float64)
    components = zip(mixture_model.means_, precision_roots(mixture_model), strict=True)
    squares = [(((point - mean) @ root) ** 2).sum() for mean, root in components]
    weighted = mixture_model._estimate_weighted_log_prob(point)[0]  # noqa: SLF001
    return np.asarray(weighted + 0.5 * np.array(squares), dtype=np.float64)


def _clusters(graph: _Graph, conversion: Conversion, scores: str, squares: str) -> onnx.ModelProto:
    """A clusterer: the cluster with the largest score, and the root of its square."""
    chosen = graph.add("ArgMax", scores, axis=1, keepdims=1)
    distance = graph.add("Sqrt", graph.add("GatherElements", squares, chosen, axis=1))
    label = graph.add("Reshape", chosen, np.array([-1]))
    return graph.model(conversion, [(label, TensorProto.INT64), (distance, TensorProto.DOUBLE)])


def _anomalies(graph: _Graph, conversion: Conversion, scores: str) -> onnx.ModelProto:
    """A detector of anomalies. Its label is a placeholder: the model's label follows the score."""
    label = graph.add("Reshape", graph.add("Cast", scores, to=TensorProto.INT64), np.array([-1]))
    return graph.model(conversion, [(label, TensorProto.INT64), (scores, TensorProto.DOUBLE)])


def elliptic_envelope(estimator: Estimator, conversion: Conversion) -> onnx.ModelProto:
    """The negative squared Mahalanobis distance to the centre, less the offset."""
    graph = _Graph()
    gaps = graph.wide("Sub", graph.x, estimator.location_)
    weighted = graph.wide("Mul", graph.wide("MatMul", gaps, estimator.precision_), gaps)
    squares = graph.add("ReduceSum", weighted, np.array([1]), keepdims=1)
    scores = graph.wide("Sub", graph.wide("Neg", squares), np.array([float(estimator.offset_)]))
    return _anomalies(graph, conversion, scores)


def isolation_forest(estimator: Estimator, conversion: Conversion) -> onnx.ModelProto:
    """All trees as one node that adds up how deep a row gets; the converter makes several nodes of each tree."""
    graph = _Graph()
    trees = zip(estimator.estimators_, estimator.estimators_features_, estimator._decision_path_lengths, strict=True)  # noqa: SLF001
    fields: dict[str, list[Any]] = {name: [] for name in (*_NODE, *_LEAF)}
    for number, (tree, features, depths) in enumerate(trees):
        _add_tree(fields, number, tree.tree_, features, depths + estimator._average_path_length_per_tree[number] - 1.0)  # noqa: SLF001
    depth = graph.add(
        "TreeEnsembleRegressor", "features", domain="ai.onnx.ml", n_targets=1, aggregate_function="SUM", post_transform="NONE", **fields
    )  # fmt: skip
    rows = len(estimator.estimators_) * float(_average_path_length(estimator.max_samples_))
    share = graph.wide("Div", graph.add("Cast", depth, to=TensorProto.DOUBLE), np.array([-rows]))
    scores = graph.wide("Sub", graph.wide("Neg", graph.wide("Pow", np.array([2.0]), share)), np.array([float(estimator.offset_)]))
    return _anomalies(graph, conversion, scores)


_NODE = (
    "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_modes", "nodes_values", "nodes_truenodeids", "nodes_falsenodeids",
    "nodes_missing_value_tracks_true", "nodes_hitrates",
)  # fmt: skip
_LEAF = ("target_treeids", "target_nodeids", "target_ids", "target_weights")


def _add_tree(fields: dict[str, list[Any]], number: int, tree: Any, features: np.ndarray, depths: np.ndarray) -> None:
    """The nodes of one tree. `depths`: the depth that counts for a row that ends in each node."""
    thresholds = float32_below(tree.threshold.astype(np.float64))
    for node in range(tree.node_count):
        left = int(tree.children_left[node])
        leaf = left < 0
        values = (
            number, node, 0 if leaf else int(features[tree.feature[node]]), "LEAF" if leaf else "BRANCH_LEQ",
            0.0 if leaf else float(thresholds[node]), max(left, 0), max(int(tree.children_right[node]), 0), 0, 1.0,
        )  # fmt: skip
        for name, value in zip(_NODE, values, strict=True):
            fields[name].append(value)
        if leaf:
            for name, value in zip(_LEAF, (number, node, 0, float(depths[node])), strict=True):
                fields[name].append(value)


def _average_path_length(rows: int) -> float:
    from sklearn.ensemble._iforest import _average_path_length as average

    return float(average([rows])[0])
