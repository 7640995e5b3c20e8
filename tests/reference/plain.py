"""The same models in plain scikit-learn: own reading, own split, own preprocessing. Imports nothing of leptonctl."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)  # fmt: skip
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_classif, f_regression
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, PolynomialFeatures, RobustScaler, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import get_tags

SEED, FOLDS, SHARE = 7, 3, 0.25
EPOCHS = 4
SPARSE_BELOW = 0.3


class Descent(BaseEstimator):
    """scikit-learn's SGD over rows in the order that the docs of `sgd` give: shuffled again in each epoch, by one generator."""

    def __init__(self, inner: Any = None) -> None:
        self.inner = inner

    def fit(self, x: np.ndarray, y: np.ndarray) -> "Descent":
        x, draw = x.astype(np.float64), np.random.RandomState(SEED)
        self.fitted_ = clone(self.inner)
        classes = {"classes": np.unique(y)} if isinstance(self.inner, SGDClassifier) else {}
        for _ in range(EPOCHS):
            order = draw.permutation(len(y))
            self.fitted_.partial_fit(x[order], y[order], **classes)
        if classes:
            self.classes_ = self.fitted_.classes_
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.fitted_.predict(x.astype(np.float64))

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return self.fitted_.predict_proba(x.astype(np.float64))


def _platt(machine: Any) -> Any:
    return CalibratedClassifierCV(machine, method="sigmoid", ensemble=False)


# a constant rate: the first steps of the default schedule are so long that the last bit of a cell decides where they end
RATE = {"learning_rate": "constant", "eta0": 0.01}
SGD_PARAMS = {"batch_size": 1, "max_iter": EPOCHS, "tol": None, **RATE}
ALGORITHMS: dict[str, dict[str, tuple[dict[str, Any], Any]]] = {
    "classification": {
        "logistic_regression": ({"max_iter": 300}, LogisticRegression(max_iter=300, random_state=SEED)),
        "decision_tree": ({"max_depth": 4}, DecisionTreeClassifier(max_depth=4, random_state=SEED)),
        "random_forest": ({"n_estimators": 5}, RandomForestClassifier(5, random_state=SEED)),
        "extra_trees": ({"n_estimators": 5}, ExtraTreesClassifier(5, random_state=SEED)),
        "gradient_boosting": ({"n_estimators": 4}, GradientBoostingClassifier(n_estimators=4, random_state=SEED)),
        "hist_gradient_boosting": ({"max_iter": 4}, HistGradientBoostingClassifier(max_iter=4, random_state=SEED)),
        "linear_svm": ({}, _platt(LinearSVC(random_state=SEED))),
        "svm": ({}, _platt(SVC(random_state=SEED))),
        "mlp": ({"hidden_layer_sizes": [6], "max_iter": 20}, MLPClassifier(hidden_layer_sizes=(6,), max_iter=20, random_state=SEED)),
        "naive_bayes": ({}, GaussianNB()),
        "knn": ({}, KNeighborsClassifier()),
        "sgd": (SGD_PARAMS, Descent(SGDClassifier(loss="log_loss", shuffle=False, **RATE))),
    },
    "regression": {
        "linear": ({}, LinearRegression()),
        "ridge": ({}, Ridge(random_state=SEED)),
        "lasso": ({"alpha": 0.1}, Lasso(alpha=0.1, random_state=SEED)),
        "elastic_net": ({"alpha": 0.1}, ElasticNet(alpha=0.1, random_state=SEED)),
        "decision_tree": ({"max_depth": 4}, DecisionTreeRegressor(max_depth=4, random_state=SEED)),
        "random_forest": ({"n_estimators": 5}, RandomForestRegressor(5, random_state=SEED)),
        "gradient_boosting": ({"n_estimators": 4}, GradientBoostingRegressor(n_estimators=4, random_state=SEED)),
        "hist_gradient_boosting": ({"max_iter": 4}, HistGradientBoostingRegressor(max_iter=4, random_state=SEED)),
        "svm": ({}, SVR()),
        "mlp": ({"hidden_layer_sizes": [6], "max_iter": 20}, MLPRegressor(hidden_layer_sizes=(6,), max_iter=20, random_state=SEED)),
        "knn": ({}, KNeighborsRegressor()),
        "sgd": (SGD_PARAMS, Descent(SGDRegressor(shuffle=False, **RATE))),
    },
}


class Words(TransformerMixin, BaseEstimator):
    """TF-IDF of one column as a dense table."""

    def fit(self, column: np.ndarray, y: Any = None) -> "Words":
        self.inner_ = TfidfVectorizer(dtype=np.float32).fit(column[:, 0])
        return self

    def transform(self, column: np.ndarray) -> np.ndarray:
        return self.inner_.transform(column[:, 0]).toarray()


STEPS: dict[str, Callable[..., Any]] = {
    "imputer": SimpleImputer,
    "standard_scaler": StandardScaler,
    "min_max_scaler": MinMaxScaler,
    "robust_scaler": RobustScaler,
    "one_hot": lambda **more: OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32, **more),
    "ordinal": lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32),
    "pca": lambda **more: PCA(random_state=SEED, **more),
    "polynomial": PolynomialFeatures,
    "tfidf": Words,
}
RENAMING = {"one_hot", "pca", "polynomial", "tfidf", "select_k_best"}


