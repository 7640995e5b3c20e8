"""The bundled metrics against scikit-learn, hand-worked figures, and rows on which a metric is not defined."""

import json

import numpy as np
import pytest
import sklearn.metrics as sk
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from leptonctl.learning.scoring.metrics import choose_metrics, metric_table, resolve_scoring, score
from leptonctl.providers.metrics.points import thin
from leptonctl.spi.learning import Prediction, ProviderError, Scoring

CLASSIFICATION = metric_table("classification")
REGRESSION = metric_table("regression")


def evaluate(y, prediction, names=None, positive=None, average=None):
    table = CLASSIFICATION if prediction.values is None else REGRESSION
    scoring = resolve_scoring(y, prediction.classes, positive, average) if prediction.values is None else Scoring()
    scores = score(choose_metrics(names, table), y, prediction, scoring)
    return scores.numbers, {**scores.details, "notes": scores.notes}


def confusion(tp, fp, fn, tn):
    y = np.array(["y"] * (tp + fn) + ["n"] * (fp + tn), dtype=object)
    labels = np.array(["y"] * tp + ["n"] * fn + ["y"] * fp + ["n"] * tn, dtype=object)
    return y, Prediction(labels=labels, classes=("n", "y"))


def test_hand_worked_figures():
    numbers, details = evaluate(*confusion(50, 10, 10, 30), ["accuracy", "precision", "recall", "f1", "confusion_matrix"])
    assert numbers["accuracy"] == 0.80
    assert [round(numbers[name], 4) for name in ("precision", "recall", "f1")] == [0.8333, 0.8333, 0.8333]
    assert details["confusion_matrix"] == {"labels": ["n", "y"], "matrix": [[30, 10], [10, 50]]}


def test_positive_chooses_the_class_of_binary_metrics():
    y, prediction = confusion(50, 20, 10, 30)
    assert evaluate(y, prediction, ["precision"], positive="n")[0] == {"precision": 30 / 40}
    assert evaluate(y, prediction, ["precision"], positive="y")[0] == evaluate(y, prediction, ["precision"])[0] == {"precision": 50 / 70}


def test_two_classes_equal_scikit_learn():
    x, target = load_breast_cancer(return_X_y=True)
    y = np.where(target == 1, "benign", "malignant").astype(object)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01)).fit(x[:300], y[:300])
    p = model.predict_proba(x[300:])
    true, labels = y[300:], model.predict(x[300:])
    numbers, details = evaluate(
        true, Prediction(labels=labels, probabilities=p.astype(np.float32).astype(float), classes=tuple(model.classes_))
    )
    exact = {
        "accuracy": sk.accuracy_score(true, labels),
        "balanced_accuracy": sk.balanced_accuracy_score(true, labels),
        "precision": sk.precision_score(true, labels, pos_label="malignant"),
        "recall": sk.recall_score(true, labels, pos_label="malignant"),
        "f1": sk.f1_score(true, labels, pos_label="malignant"),
    }
    assert {name: numbers[name] for name in exact} == exact
    assert numbers["log_loss"] == pytest.approx(sk.log_loss(true, p), abs=1e-6)
    assert numbers["roc_auc"] == pytest.approx(sk.roc_auc_score(true == "malignant", p[:, 1]), abs=1e-6)
    assert list(numbers) == [*exact, "log_loss", "roc_auc"]
    assert set(details) == {"confusion_matrix", "roc_curve", "pr_curve", "notes"}
    assert details["notes"] == []
    [curve] = details["roc_curve"]["curves"]
    assert curve["class"] == "malignant"
    assert (curve["fpr"][0], curve["tpr"][0], curve["thresholds"][0]) == (0.0, 0.0, None)
    assert (curve["fpr"][-1], curve["tpr"][-1]) == (1.0, 1.0)
    [curve] = details["pr_curve"]["curves"]
    assert (curve["precision"][-1], curve["recall"][-1], curve["thresholds"][-1]) == (1.0, 0.0, None)
    json.dumps(details, allow_nan=False)


