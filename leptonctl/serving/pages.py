"""The answers that do not depend on a request: server and model metadata, encoded once per deployment. Pure."""

import json
from collections.abc import Mapping, Sequence

from leptonctl.core.values import Json
from leptonctl.release import __version__
from leptonctl.serving.model import LoadedModel

DATATYPES = {"number": "FP32", "integer": "FP32", "boolean": "BOOL", "string": "BYTES"}
PLATFORM = "onnx_onnxv1"


def metadata_pages(models: Sequence[str]) -> dict[str, bytes]:
    """The server's own metadata by path. Without a model the server is not ready, so that page is left out."""
    pages = {
        "/v2/health/live": dump({"live": True}),
        "/v2": dump({"name": "leptonctl", "version": __version__, "extensions": ["binary_tensor_data"]}),
        "/v2/models": dump({"models": list(models)}),
    }
    return pages | {"/v2/health/ready": dump({"ready": True})} if models else pages


def model_pages(model: LoadedModel, paths: Sequence[str], *, name: str, version: str, identity: Mapping[str, str]) -> dict[str, bytes]:
    """Metadata and readiness of one model, under each of its paths. `identity`: its digests by name."""
    metadata = dump(
        {
            "name": name,
            "versions": [version],
            "platform": PLATFORM,
            "inputs": [{"name": column.name, "datatype": DATATYPES[column.type], "shape": [-1]} for column in model.manifest.inputs],
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
    """Compact JSON in UTF-8 without escapes, keys in order. Half of a surrogate pair, which UTF-8 cannot hold, stays an escape."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace")


def _parameters(model: LoadedModel) -> dict[str, Json]:
    """The protocol allows only strings, numbers and booleans, so lists and maps are encoded as JSON strings."""
    manifest = model.manifest
    parameters: dict[str, Json] = {"task": manifest.task, "target": manifest.target, "packed_features": model.intake.packed}
    if not manifest.target:
        del parameters["target"]
    if manifest.dates:
        parameters["formats"] = json.dumps({date.name: date.format or "ISO 8601" for date in manifest.dates}, ensure_ascii=False)
    words = {c.name: {"true": [*c.words.true], "false": [*c.words.false]} for c in manifest.columns if c.words is not None}
    if words:
        parameters["words"] = json.dumps(words, ensure_ascii=False)
    if manifest.threshold is not None:
        parameters |= {"threshold": manifest.threshold.value, "positive": str(manifest.threshold.positive)}
    if manifest.calibration is not None:
        parameters["calibration"] = manifest.calibration
    return parameters if manifest.classes is None else parameters | {"classes": json.dumps(list(manifest.classes), ensure_ascii=False)}
