"""Small real packages for tests of serving: y = weight * x as ONNX, with its manifest and golden rows."""

from leptonctl.core import layout
from leptonctl.core.canonical import digest
from leptonctl.core.codec import encode
from leptonctl.core.deployment import Route
from leptonctl.core.manifest import (
    FEATURES,
    GOLDEN_FILE,
    GRAPH_FILE,
    MANIFEST_FILE,
    Graph,
    GraphInput,
    Manifest,
    ManifestColumn,
    package_digest,
)
from leptonctl.core.state import Pointer
from leptonctl.core.values import Json
from leptonctl.spi.storage import Objects

ROWS: tuple[float, ...] = (1.0, 2.0, -3.0)


def put_package(objects: Objects, version: str, weight: float) -> Route:
    """Write a package into a store and return the route that serves it."""
    files = {GRAPH_FILE: _line(weight), MANIFEST_FILE: encode(_manifest()), GOLDEN_FILE: encode(_golden(weight))}
    digests = {name: _put(objects, data) for name, data in files.items()}
    artifact = digests[GRAPH_FILE]
    return Route(
        version=version,
        digest=digest({"version": version, "weight": weight}),
        package=package_digest(artifact, _manifest()),
        artifact=artifact,
        files=digests,
    )


def pointer_to(route: Route) -> Pointer:
    """The pointer of a binding to the route's package."""
    return Pointer(digest=route.digest, artifact=route.artifact, package=route.package, version=route.version, effect=True)


def _put(objects: Objects, data: bytes) -> str:
    from hashlib import sha256

    artifact = "sha256:" + sha256(data).hexdigest()
    objects.create(layout.artifact(artifact), data)
    return artifact


def _line(weight: float) -> bytes:
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("MatMul", [FEATURES, "weight"], ["out"])],
        "leptonctl",
        [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor("weight", TensorProto.FLOAT, [1, 1], [weight])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


def _manifest() -> Manifest:
    column = ManifestColumn(name="x", type="number", nullable=False, graph=GraphInput(input=FEATURES, index=0))
    graph = Graph(features=1, strings=(), outputs={"prediction": "out"})
    return Manifest(task="regression", target="y", target_type="number", columns=(column,), classes=None, graph=graph)


def _golden(weight: float) -> dict[str, Json]:
    shape: Json = [len(ROWS)]
    inputs: Json = {"name": "x", "datatype": "FP32", "shape": shape, "data": [*ROWS]}
    outputs: Json = {"name": "prediction", "datatype": "FP32", "shape": shape, "data": [weight * x for x in ROWS]}
    return {"request": {"inputs": [inputs]}, "response": {"outputs": [outputs]}}
