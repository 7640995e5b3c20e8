"""Renames, sorts and strips an ONNX model, so that equal graphs have equal bytes. Does not change what it computes."""

from collections.abc import Callable, Iterable, Mapping

import onnx
from onnx import helper

GRAPH_NAME = "model"
PRODUCER = "leptonctl"
ML_OPSET = 3
EXTENSION_OPSET = 1  # com.microsoft: its Tokenizer is needed by text models


def rename(nodes: Iterable[onnx.NodeProto], name: Callable[[str], str]) -> None:
    """Rename every tensor, in subgraphs too. The empty name (an omitted input) stays."""
    for node in nodes:
        node.input[:] = [name(n) if n else n for n in node.input]
        node.output[:] = [name(n) if n else n for n in node.output]
        for graph in _subgraphs(node):
            for value in [*graph.input, *graph.output, *graph.value_info, *graph.initializer]:
                value.name = name(value.name)
            rename(graph.node, name)


def canonical(model: onnx.ModelProto, opset: int, imported: Mapping[str, int] | None = None) -> onnx.ModelProto:
    """The same computation with names in order of use, sorted opsets, the lowest possible IR version, and no dates or comments.

    `imported`: the versions of the operator sets, by domain, of a graph that was made elsewhere.
    """
    graph = model.graph
    public = {value.name for value in [*graph.input, *graph.output]}
    names: dict[str, str] = {}

    def short(name: str) -> str:
        return name if name in public else names.setdefault(name, f"t{len(names)}")

    rename(graph.node, short)
    _strip(graph.node)
    initializers = [i for i in graph.initializer if i.name in names]
    for initializer in initializers:
        initializer.name = short(initializer.name)
        initializer.doc_string = ""
    initializers.sort(key=lambda i: int(i.name[1:]))
    versions = imported or {"": opset, "ai.onnx.ml": ML_OPSET}
    domains_used = {"", *(node.domain for node in _all_nodes(graph.node))}
    domains = {domain: versions.get(domain, EXTENSION_OPSET) for domain in domains_used}
    opsets = [helper.make_opsetid(domain, version) for domain, version in sorted(domains.items())]
    copy = helper.make_graph(list(graph.node), GRAPH_NAME, list(graph.input), list(graph.output), initializers)
    return helper.make_model(
        copy,
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets, ignore_unknown=True),
        producer_name=PRODUCER,
    )


def serialize(model: onnx.ModelProto) -> bytes:
    return bytes(model.SerializeToString(deterministic=True))


def _strip(nodes: Iterable[onnx.NodeProto], prefix: str = "") -> None:
    for index, node in enumerate(nodes):
        node.name = f"{prefix}{node.op_type}_{index}"
        node.doc_string = ""
        attributes = sorted(node.attribute, key=lambda a: a.name)
        del node.attribute[:]
        node.attribute.extend(attributes)
        for graph in _subgraphs(node):
            graph.name, graph.doc_string = "body", ""
            _strip(graph.node, f"{node.name}_")


def _all_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterable[onnx.NodeProto]:
    for node in nodes:
        yield node
        for graph in _subgraphs(node):
            yield from _all_nodes(graph.node)


def _subgraphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    return [attribute.g for attribute in node.attribute if attribute.type == onnx.AttributeProto.GRAPH]
