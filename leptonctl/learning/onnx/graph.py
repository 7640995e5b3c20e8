"""Builds one ONNX graph from a fitted model: converts each transformer and the algorithm separately, and wires them by the same slices
that select the training columns. Compares no numbers.
"""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper

from leptonctl.core.manifest import FEATURES, UNSUPERVISED
from leptonctl.learning.fitting.fitted_model import Fitted, FittedStep
from leptonctl.learning.fitting.frame import Slice
from leptonctl.learning.onnx.canonical import canonical
from leptonctl.learning.onnx.conversion import Takes, convert
from leptonctl.learning.onnx.scalers import EXACT, exact_nodes
from leptonctl.learning.onnx.trainer_graph import own_graph
from leptonctl.learning.onnx.unsupervised_graph import unsupervised_outputs
from leptonctl.learning.onnx.wiring import Wiring


def build_graph(fitted: Fitted, opset: int, *, wide: bool = False) -> tuple[onnx.ModelProto, list[str]]:
    """The canonical model, and the converter faults that were repaired in it.

    Inputs: `features` and `s0`, `s1` …; outputs: `label` and `probabilities`, or `prediction`. `wide`: the algorithm computes in float64
    internally, for algorithms that are too imprecise in float32 (distances between far rows, sums of large terms).
    """
    wiring = Wiring()
    inputs = graph_inputs(fitted)
    tensors, widths = [value.name for value in inputs], _input_widths(fitted)
    for step in fitted.steps:
        tensors.append(_add_step(wiring, step, _gather(wiring, tensors, widths, step.takes), opset))
        widths.append(step.width)
    matrix = _gather(wiring, tensors, widths, fitted.final)
    outputs, repairs = _add_estimator(wiring, fitted, matrix, opset, wide=wide)
    graph = helper.make_graph(wiring.nodes, "model", inputs, outputs, wiring.initializers)
    model = canonical(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]), opset)
    onnx.checker.check_model(model)
    return model, repairs


def graph_inputs(fitted: Fitted) -> list[onnx.ValueInfoProto]:
    numbers = len(fitted.inputs.numbers)
    stacked = [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["N", numbers])] if numbers else []
    return stacked + [helper.make_tensor_value_info(f"s{i}", TensorProto.STRING, ["N", 1]) for i in range(len(fitted.inputs.strings))]


def _input_widths(fitted: Fitted) -> list[int]:
    numbers = len(fitted.inputs.numbers)
    return ([numbers] if numbers else []) + [1] * len(fitted.inputs.strings)


def _gather(wiring: Wiring, tensors: Sequence[str], widths: Sequence[int], slices: Sequence[Slice]) -> str:
    parts = []
    for piece in slices:
        name = tensors[piece.tensor]
        if piece.columns != tuple(range(widths[piece.tensor])):
            name = wiring.node("Gather", [name, wiring.constant(np.array(piece.columns, dtype=np.int64))], axis=1)
        parts.append(name)
    return parts[0] if len(parts) == 1 else wiring.node("Concat", parts, axis=1)


def _add_step(wiring: Wiring, step: FittedStep, source: str, opset: int) -> str:
    if type(step.transformer).__name__ in EXACT:
        return exact_nodes(wiring, step.transformer, source)
    provider, width = step.preprocessor, sum(len(piece.columns) for piece in step.takes)
    options = provider.export_options(step.transformer) if provider.export_options else {}
    model = convert(step.transformer, name=provider.name, takes=provider.takes, width=width, opset=opset, options=options)
    return wiring.splice(model, [source], [model.graph.output[0].name])[0]


def _add_estimator(wiring: Wiring, fitted: Fitted, source: str, opset: int, *, wide: bool) -> tuple[list[onnx.ValueInfoProto], list[str]]:
    if fitted.trainer.to_onnx is not None:
        model, repairs = own_graph(fitted, fitted.trainer.to_onnx, opset), list[str]()
    else:
        model, repairs = _convert_algorithm(fitted, opset, wide=wide)
    if wide:
        source = wiring.node("Cast", [source], to=TensorProto.DOUBLE)
    answers = wiring.splice(model, [source], [value.name for value in model.graph.output])
    if fitted.trainer.to_onnx is not None:
        # a trainer's graph may return values as a vector or as a column; served graphs have one form
        form = np.array([-1, 1] if fitted.trainer.task == "regression" else [-1], dtype=np.int64)
        answers[0] = wiring.node("Reshape", [answers[0], wiring.constant(form)])
    if fitted.trainer.task in UNSUPERVISED:
        return unsupervised_outputs(wiring, fitted, answers, source), repairs
    if fitted.trainer.task == "regression":
        wiring.nodes.append(helper.make_node("Cast", [answers[0]], ["prediction"], to=TensorProto.FLOAT))
        return [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["N", 1])], repairs
    kind = TensorProto.INT64 if isinstance(fitted.classes[0], int) else TensorProto.STRING
    wiring.nodes.append(helper.make_node("Identity", [answers[0]], ["label"]))
    wiring.nodes.append(helper.make_node("Cast", [answers[1]], ["probabilities"], to=TensorProto.FLOAT))
    outputs = [
        helper.make_tensor_value_info("label", kind, ["N"]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", len(fitted.classes)]),
    ]
    return outputs, repairs


def _convert_algorithm(fitted: Fitted, opset: int, *, wide: bool) -> tuple[onnx.ModelProto, list[str]]:
    """The algorithm as converted by skl2onnx, and the repairs made to it."""
    trainer, estimator = fitted.trainer, fitted.estimator
    options = {"zipmap": False} if trainer.task == "classification" else {}
    options |= trainer.export_options(estimator) if trainer.export_options else {}
    takes: Takes = "double" if wide else "number"
    model = convert(estimator, name=trainer.name, takes=takes, width=fitted.width, opset=opset, options=options)
    repairs = [f"{trainer.name}: computed in float64"] if wide else []
    if trainer.repair is not None:
        before = model.SerializeToString(deterministic=True)
        model = trainer.repair(model, estimator)
        if model.SerializeToString(deterministic=True) != before:
            repairs.append(f"{trainer.name}: a known converter fault was corrected")
    return model, repairs
