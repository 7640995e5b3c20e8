"""Weights of rows and classes, and directions of features, against scikit-learn's own."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB

from leptonctl.core.codec import decode
from leptonctl.core.contract import Column, Contract
from leptonctl.core.manifest import Manifest
from leptonctl.core.result import Result
from leptonctl.learning.fitting.fit import fit
from leptonctl.learning.fitting.recipe import with_defaults
from leptonctl.learning.inputs import PreprocessStep, TrainInputs
from leptonctl.learning.onnx.manifest import trained_manifest
from leptonctl.learning.steps import export, train
from leptonctl.project.catalog import load_catalog
from leptonctl.spi.learning import ProviderError
from tests.learning.exported import Shelf, bench, frame_of, prepared
from tests.learning.model_rows import quiet

CATALOG = load_catalog()
DRAW = np.random.RandomState(0)
X = DRAW.normal(size=(120, 3)).astype(np.float32)
Y = np.where(X[:, 0] + DRAW.normal(size=120) > 0.8, "yes", "no")
WEIGHTS = DRAW.randint(0, 4, size=120).astype(np.float32)
COLUMNS = {**{f"c{i}": X[:, i] for i in range(3)}, "weight": WEIGHTS}
FREE = sorted(key for key, trainer in CATALOG.trainers.items() if trainer.weighs and trainer.library is None)
KIND = {"classification": Y, "regression": X[:, 0] * 2.0 + X[:, 1] + DRAW.normal(size=120)}


def fitted(algorithm, y=Y, task="classification", columns=COLUMNS, **declared):
    return fit(TrainInputs(task=task, algorithm=algorithm, seed=0, **declared), columns, y, quiet)


def probabilities(model):
    return model.predict(COLUMNS).probabilities


@pytest.mark.parametrize("weight", ["balanced", {"yes": 5.0}, {"yes": 0.5, "no": 2.0}])
def test_class_weights_are_scikit_learns(weight):
    whole = weight if weight == "balanced" else {"no": 1.0, "yes": 1.0, **weight}
    theirs = LogisticRegression(class_weight=whole).fit(np.column_stack([X, WEIGHTS]), Y)
    ours = probabilities(fitted("logistic_regression", class_weight=weight))
    np.testing.assert_allclose(ours, theirs.predict_proba(np.column_stack([X, WEIGHTS])), atol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("algorithm", sorted(name for task, name in FREE if task == "classification" and "svm" not in name))
@pytest.mark.parametrize("target", [Y, (Y == "yes").astype(np.int64) + 7], ids=["text", "integers"])
def test_every_classifier_that_weighs_answers_a_heavier_class_more_often(algorithm, target):
    # the probabilities of both svm are calibrated on the rows as they are: there a weight only moves the border
    heavy = str(max(target.tolist()))
    quick = {"n_estimators": 5} if algorithm in {"random_forest", "extra_trees", "gradient_boosting"} else {}
    shallow = {"max_depth": 2} if "max_depth" in CATALOG.trainers["classification", algorithm].params else {}

    def share(**declared):
        labels = fitted(algorithm, target, params=quick | shallow, **declared).predict(COLUMNS).labels
        return (np.asarray(labels).astype(str) == heavy).mean()

    assert share(class_weight={heavy: 40.0}) > share()
    assert share(class_weight="balanced") >= share()


def test_an_algorithm_without_the_parameter_weighs_the_rows_of_a_class():
    of_rows = np.where(Y == "yes", 5.0, 1.0) * WEIGHTS
    theirs = GaussianNB().fit(X, Y, sample_weight=of_rows)
    ours = fitted("naive_bayes", class_weight={"yes": 5.0}, sample_weight="weight")
    np.testing.assert_allclose(probabilities(ours), theirs.predict_proba(X), atol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("task", "algorithm"), FREE)
def test_every_algorithm_that_takes_weights_learns_nothing_from_rows_of_weight_zero(task, algorithm):
    """And with half of the rows turned off the model is another than with all of them."""
    y = KIND[task]
    off = np.where(np.arange(len(y)) < 60, 0.0, 1.0).astype(np.float32)
    wrong = y.copy()
    wrong[:60] = y[:60][::-1]
    trainer = CATALOG.trainers[task, algorithm]
    quick = {name: value for name, value in {"n_estimators": 5, "max_iter": 30}.items() if name in trainer.params}

    def predicted(target, weights):
        answer = fitted(algorithm, target, task, {**COLUMNS, "weight": weights}, sample_weight="weight", params=quick).predict(COLUMNS)
        return answer.values if answer.values is not None else answer.probabilities

    without = predicted(y, off)
    # bins, mini-batches and Platt's stratified folds count also the rows that weigh nothing
    if algorithm not in {"hist_gradient_boosting", "mlp", "sgd", "linear_svm"} and (task, algorithm) != ("classification", "svm"):
        np.testing.assert_allclose(predicted(wrong, off), without, atol=1e-5)
    assert not np.allclose(predicted(y, np.ones(120, dtype=np.float32)), without, atol=1e-6)


def test_weights_of_gradient_descent_are_scikit_learns():
    params = {"batch_size": 1, "max_iter": 3, "tol": None, "n_iter_no_change": 9, "learning_rate": "constant", "penalty": None}
    ours = fitted("sgd", sample_weight="weight", params=params).estimator
    theirs = SGDClassifier(loss="log_loss", penalty=None, learning_rate="constant", eta0=0.01, tol=None, max_iter=1, shuffle=False)
    order, draw = np.arange(120), np.random.RandomState(0)
    for _ in range(3):
        order = draw.permutation(120)
        theirs.partial_fit(X[order], Y[order], classes=["no", "yes"], sample_weight=WEIGHTS[order].astype(float))
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-5)


def test_the_column_of_weights_is_no_feature_and_requests_may_leave_it_out():
    model = fitted("logistic_regression", sample_weight="weight")
    assert model.features == ("c0", "c1", "c2")
    columns = tuple(Column(name=name, type="number") for name in COLUMNS)
    contract = Contract(target="y", target_type="string", classes=("no", "yes"), columns=columns)
    result = trained_manifest(model, contract, None, ["weight"])
    assert [column.name for column in result.inputs] == ["c0", "c1", "c2"]
    assert "weight" in result.unused_columns


def test_the_exported_package_passes_the_column_of_weights_over(tmp_path):
    shelf, frame = Shelf(), frame_of(np.column_stack([X, WEIGHTS]), Y, list(COLUMNS))
    inputs = {"task": "classification", "algorithm": "logistic_regression", "seed": 0, "sample_weight": "weight"}
    needs = {"prepare": prepared(shelf, frame, frame)}
    trained = train.run(inputs, needs, bench(shelf, tmp_path))
    needs["train"] = Result(key="t", op="train", artifacts=trained.artifacts, outputs=trained.outputs)
    exported = export.run({"train": inputs}, needs, bench(shelf, tmp_path))
    manifest = decode(shelf.get_artifact(exported.artifacts["manifest.json"]), Manifest)
    assert ([column.name for column in manifest.columns], manifest.ignored) == (["c0", "c1", "c2"], ("weight",))
    assert trained.outputs["features"] == ["c0", "c1", "c2"]


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ([-1.0, *[1.0] * 119], "1 training rows have a negative weight"),
        ([np.nan, *[1.0] * 119], "1 training rows have no weight"),
        ([0.0] * 120, "the weights are all 0"),
        (np.array(["a"] * 120, dtype=object), "its cells are not numbers"),
    ],
)
def test_a_column_that_has_no_weights_is_named(cells, says):
    cells = cells if isinstance(cells, np.ndarray) else np.array(cells, dtype=np.float32)
    with pytest.raises(ProviderError) as found:
        fitted("naive_bayes", columns={**COLUMNS, "weight": cells}, sample_weight="weight")
    assert found.value.id == "bad-sample-weight"
    assert says in found.value.detail


def test_a_class_that_the_rows_do_not_have_is_named():
    with pytest.raises(ProviderError) as found:
        fitted("naive_bayes", class_weight={"maybe": 2.0})
    assert found.value.id == "unknown-class-weight"
    assert "maybe" in found.value.detail


@pytest.mark.parametrize("algorithm", ["hist_gradient_boosting", "decision_tree", "random_forest", "extra_trees"])
def test_with_a_larger_value_the_probability_of_the_last_class_never_falls(algorithm):
    steps = (PreprocessStep(use="standard_scaler", columns=("c1",)),)
    model = fitted(algorithm, monotonic={"c0": "up", "c1": "down"}, preprocess=steps, params={"max_depth": 4})
    grid = np.linspace(-3, 3, 41, dtype=np.float32)
    for name, sign in (("c0", 1), ("c1", -1)):
        for row in range(0, 120, 10):
            moving = {other: np.full(41, values[row]) for other, values in COLUMNS.items()} | {name: grid}
            assert (np.diff(model.predict(moving).probabilities[:, 1]) * sign >= -1e-12).all(), (name, row)


def test_the_directions_are_those_of_the_columns_as_the_algorithm_gets_them():
    steps = (PreprocessStep(use="standard_scaler", columns=("c2",)),)  # what a step takes comes first
    model = fitted("hist_gradient_boosting", sample_weight="weight", monotonic={"c2": "up", "c0": "down"}, preprocess=steps)
    assert isinstance(model.estimator, HistGradientBoostingClassifier)
    assert list(model.estimator.monotonic_cst) == [1, -1, 0]
    regressor = fitted("random_forest", KIND["regression"], "regression", monotonic={"c1": "up"}, params={"n_estimators": 3})
    assert isinstance(regressor.estimator, RandomForestRegressor)


def test_a_feature_that_a_step_replaces_has_no_direction_any_more():
    steps = (PreprocessStep(use="pca", columns=("c0", "c1")),)
    with pytest.raises(ProviderError) as found:
        fitted("hist_gradient_boosting", monotonic={"c0": "up"}, preprocess=steps)
    assert found.value.id == "not-monotonic"
    assert "c0, which is replaced" in found.value.detail
    with pytest.raises(ProviderError, match="direction") as found:
        fitted("hist_gradient_boosting", np.array(["a", "b", "c"] * 40), monotonic={"c0": "up"})
    assert found.value.id == "not-monotonic"


def test_without_a_declaration_the_parameters_are_what_they_were():
    trainer = CATALOG.trainers["classification", "random_forest"]
    model = fitted("random_forest", params={"n_estimators": 2})
    plain = trainer.build({**with_defaults(trainer.params, {"n_estimators": 2})}, 0)
    assert model.estimator.get_params() == plain.get_params()
