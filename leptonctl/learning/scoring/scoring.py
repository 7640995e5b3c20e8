"""Runs packages on prepared rows and scores their answers. Defines no metrics and reads no store; serving handles requests."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from leptonctl.core.diagnostic import did_you_mean
from leptonctl.core.frozen import Frozen
from leptonctl.core.manifest import FEATURES, MATRIX, OUTPUTS, UNSUPERVISED
from leptonctl.learning.catalog import providers
from leptonctl.learning.needs import WIDE
from leptonctl.learning.scoring.batches import run_in_batches
from leptonctl.spi.learning import Label, Metric, Prediction, ProviderError, Scoring
from leptonctl.telemetry import unreported

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import onnxruntime as ort

    from leptonctl.core.contract import Scalar
    from leptonctl.core.manifest import Manifest
    from leptonctl.core.values import Json
    from leptonctl.learning.fitting.fit import Fitted
    from leptonctl.learning.inputs import ScoringInputs
    from leptonctl.learning.tables.prepared import Columns

SMALL = 1 << 20
"""The bytes of a graph whose session is kept."""


class Scores(Frozen):
    """`numbers` and `details` (curves and matrices) are by metric; `notes` say which metrics are not defined on these rows, and why."""

    numbers: Mapping[str, float]
    details: Mapping[str, Json]
    notes: Sequence[str]


def open_session(onnx: bytes) -> ort.InferenceSession:
    """A session on one thread, so that the same bytes give the same answers on any number of cores.

    The session of the small graph that was opened last is kept: an export opens it, and the evaluation after it.
    """
    return _recent(onnx) if len(onnx) <= SMALL else _open(onnx)


@lru_cache(maxsize=1)
def _recent(onnx: bytes) -> ort.InferenceSession:
    return _open(onnx)


def _open(onnx: bytes) -> ort.InferenceSession:
    with unreported():
        import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised, and onnxruntime prints nothing
    return ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


def native_dtype(fitted: Fitted) -> str | None:
    """The dtype of the native model's probabilities, None for a regression. scikit-learn's log_loss clips at its precision."""
    import numpy as np

    from leptonctl.learning.fitting.fit import quiet

    if fitted.trainer.task != "classification":
        return None
    with quiet():
        return str(fitted.estimator.predict_proba(np.zeros((1, fitted.width), dtype=np.float32)).dtype)


def predict_onnx(onnx: bytes, manifest: Manifest, columns: Columns, dtype: str = WIDE) -> Prediction:
    """The model's answers to prepared rows, probabilities cast to `dtype`, values to float64. `columns` must be filled already."""
    import numpy as np

    inputs, outputs = graph_inputs(manifest, columns), manifest.graph.outputs
    if manifest.task in UNSUPERVISED:
        return _unsupervised(onnx, manifest, inputs)
    if manifest.classes is None:
        (values,) = _answers(onnx, [outputs["prediction"]], inputs)
        return Prediction(values=np.concatenate(values, axis=None).astype(np.float64) if values else np.empty(0))
    labels, probabilities = _answers(onnx, [outputs["label"], outputs["probabilities"]], inputs)
    if not labels:
        empty = np.empty((0, len(manifest.classes)), dtype=dtype)
        return Prediction(labels=np.empty(0, dtype=object), probabilities=empty, classes=manifest.classes)
    return Prediction(
        labels=np.concatenate(labels, axis=None), probabilities=np.concatenate(probabilities).astype(dtype), classes=manifest.classes
    )  # fmt: skip


def _unsupervised(onnx: bytes, manifest: Manifest, inputs: Mapping[str, np.ndarray]) -> Prediction:
    """Labels with their scores or distances; of clusters also the numbers that they were found in."""
    import numpy as np

    names = [*(manifest.graph.outputs[name] for name in OUTPUTS[manifest.task]), *([MATRIX] if manifest.task == "clustering" else [])]
    found = _answers(onnx, names, inputs)
    if not found[0]:
        return Prediction(labels=np.empty(0, dtype=object), values=np.empty(0))
    return Prediction(
        labels=np.concatenate(found[0], axis=None), values=np.concatenate(found[1], axis=None).astype(np.float64),
        matrix=np.concatenate(found[2]).astype(np.float64) if len(found) > 2 else None,  # noqa: PLR2004
    )  # fmt: skip


def _answers(onnx: bytes, names: Sequence[str], inputs: Mapping[str, np.ndarray]) -> Sequence[Sequence[np.ndarray]]:
    """Each named output in batches; none without rows."""
    return run_in_batches(open_session(onnx), names, inputs)


