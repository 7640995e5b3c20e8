"""Algorithms x preprocess chains x tables against plain scikit-learn pipelines: metrics, matrix, curves and folds, through the steps of a build."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.feature_selection import SelectKBest, f_classif, f_regression
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import auc
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from leptonctl.core.result import Result
from leptonctl.learning.fitting.fitted_model import quiet as no_warnings
from leptonctl.learning.steps import cross_validate, evaluate, export, train
from leptonctl.project.catalog import load_catalog
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Produced
from tests.learning.exported import Shelf, bench, frame_of, prepared

SEED, FOLDS = 7, 3
SOAK = os.environ.get("LEPTONCTL_SOAK") == "1"
Chain = list[tuple[str, dict[str, Any], Callable[[str], Any]]]
SCALER: Any = ("standard_scaler", {}, lambda _: StandardScaler())
CHAINS: dict[str, Chain] = {
    "plain": [],
    "scaled": [SCALER],
    "ranged": [("min_max_scaler", {}, lambda _: MinMaxScaler())],
    "robust": [("robust_scaler", {}, lambda _: RobustScaler())],
    "components": [SCALER, ("pca", {"n_components": 2}, lambda _: PCA(2, random_state=SEED))],
    "best": [SCALER, ("select_k_best", {"k": 3}, lambda task: SelectKBest(f_classif if task == "classification" else f_regression, k=3))],
    "squares": [("select_k_best", {"k": 2}, lambda task: SelectKBest(f_classif if task == "classification" else f_regression, k=2)), SCALER,
                ("polynomial", {"degree": 2}, lambda _: PolynomialFeatures(2))],
}  # fmt: skip
ALGORITHMS: dict[str, dict[str, tuple[dict[str, Any], Any]]] = {
    "classification": {
        "logistic_regression": ({"max_iter": 2000}, LogisticRegression(max_iter=2000, random_state=SEED)),
        "decision_tree": ({"max_depth": 4}, DecisionTreeClassifier(max_depth=4, random_state=SEED)),
        "random_forest": ({"n_estimators": 7}, RandomForestClassifier(7, random_state=SEED)),
        "gradient_boosting": ({"n_estimators": 5}, GradientBoostingClassifier(n_estimators=5, random_state=SEED)),
        "naive_bayes": ({}, GaussianNB()),
        "knn": ({}, KNeighborsClassifier()),
    },
    "regression": {
        "linear": ({}, LinearRegression()),
        "ridge": ({}, Ridge()),
        "decision_tree": ({"max_depth": 4}, DecisionTreeRegressor(max_depth=4, random_state=SEED)),
        "random_forest": ({"n_estimators": 7}, RandomForestRegressor(7, random_state=SEED)),
        "knn": ({}, KNeighborsRegressor()),
    },
}
TABLES: dict[str, tuple[str, Callable[..., Any]]] = {
    "cancer": ("classification", load_breast_cancer),
    "wine": ("classification", load_wine),
    "iris": ("classification", load_iris),
    "diabetes": ("regression", load_diabetes),
}
ALL = [(table, algorithm, chain) for table, (task, _) in TABLES.items() for algorithm in ALGORITHMS[task] for chain in CHAINS]
# a stride that meets every table, algorithm and chain
CASES = ALL if SOAK else ALL[:: len(CHAINS) + 4]


def table(name: str) -> tuple[Any, Any]:
    task, load = TABLES[name]
    x, y = load(return_X_y=True)
    order = np.random.RandomState(3).permutation(len(y))[:240]
    frame = frame_of(x[order][:, :5], y[order].astype(float) if task == "regression" else [f"c{k}" for k in y[order]])
    seen = 2 * frame.height // 3
    return frame[:seen], frame[seen:]


def numbers(frame: Any) -> tuple[np.ndarray, np.ndarray]:
    y = frame["y"].to_list()
    return frame.drop("y").to_numpy().astype(np.float32), np.array(y)


def pipeline(task: str, algorithm: str, chain: str) -> Pipeline:
    steps = [(str(i), make(task)) for i, (_, _, make) in enumerate(CHAINS[chain])]
    return Pipeline([*steps, ("model", clone(ALGORITHMS[task][algorithm][1]))])


def result(op: str, made: Produced) -> Result:
    return Result(key=op, op=op, artifacts=made.artifacts, outputs=made.outputs)


def built(tmp_path: Any, name: str, algorithm: str, chain: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The outputs of evaluate and cross_validate."""
    task, shelf = TABLES[name][0], Shelf()
    seen, unseen = table(name)
    catalog = load_catalog()
    defaults = {key: schema["default"] for key, schema in catalog.trainers[task, algorithm].params.items()}
    steps = [
        {"use": use, "columns": "numeric" if place == 0 else "all", "params": params}
        for place, (use, params, _) in enumerate(CHAINS[chain])
    ]
    inputs: dict[str, Any] = {
        "task": task, "algorithm": algorithm, "seed": SEED, "target": "y", "preprocess": steps,
        "params": {**defaults, **ALGORITHMS[task][algorithm][0]},
    }  # fmt: skip
    scoring: dict[str, Any] = {"metrics": None, "positive": None, "average": None}
    if task == "classification":
        scoring["metrics"] = ["accuracy", "f1", "precision", "recall", "log_loss", "roc_auc", "confusion_matrix", "roc_curve"]
    here = bench(shelf, tmp_path)
    needs = {"prepare": prepared(shelf, seen, unseen)}
    needs["train"] = result("train", train.run(inputs, needs, here))
    needs["export"] = result("export", export.run({"train": inputs}, needs, here))
    scored = evaluate.run({"task": task, **scoring}, needs, here).outputs
    folded = cross_validate.run({"train": inputs, "folds": FOLDS, "seed": SEED, **scoring}, needs, here).outputs
    return dict(scored), dict(folded)


