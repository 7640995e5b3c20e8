"""Finds metrics that mean less than they seem to on the rows that they were computed on. Computes no metric."""

from collections.abc import Iterator, Mapping

import numpy as np

from leptonctl.core.manifest import UNSUPERVISED
from leptonctl.learning.outputs import Notice
from leptonctl.spi.learning import Label

FEW_ROWS = 20
COMMON = 0.95
"""A class with this share of the rows makes the accuracy of a constant answer look good."""
NEAR_ZERO = 1e-3
"""Of the mean size of the targets: smaller ones dominate a relative error."""
PERFECT = ("accuracy", "balanced_accuracy", "f1", "r2")
ALMOST = 1 - 1e-12
RANKED = ("roc_auc", "balanced_accuracy")
"""Metrics that are near 0 when the answers are right except that the classes are swapped, however common one of them is."""
REVERSED = 0.1
TWO = 2


def misleading(
    y: np.ndarray, metrics: Mapping[str, float], task: str, outlier: Label | None = None, *, is_named: bool = False
) -> list[Notice]:
    """Notices about the metrics of an evaluation. `y`: the targets of its rows.

    outlier: the class whose rows are the outliers, None without a target; is_named: the YAML names it.
    """
    if task in UNSUPERVISED:
        return [*_few(y), *(_of_outliers(y, metrics, outlier, is_named=is_named) if outlier is not None else ())]
    return [*_few(y), *(_of_classes(y, metrics) if task == "classification" else _of_numbers(y, metrics)), *_perfect(y, metrics)]


def _few(y: np.ndarray) -> Iterator[Notice]:
    if len(y) < FEW_ROWS:
        yield Notice(check="few_rows", count=len(y))


def _of_classes(y: np.ndarray, metrics: Mapping[str, float]) -> Iterator[Notice]:
    _, counts = np.unique(y, return_counts=True)
    if len(counts) == 1:
        yield Notice(check="one_class", count=len(y))
    elif "accuracy" in metrics and counts.max() / len(y) >= COMMON:
        share = 100 * counts.max() / len(y)
        yield Notice(
            check="common_class",
            count=int(counts.max()),
            detail=f"{share:.3g} % of the rows have one class, so a constant answer has this accuracy",
        )
    yield from _reversed_order(y, metrics, "reversed_classes")


def _of_outliers(y: np.ndarray, metrics: Mapping[str, float], outlier: Label, *, is_named: bool) -> Iterator[Notice]:
    count, outliers = len(np.unique(y)), int((y == outlier).sum())
    if not is_named and count > TWO:
        yield Notice(check="outlier_classes", count=count)
    elif not is_named and outliers * 2 > len(y):
        yield Notice(check="common_outliers", count=outliers)
    else:
        yield from _reversed_order(y, metrics, "reversed_outliers")


def _reversed_order(y: np.ndarray, metrics: Mapping[str, float], check: str) -> Iterator[Notice]:
    """A notice where the answers would be good ones with the classes the other way round."""
    name = next((name for name in RANKED if metrics.get(name, 1.0) < REVERSED), None)
    if name is not None and len(y) >= FEW_ROWS and len(np.unique(y)) > 1:
        yield Notice(check=check, count=len(y), detail=f"{name} is {metrics[name]:.3g}")


def _of_numbers(y: np.ndarray, metrics: Mapping[str, float]) -> Iterator[Notice]:
    small = int((np.abs(y) <= NEAR_ZERO * np.abs(y).mean()).sum())
    if "mape" in metrics and small:
        yield Notice(check="small_targets", count=small)
    if len(y) and np.ptp(y) == 0:
        yield Notice(check="one_value", count=len(y))


def _perfect(y: np.ndarray, metrics: Mapping[str, float]) -> Iterator[Notice]:
    name = next((name for name in PERFECT if name in metrics), None)
    # few rows have a notice of their own
    if name is not None and len(y) >= FEW_ROWS and metrics[name] >= ALMOST:
        yield Notice(check="perfect", count=len(y), detail=f"{name} is 1")
