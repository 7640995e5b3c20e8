"""The step `export`: the native model in; canonical ONNX, manifest and golden rows out, once both agree. Records nothing."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from leptonctl.core.values import Json
from leptonctl.learning.fit import Fitted, providers_of
from leptonctl.learning.native import load_native
from leptonctl.learning.onnx.canonical import serialized
from leptonctl.learning.onnx.graph import build_graph
from leptonctl.learning.onnx.hard_rows import HardRows, hard_rows
from leptonctl.learning.onnx.manifest import as_json, golden, manifest
from leptonctl.learning.onnx.parity import Parity, compare, default_tolerance, parity_json, run_graph, runtime_errors, unstable_rows
from leptonctl.learning.scoring import native_dtype, open_session
from leptonctl.learning.steps.train import prepared
from leptonctl.learning.tables.prepared import Columns, Rows, count_rows, pick_columns
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Bench, Made, Needs

OPSET = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An exported model that agrees with its native one."""

    onnx: bytes
    parity: Mapping[str, Json]
    golden: Mapping[str, Json]


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Made:
    train = cast("Mapping[str, Any]", inputs["train"])
    refuse_untruthful(train)
    contract = cast("Mapping[str, Any]", needs["prepare"].outputs["contract"])
    fitted = load_native(bench.artifacts.get_artifact(needs["train"].artifacts["model.skops"]), train)
    seen = prepared(needs["prepare"], "train", train["task"], bench)
    unseen = prepared(needs["prepare"], "test", train["task"], bench)
    bench.progress(message="exporting")
    opset = cast("int | None", inputs.get("opset")) or OPSET
    made = export(fitted, seen, unseen, opset=opset, tolerance=cast("float | None", inputs.get("tolerance")))
    described = manifest(fitted, contract, cast("Mapping[str, Any] | None", inputs.get("privacy")))
    put = bench.artifacts.put_artifact
    return Made(
        artifacts={"model.onnx": put(made.onnx), "manifest.json": put(as_json(described)), "golden.json": put(as_json(made.golden))},
        outputs={"parity": dict(made.parity), "size": len(made.onnx), "native_dtype": native_dtype(fitted)},
    )


def refuse_untruthful(train: Mapping[str, Any]) -> None:
    """Combinations whose export is known to answer otherwise than the native model. Plans refuse them first."""
    trainer, preprocessors = providers_of(train)
    steps = train.get("preprocess") or []
    asked = [(trainer.name, trainer.refuse, train.get("params"))]
    asked += [(found.name, found.refuse, step.get("params")) for found, step in zip(preprocessors, steps, strict=True)]
    for name, refuse, params in asked:
        why = refuse(params or {}) if refuse else None
        if why:
            raise ProviderError(
                "This combination cannot be exported truthfully",
                detail=f"{name}: {why}",
                hint="change the parameter, or use another algorithm or step",
                id="not-exportable",
            )


def export(fitted: Fitted, seen: Rows, unseen: Rows, *, opset: int = OPSET, tolerance: float | None = None) -> Exported:
    """Convert, compare with the native model on the unseen rows and on hard rows, and record golden answers.

    What differs is converted once more with the algorithm in float64; what still differs is refused.
    """
    judged = pick_columns(unseen.columns if len(unseen.y) else seen.columns, fitted.features)
    if not count_rows(judged):
        raise ProviderError("There is no row to compare the export with", hint="check the split and the source", id="no-rows")
    limit = default_tolerance(fitted, tolerance)
    scale = float(np.std(seen.y)) if fitted.trainer.task == "regression" else 0.0
    first = _attempt(fitted, judged, scale, limit, opset)
    attempt = first
    if first.wrong:
        with suppress(ProviderError):
            attempt = _attempt(fitted, judged, scale, limit, opset, wide=True)
    if attempt.wrong:
        raise _mismatch(fitted, first, limit)
    answers = run_graph(open_session(attempt.onnx), fitted, judged)
    parity = parity_json(attempt.test, attempt.hard, limit, attempt.repairs)
    return Exported(onnx=attempt.onnx, parity=parity, golden=golden(fitted, judged, answers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
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


def _open(fitted: Fitted, data: bytes) -> Any:
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
    named = [f"evaluation row {row + 1}" for row in test.wrong[:5]] + [rows.about[row] for row in hard.wrong[:5]]
    count = len(test.wrong) + len(hard.wrong)
    off = max(test.max_probability_diff, hard.max_probability_diff, test.max_value_diff, hard.max_value_diff)
    return ProviderError(
        "The exported graph does not answer as the native model does",
        detail=f"{fitted.trainer.name}: {count} of {test.compared + hard.compared} rows differ (largest difference {off:.3g}, "
        f"allowed {limit:.3g}): {', '.join(named)}" + (" …" if count > len(named) else ""),
        hint="use another algorithm or preprocess step, or widen the export tolerance when the difference is acceptable",
        id="export-mismatch",
    )
