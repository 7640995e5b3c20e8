"""The bundled algorithms: their shipped schemas against the installed scikit-learn, and fits that show progress."""

import inspect
import subprocess
import sys
import warnings

import jsonschema
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import SGDClassifier, SGDRegressor

from leptonctl.learning.fitting.classify import classify
from leptonctl.learning.fitting.recipe import with_defaults
from leptonctl.project.catalog import TRAINERS, load_catalog
from leptonctl.spi import Training

CATALOG = load_catalog()
ALL = [(task, name) for task, names in TRAINERS.items() for name in names]
# what differs from scikit-learn's default, and why
OURS = {
    ("classification", "sgd", "loss"): "the default hinge has no probabilities",
    ("classification", "sgd", "batch_size"): "scikit-learn's SGD has no batches",
    ("regression", "sgd", "batch_size"): "scikit-learn's SGD has no batches",
}


def recorder():
    reports = []
    return reports, lambda **report: reports.append(report)


def table(load, *, scaled=True):
    features, target = load(return_X_y=True)
    if scaled:
        features = (features - features.mean(0)) / features.std(0)
    return features.astype(np.float32), target


def ready(task, name, **params):
    trainer = CATALOG.trainers[task, name]
    return trainer, trainer.build(with_defaults(trainer.params, params), 0)


def fit(trainer, estimator, features, target, progress=lambda **_: None):
    """Fit as an apply does."""
    if trainer.fit_from is None:
        return trainer.fit(estimator, features, target, progress)
    return trainer.fit_from(estimator, Training(features=features, target=target, progress=progress))


def inner(estimator):
    """The estimator that takes the parameters: inside a calibration where there is one."""
    return estimator.estimator if isinstance(estimator, CalibratedClassifierCV) else estimator


@pytest.mark.parametrize(("task", "name"), ALL)
def test_a_shipped_schema_is_valid_and_accepts_its_default(task, name):
    trainer = CATALOG.trainers[task, name]
    assert (trainer.task, trainer.name) == (task, name)
    assert trainer.description
    for param, schema in trainer.params.items():
        jsonschema.Draft7Validator.check_schema(schema)
        assert {"description", "default"} <= schema.keys(), param
        jsonschema.validate(schema["default"], schema)


@pytest.mark.parametrize(("task", "name"), ALL)
def test_a_shipped_default_is_scikit_learns(task, name):
    trainer, estimator = ready(task, name)
    theirs = {p.name: p.default for p in inspect.signature(type(inner(estimator))).parameters.values()}
    for param, schema in trainer.params.items():
        if (task, name, param) in OURS:
            assert theirs.get(param) != schema["default"]
            continue
        default = list(theirs[param]) if isinstance(theirs[param], tuple) else theirs[param]
        assert schema["default"] == default, param
        assert isinstance(schema["default"], type(default)) or isinstance(default, int | float), param


@pytest.mark.parametrize(("task", "name"), ALL)
def test_every_parameter_and_the_seed_reach_scikit_learn(task, name):
    trainer, _ = ready(task, name)
    estimator = inner(trainer.build(with_defaults(trainer.params, {}), 41))
    values = estimator.get_params()
    for param, schema in trainer.params.items():
        assert values.get(param, getattr(estimator, "batch_size_", None)) == schema["default"], param
    assert values.get("random_state", 41) == 41
    assert values.get("n_jobs", 1) in {1, None}


def test_schemas_refuse_what_scikit_learn_refuses():
    params = CATALOG.trainers["classification", "random_forest"].params
    for param, bad in [("n_estimators", 0), ("n_estimators", 1.5), ("max_depth", 0), ("max_features", "all"), ("criterion", "Gini")]:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, params[param])
    for param, good in [("max_features", 0.5), ("max_features", 3), ("max_features", None), ("min_samples_leaf", 0.1), ("max_depth", None)]:
        jsonschema.validate(good, params[param])


