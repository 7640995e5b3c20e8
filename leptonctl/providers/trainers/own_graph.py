"""The ends of the graphs that trainers build themselves: labels and probabilities of a classifier, values of a regression."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from leptonctl.spi.learning import Conversion

if TYPE_CHECKING:
    import numpy as np
    import onnx

ROWS, PROBABILITIES, VALUES = "rows", "probabilities", "values"
"""The input [N, width] of a graph, and what its nodes have to compute: probabilities [N,C], or values [N,1]."""


def classifier_model(
    nodes: Sequence["onnx.NodeProto"], constants: Mapping[str, "np.ndarray"], classes: "np.ndarray", conversion: Conversion
) -> "onnx.ModelProto":
    """A model whose label is the class with the largest of the computed probabilities, the first of equal ones."""
    from onnx import TensorProto, helper

    has_strings = classes.dtype.kind in "UO"
    key, default = ("values_strings", "default_string") if has_strings else ("values_int64s", "default_int64")
    names = {key: classes.tolist(), default: "" if has_strings else -1}
    ends = [
        helper.make_node("ArgMax", [PROBABILITIES], ["place"], axis=1, keepdims=0),
        helper.make_node("LabelEncoder", ["place"], ["label"], domain="ai.onnx.ml", keys_int64s=[*range(len(classes))], **names),
    ]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.STRING if has_strings else TensorProto.INT64, [None]),
        helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, [None, len(classes)]),
    ]
    return _model([*nodes, *ends], constants, outputs, conversion)


def regression_model(nodes: Sequence["onnx.NodeProto"], constants: Mapping[str, "np.ndarray"], conversion: Conversion) -> "onnx.ModelProto":
    """A model of the computed values."""
    from onnx import TensorProto, helper

    return _model(nodes, constants, [helper.make_tensor_value_info(VALUES, TensorProto.FLOAT, [None, 1])], conversion)


def two_classes(probability: str) -> list["onnx.NodeProto"]:
    """Nodes from the name of the probability [N,1] of the second class to the probabilities of both. They need the constant `one`."""
    from onnx import helper

    return [
        helper.make_node("Sub", ["one", probability], ["of_first"]),
        helper.make_node("Concat", ["of_first", probability], [PROBABILITIES], axis=1),
    ]


def _model(
    nodes: Sequence["onnx.NodeProto"],
    constants: Mapping[str, "np.ndarray"],
    outputs: Sequence["onnx.ValueInfoProto"],
    conversion: Conversion,
) -> "onnx.ModelProto":
    from onnx import TensorProto, helper, numpy_helper

    rows = helper.make_tensor_value_info(ROWS, TensorProto.FLOAT, [None, conversion.width])
    values = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph([*nodes], "algorithm", [rows], [*outputs], values)
    opsets = [helper.make_opsetid("", conversion.opset), helper.make_opsetid("ai.onnx.ml", conversion.ml_opset)]
    return helper.make_model(graph, opset_imports=opsets)
