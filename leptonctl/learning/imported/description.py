"""Describes a file to import: its operators, inputs, outputs and classes. Runs nothing."""

import onnx

from leptonctl.core.codec import Record
from leptonctl.learning.imported.inputs import Tensor, read_tensors
from leptonctl.learning.imported.library_file import read_library_file
from leptonctl.learning.imported.outputs import LABELS, Output, choose, read_outputs
from leptonctl.learning.imported.source import opsets, read_model
from leptonctl.spi.learning import Label, LearningTask, ProviderError


class Shape(Record, omit_defaults=False):
    """An input or an output: its name, the type of its elements, and its number of columns (None where it is open)."""

    name: str
    type: str
    columns: int | None


class Description(Record, omit_defaults=False):
    """A file to import. `task`: that of its outputs, None where it may be either. `classes`: None where it lists none."""

    opset: int
    producer: str
    nodes: int
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    task: LearningTask | None
    classes: tuple[Label, ...] | None


def describe(data: bytes) -> Description:
    """The description of the file with these bytes.

    Raises ProviderError: not-onnx, bad-onnx, import-inputs, import-outputs; bad-model-file, missing-library for the file of a library.
    """
    library_file = read_library_file(data)
    model = read_model(data) if library_file is None else library_file.graph()
    opset, nodes, producer = opsets(model)[""], len(model.graph.node), model.producer_name
    inputs = tuple(_input(tensor) for tensor in read_tensors(model.graph))
    outputs, _ = read_outputs(_copy(model))
    try:
        classes = choose(model, "classification", None).classes
    except ProviderError:
        classes = None
    return Description(
        opset=opset, producer=producer, nodes=nodes, inputs=inputs, outputs=tuple(map(_output, outputs)),
        task=_task(outputs) if library_file is None else library_file.model.task, classes=classes,
    )  # fmt: skip


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def _task(outputs: list[Output]) -> LearningTask | None:
    if len(outputs) > 1 or outputs[0].type in LABELS or (outputs[0].width or 1) > 1:
        return "classification"
    # one number is the value of a regression, or the probability of the second of two classes
    return None


def _input(tensor: Tensor) -> Shape:
    return Shape(name=tensor.name, type=tensor.type_name, columns=tensor.width)


def _output(output: Output) -> Shape:
    return Shape(name=output.name, type=str(onnx.TensorProto.DataType.Name(output.type)).lower(), columns=output.width)
