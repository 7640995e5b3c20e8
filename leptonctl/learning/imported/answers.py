"""Checks that the answers of an imported graph are those of a package: labels, probabilities, values. Runs nothing."""

from collections.abc import Mapping

import numpy as np

from leptonctl.learning.imported.classes import Classes
from leptonctl.learning.imported.refusal import PROBABILITIES, bad_classes, bad_graph, bad_outputs
from leptonctl.learning.imported.trial import SINGLE
from leptonctl.spi.learning import Prediction

NEARLY = 1e-3
"""How far a probability may lie outside 0 to 1, and the sum of a row from 1."""
ALONE = 1e-4
"""How far a row's answer may be from the same row's among others."""
FEW = 5
"""Fewer rows of a label show nothing about the order of the classes."""
MATRIX = 2


def check_answers(answers: Mapping[str, np.ndarray], rows: int, classes: Classes | None) -> Prediction:
    """The answers as a prediction. Raises ProviderError: bad-onnx, import-outputs, import-classes."""
    _check_alone(answers)
    if classes is None:
        values = answers["prediction"]
        if values.shape != (rows, 1):
            raise bad_outputs(f"The graph gives {_size(values)} values for {rows} rows.", "write `outputs: {prediction: NAME}`")
        return Prediction(values=values.reshape(-1))
    labels, probabilities = answers["label"], answers["probabilities"]
    _check_probabilities(probabilities, rows, len(classes.names))
    _check_labels(labels, rows, classes)
    if not classes.is_stated:
        _check_order(labels, probabilities, classes)
    return Prediction(labels=labels, probabilities=probabilities, classes=classes.sorted)


def not_finite(prediction: Prediction) -> np.ndarray:
    """[N] bool: the rows whose answer is not a finite number."""
    numbers = prediction.values if prediction.values is not None else np.asarray(prediction.probabilities)
    without: np.ndarray = ~np.isfinite(numbers).reshape(len(numbers), -1).all(axis=1)
    return without


def count_disagreements(prediction: Prediction) -> int:
    """How many rows have another label than that of their largest probability, not counting ties."""
    if prediction.labels is None or prediction.probabilities is None:
        return 0
    at = {label: place for place, label in enumerate(prediction.classes)}
    places = np.array([at[label] for label in prediction.labels.tolist()], dtype=np.intp)
    own = prediction.probabilities[np.arange(len(places)), places]
    with np.errstate(invalid="ignore"):
        return int((prediction.probabilities.max(axis=1) - own > NEARLY).sum())


def _size(values: np.ndarray) -> str:
    return " x ".join(map(str, values.shape)) or "1"


def _check_alone(answers: Mapping[str, np.ndarray]) -> None:
    for name in (key for key in answers if not key.startswith(SINGLE)):
        among, alone = answers[name][:1], answers[SINGLE + name]
        same = among.shape == alone.shape and (
            (among == alone).all() if among.dtype == object or among.dtype.kind in "iu" else _close(among, alone)
        )
        if not same:
            detail = f"The graph answers a row differently when it is alone in a request (output {name})."
            raise bad_graph(detail, "export the model for inference: batch normalisation and dropout off, and no fixed number of rows")


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.allclose(a, b, rtol=ALONE, atol=ALONE, equal_nan=True))


def _check_probabilities(probabilities: np.ndarray, rows: int, count: int) -> None:
    if probabilities.shape != (rows, count):
        raise bad_outputs(
            f"The graph gives {_size(probabilities)} probabilities for {rows} rows and {count} classes.",
            "export the model with one probability per class",
        )
    finite = probabilities[np.isfinite(probabilities).all(axis=1)]
    if not len(finite):
        raise bad_outputs(
            "The graph gives no numbers for any row.", "give missing cells a fill value: `columns: {COLUMN: {missing: VALUE}}`"
        )
    sums = np.abs(finite.sum(axis=1) - 1).max()
    if finite.min() < -NEARLY or finite.max() > 1 + NEARLY or sums > NEARLY * count:
        low, high = float(finite.min()), float(finite.max())
        values = f"its values go from {low:.3g} to {high:.3g}, and sums of rows differ from 1 by {sums:.3g}"
        detail = f"The output does not hold probabilities: {values}."
        raise bad_outputs(detail, f"write `outputs: logits` if that is what they are, or {PROBABILITIES}")


def _check_labels(labels: np.ndarray, rows: int, classes: Classes) -> None:
    allowed = {*classes.names}
    if labels.shape != (rows,):
        raise bad_outputs(f"The graph gives {_size(labels)} labels for {rows} rows.", "write `outputs: {label: NAME, probabilities: NAME}`")
    foreign = next((label for label in labels.tolist() if label not in allowed), None)
    if foreign is not None:
        names = ", ".join(map(str, classes.sorted[:8]))
        detail = f"The graph answers {foreign!r}, which is not among the classes {names}."
        raise bad_classes(detail, "list its classes in the order of its probabilities: `classes: […]`")


def _check_order(labels: np.ndarray, probabilities: np.ndarray, classes: Classes) -> None:
    """Refuse an order of the classes that the graph's own labels contradict."""
    largest = probabilities.argmax(axis=1)
    for place, name in enumerate(classes.sorted):
        of = largest[labels == name]
        if len(of) >= FEW and np.bincount(of, minlength=len(classes.names)).argmax() != place:
            detail = f"Rows that the graph calls {name} have another class's probability as their largest."
            hint = "list its classes in the order of its probabilities: `classes: […]`"
            raise bad_classes(detail, hint)
