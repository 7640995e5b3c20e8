"""The answers that are known when a deployment is taken: server and model metadata, encoded once. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from leptonctl import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leptonctl.serving.model import LoadedModel

DATATYPES = {"number": "FP32", "integer": "FP32", "boolean": "BOOL", "string": "BYTES"}
PLATFORM = "onnx_onnxv1"


def metadata_pages(models: Sequence[str]) -> dict[str, bytes]:
    """What a server says of itself. Ready is absent while there is no model: then it is not."""
    pages = {
        "/v2/health/live": dump({"live": True}),
        "/v2": dump({"name": "leptonctl", "version": __version__, "extensions": []}),
        "/v2/models": dump({"models": list(models)}),
    }
    return pages | {"/v2/health/ready": dump({"ready": True})} if models else pages


def model_pages(name: str, version: str, digest: str, artifact: str, model: LoadedModel, paths: Sequence[str]) -> dict[str, bytes]:
    """Metadata and readiness of one model, at its path and at its version's."""
    metadata = dump(
        {
            "name": name,
            "versions": [version],
            "platform": PLATFORM,
            "inputs": [_input(column.name, column.type) for column in model.manifest.columns],
            "outputs": [
                {"name": output.name, "datatype": output.datatype, "shape": [-1] if output.width is None else [-1, output.width]}
                for output in model.outputs
            ],
            "parameters": _parameters(digest, artifact, model),
        }
    )
    ready = dump({"name": name, "ready": True})
    return dict.fromkeys(paths, metadata) | {f"{path}/ready": ready for path in paths}


def dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _input(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "datatype": DATATYPES[kind], "shape": [-1]}


def _parameters(digest: str, artifact: str, model: LoadedModel) -> dict[str, Any]:
    """Values are text, numbers and booleans only (the protocol's rule): the classes stand as JSON text."""
    manifest = model.manifest
    parameters: dict[str, Any] = {"digest": digest, "artifact": artifact, "task": manifest.task, "target": manifest.target}
    if manifest.classes is not None:
        parameters["classes"] = json.dumps(list(manifest.classes), ensure_ascii=False)
    return parameters | {"packed_features": model.intake.packed}
