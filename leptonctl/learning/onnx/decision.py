"""Adds a decision to an exported graph: calibrates its probabilities, and takes the label by a threshold or the largest probability.

A calibration is computed in float64 so that it equals numpy's; probabilities are float32 before and after it, as in `Rule`.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper

from leptonctl.core.manifest import OUTPUTS
from leptonctl.learning.onnx.canonical import ML_OPSET, canonical, serialize
from leptonctl.learning.onnx.wiring import Wiring
from leptonctl.learning.scoring.decision import Calibrator, Rule, Sigmoid
from leptonctl.spi.learning import ProviderError

OLDEST_OPSET = 13
"""The lowest for graphs that were made elsewhere: from this version on, axes are inputs."""
LABEL, PROBABILITIES = OUTPUTS["classification"]


def decided_graph(learned: bytes, rule: Rule, label: str, probabilities: str) -> bytes:
    """The canonical graph that follows the rule. `label`, `probabilities`: the outputs of the learned graph."""
    model = onnx.load_from_string(learned)
    versions = {"ai.onnx.ml": ML_OPSET, **{one.domain: one.version for one in model.opset_import}}
    opset = versions[""]
    if opset < OLDEST_OPSET:
        raise ProviderError(
            "The threshold or calibration is not possible",
            detail=f"The graph is made for version {opset} of ONNX's operators; a threshold or calibration needs at least {OLDEST_OPSET}.",
            hint="export the model with `target_opset=18`",
            id="decision-not-possible",
        )
    inputs, kinds = [*model.graph.input], {value.name: value.type.tensor_type.elem_type for value in model.graph.output}
    kind = kinds[label]
    wiring = Wiring()
    (values,) = wiring.splice(_remove_output(model, label), [value.name for value in inputs], [probabilities])
    if rule.calibrators:
        values = _calibrate(wiring, rule, values)
    wiring.nodes.append(helper.make_node("Identity", [values], [PROBABILITIES]))
    wiring.nodes.append(helper.make_node("Identity", [_label(wiring, rule, values)], [LABEL]))
    outputs = [
        helper.make_tensor_value_info(LABEL, kind, ["N"]),
        helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, ["N", len(rule.classes)]),
    ]
    graph = helper.make_graph(wiring.nodes, "model", inputs, outputs, wiring.initializers)
    decided = canonical(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]), opset, versions)
    onnx.checker.check_model(decided)
    return serialize(decided)


def _remove_output(model: onnx.ModelProto, output: str) -> onnx.ModelProto:
    """The model without the nodes that only this output needs."""
    needed = {value.name for value in model.graph.output if value.name != output}
    nodes: list[onnx.NodeProto] = []
    for node in reversed(model.graph.node):
        if needed & {*node.output} or any(a.type == onnx.AttributeProto.GRAPH for a in node.attribute):
            needed.update(node.input)
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(reversed(nodes))
    return model


def _calibrate(wiring: Wiring, rule: Rule, probabilities: str) -> str:
    """float32 [N, C] calibrated."""
    wide = wiring.node("Cast", [probabilities], to=TensorProto.DOUBLE)
    one = wiring.constant(np.array([1.0]))
    if len(rule.calibrators) == 1:
        second = _one_class(wiring, rule.calibrators[0], wide, 1)
        scores = wiring.node("Concat", [wiring.node("Sub", [one, second]), second], axis=1)
        return wiring.node("Cast", [scores], to=TensorProto.FLOAT)
    columns = [_one_class(wiring, calibrator, wide, place) for place, calibrator in enumerate(rule.calibrators)]
    scores = wiring.node("Concat", columns, axis=1)
    total = wiring.node("ReduceSum", [scores, wiring.constant(np.array([1], dtype=np.int64))], keepdims=1)
    uniform = wiring.constant(np.array([1.0 / len(rule.classes)]))
    is_zero = wiring.node("Equal", [total, wiring.constant(np.array([0.0]))])
    shares = wiring.node("Where", [is_zero, uniform, wiring.node("Div", [scores, total])])
    return wiring.node("Cast", [wiring.node("Min", [shares, one])], to=TensorProto.FLOAT)


def _one_class(wiring: Wiring, calibrator: Calibrator, probabilities: str, place: int) -> str:
    """The calibrated float64 column [N, 1] of one class, before the classes are normalised to a sum of one."""
    column = wiring.node("Gather", [probabilities, wiring.constant(np.array([place], dtype=np.int64))], axis=1)
    if isinstance(calibrator, Sigmoid):
        slope, offset = wiring.constant(np.array([-calibrator.slope])), wiring.constant(np.array([-calibrator.offset]))
        return wiring.node("Sigmoid", [wiring.node("Add", [wiring.node("Mul", [column, slope]), offset])])
    x, y = calibrator.x, calibrator.y
    if len(x) == 1:
        return wiring.node("Add", [wiring.node("Mul", [column, wiring.constant(np.array([0.0]))]), wiring.constant(y)])
    low, high = wiring.constant(x[:1]), wiring.constant(x[-1:])
    inside = wiring.node("Min", [wiring.node("Max", [column, low]), high])
    is_beyond = wiring.node("GreaterOrEqual", [inside, wiring.constant(x[None, 1:-1])])
    axis = wiring.constant(np.array([1], dtype=np.int64))
    segment = wiring.node("ReduceSum", [wiring.node("Cast", [is_beyond], to=TensorProto.INT32), axis], keepdims=1)
    start, base, slope = (wiring.node("Gather", [wiring.constant(of), segment]) for of in (x[:-1], y[:-1], calibrator.slopes))
    return wiring.node("Add", [base, wiring.node("Mul", [wiring.node("Sub", [inside, start]), slope])])


def _label(wiring: Wiring, rule: Rule, probabilities: str) -> str:
    names = np.array(rule.classes, dtype=np.int64 if isinstance(rule.classes[0], int) else object)
    if rule.threshold is None:
        place = wiring.node("ArgMax", [probabilities], axis=1, keepdims=0)
        return wiring.node("Gather", [wiring.constant(names), place])
    column = wiring.node("Gather", [probabilities, wiring.constant(np.array([rule.positive], dtype=np.int64))], axis=1)
    probability = wiring.node("Reshape", [column, wiring.constant(np.array([-1], dtype=np.int64))])
    is_positive = wiring.node("GreaterOrEqual", [probability, wiring.constant(np.array([rule.threshold], dtype=np.float32))])
    positive, other = (wiring.constant(names[[place]]) for place in (rule.positive, 1 - rule.positive))
    return wiring.node("Where", [is_positive, positive, other])
