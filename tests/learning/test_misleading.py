"""Notices about metrics that say less than they seem to, and about columns that tell the target."""

import numpy as np
import polars as pl
import pytest

from leptonctl.learning.preparing.copies import tells
from leptonctl.learning.scoring.misleading import misleading

CLASSES = np.array(["a"] * 97 + ["b"] * 3)
NUMBERS = np.linspace(10, 20, 40)


@pytest.mark.parametrize(
    ("y", "metrics", "task", "checks"),
    [
        (CLASSES, {"accuracy": 0.97}, "classification", ["common_class"]),
        (CLASSES, {"f1": 0.5}, "classification", []),
        (np.array(["a"] * 94 + ["b"] * 6), {"accuracy": 0.97}, "classification", []),
        (np.array(["a"] * 40), {"accuracy": 0.9}, "classification", ["one_class"]),
        (CLASSES[-19:], {"accuracy": 0.9}, "classification", ["few_rows"]),
        (CLASSES[-40:], {"accuracy": 1.0, "roc_auc": 1.0}, "classification", ["perfect"]),
        (CLASSES[-40:], {"accuracy": 0.9999}, "classification", []),
        (CLASSES[-40:], {"roc_auc": 0.05}, "classification", ["reversed_classes"]),
        (CLASSES[-40:], {"balanced_accuracy": 0.05, "accuracy": 0.9}, "classification", ["reversed_classes"]),
        (CLASSES[-40:], {"roc_auc": 0.1}, "classification", []),
        (CLASSES[-19:], {"roc_auc": 0.05}, "classification", ["few_rows"]),
        (NUMBERS, {"mape": 0.1, "r2": 0.9}, "regression", []),
        (np.where(NUMBERS < 11, 0.0, NUMBERS), {"mape": 5.7e14}, "regression", ["small_targets"]),
        (np.where(NUMBERS < 11, 1e-6, NUMBERS), {"mape": 5e4}, "regression", ["small_targets"]),
        (np.where(NUMBERS < 11, 0.0, NUMBERS), {"mae": 1.0}, "regression", []),
        (np.zeros(40), {"mae": 1.0}, "regression", ["one_value"]),
        (NUMBERS, {"r2": 1.0}, "regression", ["perfect"]),
        (NUMBERS, {"mae": 0.0}, "regression", []),
    ],
)
def test_metrics_that_mislead_are_told(y, metrics, task, checks):
    assert [notice.check for notice in misleading(y, metrics, task)] == checks


@pytest.mark.parametrize(
    ("y", "outlier", "named", "auc", "checks"),
    [
        (["a", "b", "c"] * 20, "c", False, 0.0, ["outlier_classes"]),
        (["a", "b", "c"] * 20, "c", True, 0.5, []),
        (["fraud"] * 5 + ["ok"] * 50, "ok", False, 0.05, ["common_outliers"]),
        (["fraud"] * 5 + ["ok"] * 50, "ok", True, 0.05, ["reversed_outliers"]),
        (["a"] * 50 + ["b"] * 5, "b", False, 0.9, []),
        (["a"] * 50, None, False, 0.0, []),
    ],
)
def test_a_detector_says_which_class_it_is_compared_with(y, outlier, named, auc, checks):
    found = misleading(np.array(y), {"roc_auc": auc}, "anomaly", outlier, is_named=named)
    assert [notice.check for notice in found] == checks


@pytest.mark.parametrize(
    ("cells", "target", "reveals"),
    [
        (["x", "y"] * 10, ["a", "b"] * 10, True),
        ([1, 2] * 10, ["a", "b"] * 10, True),
        ([1, 2] * 10, [5, 7] * 10, True),
        ([1, 2, 3, 1] * 5, ["a", "b", "b", "a"] * 5, False),
        (["x", "y"] * 9 + ["y", "y"], ["a", "b"] * 10, False),
        ([float(i) for i in range(20)], [3.0 - 2 * i for i in range(20)], True),
        ([float(i) for i in range(20)], [float(i * i) for i in range(20)], False),
        ([str(i) for i in range(20)], [float(i * i % 17) for i in range(20)], False),
        (["x", "y"] * 4, ["a", "b"] * 4, False),
        ([None, "y"] * 10, ["a", "b"] * 10, False),
        ([1] * 20, ["a", "b"] * 10, False),
        ([1.0] * 20, [float(i) for i in range(20)], False),
    ],
)
def test_a_column_that_tells_the_target(cells, target, reveals):
    assert tells(pl.Series(cells), pl.Series(target)) is reveals
