"""ONNX graphs of estimators that the converter has none for, or a wrong one. They compute in float64, as scikit-learn does.

Each function takes a fitted estimator and returns a model with one float32 input [N, width] and the outputs that `Trainer.to_onnx`
describes.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

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
    zeros = graph.wide("Mul", graph.add("Slice", graph.x, np.array([0]), np.array([1]), np.array([1])), np.array([0.0]))
    probabilities = graph.wide("Add", zeros, answer)
    chosen = graph.add("ArgMax", probabilities, axis=1, keepdims=0)
    return graph.classes(conversion, estimator.classes_, probabilities, chosen)


def constant_value(estimator: Estimator, conversion: Conversion) -> onnx.ModelProto:
    """The same value for every row."""
    graph = _Graph()
    zeros = graph.wide("Mul", graph.add("Slice", graph.x, np.array([0]), np.array([1]), np.array([1])), np.array([0.0]))
    value = graph.wide("Add", zeros, np.asarray(estimator.constant_, dtype=np.float64).reshape(1, 1))
    return graph.model(conversion, [(value, TensorProto.DOUBLE)])
