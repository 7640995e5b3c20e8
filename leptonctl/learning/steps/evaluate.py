"""The step `evaluate`: the metrics of an exported model on the evaluation rows of its dataset. Records nothing."""

import json
from typing import Any, cast

from leptonctl.core.values import Json, Result
from leptonctl.learning.scoring import predict_onnx, score, scoring_of
from leptonctl.learning.steps.train import prepared
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Artifacts, Bench, Made, Needs


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Made:
    rows = prepared(needs["prepare"], "test", str(inputs["task"]), bench)
    if not len(rows.y):
        raise ProviderError(
            "Dataset has no evaluation rows",
            detail="Its split puts every row into training, so there is nothing to measure the model on.",
            hint="write `split: {test: 0.25}` in the dataset",
            id="no-evaluation-rows",
        )
    bench.progress(message=f"scoring {len(rows.y)} rows")
    onnx, manifest = exported_model(needs["export"], bench.artifacts)
    prediction = predict_onnx(onnx, manifest, rows.columns, dtype_of(needs["export"]))
    metrics, scoring = scoring_of(inputs, rows.y, prediction.classes)
    numbers, details = score(metrics, rows.y, prediction, scoring)
    judged = inputs["task"] == "classification"
    return Made(
        outputs={
            "metrics": cast("Json", numbers),
            "evaluation": details,
            "rows": len(rows.y),
            "positive": scoring.positive if judged else None,
            "average": scoring.average if judged else None,
        }
    )


def exported_model(export: Result, artifacts: Artifacts) -> tuple[bytes, dict[str, Any]]:
    """The graph and its manifest."""
    manifest = json.loads(artifacts.get_artifact(export.artifacts["manifest.json"]))
    return artifacts.get_artifact(export.artifacts["model.onnx"]), manifest


def dtype_of(export: Result) -> str:
    """The dtype of the native model's probabilities, to which the graph's float32 is cast for the metrics."""
    return cast("str | None", export.outputs.get("native_dtype")) or "float64"
