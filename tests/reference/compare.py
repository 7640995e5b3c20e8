"""Whether a build has the figures of plain scikit-learn, and where not. An export may differ from the native model by its tolerance.

With D = the tolerance of the export:
- the matrix is that of scikit-learn, but for rows whose two best probabilities are within 2 D; what counts labels follows from the matrix;
- log_loss: relative 1e-3, absolute 1e-4, beyond what float32 probabilities (off by 2e-7) make of it;
- roc_auc: the share of pairs within 2 D; curves: each point is between those of thresholds +/- D;
- calibration: the same rows a range, but for probabilities within D of its ends; means within D;
- errors of a regression: relative 1e-4 of the figure, or of the standard deviation of the target;
- folds, which no export takes part in, with their means and deviations: relative 1e-4, absolute 1e-5 (sums of float32 in another order);
  roc_auc within the share of pairs that are tied (1e-5).

Where scikit-learn's own figures move as far when the last bit of its inputs moves, nothing follows: such cases are counted apart.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sklearn.metrics as sk

from tests.reference.built import Built
from tests.reference.plain import Data, Fit, folds, rows_of

BINS = 10
TIE = 1e-5
"""Probabilities of one model that are so close may have another order where sums are rounded in another order."""
FLOAT32 = 2e-7
"""Two units in the last place of a float32 near 1, in which the graph answers."""


def probabilities(fit: Fit, matrix: np.ndarray) -> np.ndarray:
    return np.clip(fit.model.predict_proba(matrix), 0.0, 1.0)


def figures(task: str, y: np.ndarray, fit: Fit, frame: Any) -> dict[str, float]:
    """Every metric by scikit-learn's own functions; those that are not defined on these rows are left out."""
    matrix = fit.matrix(frame)
    answer = fit.model.predict(matrix)
    if task == "regression":
        return {
            "mae": sk.mean_absolute_error(y, answer), "mse": sk.mean_squared_error(y, answer), "rmse": sk.root_mean_squared_error(y, answer),
            "r2": sk.r2_score(y, answer), "mape": sk.mean_absolute_percentage_error(y, answer),
        }  # fmt: skip
    scores, classes = probabilities(fit, matrix), fit.model.classes_
    found = {**by_label(y, answer, classes), "log_loss": sk.log_loss(y, scores, labels=classes)}
    if len(np.unique(y)) == len(classes):
        columns = [1] if len(classes) == 2 else range(len(classes))
        found["roc_auc"] = float(np.mean([sk.roc_auc_score(y == classes[c], scores[:, c]) for c in columns]))
    return found


def log_losses(y: np.ndarray, scores: np.ndarray, classes: Sequence[Any]) -> tuple[float, float]:
    """The least and the largest log_loss that probabilities have when each is off by a few units in the last place of a float32."""
    least = np.finfo(scores.dtype).eps
    true = scores[np.arange(len(y)), [classes.index(label) for label in y.tolist()]].astype(np.float64)
    ends = [-np.log(np.clip(true + way * FLOAT32, least, 1.0)).mean() for way in (1, -1)]
    return float(ends[0]), float(ends[1])


def by_label(y: Any, answer: Any, classes: Any) -> dict[str, float]:
    averaging: dict[str, Any] = {"average": "binary", "pos_label": classes[-1]} if len(classes) == 2 else {"average": "macro"}
    return {
        "accuracy": sk.accuracy_score(y, answer), "balanced_accuracy": sk.balanced_accuracy_score(y, answer),
        **{n: f(y, answer, zero_division=0, **averaging) for n, f in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score))},
    }  # fmt: skip


