"""The outputs of graphs without a target: labels with scores, or with distances and the numbers that the algorithm got."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper

from leptonctl.core.manifest import MATRIX
from leptonctl.learning.fitting.fitted_model import Fitted
from leptonctl.learning.fitting.unsupervised import NORMAL, OUTLIER
from leptonctl.learning.onnx.wiring import Wiring


def unsupervised_outputs(wiring: Wiring, fitted: Fitted, answers: Sequence[str], source: str) -> list[onnx.ValueInfoProto]:
    """Add the nodes that name the outputs. `answers`: label and score, or label and distance, as the algorithm's graph gives them.

    The label of a detector follows the score that is served, so that both agree for every row.
    """
    vector = wiring.constant(np.array([-1], dtype=np.int64))
    column = wiring.constant(np.array([-1, 1], dtype=np.int64))
    number = wiring.node("Reshape", [answers[1], column])
    if fitted.trainer.task == "anomaly":
        wiring.nodes.append(helper.make_node("Cast", [number], ["score"], to=TensorProto.FLOAT))
        below = wiring.node("Less", [wiring.node("Reshape", ["score", vector]), wiring.constant(np.array(0, dtype=np.float32))])
        place = wiring.node("Cast", [below], to=TensorProto.INT64)
        words = wiring.constant(np.array([NORMAL, OUTLIER], dtype=object))
        wiring.nodes.append(helper.make_node("Gather", [words, place], ["label"], axis=0))
        return [_tensor("label", TensorProto.STRING, ["N"]), _tensor("score", TensorProto.FLOAT, ["N", 1])]
    label = wiring.node("Reshape", [answers[0], vector])
    wiring.nodes.append(helper.make_node("Cast", [label], ["label"], to=TensorProto.INT64))
    wiring.nodes.append(helper.make_node("Cast", [number], ["distance"], to=TensorProto.FLOAT))
    wiring.nodes.append(helper.make_node("Cast", [source], [MATRIX], to=TensorProto.FLOAT))
    return [
        _tensor("label", TensorProto.INT64, ["N"]),
        _tensor("distance", TensorProto.FLOAT, ["N", 1]),
        _tensor(MATRIX, TensorProto.FLOAT, ["N", fitted.width]),
    ]


def _tensor(name: str, kind: int, shape: Sequence[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)
