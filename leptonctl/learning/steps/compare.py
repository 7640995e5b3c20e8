"""The step `compare`: the version bound now (a) and a candidate (b) on rows that neither has learned from. Records nothing."""

import io
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import polars as pl

from leptonctl.core.values import Json, Result
from leptonctl.learning.scoring import predict_onnx, score, scoring_of
from leptonctl.learning.steps.evaluate import dtype_of, exported_model
from leptonctl.learning.steps.train import prepared
from leptonctl.learning.tables.prepared import ROW_ID, Columns, kind_of, take_rows
from leptonctl.spi.learning import Prediction, ProviderError
from leptonctl.spi.running import Artifacts, Bench, Made, Needs


def run(inputs: dict[str, Json], needs: Needs, bench: Bench) -> Made:
    task, store = str(inputs["task"]), bench.artifacts
    rows = prepared(needs["prepare"], "test", task, bench)
    learned = row_ids(needs["prepare"], store) | row_ids(needs["bound_prepare"], store)
    keep = np.array([row not in learned for row in rows.ids], dtype=bool)
    excluded = len(keep) - int(keep.sum())
    if not keep.any():
        return Made(outputs=nothing_left(excluded))
    y, columns = rows.y[keep], take_rows(rows.columns, keep)
    bench.progress(message=f"comparing on {len(y)} rows")
    (onnx, manifest), (old_onnx, old_manifest) = exported_model(needs["export"], store), exported_model(needs["bound_export"], store)
    bound = predict_onnx(old_onnx, old_manifest, columns_for(old_manifest, manifest, columns), dtype_of(needs["bound_export"]))
    candidate = predict_onnx(onnx, manifest, columns, dtype_of(needs["export"]))
    return Made(outputs={"rows": len(y), "excluded": excluded, **compare(inputs, y, bound, candidate)})


def nothing_left(excluded: int) -> dict[str, Json]:
    """No row is fair to both. That is evidence too: a gate that needs the comparison cannot pass."""
    note = (
        f"all {excluded} evaluation rows of the candidate stand in training rows of one of the two; `split: {{by: COLUMN}}` prevents that"
    )
    return {"rows": 0, "excluded": excluded, "metrics": {}, "flips": {"rows": 0, "changed": 0, "share": None}, "notes": [note]}


def row_ids(prepare: Result, artifacts: Artifacts) -> frozenset[bytes]:
    """Which rows a version was trained on."""
    data = artifacts.get_artifact(prepare.artifacts["train.parquet"])
    return frozenset(pl.read_parquet(io.BytesIO(data), columns=[ROW_ID])[ROW_ID].to_list())


def compare(inputs: dict[str, Json], y: np.ndarray, bound: Prediction, candidate: Prediction) -> dict[str, Json]:
    """Metrics of both on the same rows, and the rows whose label differs."""
    if bound.labels is not None and bound.labels.dtype != candidate.labels.dtype:  # type: ignore[union-attr]
        y, bound, candidate = texts(y), as_texts(bound), as_texts(candidate)
    metrics, scoring = scoring_of(inputs, y, sorted({*bound.classes, *candidate.classes}))
    metrics = [metric for metric in metrics if metric.score]
    before, notes_a = score(metrics, y, bound, scoring)
    after, notes_b = score(metrics, y, candidate, scoring)
    notes = [f"{which}: {note}" for which, details in (("a", notes_a), ("b", notes_b)) for note in cast("list[str]", details["notes"])]
    return {
        "metrics": {name: {"a": before[name], "b": after[name]} for name in after if name in before},
        "flips": flips(bound, candidate),
        "notes": cast("Json", notes),
    }


def flips(bound: Prediction, candidate: Prediction) -> dict[str, Json]:
    """How many labels differ. A regression has no labels: its share is null, so that no gate takes it for agreement."""
    if bound.labels is None or candidate.labels is None:
        return {"rows": len(cast("np.ndarray", candidate.values)), "changed": 0, "share": None}
    changed = int((bound.labels != candidate.labels).sum())
    return {"rows": len(bound.labels), "changed": changed, "share": changed / len(bound.labels)}


def columns_for(bound: Mapping[str, Any], candidate: Mapping[str, Any], columns: Columns) -> Columns:
    """The candidate's rows as the bound version reads them: its columns, its own fill values where a cell is missing."""
    key_of = {which: (manifest.get("privacy") or {}).get("key_id") for which, manifest in (("a", bound), ("b", candidate))}
    read: Columns = {}
    for column in bound["columns"]:
        name = column["name"]
        if name not in columns:
            raise not_comparable(f"The bound version reads the column {name}, which the candidate's dataset does not have.")
        if kind_of(columns[name]) != ("number" if column["type"] == "integer" else column["type"]):
            raise not_comparable(
                f"The column {name} is {column['type']} for the bound version, {kind_of(columns[name])} in the candidate's dataset."
            )
        if column["hash"] and key_of["a"] != key_of["b"]:
            raise not_comparable(
                f"The column {name} is hashed with the key {key_of['a']} for the bound version, {key_of['b']} for the candidate."
            )
        read[name] = filled(columns[name], column["fill"])
    return read


def filled(values: np.ndarray, fill: Json) -> np.ndarray:
    if fill is None:
        return values
    kind = kind_of(values)
    missing = np.isnan(values) if kind == "number" else values < 0 if kind == "boolean" else values == ""
    return np.where(missing, cast("Any", fill), values).astype(values.dtype)


def not_comparable(detail: str) -> ProviderError:
    return ProviderError(
        "Versions cannot be compared on the same rows",
        detail=detail,
        hint="take the max_drop and flips gates off this model for this change, or keep the columns that the bound version reads",
        id="not-comparable",
    )


def texts(values: np.ndarray) -> np.ndarray:
    return np.array([str(v) for v in values.tolist()], dtype=object)


def as_texts(prediction: Prediction) -> Prediction:
    return Prediction(
        labels=texts(cast("np.ndarray", prediction.labels)),
        probabilities=prediction.probabilities,
        classes=tuple(map(str, prediction.classes)),
    )
