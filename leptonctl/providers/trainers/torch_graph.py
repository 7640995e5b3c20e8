"""The graph of a network: Gemm and activation for each layer, softmax at the end. Written by hand, so that no exporter is needed."""

from typing import TYPE_CHECKING

from leptonctl.providers.trainers.own_graph import PROBABILITIES, ROWS, VALUES, classifier_model, regression_model
from leptonctl.providers.trainers.torch_network import TorchMLP
from leptonctl.spi.learning import Conversion

if TYPE_CHECKING:
    import numpy as np
    import onnx

OPERATORS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid"}


def to_onnx(network: TorchMLP, conversion: Conversion) -> "onnx.ModelProto":
    from onnx import helper

    nodes: list[onnx.NodeProto] = []
    constants: dict[str, np.ndarray] = {}
    source = ROWS
    layers = network.layers or []
    for number, (weights, bias) in enumerate(layers):
        constants |= {f"weights{number}": weights, f"bias{number}": bias}
        last = number == len(layers) - 1
        target = f"scores{number}" if not last or network.classes_ is not None else VALUES
        nodes.append(helper.make_node("Gemm", [source, f"weights{number}", f"bias{number}"], [target]))
        source = target
        if not last:
            source = f"hidden{number}"
            nodes += _activation(network.activation, target, source, constants)
    if network.classes_ is None:
        return regression_model(nodes, constants, conversion)
    nodes.append(helper.make_node("Softmax", [source], [PROBABILITIES], axis=1))
    return classifier_model(nodes, constants, network.classes_, conversion)


def _activation(name: str, source: str, target: str, constants: "dict[str, np.ndarray]") -> list["onnx.NodeProto"]:
    """Nodes that apply an activation as PyTorch defines it. Adds to the constants what they need."""
    import numpy as np
    from onnx import helper

    if name in OPERATORS:
        return [helper.make_node(OPERATORS[name], [source], [target])]
    if name == "leaky_relu":
        return [helper.make_node("LeakyRelu", [source], [target], alpha=0.01)]
    if name == "elu":
        return [helper.make_node("Elu", [source], [target], alpha=1.0)]
    if name == "silu":
        return [
            helper.make_node("Sigmoid", [source], [f"{target}_gate"]),
            helper.make_node("Mul", [source, f"{target}_gate"], [target]),
        ]
    constants |= {"root": np.array(np.sqrt(0.5), dtype=np.float32), "half": np.array(0.5, dtype=np.float32)}
    constants["unit"] = np.array(1, dtype=np.float32)
    # gelu has an operator only from opset 20 on
    return [
        helper.make_node("Mul", [source, "root"], [f"{target}_share"]),
        helper.make_node("Erf", [f"{target}_share"], [f"{target}_erf"]),
        helper.make_node("Add", [f"{target}_erf", "unit"], [f"{target}_plus"]),
        helper.make_node("Mul", [source, f"{target}_plus"], [f"{target}_twice"]),
        helper.make_node("Mul", [f"{target}_twice", "half"], [target]),
    ]
