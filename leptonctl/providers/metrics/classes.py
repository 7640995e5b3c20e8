"""What the classification metrics share: which classes there are, how to average, and when a metric is not defined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.spi.learning import Label, Options, Prediction, ProviderError, Scoring

if TYPE_CHECKING:
    import numpy as np


def undefined(why: str) -> ProviderError:
    """Raised by a metric that has no value on these rows; it is then left out with `why` as its note."""
    return ProviderError("Metric is not defined on these rows", detail=why, id="undefined-metric")


def all_classes(y: np.ndarray, prediction: Prediction) -> list[Label]:
    """The model's classes and those that only the rows have, sorted."""
    return sorted({*prediction.classes, *y.tolist()})


def averaging(y: np.ndarray, prediction: Prediction, scoring: Scoring) -> Options:
    """The arguments that scikit-learn's averaged metrics take. A binary average is of two classes only."""
    if scoring.average != "binary":
        return {"average": scoring.average, "zero_division": 0}
    classes = all_classes(y, prediction)
    if len(classes) > 2:  # noqa: PLR2004
        raise ProviderError(
            "Average `binary` is for two classes",
            detail=f"There are {len(classes)} classes: {', '.join(map(str, classes[:10]))}{', …' if len(classes) > 10 else ''}.",  # noqa: PLR2004
            hint="write `average: macro` (or micro, weighted) under `evaluate:`, or leave it out",
            id="average-needs-two-classes",
        )
    return {"average": "binary", "pos_label": scoring.positive, "zero_division": 0}


def probabilities(y: np.ndarray, prediction: Prediction) -> np.ndarray:
    """Probabilities within [0, 1] (float32 may leave it by one ulp), once every class of the rows has a column."""
    import numpy as np

    if prediction.probabilities is None:
        raise undefined("the model gives no probabilities")
    unknown = sorted(set(y.tolist()) - set(prediction.classes))
    if unknown:
        raise undefined(f"the model does not know the class {unknown[0]!s} of these rows")
    inside: np.ndarray = np.clip(prediction.probabilities, 0.0, 1.0)
    return inside


def columns_to_judge(prediction: Prediction, scoring: Scoring) -> list[tuple[Label, int]]:
    """The classes that a curve is drawn for, with their columns: the positive one of two, else each against the rest."""
    classes = prediction.classes
    if len(classes) == 2 and scoring.positive is not None:  # noqa: PLR2004
        return [(scoring.positive, classes.index(scoring.positive))]
    return [(name, index) for index, name in enumerate(classes)]


def plain(value: Label) -> Label:
    """A class as JSON."""
    return value if isinstance(value, str) else int(value)
