"""The matrix and curves of a version for `show`, computed from its package where no evaluation recorded them. Records nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.core.manifest import UNSUPERVISED
from leptonctl.spi.learning import MAX_POINTS, ProviderError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import numpy as np

    from leptonctl.core.result import Result
    from leptonctl.core.values import Json
    from leptonctl.learning.inputs import EvaluateInputs
    from leptonctl.learning.tables.prepared import Rows
    from leptonctl.spi.learning import Prediction, Scoring
    from leptonctl.spi.running import Artifacts

BINS = 10


def details(
    artifacts: Artifacts,
    prepare: Result,
    export: Result,
    scoring: Mapping[str, Json],
    *,
    recorded: Collection[str] = (),
    train: Result | None = None,
) -> dict[str, Json]:
    """`confusion_matrix` and `roc_curve` of a classification if they are not `recorded`, and its `calibration`; else `residuals`.

    As the metrics of these names, but in numpy alone, since scikit-learn takes a second to load. `train`: its result says which rows
    earlier versions have learned, which do not count. Empty when the artifacts are gone or do not fit, and without what is not defined
    on these rows.
    """
    from leptonctl.learning.inputs import EvaluateInputs, read_inputs

    try:
        rows = _rows(artifacts, prepare, train, str(scoring.get("task")))
        return _details(artifacts, rows, export, read_inputs("evaluate", scoring, EvaluateInputs), recorded)
    except (ProviderError, KeyError, ValueError):
        return {}


def _rows(artifacts: Artifacts, prepare: Result, train: Result | None, task: str) -> Rows:
    """The test rows without those that earlier versions have learned."""
    from leptonctl.learning.ancestry import fair_test_rows
    from leptonctl.learning.needs import read_prepared
    from leptonctl.learning.tables.prepared import Rows, take_rows

    rows = read_prepared(prepare, "test", task, artifacts)
    fair = fair_test_rows(train, prepare, len(rows.y), artifacts)
    return rows if fair is None else Rows(columns=take_rows(rows.columns, fair.keep), y=rows.y[fair.keep])


def _details(artifacts: Artifacts, rows: Rows, export: Result, request: EvaluateInputs, recorded: Collection[str]) -> dict[str, Json]:
    from leptonctl.learning.needs import read_package
    from leptonctl.learning.scoring.answers import predict_onnx
    from leptonctl.learning.scoring.metrics import resolve_scoring

    package = read_package(export, artifacts)
    prediction = predict_onnx(package.onnx, package.manifest, rows.columns, package.dtype)
    if request.task in UNSUPERVISED:
        return {}
    if request.task != "classification":
        return _residuals(rows.y, prediction)
    scoring = resolve_scoring(rows.y, prediction.classes, request.positive, request.average)
    curves = _calibration(rows.y, prediction, scoring)
    if "confusion_matrix" not in recorded:
        curves |= _confusion(rows.y, prediction)
    if "roc_curve" not in recorded:
        curves |= _roc(rows.y, prediction, scoring)
    return curves


def _confusion(y: np.ndarray, prediction: Prediction) -> dict[str, Json]:
    """Counts of rows, by class (row) and predicted label (column)."""
    import numpy as np

    classes = sorted({*prediction.classes, *y.tolist()})
    places = {name: place for place, name in enumerate(classes)}
    matrix = np.zeros((len(classes), len(classes)), dtype=int)
    labels = prediction.labels if prediction.labels is not None else ()
    for true, label in zip(y.tolist(), [*labels], strict=True):
        matrix[places[true], places[label]] += 1
    return {"confusion_matrix": {"labels": [*classes], "matrix": [*matrix.tolist()]}}


def _roc(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> dict[str, Json]:
    """True against false positives of each class that some but not all rows have; of two classes, of the positive one."""
    import numpy as np

    classes, probabilities = prediction.classes, prediction.probabilities
    if probabilities is None or not np.isfinite(probabilities).all():
        return {}
    two = len(classes) == 2 and scoring.positive in classes  # noqa: PLR2004
    curves: list[Json] = []
    for place, name in enumerate(classes):
        positive = np.asarray(y == name)
        if (two and name != scoring.positive) or positive.all() or not positive.any():
            continue
        order = np.argsort(-probabilities[:, place], kind="stable")
        hits, scores = positive[order], probabilities[order, place]
        # rows of equal probability are one point
        ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
        if len(ends) > MAX_POINTS:
            ends = ends[np.linspace(0, len(ends) - 1, MAX_POINTS).round().astype(int)]
        true, false = np.cumsum(hits)[ends] / hits.sum(), np.cumsum(~hits)[ends] / (~hits).sum()
        curves.append({"class": name, "fpr": [0.0, *false.tolist()], "tpr": [0.0, *true.tolist()]})
    return {"roc_curve": {"curves": curves}} if curves else {}


def _residuals(y: np.ndarray, prediction: Prediction) -> dict[str, Json]:
    """Quantiles of the true less the predicted value, in the target's unit."""
    import numpy as np

    values = prediction.values
    if values is None or not len(y) or not np.isfinite(values).all():
        return {}
    quantiles = (0.05, 0.25, 0.5, 0.75, 0.95)
    figures = np.quantile(y.astype(np.float64) - values, quantiles).tolist()
    return {"residuals": {"quantiles": [*quantiles], "values": figures, "rows": len(y)}}


def _calibration(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> dict[str, Json]:
    """Mean probability against the share that is true, in ten ranges of probability.

    Of two classes: the probability of the positive one. Of more: that of the predicted label (`class` is null).
    """
    import numpy as np

    if prediction.probabilities is None or not len(y) or not np.isfinite(prediction.probabilities).all():
        return {}
    classes = prediction.classes
    two = len(classes) == 2 and scoring.positive in classes  # noqa: PLR2004
    if two:
        probability = prediction.probabilities[:, classes.index(scoring.positive)]
        true = np.asarray(y == scoring.positive)
    else:
        probability = prediction.probabilities.max(axis=1)
        true = np.asarray(y == prediction.labels)
    probability = np.clip(probability.astype(np.float64), 0.0, 1.0)
    places = np.minimum((probability * BINS).astype(int), BINS - 1)
    bins: list[Json] = [
        {
            "low": place / BINS,
            "high": (place + 1) / BINS,
            "rows": int(inside.sum()),
            "predicted": float(probability[inside].mean()),
            "observed": float(true[inside].mean()),
        }
        for place in range(BINS)
        if (inside := places == place).any()
    ]
    return {"calibration": {"class": scoring.positive if two else None, "bins": bins, "rows": len(y)}}
