"""The step `export`: the native model in; canonical ONNX, manifest and golden rows out, once both agree. Records nothing."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from leptonctl.core.codec import encode
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.manifest import package_digest
from leptonctl.core.values import Json
from leptonctl.learning.fit import Fitted, providers_of
from leptonctl.learning.inputs import ExportInputs, TrainInputs, read_inputs
from leptonctl.learning.native import load_native
from leptonctl.learning.onnx.canonical import serialized
from leptonctl.learning.onnx.golden import Golden, golden
from leptonctl.learning.onnx.graph import build_graph
from leptonctl.learning.onnx.hard_rows import HardRows, hard_rows
from leptonctl.learning.onnx.manifest import manifest
from leptonctl.learning.onnx.parity import Parity, compare, default_tolerance, figures, run_graph, runtime_errors, unstable_rows
from leptonctl.learning.outputs import ExportOutputs, ParityFigures
from leptonctl.learning.results import GOLDEN, MANIFEST, ONNX, native_files, read_contract, read_prepared
from leptonctl.learning.scoring import native_dtype, open_session
from leptonctl.learning.tables.prepared import Columns, Rows, count_rows, pick_columns
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Bench, Needs, Produced

if TYPE_CHECKING:
    import onnxruntime as ort

OPSET = 18


class Exported(Frozen):
    """An exported model that agrees with its native one."""

    onnx: bytes
    parity: ParityFigures
    golden: Golden


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Produced:
    order = read_inputs("export", inputs, ExportInputs)
    refuse_untruthful(order.train)
    prepare, artifacts = needs["prepare"], bench.artifacts
    fitted = load_native(native_files(needs["train"], artifacts), order.train)
    training, evaluation = (read_prepared(prepare, side, order.train.task, artifacts) for side in ("train", "test"))
    bench.progress(message="exporting")
    exported = export(fitted, training, evaluation, opset=order.opset, tolerance=order.tolerance)
    described = manifest(fitted, read_contract(prepare), order.privacy)
    graph = artifacts.put_artifact(exported.onnx)
    files: Mapping[str, str] = {
        ONNX: graph,
        MANIFEST: artifacts.put_artifact(encode(described)),
        GOLDEN: artifacts.put_artifact(encode(exported.golden)),
    }
    outputs = ExportOutputs(
        package=package_digest(graph, described), size=len(exported.onnx), native_dtype=native_dtype(fitted), parity=exported.parity
    )  # fmt: skip
    return Produced(artifacts=files, outputs=outputs.to_json())


def refuse_untruthful(train: TrainInputs) -> None:
    """Combinations whose export is known to answer otherwise than the native model. Plans refuse them first."""
    trainer, steps = providers_of(train)
    parts = [(trainer.name, trainer.refuse, train.params)]
    parts += [(provider.name, provider.refuse, step.params) for step, provider in steps]
    for name, refuse, params in parts:
        reason = refuse(params) if refuse else None
        if reason:
            raise ProviderError(
                "This combination cannot be exported truthfully",
                detail=f"{name}: {reason}",
                hint="change the parameter, or use another algorithm or step",
                id="not-exportable",
            )


def export(fitted: Fitted, training: Rows, evaluation: Rows, *, opset: int = OPSET, tolerance: float | None = None) -> Exported:
    """Convert, compare with the native model on the evaluation rows and on hard rows, and record golden answers.

    What differs is converted once more with the algorithm in float64, and judged once more by the native model in float64: in
    float32 some sum their terms too coarsely to be a measure. What still differs is refused.
    """
    columns = pick_columns(evaluation.columns if len(evaluation.y) else training.columns, fitted.features)
    if not count_rows(columns):
        raise ProviderError("There is no row to compare the export with", hint="check the split and the source", id="no-rows")
    limit = default_tolerance(fitted, tolerance)
    scale = float(np.std(training.y)) if fitted.trainer.task == "regression" else 0.0
    attempt = first = _attempt(fitted, columns, scale, limit, opset)
    if first.wrong and fitted.trainer.to_onnx is None:
        with suppress(ProviderError):
            attempt = _attempt(fitted, columns, scale, limit, opset, wide=True)
            if attempt.wrong:
                attempt = _attempt(replace(fitted, wide=True), columns, scale, limit, opset, wide=True)
    if attempt.wrong:
        raise _mismatch(fitted, first, limit)
    answers = run_graph(open_session(attempt.onnx), fitted, columns)
    parity = figures(attempt.test, attempt.hard, limit, attempt.repairs)
    return Exported(onnx=attempt.onnx, parity=parity, golden=golden(fitted, columns, answers))


class Attempt(Frozen):
    """One conversion and how it compared."""

    onnx: bytes
    repairs: list[str]
    test: Parity
    hard: Parity
    rows: HardRows

    @property
    def wrong(self) -> bool:
        return bool(self.test.wrong or self.hard.wrong)


def _attempt(fitted: Fitted, columns: Columns, scale: float, limit: float, opset: int, *, wide: bool = False) -> Attempt:
    model, repairs = build_graph(fitted, opset, wide=wide)
    if fitted.wide:
        repairs.append(f"{fitted.trainer.name}: compared with the native model in float64")
    data = serialized(model)
    session = _open(fitted, data)
    rows = hard_rows(fitted, model, columns)
    hard = compare(fitted, session, rows.columns, scale=scale, tolerance=limit)
    suspects = sorted(set(hard.wrong) & set(rows.huge))
    unstable = unstable_rows(fitted, rows.columns, suspects, scale=scale, tolerance=limit)
    if unstable:
        hard = compare(fitted, session, rows.columns, scale=scale, tolerance=limit, skip=unstable)
    test = compare(fitted, session, columns, scale=scale, tolerance=limit)
    return Attempt(onnx=data, repairs=repairs, test=test, hard=hard, rows=rows)


def _open(fitted: Fitted, data: bytes) -> "ort.InferenceSession":
    try:
        return open_session(data)
    except runtime_errors() as problem:
        raise ProviderError(
            "The exported graph cannot be run",
            detail=f"{fitted.trainer.name}: {' '.join(str(problem).split())[:300]}",
            hint="change its parameters, or use another algorithm or step",
            id="export-failed",
        ) from problem


def _mismatch(fitted: Fitted, attempt: Attempt, limit: float) -> ProviderError:
    test, hard, rows = attempt.test, attempt.hard, attempt.rows
    examples = [f"evaluation row {row + 1}" for row in test.wrong[:5]] + [rows.about[row] for row in hard.wrong[:5]]
    count = len(test.wrong) + len(hard.wrong)
    off = max(test.max_probability_diff, hard.max_probability_diff, test.max_value_diff, hard.max_value_diff)
    return ProviderError(
        "The exported graph does not answer as the native model does",
        detail=f"{fitted.trainer.name}: {count} of {test.compared + hard.compared} rows differ (largest difference {off:.3g}, "
        f"allowed {limit:.3g}): {', '.join(examples)}" + (" …" if count > len(examples) else ""),
        hint="put - {columns: numeric, use: standard_scaler} before it where columns are large, or use another algorithm or step",
        id="export-mismatch",
    )
