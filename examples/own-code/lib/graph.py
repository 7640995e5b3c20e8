"""The network as an ONNX graph."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write(path: str, weights: dict[str, np.ndarray]) -> None:
    """Write `softmax(tanh(x @ w1 + b1) @ w2 + b2)`: one input [N, features] and one output [N, classes], both float32."""
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["a"]),
        helper.make_node("Add", ["a", "b1"], ["b"]),
        helper.make_node("Tanh", ["b"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "w2"], ["c"]),
        helper.make_node("Add", ["c", "b2"], ["d"]),
        helper.make_node("Softmax", ["d"], ["probabilities"], axis=-1),
    ]
    tensors = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", weights["w1"].shape[0]])]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", weights["w2"].shape[1]])]
    graph = helper.make_graph(nodes, "network", inputs, outputs, tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
