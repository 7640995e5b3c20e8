"""`trial` and `search` against scikit-learn's own search: equal folds, equal scores, and the same winner."""

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from leptonctl.core.result import Result
from leptonctl.learning.inputs import TrainInputs, TrialInputs
from leptonctl.learning.outputs import TrialOutputs
from leptonctl.learning.steps import search, trial
from leptonctl.learning.steps.search import rank
from leptonctl.learning.tables.prepared import Rows
from leptonctl.spi.learning import ProviderError
from tests.learning.exported import Shelf, bench, prepared
from tests.learning.test_cross_validate import cancer, train_inputs

SCALER = {"use": "standard_scaler", "columns": "numeric", "params": {"with_mean": True, "with_std": True}}


def tried(tmp_path, frame, train, *, metric="accuracy", folds=5, **more):
    shelf = Shelf()
    inputs = {"train": train, "folds": folds, "metric": metric, "chosen": {}, **more}
    return trial.run(inputs, {"prepare": prepared(shelf, frame, frame.head(1))}, bench(shelf, tmp_path)).outputs


def choose(tmp_path, outputs, *, greater_is_better=True, keep=None):
    names = tuple(outputs)
    needs = {name: Result(key=name, op="trial", outputs=of) for name, of in outputs.items()}
    inputs = {"metric": "accuracy", "greater_is_better": greater_is_better, "trials": names, "keep": keep}
    return search.run(inputs, needs, bench(Shelf(), tmp_path)).outputs


def scored(mean, **chosen):
    found = TrialOutputs(
        chosen=chosen, params=chosen, metric="accuracy", folds=5, rows=9, mean=mean, std=None if mean is None else 0.0,
        reason="" if mean is not None else "it broke",
    )  # fmt: skip
    return found.to_json()


def test_scores_and_winner_are_those_of_grid_search_cv(tmp_path):
    x, y, frame = cancer()
    grid = (0.001, 0.1, 10.0)
    folds = StratifiedKFold(5, shuffle=True, random_state=7)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(random_state=7))
    expected = GridSearchCV(pipeline, {"logisticregression__C": list(grid)}, cv=folds, scoring="accuracy").fit(x, y)
    outputs = {
        f"trial_{n}": tried(tmp_path, frame, train_inputs("classification", "logistic_regression", [SCALER], C=c), chosen={"C": c})
        for n, c in enumerate(grid)
    }
    assert [of["mean"] for of in outputs.values()] == pytest.approx(expected.cv_results_["mean_test_score"].tolist())
    assert [of["std"] for of in outputs.values()] == pytest.approx(expected.cv_results_["std_test_score"].tolist())
    won = choose(tmp_path, outputs)
    assert won["chosen"]["C"] == expected.best_params_["logisticregression__C"]
    assert won["mean"] == pytest.approx(expected.best_score_)
    assert [one["chosen"]["C"] for one in won["trials"]] == list(grid)


def test_without_a_score_a_trial_loses_and_of_equals_the_first_wins(tmp_path):
    """In the direction of the metric, and (brother) also where a failed trial comes first."""
    outputs = {"a": scored(None, C=1), "b": scored(0.5, C=2), "c": scored(0.7, C=3), "d": scored(0.7, C=4)}
    assert choose(tmp_path, outputs)["trial"] == "c"
    assert choose(tmp_path, outputs, greater_is_better=False)["trial"] == "b"
    order = rank([(n, TrialOutputs(**of)) for n, of in outputs.items()], greater_is_better=True)
    assert [name for name, _ in order] == ["c", "d", "b", "a"]
    left = choose(tmp_path, outputs, keep=3)["survivors"]
    assert [left[place]["chosen"]["C"] for place in ("1", "2", "3")] == [2, 3, 4]
    assert choose(tmp_path, outputs)["notices"][0]["count"] == 1
    with pytest.raises(ProviderError) as caught:
        choose(tmp_path, {"a": scored(None, C=1), "b": scored(None, C=2)})
    assert caught.value.id == "search-failed"
    assert "C=1" in caught.value.detail
    assert "it broke" in caught.value.detail


def test_what_cannot_be_fitted_is_a_result_with_a_reason(tmp_path):
    """The combination is refused, and (brother) missing cells reach the algorithm."""
    _, _, frame = cancer()
    refused = tried(tmp_path, frame, train_inputs("classification", "knn", [SCALER], n_neighbors=10_000))
    assert refused["mean"] is None
    assert "10000" in refused["reason"].replace(",", "")
    gaps = pl.DataFrame({"x": [None, *range(1, 20)], "y": ["a", "b"] * 10}, schema={"x": pl.Float32, "y": pl.String})
    missing = tried(tmp_path, gaps, train_inputs("classification", "logistic_regression"))
    assert missing["mean"] is None
    assert "Missing values" in missing["reason"]


def test_what_every_trial_would_meet_fails_at_once(tmp_path):
    frame = pl.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": ["a", "a", "a", "b"]})
    with pytest.raises(ProviderError) as caught:
        tried(tmp_path, frame, train_inputs("classification", "logistic_regression"), folds=3)
    assert caught.value.id == "too-few-rows-for-search"
    _, _, whole = cancer()
    with pytest.raises(ProviderError) as caught:
        tried(tmp_path, whole, train_inputs("classification", "logistic_regression"), metric="f1", positive="nobody")
    assert caught.value.id == "unknown-class"


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_larger_share_has_the_rows_of_a_smaller_one(task):
    """And of a classification (brother) each class its share, and enough for every fold."""
    y = np.array(["a"] * 190 + ["b"] * 10) if task == "classification" else np.arange(200.0)
    rows = Rows(columns={"x": np.arange(200.0)}, y=y)
    train = TrainInputs(task=task, algorithm="x", seed=7)
    parts = [trial.subset(rows, train, TrialInputs(train=train, folds=5, metric="m", share=share)) for share in (1 / 9, 1 / 3, 1.0)]
    kept = [set(part.columns["x"].tolist()) for part in parts]
    assert kept[0] < kept[1] < kept[2]
    assert len(kept[2]) == 200
    if task == "classification":
        assert [int((part.y == "b").sum()) for part in parts] == [5, 5, 10]
        assert [len(of) for of in kept] == [27, 69, 200]