def test_three_classes_are_macro_averaged_and_one_versus_rest():
    x, y = load_wine(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.005)).fit(x[::2], y[::2])
    p, labels, true = model.predict_proba(x[1::2]), model.predict(x[1::2]), y[1::2]
    prediction = Prediction(labels=labels, probabilities=p.astype(np.float32).astype(float), classes=(0, 1, 2))
    numbers, details = evaluate(true, prediction)
    assert numbers["f1"] == sk.f1_score(true, labels, average="macro")
    assert numbers["roc_auc"] == pytest.approx(sk.roc_auc_score(true, p, multi_class="ovr"), abs=1e-6)
    assert numbers["log_loss"] == pytest.approx(sk.log_loss(true, p), abs=1e-6)
    assert [curve["class"] for curve in details["roc_curve"]["curves"]] == [0, 1, 2]
    assert evaluate(true, prediction, ["recall"], average="micro")[0]["recall"] == sk.recall_score(true, labels, average="micro")
    with pytest.raises(ProviderError) as error:
        evaluate(true, prediction, average="binary")
    assert error.value.id == "average-needs-two-classes"
    assert "macro" in error.value.hint


def test_regression_equals_scikit_learn():
    x, y = load_diabetes(return_X_y=True)
    values = LinearRegression().fit(x[:300], y[:300]).predict(x[300:])
    numbers, details = evaluate(y[300:], Prediction(values=values))
    assert numbers == {
        "mae": sk.mean_absolute_error(y[300:], values),
        "mse": sk.mean_squared_error(y[300:], values),
        "rmse": sk.root_mean_squared_error(y[300:], values),
        "r2": sk.r2_score(y[300:], values),
        "mape": sk.mean_absolute_percentage_error(y[300:], values),
    }
    assert details == {"notes": []}


def test_rows_of_one_class_leave_out_metrics_that_are_not_defined():
    y = np.array(["n", "n"], dtype=object)
    prediction = Prediction(labels=np.array(["n", "y"], dtype=object), probabilities=np.array([[0.9, 0.1], [0.2, 0.8]]), classes=("n", "y"))
    numbers, details = evaluate(y, prediction)
    assert numbers["accuracy"] == numbers["balanced_accuracy"] == 0.5
    assert numbers["precision"] == numbers["recall"] == numbers["f1"] == 0.0
    assert numbers["log_loss"] == pytest.approx(-(np.log(0.9) + np.log(0.2)) / 2)
    assert "roc_auc" not in numbers
    assert details["notes"] == [
        "roc_auc: none of these rows are of the class y",
        "roc_curve: these rows are all of one class",
        "pr_curve: none of these rows is of the class y",
    ]


def test_a_class_that_is_unknown_to_the_model():
    y = np.array(["a", "b", "c"], dtype=object)
    prediction = Prediction(labels=np.array(["a", "b", "b"], dtype=object), probabilities=np.eye(3)[:, :2], classes=("a", "b"))
    numbers, details = evaluate(y, prediction)
    assert numbers["recall"] == pytest.approx(2 / 3)
    assert details["confusion_matrix"]["matrix"] == [[1, 0, 0], [0, 1, 0], [0, 1, 0]]
    assert "log_loss: the model does not know the class c of these rows" in details["notes"]


def test_no_probabilities_and_a_single_row():
    y, prediction = confusion(1, 1, 1, 1)
    assert evaluate(y, prediction, ["log_loss"]) == ({}, {"notes": ["log_loss: the model returns no probabilities"]})
    assert evaluate(np.array([2.0]), Prediction(values=np.array([2.0])), ["r2"]) == ({}, {"notes": ["r2: it needs at least two rows"]})


def test_float32_probabilities_just_above_one_are_scored():
    y = np.array([0, 1])
    prediction = Prediction(
        labels=y, probabilities=np.array([[1.0000001, 0.0], [0.3, 0.7000001]], dtype=np.float32).astype(float), classes=(0, 1)
    )
    assert evaluate(y, prediction, ["log_loss"])[0]["log_loss"] == pytest.approx(-np.log(0.7) / 2, abs=1e-6)