def test_no_provider_module_has_heavy_imports():
    modules = sorted({f"leptonctl.providers.trainers.{name}" for _, name in ALL})
    code = f"import sys, importlib; [importlib.import_module(m) for m in {modules!r}]; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"numpy", "sklearn", "scipy", "onnx", "skl2onnx", "onnxruntime", "polars"} & set(loaded)


@pytest.mark.parametrize(
    ("task", "name", "params"),
    [
        ("classification", "mlp", {"max_iter": 30, "hidden_layer_sizes": [8]}),
        ("classification", "mlp", {"max_iter": 30, "solver": "sgd", "learning_rate": "adaptive", "early_stopping": True}),
        ("classification", "mlp", {"max_iter": 30, "solver": "lbfgs"}),
        ("regression", "mlp", {"max_iter": 20, "hidden_layer_sizes": [8]}),
        ("classification", "gradient_boosting", {"n_estimators": 12, "subsample": 0.7}),
        ("regression", "gradient_boosting", {"n_estimators": 12, "n_iter_no_change": 3}),
        ("classification", "logistic_regression", {"C": 2.5}),
        ("classification", "logistic_regression", {"solver": "saga", "max_iter": 5}),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_watched_fit_gives_the_same_model_as_a_plain_fit(task, name, params):
    features, target = table(load_wine if task == "classification" else load_diabetes)
    trainer, estimator = ready(task, name, **params)
    plain = clone(estimator).fit(features, target)
    reports, report = recorder()
    watched = fit(trainer, estimator, features, target, report)
    answer = "predict_proba" if task == "classification" else "predict"
    assert np.array_equal(getattr(watched, answer)(features), getattr(plain, answer)(features))
    assert sorted(vars(watched)) == sorted(vars(plain)), "watching leaves nothing on the model"
    if params.get("solver") not in {"lbfgs", "saga"}:
        assert [r["iteration"] for r in reports] == list(range(1, len(reports) + 1))
        assert len(reports) >= 3


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_reported_losses_are_those_scikit_learn_records():
    features, target = table(load_wine)
    trainer, estimator = ready("classification", "mlp", max_iter=10)
    reports, report = recorder()
    assert [r["loss"] for r in reports] == []
    fitted = fit(trainer, estimator, features, target, report)
    assert [r["loss"] for r in reports] == fitted.loss_curve_
    trainer, estimator = ready("regression", "gradient_boosting", n_estimators=10)
    reports, report = recorder()
    fitted = fit(trainer, estimator, features, target.astype(float), report)
    assert [r["loss"] for r in reports] == fitted.train_score_.tolist()


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer, load_diabetes])
@pytest.mark.parametrize(
    "params", [{}, {"learning_rate": "constant"}, {"learning_rate": "invscaling"}, {"fit_intercept": False}, {"penalty": None}]
)
def test_sgd_in_batches_of_one_takes_scikit_learns_steps(load, params):
    task = "regression" if load is load_diabetes else "classification"
    features, target = table(load)
    trainer, estimator = ready(task, "sgd", batch_size=1, max_iter=2, tol=None, **params)
    ours = fit(trainer, estimator, features, target)
    arguments = with_defaults(trainer.params, {"max_iter": 2, "tol": None, **params})
    arguments.pop("batch_size")
    theirs = (SGDRegressor if task == "regression" else SGDClassifier)(**arguments, shuffle=False)
    order = np.random.RandomState(0)
    for _ in range(2):
        rows = order.permutation(len(target))
        classes = {} if task == "regression" else {"classes": np.unique(target)}
        theirs.partial_fit(features[rows].astype(np.float64), target[rows], **classes)
    assert np.allclose(ours.coef_, theirs.coef_, rtol=1e-9, atol=1e-9)
    assert np.allclose(ours.intercept_, theirs.intercept_, rtol=1e-9, atol=1e-9)


