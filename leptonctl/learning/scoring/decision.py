"""How labels and probabilities follow from those of the learned model, in numpy: calibration of each class, and a threshold.

Probabilities come and go as float32, as a graph has them; a calibration is computed in float64 in between.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from leptonctl.core.frozen import Frozen
from leptonctl.learning.inputs import Objective
from leptonctl.spi.learning import Label, ProviderError

MOST_CANDIDATES = 256
"""How many thresholds are tried for a metric that is not computed from counts here."""


class Sigmoid(Frozen, eq=False):
    """`1 / (1 + exp(slope * p + offset))`: Platt's scaling, with scikit-learn's signs."""

    slope: float
    offset: float

    def __call__(self, values: np.ndarray) -> np.ndarray:
        from scipy.special import expit

        return np.asarray(expit(-(self.slope * values + self.offset)))


class Isotonic(Frozen, eq=False):
    """Linear between the points (`x`, `y`), which both ascend, and constant outside of them."""

    x: np.ndarray
    y: np.ndarray

    def __call__(self, values: np.ndarray) -> np.ndarray:
        if len(self.x) == 1:
            return np.full(len(values), self.y[0])
        # the segment is the number of points reached, as in the graph; at a point itself np.interp takes the segment before
        inside = np.clip(values, self.x[0], self.x[-1])
        place = np.searchsorted(self.x[1:-1], inside, side="right")
        return np.asarray(self.y[place] + (inside - self.x[place]) * self.slopes[place])

    @property
    def slopes(self) -> np.ndarray:
        """The slope of each segment."""
        return np.asarray(np.diff(self.y) / np.diff(self.x))


Calibrator: TypeAlias = Sigmoid | Isotonic


class Rule(Frozen, eq=False):
    """How probabilities [N, C] are calibrated and become labels. calibrators: none, one for the second of two classes, or one for each.

    threshold: the least probability, as float32, of the class at `positive` that makes it the label; None: the largest one does.
    """

    classes: tuple[Label, ...]
    calibrators: tuple[Calibrator, ...] = ()
    threshold: float | None = None
    positive: int = 1

    def probabilities(self, learned: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, float32 [N, C], as those of scikit-learn's CalibratedClassifierCV."""
        values = learned.astype(np.float64)
        if not self.calibrators:
            return learned.astype(np.float32)
        if len(self.calibrators) == 1:
            second = self.calibrators[0](values[:, 1])
            return np.column_stack([1.0 - second, second]).astype(np.float32)
        scores = np.column_stack([calibrate(values[:, place]) for place, calibrate in enumerate(self.calibrators)])
        total = scores.sum(axis=1, keepdims=True)
        uniform = np.full_like(scores, 1.0 / len(self.classes))
        shares: np.ndarray = np.minimum(np.divide(scores, total, out=uniform, where=total != 0), 1.0)
        return shares.astype(np.float32)

    def labels(self, probabilities: np.ndarray) -> np.ndarray:
        """The labels that these (calibrated) probabilities give."""
        names = np.array(self.classes, dtype=np.int64 if isinstance(self.classes[0], int) else object)
        if self.threshold is None:
            return np.asarray(names[probabilities.argmax(axis=1)])
        is_positive = probabilities[:, self.positive] >= np.float32(self.threshold)
        return np.asarray(np.where(is_positive, names[self.positive], names[1 - self.positive]))


def fit_calibrators(
    learned: np.ndarray, y: np.ndarray, classes: Sequence[Label], method: str, weights: np.ndarray | None
) -> tuple[Calibrator, ...]:
    """The calibrators of held-out probabilities [N, C]: those of `CalibratedClassifierCV(ensemble=False)` with the same folds."""
    from sklearn.calibration import CalibratedClassifierCV

    assert list(classes) == np.unique(y).tolist(), "probabilities are in the order of the sorted classes"
    every = np.arange(len(y))
    probabilities = learned.astype(np.float32).astype(np.float64)
    calibrated = CalibratedClassifierCV(_identity(), method=method, ensemble=False, cv=[(every, every)])
    calibrated.fit(probabilities, y, sample_weight=weights)
    return tuple(_calibrator(one) for one in calibrated.calibrated_classifiers_[0].calibrators)


def _calibrator(fitted: Any) -> Calibrator:
    """The calibrator of one class from scikit-learn's fitted one."""
    if hasattr(fitted, "a_"):
        return Sigmoid(slope=float(fitted.a_), offset=float(fitted.b_))
    return Isotonic(x=np.asarray(fitted.X_thresholds_, dtype=np.float64), y=np.asarray(fitted.y_thresholds_, dtype=np.float64))


