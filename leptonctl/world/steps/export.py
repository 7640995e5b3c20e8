"""The step `export`: the native model in; the canonical ONNX graph, its manifest and golden rows out, once both agree. Registers nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from leptonctl.core.values import Json
from leptonctl.spi import ProviderError
from leptonctl.world.bench import Bench, Made, Needs
from leptonctl.world.learning import Fitted, providers_of
from leptonctl.world.learning_native import load_native
from leptonctl.world.learning_rows import Columns, Rows, count_rows, pick_columns
from leptonctl.world.onnx_canonical import serialized
from leptonctl.world.onnx_graph import build_graph
from leptonctl.world.onnx_hard_rows import HardRows, hard_rows
from leptonctl.world.onnx_manifest import as_json, golden, manifest
from leptonctl.world.onnx_parity import Parity, compare, default_tolerance, parity_json, run_graph
from leptonctl.world.scoring import open_session
from leptonctl.world.steps.train import prepared

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
        outputs={"parity": dict(made.parity), "size": len(made.onnx)},
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
    """Convert, compare with the native model on the unseen rows and on hard rows, and record golden answers."""
    judged = pick_columns(unseen.columns if len(unseen.y) else seen.columns, fitted.features)
    model, repairs = build_graph(fitted, opset)
    data = serialized(model)
    session = open_session(data)
    limit = default_tolerance(fitted, tolerance)
    scale = float(np.std(seen.y)) if fitted.trainer.task == "regression" else 0.0
    hard = hard_rows(fitted, model, judged)
    test_parity = compare(fitted, session, judged, scale=scale, tolerance=limit)
    hard_parity = compare(fitted, session, hard.columns, scale=scale, tolerance=limit)
    if test_parity.wrong or hard_parity.wrong:
        raise _mismatch(fitted, test_parity, hard_parity, hard, limit)
    return Exported(
        onnx=data,
        parity=parity_json(test_parity, hard_parity, limit, repairs),
        golden=golden(fitted, *_answered(fitted, session, judged)),
    )


def _answered(fitted: Fitted, session: Any, columns: Columns) -> tuple[Columns, Any]:  # noqa: ANN401
    if not count_rows(columns):
        raise ProviderError("There is no row to compare the export with", hint="check the split and the source", id="no-rows")
    return columns, run_graph(session, fitted, columns)


def _mismatch(fitted: Fitted, test: Parity, hard: Parity, rows: HardRows, limit: float) -> ProviderError:
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