def expected_metrics(task: str, y: np.ndarray, model: Any, x: np.ndarray) -> dict[str, float]:
    answer = model.predict(x)
    if task == "regression":
        return {
            "mae": sk.mean_absolute_error(y, answer), "mse": sk.mean_squared_error(y, answer),
            "rmse": sk.root_mean_squared_error(y, answer), "r2": sk.r2_score(y, answer),
            "mape": sk.mean_absolute_percentage_error(y, answer),
        }  # fmt: skip
    probabilities, binary = model.predict_proba(x), len(model.classes_) == 2
    average: dict[str, Any] = {"average": "binary", "pos_label": model.classes_[-1]} if binary else {"average": "macro"}
    area = sk.roc_auc_score(y, probabilities[:, 1] if binary else probabilities, multi_class="ovr")
    return {
        "accuracy": sk.accuracy_score(y, answer),
        **{
            name: score(y, answer, zero_division=0, **average)
            for name, score in (("f1", sk.f1_score), ("precision", sk.precision_score), ("recall", sk.recall_score))
        },
        "log_loss": sk.log_loss(y, probabilities, labels=model.classes_), "roc_auc": area,
    }  # fmt: skip


@pytest.mark.parametrize(("name", "algorithm", "chain"), CASES)
def test_a_build_has_the_figures_of_scikit_learn(tmp_path: Any, name: str, algorithm: str, chain: str) -> None:
    task = TABLES[name][0]
    try:
        scored, folded = built(tmp_path, name, algorithm, chain)
    except ProviderError as refused:
        # neighbours at nearly equal distances: refused, and not silently different
        assert (refused.id, algorithm) == ("export-mismatch", "knn")
        return
    (x, y), (unseen, truth) = (numbers(frame) for frame in table(name))
    with no_warnings():
        model = pipeline(task, algorithm, chain).fit(x, y)
        expected = expected_metrics(task, truth, model, unseen)
    assert scored["metrics"] == pytest.approx(expected, rel=1e-4, abs=1e-5)
    if task == "classification":
        matrix = scored["evaluation"]["confusion_matrix"]
        assert matrix["matrix"] == sk.confusion_matrix(truth, model.predict(unseen), labels=model.classes_).tolist()
        for curve in scored["evaluation"]["roc_curve"]["curves"] if len(model.classes_) == 2 else ():
            # a thinned curve has the area of the whole one, nearly
            assert auc(curve["fpr"], curve["tpr"]) == pytest.approx(expected["roc_auc"], abs=0.01)
    splitter = (StratifiedKFold if task == "classification" else KFold)(FOLDS, shuffle=True, random_state=SEED)
    for number, (others, held) in enumerate(splitter.split(x, y)):
        with no_warnings():
            fold = expected_metrics(task, y[held], pipeline(task, algorithm, chain).fit(x[others], y[others]), x[held])
        assert folded["evaluation"]["folds"][number] == pytest.approx(fold, rel=1e-4, abs=1e-5)
