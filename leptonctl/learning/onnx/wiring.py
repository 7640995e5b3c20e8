"""An ONNX graph under construction: adds nodes and names their tensors. Knows no estimator."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from leptonctl.learning.onnx.canonical import rename


class Wiring:
    """A graph under construction: nodes and initializers in order, tensors by name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._count = 0

    def fresh(self) -> str:
        self._count += 1
        return f"w{self._count}"

    def constant(self, values: np.ndarray) -> str:
        name = self.fresh()
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        out = self.fresh()
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def splice(self, model: onnx.ModelProto, inputs: Sequence[str], outputs: Sequence[str]) -> list[str]:
        """Move a model's nodes into the graph, reading from `inputs`. Returns the tensor names of `outputs`."""
        self._count += 1
        prefix = f"m{self._count}_"
        renamed_inputs = dict(zip((value.name for value in model.graph.input), inputs, strict=True))
        for initializer in model.graph.initializer:
            initializer.name = prefix + initializer.name
            self.initializers.append(initializer)
        rename(model.graph.node, lambda name: renamed_inputs.get(name, prefix + name))
        self.nodes.extend(model.graph.node)
        return [prefix + name for name in outputs]
