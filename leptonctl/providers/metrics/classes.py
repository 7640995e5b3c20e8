"""What the classification metrics share: the classes, the averaging, and when a metric is not defined."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from leptonctl.spi.learning import Label, Options, Prediction, ProviderError, Scoring

if TYPE_CHECKING:
    import numpy as np


def undefined_value(reason: str) -> ProviderError:
    """The error that a metric raises when it has no value on these rows; `reason` becomes the note in its place."""
    return ProviderError("The metric is not defined on these rows", detail=reason, id="undefined-metric")


def all_classes(y: np.ndarray, prediction: Prediction) -> list[Label]:
    """The model's classes and those that occur only in the rows, sorted."""
    return sorted({*prediction.classes, *y.tolist()})


def averaging(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> Options:
    """The averaging arguments of scikit-learn's metrics. Raises ProviderError for a binary average of more than two classes."""
    if scoring.average != "binary":
        return {"average": scoring.average, "zero_division": 0}
    classes = all_classes(y, prediction)
    if len(classes) > 2:  # noqa: PLR2004
        raise ProviderError(
            "The average `binary` needs two classes",
            detail=f"There are {len(classes)} classes: {', '.join(map(str, classes[:10]))}{', …' if len(classes) > 10 else ''}.",  # noqa: PLR2004
            hint="write `average: macro` (or micro, weighted) under `evaluate:`, or leave it out",
            id="average-needs-two-classes",
        )
    if scoring.positive not in classes:
        raise undefined_value(f"neither the model nor these rows have the positive class {scoring.positive!s}")
    return {"average": "binary", "pos_label": scoring.positive, "zero_division": 0}


class Pairs(NamedTuple):
    """Each true class with each label that its rows got, and the number of these rows, which is the weight of the pair.

    scikit-learn sorts rows many times over, and pairs are few. Its metrics of labels count rows and divide at the end, so weighted pairs
    give the same bytes as rows.
    """

    y: np.ndarray
    labels: np.ndarray
    rows: np.ndarray


def pairs(y: np.ndarray, prediction: Prediction) -> Pairs:
    """The pairs of these rows. The last ones are kept for the next metric."""
    last = next(iter(_LAST_PAIRS), None)
    if last is not None and last[0] is y and last[1] is prediction:
        return last[2]
    import numpy as np

    counts = sorted(Counter(zip(y.tolist(), np.asarray(prediction.labels).tolist(), strict=True)).items())
    # each once more without a row: scikit-learn warns of arrays in which hardly a class occurs twice
    true, labels = (np.array([pair[side] for pair, _ in counts] * 2) for side in (0, 1))
    new = Pairs(y=true, labels=labels, rows=np.array([count for _, count in counts] + [0] * len(counts)))
    _LAST_PAIRS[:] = [(y, prediction, new)]
    return new


_LAST_PAIRS: list[tuple[np.ndarray, Prediction, Pairs]] = []
"""The rows that were counted last, and their pairs. The rows are kept, so that no other object can have their identity."""


class Rates(NamedTuple):
    """Precision, recall and F1 of the same labels."""

    precision: float
    recall: float
    f1: float


def rates(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> Rates:
    """The three rates, averaged. scikit-learn computes them together, so the last ones are kept for the next metric."""
    last = next(iter(_LAST_RATES), None)
    if last is not None and last[0] is y and last[1] is prediction and last[2] == scoring:
        return last[3]
    from sklearn.metrics import precision_recall_fscore_support

    options = averaging(y, prediction, scoring)
    true, labels, rows = pairs(y, prediction)
    precision, recall, f1, _ = precision_recall_fscore_support(true, labels, sample_weight=rows, **options)
    new = Rates(precision=float(precision), recall=float(recall), f1=float(f1))
    _LAST_RATES[:] = [(y, prediction, scoring, new)]
    return new


_LAST_RATES: list[tuple[np.ndarray, Prediction, Scoring, Rates]] = []
"""As _LAST_PAIRS, of the rates."""


def probabilities(y: np.ndarray, prediction: Prediction) -> np.ndarray:
    """The probabilities, clipped to [0, 1] (float32 may be outside by one ulp). Raises ProviderError: undefined-metric.

    The metric is undefined when the model returns no probabilities, or none for a class of the rows.
    """
    import numpy as np

    if prediction.probabilities is None:
        raise undefined_value("the model returns no probabilities")
    unknown = sorted(set(y.tolist()) - set(prediction.classes))
    if unknown:
        raise undefined_value(f"the model does not know the class {unknown[0]!s} of these rows")
    clipped: np.ndarray = np.clip(prediction.probabilities, 0.0, 1.0)
    return clipped


def curve_columns(prediction: Prediction, scoring: Scoring) -> list[tuple[Label, int]]:
    """The classes to draw a curve for, with their columns: the positive class of two, else each class against the rest.

    Raises ProviderError: undefined-metric, when the positive class is not one of the two.
    """
    classes = prediction.classes
    if len(classes) == 2 and scoring.positive is not None:  # noqa: PLR2004
        if scoring.positive not in classes:
            raise undefined_value(f"the model does not know the positive class {scoring.positive!s}")
        return [(scoring.positive, classes.index(scoring.positive))]
    return [(name, index) for index, name in enumerate(classes)]


def plain(value: Label) -> Label:
    """A class as a JSON value."""
    return value if isinstance(value, str) else int(value)
