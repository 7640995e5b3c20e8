"""Finds the outputs of an imported graph that are its answer, and the classes they mean. Removes ZipMap nodes; computes nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import onnx
from onnx import numpy_helper

from leptonctl.core.diagnostic import did_you_mean
from leptonctl.core.frozen import Frozen
from leptonctl.learning.imported.refusal import PROBABILITIES, bad_outputs
from leptonctl.spi.learning import Label

Type = onnx.TensorProto
NUMBERS = (Type.FLOAT, Type.DOUBLE)
LABELS = (Type.INT64, Type.INT32, Type.STRING)
PASSING = frozenset({"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten"})
NORMALISING = frozenset({"Softmax", "Sigmoid", "Normalizer", "LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"})
Scores: TypeAlias = Literal["probabilities", "logits"]
Declared: TypeAlias = str | Mapping[str, str] | None
"""The value of `outputs:`."""


class Output(Frozen):
    """An output as the graph declares it: its original `name`, and the `tensor` that holds it now. width: None where it is open."""

    name: str
    tensor: str
    type: int
    rank: int | None
    width: int | None


class Answer(Frozen):
    """The outputs that are the answer of a graph.

    label: of a classification, if the graph has it. scores: probabilities or logits, or the values of a regression. classes: in the order
    of the scores, where the graph lists them.
    """

    scores: Output
    form: Scores = "probabilities"
    label: Output | None = None
    classes: tuple[Label, ...] | None = None


def read_outputs(model: onnx.ModelProto) -> tuple[list[Output], dict[str, tuple[Label, ...]]]:
    """Remove the ZipMap nodes of a model. Returns its outputs, and the classes that these nodes listed, by output.

    Raises ProviderError: import-outputs.
    """
    classes: dict[str, tuple[Label, ...]] = {}
    outputs: list[Output] = []
    producers = _producers(model.graph)
    for value in model.graph.output:
        node = producers.get(value.name)
        if node is not None and node.op_type == "ZipMap":
            classes[value.name] = _listed_classes(node) or ()
            count = len(classes[value.name]) or None
            outputs.append(Output(name=value.name, tensor=node.input[0], type=Type.FLOAT, rank=2, width=count))
            continue
        if value.type.WhichOneof("value") != "tensor_type":
            detail = f"The output {value.name} is a list or a dictionary."
            raise bad_outputs(detail, "export the model with tensors as outputs (skl2onnx: `options={'zipmap': False}`)")
        of = value.type.tensor_type
        sizes = [dim.dim_value or None for dim in of.shape.dim] if of.HasField("shape") else None
        rank = None if sizes is None else len(sizes)
        width = sizes[1] if sizes is not None and rank == 2 else 1 if rank == 1 else None  # noqa: PLR2004
        outputs.append(Output(name=value.name, tensor=value.name, type=of.elem_type, rank=rank, width=width))
    nodes = [node for node in model.graph.node if node.op_type != "ZipMap"]
    if len(nodes) < len(model.graph.node):
        del model.graph.node[:]
        model.graph.node.extend(nodes)
    return outputs, classes


def choose(model: onnx.ModelProto, task: str, declared: Declared) -> Answer:
    """The answer of a model for a task. Removes its ZipMap nodes. Raises ProviderError: import-outputs."""
    outputs, zipped = read_outputs(model)
    if isinstance(declared, Mapping):
        roles = {role: _output_named(outputs, name) for role, name in declared.items()}
    else:
        roles = _by_type(model, outputs, task, declared)
    if task == "regression":
        return Answer(scores=_of_type(roles["prediction"], (*NUMBERS, Type.INT64, Type.INT32), "numbers"))
    scores = roles.get("probabilities") or roles.get("logits")
    if scores is None:
        raise bad_outputs("The graph gives labels only; a classification needs probabilities.", PROBABILITIES)
    label = roles.get("label")
    producers = _producers(model.graph)
    _refuse_clusters(label, producers)
    origins = [producers.get(output.tensor) for output in (label, scores) if output is not None]
    classes = zipped.get(scores.name) or next((labels for node in origins if (labels := _classes(model.graph, node, producers))), None)
    return Answer(
        scores=_of_type(scores, NUMBERS, "numbers"), label=None if label is None else _of_type(label, LABELS, "labels"),
        form="logits" if "logits" in roles else "probabilities", classes=classes or None,
    )  # fmt: skip


def _refuse_clusters(label: Output | None, producers: Mapping[str, onnx.NodeProto]) -> None:
    """Refuse a label that is the place of the smallest distance: it is a cluster, not a class of a target."""
    node = _source(producers.get(label.tensor), producers) if label is not None else None
    if label is not None and node is not None and node.op_type == "ArgMin":
        detail = f"The output {label.name} is the nearest centre of each row: a clustering, which cannot be imported."
        raise bad_outputs(detail, "declare it: `task: clustering` and `algorithm: KMeans`; docs/how-to/groups-and-outliers.md")


def _output_named(outputs: Sequence[Output], name: str) -> Output:
    match = next((output for output in outputs if output.name == name), None)
    if match is None:
        names = [output.name for output in outputs]
        raise bad_outputs(f"The graph has no output {name}; it has {', '.join(names)}.", did_you_mean(name, names) or "name one of these")
    return match


def _of_type(output: Output, types: Iterable[int], what: str) -> Output:
    if output.type not in types:
        kind = Type.DataType.Name(output.type).lower()
        raise bad_outputs(f"The output {output.name} is {kind}, which does not hold {what}.", "name another output under `outputs:`")
    return output


def _by_type(model: onnx.ModelProto, outputs: Sequence[Output], task: str, declared: str | None) -> dict[str, Output]:
    """The outputs by role, inferred from their types."""
    scores = [output for output in outputs if output.type in NUMBERS]
    labels = [output for output in outputs if output.type in LABELS]
    names = ", ".join(output.name for output in outputs)
    if task == "regression":
        numbers = [*scores, *(output for output in labels if output.type != Type.STRING)]
        if len(outputs) == 1 and numbers:
            return {"prediction": numbers[0]}
        raise bad_outputs(f"The graph has the outputs {names}; a regression has one of numbers.", "write `outputs: {prediction: NAME}`")
    if len(scores) > 1 or len(labels) > 1 or not (scores or labels):
        detail = f"The graph has the outputs {names}; it is not clear which of them is the answer."
        raise bad_outputs(detail, "write `outputs: {label: NAME, probabilities: NAME}`")
    roles = {"label": labels[0]} if labels else {}
    if not scores:
        return roles
    if declared is None and not labels and not _is_normalised(model.graph, scores[0]):
        detail = f"The output {scores[0].name} may hold probabilities or logits, and the graph does not say which."
        raise bad_outputs(detail, "write `outputs: probabilities` or `outputs: logits`")
    return roles | {declared or "probabilities": scores[0]}


def _is_normalised(graph: onnx.GraphProto, output: Output) -> bool:
    producers = _producers(graph)
    node = _source(producers.get(output.tensor), producers)
    return node is not None and node.op_type in NORMALISING


def _classes(graph: onnx.GraphProto, node: onnx.NodeProto | None, producers: Mapping[str, onnx.NodeProto]) -> tuple[Label, ...] | None:
    """The classes that the node which computes an output lists."""
    node = _source(node, producers)
    if node is None:
        return None
    if node.op_type == "ArrayFeatureExtractor":
        values = next((weight for weight in graph.initializer if weight.name == node.input[0]), None)
        return None if values is None else tuple(_label(one) for one in numpy_helper.to_array(values).reshape(-1).tolist())
    return _listed_classes(node)


def _source(node: onnx.NodeProto | None, producers: Mapping[str, onnx.NodeProto]) -> onnx.NodeProto | None:
    """The first node upstream that does more than change the form."""
    while node is not None and node.op_type in PASSING and node.input:
        node = producers.get(node.input[0])
    return node


def _listed_classes(node: onnx.NodeProto) -> tuple[Label, ...] | None:
    for attribute in node.attribute:
        if attribute.name == "classlabels_strings" and attribute.strings:
            return tuple(text.decode("utf-8", "replace") for text in attribute.strings)
        if attribute.name in ("classlabels_int64s", "classlabels_ints") and attribute.ints:
            return tuple(int(number) for number in attribute.ints)
    return None


def _label(value: object) -> Label:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else int(value)  # type: ignore[call-overload]


def _producers(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    return dict(_pairs(graph))


def _pairs(graph: onnx.GraphProto) -> Iterator[tuple[str, onnx.NodeProto]]:
    for node in graph.node:
        for name in node.output:
            yield name, node
