"""Weights of training rows, by a column and by class, and monotonic directions of features. Fits nothing."""

from collections.abc import Mapping

import numpy as np

from leptonctl.core.frozen import Frozen, field
from leptonctl.learning.fitting.frame import Frame
from leptonctl.learning.inputs import TrainInputs
from leptonctl.learning.tables.prepared import Columns, as_number, kind_of
from leptonctl.spi.learning import Estimator, Label, ProviderError, Trainer

CLASS_WEIGHT = "class_weight"
DIRECTIONS = {"up": 1, "down": -1}
TWO = 2


class Weights(Frozen, eq=False):
    """`rows`: the weight of each training row, None where all count alike. `params`: those of the algorithm that weigh classes."""

    rows: np.ndarray | None = None
    params: Mapping[str, object] = field(default_factory=dict)


def weights_of(inputs: TrainInputs, trainer: Trainer, columns: Columns, y: np.ndarray) -> Weights:
    """The weights that the recipe declares: those of classes as a parameter of the algorithm where it has one, else of their rows."""
    by_row = sample_weights(inputs, columns)
    if inputs.class_weight is None:
        return Weights(rows=by_row)
    by_class = class_weights(inputs.class_weight, y)
    if CLASS_WEIGHT not in trainer.params:
        return Weights(rows=row_weights(y, by_class, by_row))
    return Weights(rows=by_row, params={CLASS_WEIGHT: inputs.class_weight if isinstance(inputs.class_weight, str) else by_class})


def with_directions(inputs: TrainInputs, trainer: Trainer, estimator: Estimator, frame: Frame, y: np.ndarray) -> Estimator:
    """The estimator with the declared directions. Raises ProviderError (not-monotonic) where a feature is not a column of its input."""
    if not inputs.monotonic:
        return estimator
    assert trainer.monotonic is not None, "plans refuse other algorithms"
    if trainer.task == "classification" and len(np.unique(y)) > TWO:
        raise _not_monotonic(f"The target has {len(np.unique(y))} classes, and only the probability of one of two can rise or fall.")
    absent = [name for name in inputs.monotonic if name not in frame.named]
    if absent:
        why = "is not a feature" if absent[0] not in frame.kinds else "is replaced by a preprocess step"
        raise _not_monotonic(f"`monotonic` names {absent[0]}, which {why}.")
    directions = {frame.named[name]: DIRECTIONS[direction] for name, direction in inputs.monotonic.items()}
    return trainer.monotonic(estimator, [directions.get(place, 0) for place in frame.places])


def _not_monotonic(detail: str) -> ProviderError:
    hint = "name features that reach the algorithm as one column each (scalers and the imputer keep them), and have at most two classes"
    return ProviderError(
        "A feature cannot be made to act in one direction", detail=detail, hint=hint, id="not-monotonic"
    )  # fmt: skip


def sample_weights(inputs: TrainInputs, columns: Columns) -> np.ndarray | None:
    """The weights [N], float64, of the declared column; None without one. Raises ProviderError (bad-sample-weight)."""
    name = inputs.sample_weight
    if name is None:
        return None
    if name not in columns:
        raise _bad(name, "the prepared rows have no such column", "name a column of the dataset that `privacy` does not drop")
    if kind_of(columns[name]) != "number":
        raise _bad(name, "its cells are not numbers", "name a column of numbers, or declare its type under `columns`")
    weights = as_number(columns[name]).astype(np.float64)
    missing, negative = int(np.isnan(weights).sum()), int((weights < 0).sum())
    if missing:
        raise _bad(name, f"{missing} training rows have no weight", f"declare `{name}: {{missing: 1.0}}` under `columns` of the dataset")
    if negative:
        raise _bad(name, f"{negative} training rows have a negative weight", f"correct the file; `{name}: {{min: 0}}` names the rows")
    if not np.isfinite(weights).all() or not weights.sum() > 0:
        raise _bad(name, "the weights are all 0, or one is not finite", "give at least some rows a weight above 0")
    return weights


def class_weights(declared: str | Mapping[str, float], y: np.ndarray) -> dict[Label, float]:
    """The weight of each class of `y`; `balanced`: rows / (classes * rows of the class).

    Raises ProviderError (unknown-class-weight) for a name that is not a class.
    """
    classes, counts = np.unique(y, return_counts=True)
    labels: list[Label] = classes.tolist()
    if isinstance(declared, str):
        return {label: len(y) / (len(labels) * int(count)) for label, count in zip(labels, counts, strict=True)}
    unknown = [name for name in declared if name not in {str(label) for label in labels}]
    if unknown:
        raise ProviderError(
            "A weight is for a class that the target does not have",
            detail=f"`class_weight` names {unknown[0]}; the training rows have the classes {', '.join(map(str, labels[:12]))}.",
            hint="write the class as the data has it",
            id="unknown-class-weight",
        )
    return {label: float(declared.get(str(label), 1.0)) for label in labels}


def row_weights(y: np.ndarray, by_class: Mapping[Label, float], by_row: np.ndarray | None) -> np.ndarray:
    """The weight of each row by its class, times its own."""
    weights = np.array([by_class[label] for label in y.tolist()], dtype=np.float64)
    return weights if by_row is None else weights * by_row


def _bad(name: str, why: str, hint: str) -> ProviderError:
    return ProviderError(
        "The column of weights cannot be used", detail=f"`sample_weight: {name}`: {why}.", hint=hint, id="bad-sample-weight"
    )