def _identity() -> Any:
    """A classifier that returns its input as probabilities: the models of the folds are fitted already."""
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Identity(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        def fit(self, features: np.ndarray, target: np.ndarray, sample_weight: np.ndarray | None = None) -> Any:  # noqa: ARG002
            self.classes_ = np.unique(target)
            return self

        def predict(self, features: np.ndarray) -> np.ndarray:
            return np.asarray(self.classes_[features.argmax(axis=1)])

        def predict_proba(self, features: np.ndarray) -> np.ndarray:
            return features

    return Identity()


class Choice(Frozen):
    """A threshold, and the figure of its objective on the held-out rows. `words`: the objective as text."""

    threshold: float
    score: float
    words: str


class Counts(Frozen, eq=False):
    """What each candidate threshold makes of the held-out rows. All arrays are [candidates], ascending by threshold."""

    thresholds: np.ndarray
    true_positives: np.ndarray
    false_positives: np.ndarray
    positives: int
    negatives: int

    @property
    def recall(self) -> np.ndarray:
        return _share(self.true_positives, np.full(len(self.thresholds), self.positives))

    @property
    def precision(self) -> np.ndarray:
        return _share(self.true_positives, self.true_positives + self.false_positives)

    def metric(self, name: str) -> np.ndarray | None:
        """The metric of each candidate; None for one that is not computed here."""
        true, false = self.true_positives, self.false_positives
        rest = self.negatives - false
        if name == "accuracy":
            return np.asarray((true + rest) / (self.positives + self.negatives))
        if name == "balanced_accuracy":
            return np.asarray((self.recall + rest / self.negatives) / 2)
        if name == "f1":
            return _share(2 * true, true + false + self.positives)
        return {"recall": self.recall, "precision": self.precision}.get(name)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The quotient, 0 where the whole is: scikit-learn's `zero_division=0`."""
    return np.asarray(np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0))


def count(probability: np.ndarray, is_positive: np.ndarray) -> Counts:
    """The candidates: between any two adjacent probabilities (float32 [N]), and below and above all."""
    order = np.argsort(probability, kind="stable")
    values, hits = probability[order], is_positive[order]
    distinct, first = np.unique(values, return_index=True)
    # at the first row of a value and after it everything is labelled positive
    above = np.append(hits[::-1].cumsum()[::-1], 0)
    rows = np.append(np.arange(len(values), 0, -1), 0)
    cuts = np.append(first, len(values)) if distinct[-1] < 1 else first
    lower = np.append(np.float32(0), distinct)
    upper = np.append(distinct, np.float32(1))
    thresholds = np.array([between(float(a), float(b)) for a, b in zip(lower[: len(cuts)], upper[: len(cuts)], strict=True)])
    return Counts(
        thresholds=thresholds, true_positives=above[cuts], false_positives=rows[cuts] - above[cuts],
        positives=int(hits.sum()), negatives=int(len(hits) - hits.sum()),
    )  # fmt: skip


def between(low: float, high: float) -> float:
    """A threshold above `low` and at most `high`, near their middle, with as few digits as there is room for."""
    middle = (low + high) / 2
    for digits in range(2, 9):
        rounded = round(middle, digits)
        if low < np.float32(rounded) <= high:
            return rounded
    return middle if low < np.float32(middle) <= high else high


def choose(counts: Counts, objective: Objective, score: Callable[[float], float]) -> Choice:
    """The best candidate. Among equals the one nearest to 0.5, and the larger of two equally near. `score`: the metric of a threshold.

    Raises ProviderError (no-threshold) when no candidate reaches the least value.
    """
    if objective.metric is not None:
        return _best_metric(counts, objective.metric, score)
    name, least = ("recall", objective.recall) if objective.recall is not None else ("precision", objective.precision)
    assert least is not None, "exactly one of the three is set"
    limited, maximised = (counts.recall, counts.precision) if name == "recall" else (counts.precision, counts.recall)
    meets = limited >= least.min - 1e-12
    if not meets.any():
        raise ProviderError(
            "No threshold reaches the least value",
            detail=f"On the held-out training rows the largest {name} of any threshold is {limited.max():.4f}, below {least.min:g}.",
            hint=f"lower the `min`, or train a model whose {name} is better",
            id="no-threshold",
        )
    best = _first(np.where(meets, maximised, -np.inf), counts.thresholds)
    return Choice(threshold=float(counts.thresholds[best]), score=float(limited[best]), words=f"{name} of at least {least.min:g}")


def _best_metric(counts: Counts, name: str, score: Callable[[float], float]) -> Choice:
    exact = counts.metric(name)
    if exact is not None:
        best = _first(exact, counts.thresholds)
        return Choice(threshold=float(counts.thresholds[best]), score=float(exact[best]), words=f"best {name}")
    places = np.unique(np.linspace(0, len(counts.thresholds) - 1, MOST_CANDIDATES).round().astype(int))
    thresholds = counts.thresholds[places]
    figures = np.array([score(float(threshold)) for threshold in thresholds])
    best = _first(figures, thresholds)
    return Choice(threshold=float(thresholds[best]), score=abs(float(figures[best])), words=f"best {name}")


def _first(figures: np.ndarray, thresholds: np.ndarray) -> int:
    """The place of the largest figure. Among equals the threshold nearest to 0.5, and the larger of two equally near."""
    largest = np.flatnonzero(figures >= figures.max() - 1e-12)
    return int(min(largest, key=lambda place: (round(abs(float(thresholds[place]) - 0.5), 9), -thresholds[place])))