def differences(built: Built, data: Data, fit: Fit, fold_fits: Sequence[Fit]) -> Iterator[str]:
    """What differs by more than the tolerances above, in words."""
    if data.task == "regression":
        yield from _numbers(built, data, fit)
    else:
        yield from _classes(built, data, fit)
    held_out = [(data.train_y[held], rows_of(data.train, held)) for _, held in folds(data)]
    expected = [figures(data.task, y, one, frame) for one, (y, frame) in zip(fold_fits, held_out, strict=True)]
    ties = [
        _tied(y, one, frame, TIE) if data.task == "classification" else 0.0 for one, (y, frame) in zip(fold_fits, held_out, strict=True)
    ]
    for number, (ours, theirs, tied) in enumerate(zip(built.folds, expected, ties, strict=True), 1):
        yield from _compared(f"fold {number}: ", ours, theirs, relative=1e-4, absolute=1e-5, tied=tied)
    means = {}
    for name in expected[0]:
        values = [fold[name] for fold in expected if name in fold]
        if len(values) == len(expected):
            means |= {f"cv_{name}_mean": float(np.mean(values)), f"cv_{name}_std": float(np.std(values))}
    yield from _compared("", built.means, means, relative=1e-4, absolute=1e-5, tied=max(ties))


def _tied(y: np.ndarray, fit: Fit, frame: Any, delta: float) -> float:
    """The share of the pairs of two classes whose probabilities are so close that rounding decides their order."""
    scores, classes = probabilities(fit, fit.matrix(frame)), fit.classes
    shares = [0.0]
    for column in [1] if len(classes) == 2 else range(len(classes)):
        of = y == classes[column]
        if of.any() and not of.all():
            shares.append(float((np.abs(scores[of, column][:, None] - scores[~of, column][None, :]) <= delta).mean()))
    return max(shares)


def _compared(
    place: str, ours: Mapping[str, float], theirs: Mapping[str, float], relative: float, absolute: float, tied: float = 0
) -> Iterator[str]:
    if set(ours) != set(theirs):
        yield f"{place}other metrics: {sorted(set(ours) ^ set(theirs))}"
    for name in sorted(set(ours) & set(theirs)):
        if not math.isclose(ours[name], theirs[name], rel_tol=relative, abs_tol=absolute + (tied if "roc_auc" in name else 0)):
            yield f"{place}{name}: {ours[name]!r}, scikit-learn {theirs[name]!r}"


def _numbers(built: Built, data: Data, fit: Fit) -> Iterator[str]:
    expected = figures(data.task, data.test_y, fit, data.test)
    scale = float(np.std(data.train_y))
    for name, unit in (("mae", scale), ("rmse", scale), ("mse", scale**2), ("r2", 1.0), ("mape", expected["mape"])):
        one = {name: built.metrics.get(name, math.nan)}
        yield from _compared("", one, {name: expected[name]}, relative=1e-4, absolute=1e-4 * unit)
    errors = data.test_y - fit.predict(data.test)
    drawn = built.drawn["residuals"]
    for level, value in zip(drawn["quantiles"], drawn["values"], strict=True):
        if not math.isclose(value, float(np.quantile(errors, level)), rel_tol=1e-4, abs_tol=1e-4 * scale):
            yield f"residual quantile {level}: {value!r}, scikit-learn {float(np.quantile(errors, level))!r}"


def _classes(built: Built, data: Data, fit: Fit) -> Iterator[str]:
    y, delta, classes = data.test_y, built.tolerance, fit.classes
    matrix = fit.matrix(data.test)
    scores, answer = probabilities(fit, matrix), fit.model.predict(matrix)
    best = np.sort(scores, axis=1)
    near = int((best[:, -1] - best[:, -2] <= 2 * delta).sum())
    ours, theirs = np.array(built.evaluation["confusion_matrix"]["matrix"]), sk.confusion_matrix(y, answer, labels=classes)
    if int(np.abs(ours - theirs).sum()) > 2 * near:
        yield f"matrix {ours.tolist()}, scikit-learn {theirs.tolist()}"
    pairs = [(c, d) for c, row in zip(classes, ours, strict=True) for d, n in zip(classes, row, strict=True) for _ in range(n)]
    expected = by_label([c for c, _ in pairs], [d for _, d in pairs], classes)
    yield from _compared("", {n: v for n, v in built.metrics.items() if n in expected}, expected, relative=1e-12, absolute=1e-12)
    low, high = log_losses(y, scores, classes)
    if not low - 1e-3 * low - 1e-4 <= built.metrics["log_loss"] <= high + 1e-3 * high + 1e-4:
        yield f"log_loss: {built.metrics['log_loss']!r}, scikit-learn {sk.log_loss(y, scores, labels=classes)!r}"
    slack, areas = [], []
    columns = [1] if len(classes) == 2 else range(len(classes))
    for column in columns:
        of = y == classes[column]
        areas.append(sk.roc_auc_score(of, scores[:, column]))
        slack.append((np.abs(scores[of, column][:, None] - scores[~of, column][None, :]) <= 2 * delta).mean())
    area = {"roc_auc": float(np.mean(areas))}
    yield from _compared("", {"roc_auc": built.metrics["roc_auc"]}, area, relative=0, absolute=1e-9 + float(np.mean(slack)))
    for name in ("roc_curve", "pr_curve"):
        for curve, column in zip(built.evaluation[name]["curves"], columns, strict=True):
            yield from _curve(name, curve, y == classes[column], scores[:, column], delta)
    yield from _drawn(built, [y == classes[column] for column in columns], scores[:, list(columns)], delta)
    if len(classes) == 2:
        chance, right = scores[:, 1], y == classes[1]
    else:
        chance, right = best[:, -1], y == answer
    yield from _calibration(built.drawn["calibration"]["bins"], chance, right, delta, near)


