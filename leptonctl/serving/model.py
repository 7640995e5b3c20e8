"""One loaded model: its onnxruntime session and its compiled contract. Knows no name, no version and no HTTP."""

from collections.abc import Mapping

from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.manifest import FEATURES, OUTPUTS, Manifest
from leptonctl.serving.intake import Check, Intake, compile_intake, manifest_with_checks
from leptonctl.serving.manifest import BadModel
from leptonctl.telemetry import without_telemetry

with without_telemetry():
    import onnxruntime as ort

OUTPUT_DATATYPES = {"tensor(string)": "BYTES", "tensor(int64)": "INT64", "tensor(float)": "FP32"}


class Output(Frozen):
    """One output as clients see it. `graph` is its name in the graph, `width` the number of columns (None for a vector)."""

    name: str
    graph: str
    datatype: str
    width: int | None


class LoadedModel(Frozen, eq=False):
    """Immutable and shared by versions and deployments with the same artifacts.

    `built_manifest` is the manifest as it was exported, `manifest` the same with the checks in force. `checks` is the digest of those
    checks, None for those of the build. `loaded_at` is in seconds since 1970.
    """

    session: ort.InferenceSession
    built_manifest: Manifest
    manifest: Manifest
    checks: str | None
    intake: Intake
    outputs: tuple[Output, ...]
    loaded_at: float


def load_model(onnx: bytes, manifest: Manifest, *, key: bytes | None = None, loaded_at: float = 0.0) -> LoadedModel:
    """Load the model in `onnx`; `key` is the secret of its hashed columns. Raises BadModel."""
    if key is None and any(column.hash for column in manifest.columns):
        msg = "the model has hashed columns, but no key was passed"
        raise BadModel(msg)
    options = ort.SessionOptions()
    # one thread: requests run in parallel, and a thread pool per model would compete for the cores
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # onnxruntime raises one exception class per status code, with no common base
        msg = f"onnxruntime cannot load model.onnx: {_first_line(problem)}"
        raise BadModel(msg) from problem
    _check_inputs(session, manifest)
    return LoadedModel(
        session=session,
        built_manifest=manifest,
        manifest=manifest,
        checks=None,
        intake=compile_intake(manifest, key),
        outputs=_outputs(session, manifest),
        loaded_at=loaded_at,
    )


def with_checks(model: LoadedModel, digest: str | None, checks: Mapping[str, Check] | None) -> LoadedModel:
    """The model with other checks, whose digest is `digest`; None means those of the build. Shares the session. Raises BadModel."""
    manifest = model.built_manifest if checks is None else manifest_with_checks(model.built_manifest, checks)
    return replace(model, manifest=manifest, checks=digest, intake=compile_intake(manifest, model.intake.key))


def _check_inputs(session: ort.InferenceSession, manifest: Manifest) -> None:
    inputs = {tensor.name: tensor.type for tensor in session.get_inputs()}
    expected = dict.fromkeys(manifest.graph.strings, "tensor(string)")
    if manifest.graph.features:
        expected[FEATURES] = "tensor(float)"
    if inputs != expected:
        msg = f"model.onnx takes {_names(inputs)}, but manifest.json (graph) lists {_names(expected)}"
        raise BadModel(msg)


def _outputs(session: ort.InferenceSession, manifest: Manifest) -> tuple[Output, ...]:
    types = {tensor.name: tensor.type for tensor in session.get_outputs()}
    names = OUTPUTS.get(manifest.task, ("label", "probabilities"))
    outputs: list[Output] = []
    for name in names:
        graph = manifest.graph.outputs.get(name, "")
        datatype = OUTPUT_DATATYPES.get(types.get(graph, ""))
        allowed = ("BYTES", "INT64") if name == "label" else ("FP32",)
        if datatype is None or datatype not in allowed:
            msg = f'model.onnx has no output "{graph}" of type {" or ".join(allowed)} for "{name}" (manifest.json, graph.outputs)'
            raise BadModel(msg)
        width = len(manifest.classes or ()) if name == "probabilities" else None
        outputs.append(Output(name=name, graph=graph, datatype=datatype, width=width))
    return tuple(outputs)


def _names(tensors: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in sorted(tensors.items())) or "nothing"


def _first_line(problem: Exception) -> str:
    return str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
