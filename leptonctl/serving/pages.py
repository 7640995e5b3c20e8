"""The answers that are known when a deployment is taken: server and model metadata, encoded once. Pure."""

import json
from collections.abc import Mapping, Sequence

from leptonctl import __version__
from leptonctl.core.values import Json
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


def model_pages(model: LoadedModel, paths: Sequence[str], *, name: str, version: str, identity: Mapping[str, str]) -> dict[str, bytes]:
    """Metadata and readiness of one model, at its path and at its version's. `identity`: its digests, by what they are of."""
    metadata = dump(
        {
            "name": name,
            "versions": [version],
            "platform": PLATFORM,
            "inputs": [{"name": column.name, "datatype": DATATYPES[column.type], "shape": [-1]} for column in model.manifest.columns],
            "outputs": [
                {"name": output.name, "datatype": output.datatype, "shape": [-1] if output.width is None else [-1, output.width]}
                for output in model.outputs
            ],
            "parameters": _parameters(model) | dict(identity),
        }
    )
    ready = dump({"name": name, "ready": True})
    return dict.fromkeys(paths, metadata) | {f"{path}/ready": ready for path in paths}


def dump(value: object) -> bytes:
    """Compact JSON in ASCII, keys as they come."""
    return json.dumps(value, separators=(",", ":")).encode()


def _parameters(model: LoadedModel) -> dict[str, Json]:
    """Values are text, numbers and booleans only (the protocol's rule): the classes stand as JSON text."""
    manifest = model.manifest
    parameters: dict[str, Json] = {"task": manifest.task, "target": manifest.target, "packed_features": model.intake.packed}
    return parameters if manifest.classes is None else parameters | {"classes": json.dumps(list(manifest.classes), ensure_ascii=False)}