def _curve(name: str, curve: Mapping[str, Any], of: np.ndarray, scores: np.ndarray, delta: float) -> Iterator[str]:
    """Each point is one of scikit-learn's probabilities at nearly the same threshold."""
    for place, threshold in enumerate(curve["thresholds"]):
        t = math.inf if threshold is None else threshold
        true, false = ([int((scores[side] >= at).sum()) for at in (t + delta, t - delta)] for side in (of, ~of))
        if name == "roc_curve":
            ranges = {"tpr": [n / of.sum() for n in true], "fpr": [n / (~of).sum() for n in false]}
        elif threshold is None:
            ranges = {"recall": [0.0, 0.0], "precision": [1.0, 1.0]}
        else:
            lowest, highest = true[0] / max(true[0] + false[1], 1), true[1] / max(true[1] + false[0], 1)
            ranges = {"recall": [n / of.sum() for n in true], "precision": [lowest, highest]}
        for axis, (low, high) in ranges.items():
            if not low - 1e-9 <= curve[axis][place] <= high + 1e-9:
                yield f"{name} at {threshold}: {axis} {curve[axis][place]}, scikit-learn {low} to {high}"


def _drawn(built: Built, of: Sequence[np.ndarray], scores: np.ndarray, delta: float) -> Iterator[str]:
    """The matrix and the curve that `show` draws where no evaluation recorded them are those that an evaluation records."""
    if built.drawn["confusion_matrix"] != built.evaluation["confusion_matrix"]:
        yield f"drawn matrix {built.drawn['confusion_matrix']}"
    for place, curve in enumerate(built.drawn["roc_curve"]["curves"]):
        ours = float(sk.auc(curve["fpr"], curve["tpr"]))
        slack = (np.abs(scores[of[place], place][:, None] - scores[~of[place], place][None, :]) <= 2 * delta).mean()
        theirs = float(sk.roc_auc_score(of[place], scores[:, place]))
        if abs(ours - theirs) > 1e-9 + slack:
            yield f"area below the drawn curve {ours}, scikit-learn {theirs}"


def _calibration(bins: Sequence[Mapping[str, Any]], chance: np.ndarray, right: np.ndarray, delta: float, near: int) -> Iterator[str]:
    by_place = {round(b["low"] * BINS): b for b in bins}
    for place in range(BINS):
        low, high = place / BINS, (place + 1) / BINS if place < BINS - 1 else 2.0
        inside = (chance >= low) & (chance < high)
        unsure = int(((np.abs(chance - low) <= delta) | (np.abs(chance - high) <= delta)).sum())
        found = by_place.get(place, {"rows": 0, "predicted": 0.0, "observed": 0.0})
        if abs(found["rows"] - int(inside.sum())) > unsure:
            yield f"calibration from {low}: {found['rows']} rows, scikit-learn {int(inside.sum())}"
        elif not unsure and inside.any():
            shares = abs(found["observed"] - right[inside].mean()) * inside.sum()
            if abs(found["predicted"] - chance[inside].mean()) > delta + 1e-9 or shares > near + 1e-9:
                yield f"calibration from {low}: {found}, scikit-learn {chance[inside].mean()}, {right[inside].mean()}"