Frame = dict[str, np.ndarray]
"""Columns by name: float32, or objects of str."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """The rows of both sides. Numbers are float32 with NaN, and strings "", where a cell is missing."""

    task: str
    train: Frame
    train_y: np.ndarray
    test: Frame
    test_y: np.ndarray
    numbers: Sequence[str]
    strings: Sequence[str]


def rows_of(frame: Frame, rows: np.ndarray) -> Frame:
    return {name: column[rows] for name, column in frame.items()}


def read(file: Path, target: str, task: str) -> Data:
    with file.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    columns: dict[str, list[str]] = {name: [row[name] for row in rows] for name in rows[0]}
    goal = columns.pop(target)
    frame = {name: _column(cells) for name, cells in columns.items()}
    if task == "regression":
        y: np.ndarray = np.array([float(cell) for cell in goal])
    else:
        y = np.array([int(c) for c in goal]) if all(_is_integer(c) for c in goal) else np.array(goal)
    train, test = train_test_split(
        np.arange(len(rows)), test_size=SHARE, random_state=SEED, stratify=y if task == "classification" else None
    )  # fmt: skip
    return Data(
        task=task, train=rows_of(frame, train), train_y=y[train], test=rows_of(frame, test), test_y=y[test],
        numbers=[n for n, c in frame.items() if c.dtype == np.float32], strings=[n for n, c in frame.items() if c.dtype != np.float32],
    )  # fmt: skip


def _column(cells: Sequence[str]) -> np.ndarray:
    if all(_is_number(cell) for cell in cells if cell):
        return np.array([float(cell or "nan") for cell in cells]).astype(np.float32)
    return np.array(cells, dtype=object)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_integer(cell: str) -> bool:
    return cell.lstrip("-").isdigit()


@dataclass(slots=True, kw_only=True)
class Fit:
    """A fitted pipeline: each transformer with the columns that it takes and the first letters of those that it gives."""

    steps: list[tuple[Any, list[str]]]
    model: Any

    @property
    def classes(self) -> list[Any]:
        return self.model.classes_.tolist()

    def matrix(self, frame: Frame) -> Any:
        for number, (transformer, columns) in enumerate(self.steps):
            frame = replaced(frame, columns, transformer.transform(np.column_stack([frame[c] for c in columns])), number)
        return np.column_stack(list(frame.values())).astype(np.float32)

    def answers(self, frame: Frame) -> np.ndarray:
        """What tells most of an answer: values, probabilities, or the scores behind them where these may explode."""
        matrix = self.matrix(frame)
        if isinstance(self.model, Descent) and isinstance(self.model.inner, SGDClassifier):
            return self.model.fitted_.decision_function(matrix.astype(np.float64))
        return self.model.predict_proba(matrix) if hasattr(self.model, "classes_") else self.model.predict(matrix)

    def predict(self, frame: Frame) -> np.ndarray:
        return self.model.predict(self.matrix(frame))


def replaced(frame: Frame, columns: Sequence[str], output: np.ndarray, number: int) -> Frame:
    """The frame after a step, in the order of a ColumnTransformer with passthrough: first what the step gives, then the rest."""
    names = columns if output.shape[1] == len(columns) else [f"{number}.{place}" for place in range(output.shape[1])]
    given = {name: output[:, place].astype(np.float32) for place, name in enumerate(names)}
    return given | {name: column for name, column in frame.items() if name not in columns}


def fit(
    data: Data, steps: Sequence[Mapping[str, Any]], algorithm: str, rows: np.ndarray | None = None, change: Callable[..., Any] | None = None
) -> Fit:
    """The pipeline of these steps, fitted on the training rows or some of them. `change` alters the algorithm's matrix first."""
    frame, y = (data.train, data.train_y) if rows is None else (rows_of(data.train, rows), data.train_y[rows])
    found: list[tuple[Any, list[str]]] = []
    named = {"numeric": list(data.numbers), "categorical": list(data.strings)}
    words = {c for step in steps if step["use"] == "tfidf" for c in step["columns"]}
    for number, step in enumerate(steps):
        columns = list(frame) if step["columns"] == "all" else named.get(str(step["columns"]), step["columns"])
        if step["columns"] == "categorical":
            columns = [c for c in columns if c not in words]
        transformer = _transformer(step, data.task)
        output = transformer.fit_transform(np.column_stack([frame[c] for c in columns]), y)
        frame = replaced(frame, columns, output, number)
        if step["use"] in RENAMING:
            named = {kind: [n for n in names if n not in columns] for kind, names in named.items()}
        found.append((transformer, list(columns)))
    matrix = np.column_stack(list(frame.values())).astype(np.float32)
    matrix = matrix if change is None else change(matrix)
    model = clone(ALGORITHMS[data.task][algorithm][1])
    # a ColumnTransformer gives words as a sparse matrix below this density, and some solvers take other steps on it
    if words and np.count_nonzero(matrix) < SPARSE_BELOW * matrix.size and get_tags(model).input_tags.sparse and algorithm != "knn":
        return Fit(steps=found, model=model.fit(csr_matrix(matrix), y))
    return Fit(steps=found, model=model.fit(matrix, y))


def _transformer(step: Mapping[str, Any], task: str) -> Any:
    if step["use"] == "select_k_best":
        return SelectKBest(f_classif if task == "classification" else f_regression, **step["params"])
    return STEPS[step["use"]](**step["params"])


def folds(data: Data) -> list[tuple[np.ndarray, np.ndarray]]:
    splitter: Any = (StratifiedKFold if data.task == "classification" else KFold)(FOLDS, shuffle=True, random_state=SEED)
    return list(splitter.split(np.zeros(len(data.train_y)), data.train_y))
