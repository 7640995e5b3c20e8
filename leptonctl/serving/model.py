"""One loaded model: its onnxruntime session and its compiled contract. Knows no name, no version and no HTTP."""

from collections.abc import Mapping

import onnxruntime as ort

from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.manifest import FEATURES, Manifest
from leptonctl.serving.intake import Check, Intake, compile_intake, with_checks
from leptonctl.serving.manifest import BadModel

DATATYPES = {"tensor(string)": "BYTES", "tensor(int64)": "INT64", "tensor(float)": "FP32"}


class Output(Frozen):
    """One output as clients see it. `width` is the number of columns, None for a vector."""

    name: str
    graph: str
    datatype: str
    width: int | None


class LoadedModel(Frozen, eq=False):
    """Immutable and shared: two versions or deployments with the same artifacts hold the same value.

    `built` is the manifest as it was exported, `manifest` the same with the checks in force, whose digest is `checks` (None: those
    of the build). `loaded_at` is in seconds since 1970.
    """

    session: ort.InferenceSession
    built: Manifest
    manifest: Manifest
    checks: str | None
    intake: Intake
    outputs: tuple[Output, ...]
    loaded_at: float


def load_model(onnx: bytes, manifest: Manifest, *, key: bytes | None = None, loaded_at: float = 0.0) -> LoadedModel:
    """The model in `onnx`; `key` is the secret of its hashed columns. Raises BadModel."""
    if key is None and any(column.hash for column in manifest.columns):
        msg = "the model has hashed columns and no key was handed over"
        raise BadModel(msg)
    options = ort.SessionOptions()
    # one thread: requests run side by side, and a pool of its own per model would fight over the cores
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # onnxruntime raises its own bare classes, one per status code
        msg = f"onnxruntime does not load model.onnx: {_line(problem)}"
        raise BadModel(msg) from problem
    _check_inputs(session, manifest)
    return LoadedModel(
        session=session,
        built=manifest,
        manifest=manifest,
        checks=None,
        intake=compile_intake(manifest, key),
        outputs=_outputs(session, manifest),
        loaded_at=loaded_at,
    )


def checked_model(model: LoadedModel, digest: str | None, checks: Mapping[str, Check] | None) -> LoadedModel:
    """The same session with the checks that are declared now, of that digest; None: those of its build. Raises BadModel."""
    manifest = model.built if checks is None else with_checks(model.built, checks)
    return replace(model, manifest=manifest, checks=digest, intake=compile_intake(manifest, model.intake.key))


def _check_inputs(session: ort.InferenceSession, manifest: Manifest) -> None:
    have = {tensor.name: tensor.type for tensor in session.get_inputs()}
    want = dict.fromkeys(manifest.graph.strings, "tensor(string)")
    if manifest.graph.features:
        want[FEATURES] = "tensor(float)"
    if have != want:
        msg = f"model.onnx takes {_names(have)}, manifest.json (graph) gives {_names(want)}"
        raise BadModel(msg)


def _outputs(session: ort.InferenceSession, manifest: Manifest) -> tuple[Output, ...]:
    have = {tensor.name: tensor.type for tensor in session.get_outputs()}
    names = ("prediction",) if manifest.task == "regression" else ("label", "probabilities")
    found: list[Output] = []
    for name in names:
        graph = manifest.graph.outputs.get(name, "")
        datatype = DATATYPES.get(have.get(graph, ""))
        wanted = ("BYTES", "INT64") if name == "label" else ("FP32",)
        if datatype is None or datatype not in wanted:
            msg = f'model.onnx has no output "{graph}" of type {" or ".join(wanted)} for "{name}" (manifest.json, graph.outputs)'
            raise BadModel(msg)
        width = len(manifest.classes or ()) if name == "probabilities" else None
        found.append(Output(name=name, graph=graph, datatype=datatype, width=width))
    return tuple(found)


def _names(tensors: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in sorted(tensors.items())) or "nothing"


def _line(problem: Exception) -> str:
    return str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
