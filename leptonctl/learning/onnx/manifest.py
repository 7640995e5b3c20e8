"""`manifest.json` and `golden.json`: what a server needs beside the graph. Owns their content; docs/formats.md describes it."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from leptonctl.core.values import Json
from leptonctl.learning.fit import Fitted
from leptonctl.learning.tables.prepared import Columns, as_number, count_rows, kind_of, take_rows
from leptonctl.spi.learning import Prediction

GOLDEN_ROWS = 16


def manifest(fitted: Fitted, contract: Mapping[str, Any], privacy: Mapping[str, Any] | None) -> dict[str, Json]:
    """How a request becomes graph inputs and graph outputs an answer."""
    classification = fitted.trainer.task == "classification"
    outputs: dict[str, Json] = {"label": "label", "probabilities": "probabilities"} if classification else {"prediction": "prediction"}
    columns = [column for column in contract["columns"] if column["name"] in fitted.features]
    return {
        "format_version": "1",
        "task": fitted.trainer.task,
        "target": contract["target"],
        "target_type": contract["target_type"],
        "columns": [_column(column, fitted) for column in columns],
        "classes": fitted.estimator.classes_.tolist() if classification else None,
        "graph": {
            "features": len(fitted.inputs.numbers),
            "strings": [f"s{i}" for i in range(len(fitted.inputs.texts))],
            "outputs": outputs,
        },
        "privacy": {key: privacy[key] for key in ("hash", "key", "key_id") if key in privacy} if privacy else None,
    }


def golden(fitted: Fitted, columns: Columns, answers: Prediction) -> dict[str, Json]:
    """Some rows as an inference request, and the exported graph's answers to them."""
    rows = golden_rows(columns, answers)
    chosen = take_rows(columns, rows)
    inputs: list[Json] = [_input(name, chosen[name]) for name in fitted.features]
    if answers.values is not None:
        outputs = [_tensor("prediction", "FP32", [len(rows)], answers.values[rows])]
    else:
        labels, probabilities = np.asarray(answers.labels)[rows], np.asarray(answers.probabilities)[rows]
        datatype = "INT64" if labels.dtype.kind in "iu" else "BYTES"
        outputs = [
            _tensor("label", datatype, [len(rows)], labels),
            _tensor("probabilities", "FP32", list(probabilities.shape), probabilities.reshape(-1)),
        ]
    return {"request": {"inputs": inputs}, "response": {"outputs": outputs}}


def golden_rows(columns: Columns, answers: Prediction) -> np.ndarray:
    """Up to 16 rows: the first of each predicted class, the first with each kind of missing cell, then evenly spread ones."""
    count = count_rows(columns)
    wanted: list[int] = []
    if answers.labels is not None:
        wanted += np.unique(answers.labels, return_index=True)[1].tolist()[: GOLDEN_ROWS // 2]
    for values in columns.values():
        missing = np.flatnonzero(values == "" if kind_of(values) == "string" else np.isnan(as_number(values)))
        wanted += missing[:1].tolist()
    wanted = list(dict.fromkeys(wanted))[: 3 * GOLDEN_ROWS // 4]
    wanted += np.linspace(0, count - 1, min(count, GOLDEN_ROWS)).astype(int).tolist()
    return np.array(sorted(list(dict.fromkeys(wanted))[:GOLDEN_ROWS]), dtype=np.intp)


def as_json(value: Mapping[str, Json]) -> bytes:
    """Canonical bytes: sorted keys, no spaces, finite numbers only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _column(column: Mapping[str, Any], fitted: Fitted) -> Json:
    name = column["name"]
    keys = ("name", "type", "nullable", "fill", "min", "max", "values", "hash")
    if name in fitted.inputs.numbers:
        place: dict[str, Json] = {"input": "features", "index": fitted.inputs.numbers.index(name)}
    else:
        place = {"input": f"s{fitted.inputs.texts.index(name)}"}
    return {key: column.get(key) for key in keys} | {"graph": place}


def _input(name: str, values: np.ndarray) -> Json:
    kind = kind_of(values)
    data: list[Json]
    if kind == "string":
        data = [text or None for text in values.tolist()]
        return {"name": name, "shape": [len(values)], "datatype": "BYTES", "data": data}
    numbers = as_number(values).astype(np.float64).tolist()
    if kind == "boolean":
        data = [None if value != value else bool(value) for value in numbers]  # noqa: PLR0124
        return {"name": name, "shape": [len(values)], "datatype": "BOOL", "data": data}
    data = [None if value != value else value for value in numbers]  # noqa: PLR0124
    return {"name": name, "shape": [len(values)], "datatype": "FP32", "data": data}


def _tensor(name: str, datatype: str, shape: list[int], values: np.ndarray) -> Json:
    data = values.astype(np.float64).tolist() if datatype == "FP32" else values.tolist()
    return {"name": name, "shape": list(shape), "datatype": datatype, "data": data}
