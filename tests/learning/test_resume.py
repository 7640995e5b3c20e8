"""How each learner continues from a fitted model: what it keeps of the rows before, and what it learns from the new ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from leptonctl.core.contract import Column, Contract
from leptonctl.learning.fitting.recipe import with_defaults
from leptonctl.learning.fitting.resume import check_same_form
from leptonctl.project.catalog import load_catalog
from leptonctl.spi.learning import ProviderError, Training

# a few epochs converge to nothing
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
TRAINERS = load_catalog().trainers
RNG = np.random.default_rng(5)
X = RNG.normal(size=(300, 3)).astype(np.float32)
CLASSES = np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")
VALUES = (3 * X[:, 0] - X[:, 2]).astype(np.float64)
OLD, NEW = slice(0, 200), slice(200, 300)


def nothing(**_: object) -> None:
    """Report to nobody."""


def model(task: str, name: str, **params: Any) -> tuple[Any, Callable[..., Any]]:
    """The model of the old rows, and the function that continues from it."""
    trainer = TRAINERS[task, name]
    if trainer.library is not None:
        pytest.importorskip(trainer.library.module, reason=f"the extra {trainer.library.extra} is not installed")
    whole, y = with_defaults(trainer.params, params), CLASSES if task == "classification" else VALUES
    fresh, old = trainer.build(whole, 3), Training(features=X[OLD], target=y[OLD], progress=nothing)
    parent = trainer.fit_from(fresh, old) if trainer.fit_from else fresh.fit(X[OLD], y[OLD])

    def resume(rows: slice, **more: Any) -> Any:
        assert trainer.resume is not None
        training = Training(features=X[rows], target=y[rows], progress=nothing)
        return trainer.resume(parent, trainer.build({**whole, **more}, 3), training)

    return parent, resume


def test_naive_bayes_becomes_the_model_of_all_rows() -> None:
    _, resume = model("classification", "naive_bayes", var_smoothing=0.0)
    whole = TRAINERS["classification", "naive_bayes"].build({"var_smoothing": 0.0}, 0).fit(X, CLASSES)
    assert np.allclose(resume(NEW).predict_proba(X), whole.predict_proba(X))


@pytest.mark.parametrize("name", ["random_forest", "extra_trees"])
def test_a_forest_keeps_its_trees_and_adds_as_many_as_it_is_told(name: str) -> None:
    parent, resume = model("classification", name, n_estimators=4)
    grown = resume(NEW, n_estimators=3)
    assert len(grown.estimators_) == 7
    for before, after in zip(parent.estimators_, grown.estimators_, strict=False):
        assert (before.predict_proba(X) == after.predict_proba(X)).all()


@pytest.mark.parametrize("name", ["gradient_boosting", "hist_gradient_boosting"])
def test_boosting_corrects_the_sum_so_far_on_rows_of_another_range(name: str) -> None:
    count = "n_estimators" if name == "gradient_boosting" else "max_iter"
    small = {} if name == "gradient_boosting" else {"min_samples_leaf": 2}
    trainer = TRAINERS["regression", name]
    whole = with_defaults(trainer.params, {count: 30, **small})
    far = X[NEW] * 4
    parent = trainer.build(whole, 3).fit(X[OLD], VALUES[OLD])
    assert trainer.resume is not None
    training = Training(features=far, target=VALUES[NEW] * 4, progress=nothing)
    grown = trainer.resume(parent, trainer.build({**whole, count: 200}, 3), training)
    errors = [float(np.mean((one.predict(far) - VALUES[NEW] * 4) ** 2)) for one in (parent, grown)]
    assert errors[1] < errors[0] / 20
    assert not grown.warm_start


def test_a_descent_goes_on_where_its_learning_rate_was() -> None:
    parent, resume = model("classification", "sgd", max_iter=3, tol=None)
    grown = resume(NEW, max_iter=2)
    assert grown.t_ == parent.t_ + 2 * 100
    assert grown.n_iter_ == 2


@pytest.mark.parametrize(("task", "name"), [("classification", "mlp"), ("regression", "mlp"), ("classification", "logistic_regression")])
def test_one_step_from_the_model_before_stays_near_it(task: str, name: str) -> None:
    parent, resume = model(task, name)
    grown = resume(NEW, max_iter=1)
    weights = [np.concatenate([np.ravel(part) for part in (one.coefs_ if name == "mlp" else [one.coef_])]) for one in (parent, grown)]
    assert 0 < np.abs(weights[0] - weights[1]).max() < 1
    assert not grown.warm_start


@pytest.mark.parametrize("key", [key for key, one in TRAINERS.items() if one.resume is not None], ids=".".join)
def test_the_model_before_stays_as_it_is(key: tuple[str, str]) -> None:
    parent, resume = model(*key)
    before = parent.predict(X).copy()
    resume(NEW)
    assert (parent.predict(X) == before).all()


def contract(**types: Any) -> Contract:
    columns = tuple(Column(name=name, type=kind) for name, kind in types.items())
    return Contract(target="side", target_type="string", classes=("no", "yes"), columns=columns)


@pytest.mark.parametrize(
    ("own", "difference"),
    [
        (contract(a="number"), "the column b, which the version before learned, is not in the data"),
        (contract(a="number", b="number"), "the column b is string for the version before, number here"),
        (Contract(target="other", target_type="string", classes=(), columns=contract(a="number", b="string").columns), "predicts side"),
        (Contract(target="side", target_type="string", classes=("no",), columns=contract(a="number", b="string").columns), "has 2"),
    ],
)
def test_rows_of_another_form_are_refused_with_what_differs(own: Contract, difference: str) -> None:
    with pytest.raises(ProviderError) as refused:
        check_same_form(contract(a="number", b="string"), own, ("a", "b"))
    assert refused.value.id == "warm-start-mismatch"
    assert difference in refused.value.detail


def test_integers_are_numbers_and_new_columns_are_not_read() -> None:
    check_same_form(contract(a="integer", b="string"), contract(a="number", b="string", c="number"), ("a", "b"))
