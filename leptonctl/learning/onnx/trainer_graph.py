"""Gets the graph that a trainer builds for its own algorithm, and checks that it can be wired in."""

from collections.abc import Callable, Iterator

import onnx

from leptonctl.core.manifest import OUTPUTS
from leptonctl.learning.fitting.fitted_model import Fitted
from leptonctl.learning.onnx.canonical import EXTENSION_OPSET, ML_OPSET
from leptonctl.spi.learning import Conversion, Estimator, ProviderError


def own_graph(fitted: Fitted, to_onnx: Callable[[Estimator, Conversion], onnx.ModelProto], opset: int) -> onnx.ModelProto:
    """A copy of the trainer's graph. Raises ProviderError (export-failed) unless it has the form that `Trainer.to_onnx` describes."""
    trainer = fitted.trainer
    model = onnx.ModelProto()
    model.CopyFrom(to_onnx(fitted.estimator, Conversion(width=fitted.width, opset=opset, ml_opset=ML_OPSET)))
    problem = next(_problems(model, len(OUTPUTS[trainer.task]), opset), None)
    if problem is not None:
        raise ProviderError(
            "This model cannot be exported to ONNX",
            detail=f"{trainer.name}: the graph that the trainer builds {problem}.",
            hint="report this to the author of the trainer",
            id="export-failed",
        )
    return model


def _problems(model: onnx.ModelProto, outputs: int, opset: int) -> Iterator[str]:
    graph = model.graph
    if len(graph.input) != 1:
        yield f"has {len(graph.input)} inputs, but must have one"
    if len(graph.output) != outputs:
        yield f"has {len(graph.output)} outputs, but must have {outputs}"
    computed = {name for node in graph.node for name in node.output}
    uncomputed = [value.name for value in graph.output if value.name not in computed]
    if uncomputed:
        yield f"has the output {uncomputed[0]}, which no node computes"
    if model.functions or graph.sparse_initializer:
        yield "has functions or sparse initializers, which cannot be wired in"
    if any(value.data_location == onnx.TensorProto.EXTERNAL for value in graph.initializer):
        yield "stores tensors in external files"
    versions = {"": opset, "ai.onnx.ml": ML_OPSET}
    for imported in model.opset_import:
        version = versions.get(imported.domain, EXTENSION_OPSET)
        if imported.version != version:
            yield f"uses version {imported.version} of the operator set {imported.domain!r}, but must use {version}"
