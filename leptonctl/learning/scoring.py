"""Runs an exported model on prepared rows and scores its answers. Owns no metric, reads no store; requests are the business of serving."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from leptonctl.core.diagnostic import did_you_mean
from leptonctl.spi.learning import Metric, Prediction, ProviderError, Scoring

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import onnxruntime as ort

    from leptonctl.core.values import Json
    from leptonctl.learning.fit import Fitted

ROWS_AT_ONCE = 4096


@cache
def metric_table(task: str) -> Mapping[str, Metric]:
    """All metrics of a task by name, third parties' included."""
    from leptonctl.project.catalog import load_catalog

    metrics = load_catalog().metrics
    return {name: metrics[(of, name)] for of, name in metrics if of == task}


def open_session(onnx: bytes) -> ort.InferenceSession:
    """A session on one thread: the same bytes give the same answers however many cores there are."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised; nothing is printed
    return ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


def native_dtype(fitted: Fitted) -> str | None:
    """The dtype of the native model's probabilities: scikit-learn's log_loss clips at its precision. None for a regression."""
    import numpy as np

    from leptonctl.learning.fit import quiet

    if fitted.trainer.task != "classification":
        return None
    with quiet():
        return str(fitted.estimator.predict_proba(np.zeros((1, fitted.width), dtype=np.float32)).dtype)


def predict_onnx(onnx: bytes, manifest: Mapping[str, Any], columns: dict[str, np.ndarray], dtype: str = "float64") -> Prediction:
    """The model's answers to prepared rows, probabilities cast to `dtype`, values to float64.

    `columns` as learning_rows has them, filled already.
    """
    import numpy as np

    outputs = manifest["graph"]["outputs"]
    names = [outputs["label"], outputs["probabilities"]] if manifest["task"] == "classification" else [outputs["prediction"]]
    inputs = graph_inputs(manifest, columns)
    rows = len(next(iter(inputs.values())))
    session = open_session(onnx)
    parts = [
        session.run(names, {name: value[start : start + ROWS_AT_ONCE] for name, value in inputs.items()})
        for start in range(0, rows, ROWS_AT_ONCE)
    ]
    if manifest["task"] == "classification":
        classes = tuple(manifest["classes"])
        if not parts:
            return Prediction(labels=np.empty(0, dtype=object), probabilities=np.empty((0, len(classes)), dtype=dtype), classes=classes)
        labels = np.concatenate([part[0].reshape(-1) for part in parts])
        return Prediction(labels=labels, probabilities=np.concatenate([part[1] for part in parts]).astype(dtype), classes=classes)
    values = np.concatenate([part[0].reshape(-1) for part in parts]) if parts else np.empty(0)
    return Prediction(values=values.astype(np.float64))


def graph_inputs(manifest: Mapping[str, Any], columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors of the graph: one float32 matrix `features` where it has one, and one [N, 1] text tensor a string input."""
    import numpy as np

    from leptonctl.learning.tables.prepared import as_number, as_text, count_rows

    inputs: dict[str, np.ndarray] = {}
    if manifest["graph"]["features"]:
        inputs["features"] = np.empty((count_rows(columns), manifest["graph"]["features"]), dtype=np.float32)
    for column in manifest["columns"]:
        place, values = column["graph"], _cells(columns[column["name"]], column["type"])
        if "index" in place:
            inputs[place["input"]][:, place["index"]] = as_number(values)
        else:
            inputs[place["input"]] = as_text(values).reshape(-1, 1)
    return inputs


def _cells(values: np.ndarray, kind: str) -> np.ndarray:
    """Raw input files give booleans as float32 0, 1 and NaN; prepared rows as int8 1, 0 and -1, which is what learners know."""
    import numpy as np

    if kind != "boolean" or values.dtype.kind != "f":
        return values
    return np.where(np.isnan(values), -1, values).astype(np.int8)


def resolve_scoring(y: np.ndarray, classes: Sequence[Any], positive: Json, average: str | None) -> Scoring:
    """How to average, defaults filled in: `positive` is the last sorted class, `average` binary, over two classes macro."""
    known = sorted({*classes, *y.tolist()})
    chosen = known[-1]
    if positive is not None:
        written = str(positive).lower() if isinstance(positive, bool) else str(positive)
        fitting = [name for name in known if str(name) == written]
        if not fitting:
            raise ProviderError(
                "Positive class does not occur",
                detail=f"`evaluate.positive` is {written!r}, which is no class of the target.",
                hint=did_you_mean(written, map(str, known)),
                id="unknown-class",
            )
        chosen = fitting[0]
    return Scoring(positive=chosen, average=average or ("binary" if len(known) <= 2 else "macro"))  # noqa: PLR2004


def choose_metrics(names: Sequence[str] | None, table: Mapping[str, Metric]) -> list[Metric]:
    """The metrics of these names, or the task's default ones."""
    if names is None:
        return [metric for metric in table.values() if metric.default]
    unknown = [name for name in names if name not in table]
    if unknown:
        raise ProviderError(
            "Metric is not known for this task",
            detail=f"There is no metric named {unknown[0]!r}.",
            hint=did_you_mean(unknown[0], table),
            id="unknown-metric",
        )
    return [table[name] for name in names]


def score(metrics: Sequence[Metric], y: np.ndarray, prediction: Prediction, scoring: Scoring) -> tuple[dict[str, float], dict[str, Json]]:
    """Numbers by metric name, and curves and matrices by name with `notes`: which metric is not defined on these rows, and why."""
    numbers: dict[str, float] = {}
    details: dict[str, Json] = {}
    notes: list[Json] = []
    for metric in metrics:
        try:
            value, detail = _judge(metric, y, prediction, scoring)
        except ProviderError as undefined:
            if undefined.id != "undefined-metric":
                raise
            notes.append(f"{metric.name}: {undefined.detail}")
            continue
        if value is not None:
            numbers[metric.name] = value
        if detail is not None:
            details[metric.name] = detail
    return numbers, {**details, "notes": notes}


def _judge(metric: Metric, y: np.ndarray, prediction: Prediction, scoring: Scoring) -> tuple[float | None, Json]:
    value, detail = None, None
    _check_finite(metric, prediction)
    if metric.score:
        value = metric.score(y, prediction, scoring)
        if not math.isfinite(value):
            raise _undefined("it is not a finite number")
    if metric.detail:
        detail = metric.detail(y, prediction, scoring)
    return value, detail


def _check_finite(metric: Metric, prediction: Prediction) -> None:
    """A model that takes no missing cells answers NaN to them; scikit-learn's metrics refuse that."""
    import numpy as np

    judged = prediction.values if prediction.values is not None else prediction.probabilities if metric.needs_probabilities else None
    if judged is None:
        return
    bad = int((~np.isfinite(judged)).reshape(len(judged), -1).any(axis=1).sum())
    if bad:
        raise _undefined(f"the model gives no number for {bad} of {len(judged)} rows: missing cells reach it")


def _undefined(why: str) -> ProviderError:
    return ProviderError("Metric is not defined on these rows", detail=why, id="undefined-metric")


def scoring_of(inputs: Mapping[str, Json], y: np.ndarray, classes: Sequence[Any]) -> tuple[list[Metric], Scoring]:
    """The metrics and the averaging that the inputs of a step ask for."""
    task = cast("str", inputs["task"])
    chosen = choose_metrics(cast("Sequence[str] | None", inputs.get("metrics")), metric_table(task))
    if task != "classification":
        return chosen, Scoring()
    return chosen, resolve_scoring(y, classes, inputs.get("positive"), cast("str | None", inputs.get("average")))
