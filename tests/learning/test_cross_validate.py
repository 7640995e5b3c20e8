"""`cross_validate` against scikit-learn's own folds: fitted on the other folds, judged on the held-out one."""

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.model_selection import cross_validate as sk_cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from leptonctl.learning.fitting.folds import split_folds
from leptonctl.learning.steps import cross_validate
from leptonctl.project.catalog import load_catalog
from leptonctl.spi.learning import ProviderError
from tests.learning.exported import Shelf, bench, prepared


def train_inputs(task, algorithm, preprocess=(), **params):
    defaults = {name: schema["default"] for name, schema in load_catalog().trainers[(task, algorithm)].params.items()}
    return {
        "task": task,
        "target": "y",
        "features": None,
        "preprocess": list(preprocess),
        "algorithm": algorithm,
        "epoch": 1,
        "params": {**defaults, **params},
        "seed": 7,
        "revision": 1,
    }


def run(tmp_path, train, frame, *, folds=5, metrics=None, seed=7):
    shelf = Shelf()
    inputs = {"train": train, "folds": folds, "seed": seed, "metrics": metrics, "positive": None, "average": None}
    return cross_validate.run(inputs, {"prepare": prepared(shelf, frame, frame.head(1))}, bench(shelf, tmp_path)).outputs


def cancer():
    x, target = load_breast_cancer(return_X_y=True)
    x = x.astype(np.float32)
    frame = pl.DataFrame({f"c{i}": x[:, i] for i in range(30)} | {"y": ["benign" if t else "malignant" for t in target]})
    return x, np.array(frame["y"].to_list()), frame


def test_classification_equals_scikit_learn(tmp_path):
    x, y, frame = cancer()
    scaler = {"use": "standard_scaler", "columns": "numeric", "params": {"with_mean": True, "with_std": True}}
    out = run(
        tmp_path, train_inputs("classification", "logistic_regression", [scaler], C=0.1), frame, metrics=["accuracy", "f1", "log_loss"]
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, random_state=7))
    scorers = {"accuracy": "accuracy", "log_loss": "neg_log_loss"}
    expected = sk_cross_validate(model, x, y, cv=StratifiedKFold(5, shuffle=True, random_state=7), scoring=scorers)
    assert [fold["accuracy"] for fold in out["evaluation"]["folds"]] == expected["test_accuracy"].tolist()
    assert out["metrics"]["cv_accuracy_mean"] == pytest.approx(expected["test_accuracy"].mean())
    assert out["metrics"]["cv_accuracy_std"] == pytest.approx(expected["test_accuracy"].std())
    assert out["metrics"]["cv_log_loss_mean"] == pytest.approx(-expected["test_log_loss"].mean(), abs=1e-5)
    assert set(out["metrics"]) == {f"cv_{m}_{s}" for m in ("accuracy", "f1", "log_loss") for s in ("mean", "std")}
    assert out["evaluation"]["notes"] == []


def test_regression_equals_scikit_learn(tmp_path):
    x, y = load_diabetes(return_X_y=True)
    x = x.astype(np.float32)
    frame = pl.DataFrame({f"c{i}": x[:, i] for i in range(10)} | {"y": y})
    out = run(tmp_path, train_inputs("regression", "linear"), frame, folds=4, seed=3)
    expected = sk_cross_validate(LinearRegression(), x, y, cv=KFold(4, shuffle=True, random_state=3), scoring="r2")["test_score"]
    assert [fold["r2"] for fold in out["evaluation"]["folds"]] == pytest.approx(expected.tolist(), rel=1e-5)
    assert out["metrics"]["cv_r2_mean"] == pytest.approx(expected.mean(), rel=1e-5)


def test_details_are_not_made_for_folds(tmp_path):
    _, _, frame = cancer()
    out = run(tmp_path, train_inputs("classification", "logistic_regression", max_iter=50), frame.select("c0", "c1", "y"), folds=2)
    assert "accuracy" in out["evaluation"]["folds"][0]
    assert "confusion_matrix" not in out["evaluation"]["folds"][0]


def test_every_row_is_held_out_once_by_folds_fitted_on_the_rest():
    y = np.array(["a"] * 30 + ["b"] * 12)
    held = []
    for fit, judged in split_folds(y, "classification", 4, 1):
        assert set(fit.tolist()) | set(judged.tolist()) == set(range(42))
        assert not set(fit.tolist()) & set(judged.tolist())
        assert (y[judged] == "b").sum() == 3
        held.extend(judged.tolist())
    assert sorted(held) == list(range(42))


def test_too_few_rows_are_told_in_words():
    with pytest.raises(ProviderError) as refused:
        split_folds(np.array(["a"] * 30 + ["b"] * 4), "classification", 5, 0)
    assert (refused.value.id, refused.value.detail) == (
        "too-few-rows-for-folds",
        "The class b has 4 training rows, but every fold needs one.",
    )
    assert refused.value.hint == "write `cross_validation: 4` or less"
    with pytest.raises(ProviderError, match="Too few"):
        split_folds(np.arange(3.0), "regression", 5, 0)


def test_a_metric_that_one_fold_lacks_has_no_mean():
    assert cross_validate.summary([{"accuracy": 0.5, "roc_auc": 0.4}, {"accuracy": 1.0}]) == {
        "cv_accuracy_mean": 0.75,
        "cv_accuracy_std": 0.25,
    }


def test_a_missing_cell_in_a_held_out_fold_is_told_in_words(tmp_path):
    _, _, frame = cancer()
    holed = frame.select("c0", "y").with_columns(pl.when(pl.int_range(pl.len()) == 3).then(None).otherwise(pl.col("c0")).alias("c0"))
    with pytest.raises(ProviderError) as refused:
        run(tmp_path, train_inputs("classification", "logistic_regression"), holed)
    assert refused.value.id == "missing-values"


def test_saturated_probabilities_are_clipped_as_scikit_learn_clips_them(tmp_path):
    """Far too little regularisation: some float32 probabilities are exactly 0, and log_loss hangs on the precision they are clipped at."""
    x, y, frame = cancer()
    scaler = {"use": "standard_scaler", "columns": "numeric", "params": {"with_mean": True, "with_std": True}}
    train = train_inputs("classification", "logistic_regression", [scaler], C=1e6, max_iter=2000)
    out = run(tmp_path, train, frame, metrics=["log_loss"])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e6, max_iter=2000, random_state=7))
    expected = -sk_cross_validate(model, x, y, cv=StratifiedKFold(5, shuffle=True, random_state=7), scoring="neg_log_loss")["test_score"]
    assert [fold["log_loss"] for fold in out["evaluation"]["folds"]] == pytest.approx(expected.tolist(), rel=1e-4)
