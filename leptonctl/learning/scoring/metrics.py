"""Scores answers: which metrics a step computes, with which averaging, and their values. Defines no metric and runs no graph."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from leptonctl.core.diagnostic import did_you_mean
from leptonctl.core.frozen import Frozen
from leptonctl.core.manifest import UNSUPERVISED
from leptonctl.learning.catalog import providers
from leptonctl.spi.learning import Label, Metric, Prediction, ProviderError, Scoring

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from leptonctl.core.contract import Scalar
    from leptonctl.core.values import Json
    from leptonctl.learning.inputs import ScoringInputs


class Scores(Frozen):
    """`numbers` and `details` (curves and matrices) are by metric; `notes` say which metrics are not defined on these rows, and why."""

    numbers: Mapping[str, float]
    details: Mapping[str, Json]
    notes: Sequence[str]


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
        label = next((one for one in all_classes if str(one) == name), None)
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
            # the parameters are known to be valid, and checking them takes as long as a small metric
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
        raise _undefined_metric("it is not a finite number")
    return value, None if metric.detail is None else metric.detail(y, prediction, scoring)


def _check_finite(metric: Metric, prediction: Prediction) -> None:
    """Raises ProviderError for NaN answers, which scikit-learn's metrics refuse: a model without support for missing cells gives them."""
    import numpy as np

    answers = prediction.values if prediction.values is not None else prediction.probabilities if metric.needs_probabilities else None
    if answers is None:
        return
    not_finite = int((~np.isfinite(answers)).reshape(len(answers), -1).any(axis=1).sum())
    if not_finite:
        raise _undefined_metric(f"the model returns no number for {not_finite} of {len(answers)} rows because missing cells reach it")


def _undefined_metric(reason: str) -> ProviderError:
    return ProviderError("The metric is not defined on these rows", detail=reason, id="undefined-metric")