def graph_inputs(manifest: Manifest, columns: Columns) -> dict[str, np.ndarray]:
    """The graph's input tensors: the float32 matrix `features` if it has one, and a string tensor [N, 1] for each string input."""
    import numpy as np

    from leptonctl.learning.tables.prepared import as_number, as_text, count_rows

    inputs: dict[str, np.ndarray] = {}
    if manifest.graph.features:
        inputs[FEATURES] = np.empty((count_rows(columns), manifest.graph.features), dtype=np.float32)
    for column in manifest.columns:
        place, values = column.graph, columns[column.name]
        if place.index is not None:
            inputs[place.input][:, place.index] = as_number(values)
        else:
            inputs[place.input] = as_text(values).reshape(-1, 1)
    return inputs


def scoring_of(
    task: str, inputs: ScoringInputs, y: np.ndarray, classes: Sequence[Label], *, has_target: bool = True
) -> tuple[list[Metric], Scoring]:
    """The metrics and the averaging that the inputs of a step ask for. Raises ProviderError: unknown-metric, unknown-class.

    has_target: whether `y` are targets; without, the metrics that need one are left out.
    """
    metrics = choose_metrics(inputs.metrics, metric_table(task))
    if task in UNSUPERVISED:
        metrics = [metric for metric in metrics if has_target or not metric.needs_target]
    if task in ("regression", "clustering") or not has_target:
        return metrics, Scoring()
    return metrics, resolve_scoring(y, classes, inputs.positive, inputs.average)


def metric_table(task: str) -> Mapping[str, Metric]:
    """All metrics of a task by name, including third parties'."""
    metrics = providers().metrics
    return {name: metrics[(of, name)] for of, name in metrics if of == task}


def resolve_scoring(y: np.ndarray, classes: Sequence[Label], positive: Scalar | None, average: str | None) -> Scoring:
    """The averaging with defaults: `positive` is the last class in sorted order, `average` is binary for up to two classes, else macro."""
    all_classes = sorted({*classes, *y.tolist()})
    if positive is None:
        label = all_classes[-1]
    else:
        name = str(positive).lower() if isinstance(positive, bool) else str(positive)
        label = next((known for known in all_classes if str(known) == name), None)
        if label is None:
            raise ProviderError(
                "The positive class does not occur",
                detail=f"`evaluate.positive` is {name!r}, which is not a class of the target.",
                hint=did_you_mean(name, map(str, all_classes)),
                id="unknown-class",
            )
    return Scoring(positive=label, average=average or ("binary" if len(all_classes) <= 2 else "macro"))  # noqa: PLR2004


def choose_metrics(names: Sequence[str] | None, table: Mapping[str, Metric]) -> list[Metric]:
    """The metrics of these names, or the task's defaults. Raises ProviderError: unknown-metric."""
    if names is None:
        return [metric for metric in table.values() if metric.default]
    unknown = [name for name in names if name not in table]
    if unknown:
        raise ProviderError(
            "The metric does not exist for this task",
            detail=f"There is no metric named {unknown[0]!r}.",
            hint=did_you_mean(unknown[0], table),
            id="unknown-metric",
        )
    return [table[name] for name in names]


def score(metrics: Sequence[Metric], y: np.ndarray, prediction: Prediction, scoring: Scoring) -> Scores:
    """The value of each metric that is defined on these rows, and a note for each that is not."""
    from sklearn import config_context

    from leptonctl.learning.fitting.plain_arrays import plain_arrays

    numbers: dict[str, float] = {}
    details: dict[str, Json] = {}
    notes: list[str] = []
    for metric in metrics:
        try:
            # that the parameters are valid is known, and checking it takes as long as a small metric
            with config_context(skip_parameter_validation=True), plain_arrays():
                value, detail = _evaluate(metric, y, prediction, scoring)
        except ProviderError as undefined:
            if undefined.id != "undefined-metric":
                raise
            notes.append(f"{metric.name}: {undefined.detail}")
            continue
        if value is not None:
            numbers[metric.name] = value
        if detail is not None:
            details[metric.name] = detail
    return Scores(numbers=numbers, details=details, notes=notes)


def _evaluate(metric: Metric, y: np.ndarray, prediction: Prediction, scoring: Scoring) -> tuple[float | None, Json]:
    _check_finite(metric, prediction)
    value = None if metric.score is None else float(metric.score(y, prediction, scoring))
    if value is not None and not math.isfinite(value):
        raise _undefined("it is not a finite number")
    return value, None if metric.detail is None else metric.detail(y, prediction, scoring)


def _check_finite(metric: Metric, prediction: Prediction) -> None:
    """Raises ProviderError for NaN answers, which scikit-learn's metrics refuse: a model without support for missing cells gives them."""
    import numpy as np

    answers = prediction.values if prediction.values is not None else prediction.probabilities if metric.needs_probabilities else None
    if answers is None:
        return
    not_finite = int((~np.isfinite(answers)).reshape(len(answers), -1).any(axis=1).sum())
    if not_finite:
        raise _undefined(f"the model returns no number for {not_finite} of {len(answers)} rows because missing cells reach it")


def _undefined(reason: str) -> ProviderError:
    return ProviderError("The metric is not defined on these rows", detail=reason, id="undefined-metric")
