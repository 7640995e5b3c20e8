"""One loaded model: its onnxruntime session and its compiled contract. Knows no name, no version and no HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from leptonctl.core.contract import LARGEST_FLOAT32, Contract
from leptonctl.serving.manifest import FEATURES, BadModel, Column, Manifest, read_manifest

Float32 = NDArray[np.float32]
CHECKED = ("min", "max", "values", "nullable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output as clients see it. `width` is the number of columns, None for a vector."""

    name: str
    graph: str
    datatype: str
    width: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """A manifest compiled for encoding.

    `low` and `high` bound each place of `features` as FP32: the declared range, else the finite range. `packed` says whether
    one tensor of all columns is accepted; in it `places` are the columns of `features` in order, `whole` the integer columns.
    `listed` holds the allowed values of the columns that have a list of them, rounded like the cells.
    """

    columns: dict[str, Column]
    numeric: tuple[Column, ...]
    texts: tuple[Column, ...]
    low: Float32
    high: Float32
    listed: tuple[tuple[Column, frozenset[float]], ...]
    packed: bool
    places: tuple[int, ...]
    whole: tuple[int, ...]
    key: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """Immutable and shared: two versions or deployments with the same artifacts hold the same value.

    `loaded_at` is in seconds since 1970.
    """

    session: ort.InferenceSession
    manifest: Manifest
    intake: Intake
    outputs: tuple[Output, ...]
    loaded_at: float


def load_model(onnx: bytes, manifest: Any, *, key: bytes | None = None, loaded_at: float = 0.0) -> LoadedModel:
    """The model in `onnx`, with `manifest` as parsed JSON and the secret `key` of its hashed columns. Raises BadModel."""
    read = read_manifest(manifest)
    if key is None and any(column.hash for column in read.columns):
        msg = "the model has hashed columns and no key was given"
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
    _check_inputs(session, read)
    intake = compile_intake(read, key)
    return LoadedModel(session=session, manifest=read, intake=intake, outputs=_outputs(session, read), loaded_at=loaded_at)


def with_checks(model: LoadedModel, manifest: Mapping[str, Any], checks: Mapping[str, Any], key: bytes | None) -> LoadedModel:
    """The model with the contract's checks as declared at the bind instead of those of its build."""
    columns = Contract.from_json(manifest).with_checks(checks).columns
    merged = [
        {**written, **{k: v for k, v in column.to_json().items() if k in CHECKED}}
        for written, column in zip(manifest["columns"], columns, strict=True)
    ]
    read = read_manifest({**manifest, "columns": merged})
    return replace(model, manifest=read, intake=compile_intake(read, key))


def compile_intake(manifest: Manifest, key: bytes | None) -> Intake:
    """The manifest in the form that encoding wants."""
    numeric = tuple(sorted((c for c in manifest.columns if c.index is not None), key=lambda c: c.index or 0))
    packed = (
        bool(numeric)
        and not any(column.name == FEATURES for column in manifest.columns)
        and all(column.type in ("number", "integer") for column in manifest.columns)
    )
    low = [-LARGEST_FLOAT32 if column.min is None else column.min for column in numeric]
    high = [LARGEST_FLOAT32 if column.max is None else column.max for column in numeric]
    with np.errstate(over="ignore"):
        return Intake(
            columns={column.name: column for column in manifest.columns},
            numeric=numeric,
            texts=tuple(column for column in manifest.columns if column.index is None),
            low=np.array(low, np.float64).astype(np.float32),
            high=np.array(high, np.float64).astype(np.float32),
            listed=tuple(
                (column, frozenset(np.array(column.values, np.float32).tolist())) for column in numeric if column.values is not None
            ),
            packed=packed,
            places=tuple(manifest.columns.index(column) for column in numeric),
            whole=tuple(place for place, column in enumerate(manifest.columns) if column.type == "integer"),
            key=key,
        )


def _check_inputs(session: ort.InferenceSession, manifest: Manifest) -> None:
    have = {tensor.name: tensor.type for tensor in session.get_inputs()}
    want = dict.fromkeys(manifest.strings, "tensor(string)")
    if manifest.features:
        want[FEATURES] = "tensor(float)"
    if have != want:
        msg = f"model.onnx takes {_names(have)}, manifest.json gives {_names(want)}"
        raise BadModel(msg)


def _outputs(session: ort.InferenceSession, manifest: Manifest) -> tuple[Output, ...]:
    have = {tensor.name: tensor.type for tensor in session.get_outputs()}
    names = ("prediction",) if manifest.task == "regression" else ("label", "probabilities")
    found: list[Output] = []
    for name in names:
        graph = manifest.outputs.get(name, "")
        datatype = {"tensor(string)": "BYTES", "tensor(int64)": "INT64", "tensor(float)": "FP32"}.get(have.get(graph, ""))
        wanted = ("BYTES", "INT64") if name == "label" else ("FP32",)
        if datatype is None or datatype not in wanted:
            msg = f'model.onnx has no output "{graph}" of type {" or ".join(wanted)} for "{name}"'
            raise BadModel(msg)
        width = len(manifest.classes or ()) if name == "probabilities" else None
        found.append(Output(name=name, graph=graph, datatype=datatype, width=width))
    return tuple(found)


def _names(tensors: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in sorted(tensors.items())) or "nothing"


def _line(problem: Exception) -> str:
    return str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