def test_sgd_steps_follow_the_mean_gradient_of_each_batch():
    features, target = table(load_diabetes)
    trainer, estimator = ready("regression", "sgd", batch_size=100, max_iter=1, learning_rate="constant", eta0=0.1, penalty=None, tol=None)
    fitted = fit(trainer, estimator, features, target)
    weights, intercept = np.zeros(features.shape[1]), 0.0
    rows = np.random.RandomState(0).permutation(len(target))
    for start in range(0, len(rows), 100):
        batch = rows[start : start + 100]
        off = features[batch].astype(np.float64) @ weights + intercept - target[batch]
        weights, intercept = weights - 0.1 * features[batch].T @ off / len(batch), intercept - 0.1 * off.mean()
    assert np.allclose(fitted.coef_, weights)
    assert np.allclose(fitted.intercept_, intercept)
    assert fitted.t_ == 1 + len(target)


@pytest.mark.parametrize(
    "params", [{}, {"loss": "modified_huber"}, {"penalty": "l1", "alpha": 0.01}, {"average": True}, {"batch_size": 1000}]
)
def test_sgd_learns_and_stops_by_itself(params):
    features, target = table(load_breast_cancer)
    trainer, estimator = ready("classification", "sgd", **params)
    reports, report = recorder()
    fitted = fit(trainer, estimator, features, target, report)
    assert fitted.score(features, target) > 0.95
    assert len(reports) == fitted.n_iter_ < 1000
    assert reports[-1]["loss"] < reports[0]["loss"]
    again = fit(trainer, ready("classification", "sgd", **params)[1], features, target, report)
    assert np.array_equal(again.coef_, fitted.coef_)


@pytest.mark.parametrize("loss", ["huber", "epsilon_insensitive", "squared_epsilon_insensitive"])
def test_sgd_has_the_regression_losses_of_scikit_learn(loss):
    features, target = table(load_diabetes)
    trainer, estimator = ready("regression", "sgd", loss=loss, batch_size=1, max_iter=1, tol=None)
    ours = fit(trainer, estimator, features, target)
    theirs = SGDRegressor(loss=loss, shuffle=False)
    rows = np.random.RandomState(0).permutation(len(target))
    theirs.partial_fit(features[rows].astype(np.float64), target[rows])
    assert np.allclose(ours.coef_, theirs.coef_, rtol=1e-9)


def test_sgd_that_diverges_is_reported():
    features, target = table(load_diabetes, scaled=False)
    trainer, estimator = ready("regression", "sgd", learning_rate="constant", eta0=10.0)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="scale the features"):
        fit(trainer, estimator, features * 1e6, target)


def test_only_hist_gradient_boosting_takes_missing_values():
    assert {key[1] for key in ALL if CATALOG.trainers[key].takes_missing} == {"hist_gradient_boosting"}


SCORED = [name for task, name in ALL if CATALOG.trainers[task, name].scores is not None]


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
@pytest.mark.parametrize("name", SCORED)
def test_labels_and_probabilities_of_one_pass_are_those_of_two(name, load):
    features, target = table(load)
    trainer, estimator = ready("classification", name)
    few = {"n_estimators": 5, "max_iter": 9}
    estimator.set_params(**{param: few[param] for param in few.keys() & estimator.get_params().keys()})
    with warnings.catch_warnings(action="ignore"):
        estimator.fit(features, target)
    before = {**vars(estimator)}
    # the last row is as likely of one class as of another where the scores are 0
    rows = np.vstack([features, np.zeros_like(features[:1])])
    labels, probabilities = classify(trainer, estimator, rows)
    assert np.array_equal(labels, estimator.predict(rows))
    assert np.array_equal(probabilities, estimator.predict_proba(rows))
    assert vars(estimator) == before
    calls = []
    own = getattr(estimator, trainer.scores)
    setattr(estimator, trainer.scores, lambda *inputs, **named: calls.append(1) or own(*inputs, **named))
    classify(trainer, estimator, rows)
    assert len(calls) == 1


def test_neighbours_weighted_by_distance_are_refused_at_plan_time():
    for task in ("classification", "regression"):
        refuse = CATALOG.trainers[task, "knn"].refuse
        assert "uniform" in refuse({"weights": "distance"})
        assert refuse({"weights": "uniform"}) is None
