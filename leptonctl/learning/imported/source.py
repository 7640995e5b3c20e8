"""Reads the bytes of a file as an ONNX model that may be run: complete, self-contained, with operators that every machine has.

No path in the file is ever opened. Runs nothing.
"""

from collections.abc import Iterator

import onnx

from leptonctl.learning.imported.refusal import bad_graph
from leptonctl.spi.learning import ProviderError

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
"""The operator sets that onnxruntime has everywhere."""
NOT_PORTABLE = frozenset({"EPContext", "PythonOp", "PythonOpGrad", "ATen"})
"""Operators of com.microsoft that read files or call into other libraries."""
OLDEST_OPSET = 7
DEFAULT_OPSET = 18
"""For the operators that are added around a graph without any of the operator set ""."""
MAGIC = (
    (b"\x80", "it is a Python pickle, which runs any code when it is read", "convert the model where it was trained, with skl2onnx"),
    (b"PK\x03\x04", "it is a zip archive, such as skops, torch and Keras write", "convert the model where it was trained"),
    (b"\x89HDF", "it is an HDF5 file, as Keras writes it", 'convert it with `model.export(FILE, format="onnx")`'),
)


def read_model(data: bytes) -> onnx.ModelProto:
    """The model in the bytes of a file, with its functions inlined. Raises ProviderError: not-onnx, bad-onnx."""
    from google.protobuf.message import DecodeError

    for magic, reason, way in MAGIC:
        if data.startswith(magic):
            raise ProviderError("The file cannot be imported", detail=f"The file is not ONNX: {reason}.", hint=way, id="not-onnx")
    if not data:
        raise bad_graph("The file is empty.", "export the model again")
    try:
        model = onnx.ModelProto()
        model.ParseFromString(data)
    except DecodeError:
        model = onnx.ModelProto()
    if not model.graph.node or not model.ir_version:
        raise bad_graph("The file is not ONNX, or is cut off.", "export the model again, and compare the sizes of both files")
    if model.functions:
        model = _inline(model)
    problem = next(_problems(model), None)
    if problem is not None:
        raise bad_graph(f"The graph {problem[0]}.", problem[1])
    return model


def opsets(model: onnx.ModelProto) -> dict[str, int]:
    """Domain -> version of its operator set; `""` is always there."""
    return {"": DEFAULT_OPSET, **{_domain(entry.domain): entry.version for entry in model.opset_import}}


def graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """A graph and the bodies of its control flow."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from graphs(attribute.g)


def _inline(model: onnx.ModelProto) -> onnx.ModelProto:
    from onnx import inliner

    try:
        inlined: onnx.ModelProto = inliner.inline_local_functions(model)
    except Exception as problem:  # the C++ side may raise anything
        raise bad_graph("The functions of the graph cannot be inlined.", "export the model without functions") from problem
    return inlined


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def _problems(model: onnx.ModelProto) -> Iterator[tuple[str, str]]:
    """(what is wrong with the graph, what to do) for each problem."""
    nodes = [node for graph in graphs(model.graph) for node in graph.node]
    foreign = sorted({node.domain for node in nodes} - DOMAINS)
    if foreign:
        operator = next(node.op_type for node in nodes if node.domain == foreign[0])
        yield f"uses the operator {operator} of {foreign[0]}, which onnxruntime does not have", "export it with operators of ONNX alone"
    if any(node.op_type in NOT_PORTABLE for node in nodes):
        yield "uses an operator that reads files or runs its own code", "export it with operators of ONNX alone"
    if any(_is_external(tensor) for tensor in _tensors(model.graph, nodes)):
        yield "keeps weights in another file", "save it as one file: `onnx.save(onnx.load(FILE), NEW, save_as_external_data=False)`"
    if any(graph.sparse_initializer for graph in graphs(model.graph)):
        yield "has sparse weights", "export it with dense weights"
    newest = onnx.defs.onnx_opset_version()
    version = opsets(model)[""]
    if not OLDEST_OPSET <= version <= newest:
        way = "convert it with `onnx.version_converter`" if version < OLDEST_OPSET else "export it with `target_opset=21`"
        yield f"is made for version {version} of ONNX's operators; versions {OLDEST_OPSET} to {newest} are known here", way


def _tensors(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for part in graphs(graph):
        yield from part.initializer
        for sparse in part.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors, attribute.sparse_tensor.values, attribute.sparse_tensor.indices)


def _is_external(tensor: onnx.TensorProto) -> bool:
    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data)