def test_unknown_names_are_reported_with_a_suggestion():
    y, prediction = confusion(1, 1, 1, 1)
    with pytest.raises(ProviderError, match="The metric does not exist") as error:
        evaluate(y, prediction, ["acuracy"])
    assert error.value.hint == 'did you mean "accuracy"?'
    with pytest.raises(ProviderError) as error:
        evaluate(y, prediction, ["accuracy"], positive="yes")
    assert error.value.id == "unknown-class"


@pytest.mark.parametrize("size", [1, 201, 202, 12_345])
def test_long_curves_are_thinned_to_the_documented_points(size):
    thinned = thin(x=np.arange(size, dtype=float))
    expected = list(range(size)) if size <= 201 else [round(i * (size - 1) / 200) for i in range(201)]
    assert thinned == {"x": [float(i) for i in expected], "points": size}


def test_rows_without_an_answer_leave_out_metrics_with_a_reason():
    y = np.array([1.0, 2.0, 3.0])
    numbers, details = evaluate(y, Prediction(values=np.array([1.0, np.nan, 3.0])), ["mae"])
    assert numbers == {}
    assert details["notes"] == ["mae: the model returns no number for 1 of 3 rows because missing cells reach it"]
    y, classes = np.array(["a", "b"]), ("a", "b")
    unsure = Prediction(labels=y, probabilities=np.array([[np.nan, np.nan], [0.1, 0.9]]), classes=classes)
    assert evaluate(y, unsure, ["accuracy", "log_loss"])[0] == {"accuracy": 1.0}


# the direction decides what counts as a drop, the range which limits of gates are refused
DIRECTIONS = {
    "accuracy": (True, 0, 1), "balanced_accuracy": (True, 0, 1), "f1": (True, 0, 1), "precision": (True, 0, 1), "recall": (True, 0, 1),
    "roc_auc": (True, 0, 1), "log_loss": (False, 0, None), "mae": (False, 0, None), "mse": (False, 0, None), "rmse": (False, 0, None),
    "mape": (False, 0, None), "r2": (True, None, 1), "silhouette": (True, -1, 1), "davies_bouldin": (False, 0, None),
    "calinski_harabasz": (True, 0, None), "inertia": (False, 0, None), "adjusted_rand": (True, -0.5, 1), "homogeneity": (True, 0, 1),
    "outlier_share": (None, 0, 1),
}  # fmt: skip


def test_every_metric_that_is_a_number_has_a_direction_and_a_range():
    from leptonctl.project.catalog import load_catalog

    numbers = {name: metric for (_, name), metric in load_catalog().metrics.items() if metric.score is not None}
    assert {name: (metric.greater_is_better, metric.least, metric.most) for name, metric in numbers.items()} == DIRECTIONS


@pytest.mark.parametrize("average", [None, "binary", "macro"])
def test_metrics_that_need_an_unknown_positive_class_are_noted(average):
    """As where versions with different classes are compared: metrics that are not defined are noted."""
    y = np.array(["0", "1", "1", "0"], dtype=object)
    answers = Prediction(labels=y, probabilities=np.full((4, 2), 0.5), classes=("0", "1"))
    scores = score(list(CLASSIFICATION.values()), y, answers, Scoring(positive="y", average=average or "binary"))
    assert scores.numbers["accuracy"] == 1
    assert "roc_auc: the model does not know the positive class y" in scores.notes
    assert ("f1" in scores.numbers) is (average == "macro")
    one = Prediction(labels=y[:1], probabilities=np.ones((1, 1)), classes=("0",))
    assert "log_loss: the model knows one class only" in evaluate(y[:1], one, ["log_loss"])[1]["notes"]


@pytest.mark.parametrize("values", [[3.0, 3.0, 3.0], [3.0, 2.0, 1.0]])
def test_r2_is_not_defined_where_the_target_is_constant(values):
    numbers, details = evaluate(np.array([3.0, 3.0, 3.0]), Prediction(values=np.array(values)))
    assert "r2" not in numbers
    assert "r2: the target is the same in all of these rows" in details["notes"]
    assert "mae" in numbers
