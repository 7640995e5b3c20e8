"""An imported graph in the form of every package: `features` and `s0` … in, `label` and `probabilities` or `prediction` out.

The graph itself is unchanged except for names. Around it, columns are selected and cast, and answers are cast, ordered and named.
"""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper

from leptonctl.core.manifest import FEATURES
from leptonctl.learning.fitting.frame import Inputs
from leptonctl.learning.imported.classes import Classes
from leptonctl.learning.imported.inputs import Entry
from leptonctl.learning.imported.outputs import Answer, Output
from leptonctl.learning.imported.source import opsets
from leptonctl.learning.onnx.canonical import canonical
from leptonctl.learning.onnx.wiring import Wiring

NEWEST_IR = 10
"""Old enough for every onnxruntime in use; a served graph needs nothing newer."""
OLDEST_IR = 4
"""From this version on, weights need not be inputs."""


def wrap(model: onnx.ModelProto, inputs: Inputs, entries: Sequence[Entry], answer: Answer, classes: Classes | None) -> onnx.ModelProto:
    """The canonical model. `classes` None: a regression. Consumes the nodes of `model`."""
    wiring = Wiring()
    weights = {initializer.name for initializer in model.graph.initializer}
    own_inputs = [value for value in model.graph.input if value.name not in weights]
    sources = {entry.tensor.name: _source(wiring, inputs, entry) for entry in entries}
    del model.graph.input[:]
    model.graph.input.extend(own_inputs)
    own_outputs = [answer.scores.tensor] + ([] if answer.label is None else [answer.label.tensor])
    tensors = wiring.splice(model, [sources[value.name] for value in own_inputs], own_outputs)
    outputs = _prediction(wiring, tensors[0]) if classes is None else _classification(wiring, answer, classes, tensors)
    versions = opsets(model)
    graph = helper.make_graph(wiring.nodes, "model", _graph_inputs(inputs), outputs, wiring.initializers)
    for node in graph.node:
        node.domain = "" if node.domain == "ai.onnx" else node.domain
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid(domain, version) for domain, version in versions.items()])
    return _with_ir(canonical(whole, versions[""], versions), model.ir_version)


def _with_ir(model: onnx.ModelProto, original: int) -> onnx.ModelProto:
    model.ir_version = min(NEWEST_IR, max(OLDEST_IR, original, model.ir_version))
    return model


def _graph_inputs(inputs: Inputs) -> list[onnx.ValueInfoProto]:
    count = len(inputs.numbers)
    stacked = [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["N", count])] if count else []
    return stacked + [helper.make_tensor_value_info(f"s{i}", TensorProto.STRING, ["N", 1]) for i in range(len(inputs.strings))]


def _source(wiring: Wiring, inputs: Inputs, entry: Entry) -> str:
    """The tensor for an input of the imported graph: its columns side by side, in its type and rank."""
    tensor = entry.tensor
    if tensor.type == TensorProto.STRING:
        parts = [f"s{inputs.strings.index(name)}" for name in entry.columns]
        source = parts[0] if len(parts) == 1 else wiring.node("Concat", parts, axis=1)
    else:
        places = [inputs.numbers.index(name) for name in entry.columns]
        source = FEATURES
        if places != list(range(len(inputs.numbers))):
            source = wiring.node("Gather", [source, wiring.constant(np.array(places, dtype=np.int64))], axis=1)
        if tensor.type != TensorProto.FLOAT:
            source = wiring.node("Cast", [source], to=tensor.type)
    if tensor.rank == 1:
        source = wiring.node("Reshape", [source, wiring.constant(np.array([-1], dtype=np.int64))])
    return source


def _prediction(wiring: Wiring, values: str) -> list[onnx.ValueInfoProto]:
    values = wiring.node("Cast", [values], to=TensorProto.FLOAT)
    wiring.nodes.append(helper.make_node("Reshape", [values, wiring.constant(np.array([-1, 1], dtype=np.int64))], ["prediction"]))
    return [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["N", 1])]


def _classification(wiring: Wiring, answer: Answer, classes: Classes, tensors: Sequence[str]) -> list[onnx.ValueInfoProto]:
    probabilities = _probabilities(wiring, answer, tensors[0])
    if answer.label is not None:
        label = _label(wiring, answer.label, classes, tensors[1])
    else:
        largest = wiring.node("ArgMax", [probabilities], axis=1, keepdims=0)
        label = wiring.node("Gather", [wiring.constant(_array(classes.names)), largest], axis=0)
    order = [classes.names.index(name) for name in classes.sorted]
    if order != list(range(len(order))):
        probabilities = wiring.node("Gather", [probabilities, wiring.constant(np.array(order, dtype=np.int64))], axis=1)
    kind = TensorProto.STRING if isinstance(classes.names[0], str) else TensorProto.INT64
    wiring.nodes.append(helper.make_node("Reshape", [label, wiring.constant(np.array([-1], dtype=np.int64))], ["label"]))
    wiring.nodes.append(helper.make_node("Identity", [probabilities], ["probabilities"]))
    return [
        helper.make_tensor_value_info("label", kind, ["N"]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", len(order)]),
    ]


def _probabilities(wiring: Wiring, answer: Answer, scores: str) -> str:
    """Probabilities [N, C] in float32. One column is the second class."""
    if answer.scores.rank == 1:
        scores = wiring.node("Reshape", [scores, wiring.constant(np.array([-1, 1], dtype=np.int64))])
    # the single column of a network with one output
    single = answer.scores.width == 1
    if answer.form == "logits":
        scores = wiring.node("Sigmoid", [scores]) if single else wiring.node("Softmax", [scores], axis=1)
    scores = wiring.node("Cast", [scores], to=TensorProto.FLOAT)
    if not single:
        return scores
    other = wiring.node("Sub", [wiring.constant(np.array([1.0], dtype=np.float32)), scores])
    return wiring.node("Concat", [other, scores], axis=1)


def _label(wiring: Wiring, output: Output, classes: Classes, label: str) -> str:
    """The graph's own label as the target has it."""
    names = classes.own if classes.own is not None else tuple(range(len(classes.names)))
    is_text = output.type == TensorProto.STRING
    if names == classes.names and is_text == isinstance(classes.names[0], str):
        return wiring.node("Cast", [label], to=TensorProto.INT64) if output.type == TensorProto.INT32 else label
    if is_text:
        # the classes are numbers, which the graph writes as text; the reverse was refused before
        return wiring.node("Cast", [label], to=TensorProto.INT64)
    label = wiring.node("Cast", [label], to=TensorProto.INT64)
    column = wiring.node("Reshape", [label, wiring.constant(np.array([-1, 1], dtype=np.int64))])
    same = wiring.node("Equal", [column, wiring.constant(np.array([[int(one) for one in names]], dtype=np.int64))])
    place = wiring.node("ArgMax", [wiring.node("Cast", [same], to=TensorProto.FLOAT)], axis=1, keepdims=0)
    return wiring.node("Gather", [wiring.constant(_array(classes.names)), place], axis=0)


def _array(labels: Sequence[int | str]) -> np.ndarray:
    return np.array(labels, dtype=object if isinstance(labels[0], str) else np.int64)
