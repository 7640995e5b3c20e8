"""Files that XGBoost and LightGBM saved, imported where the libraries are: the answers are theirs, and the difference is recorded."""

import numpy as np
import pytest

from leptonctl.learning.imported import library_file
from leptonctl.spi.learning import Prediction, ProviderError
from tests.learning.test_import import NUMBERS, SIDE, World, X

lightgbm = pytest.importorskip("lightgbm", reason="the extra lightgbm is not in the test environment")
xgboost = pytest.importorskip("xgboost", reason="the extra xgboost is not in the test environment")

VALUES = X[:, 0].astype(np.float64) * 2 + X[:, 1]
EMPTY = X.copy()
EMPTY[::7, 1] = np.nan
NAMES = ["above", "below", "far"]


def world(folder, y, x=EMPTY):
    return World(folder, y, {name: x[:, place] for place, name in enumerate(("a", "b b", "c"))})


@pytest.mark.parametrize("ending", ["json", "ubj"])
@pytest.mark.parametrize("kind", ["classes", "two", "values"])
def test_xgboost(tmp_path, kind, ending):
    target = {"classes": NUMBERS, "two": (NUMBERS > 0).astype(int), "values": VALUES}[kind]
    learner = xgboost.XGBRegressor if kind == "values" else xgboost.XGBClassifier
    model = learner(n_estimators=20, max_depth=3, n_jobs=1).fit(EMPTY, target)
    model.save_model(tmp_path / f"model.{ending}")
    words = {"classes": SIDE, "two": np.where(NUMBERS > 0, "yes", "no"), "values": VALUES}[kind]
    classes = {"classes": NAMES, "two": ["no", "yes"], "values": None}[kind]
    _, answers, outputs = world(tmp_path, words).run(
        (tmp_path / f"model.{ending}").read_bytes(), **({"classes": classes} if classes else {})
    )
    check(model, answers, outputs, classes)


@pytest.mark.parametrize("kind", ["classes", "two", "values"])
def test_lightgbm(tmp_path, kind):
    target = {"classes": SIDE, "two": np.where(NUMBERS > 0, "yes", "no"), "values": VALUES}[kind]
    learner = lightgbm.LGBMRegressor if kind == "values" else lightgbm.LGBMClassifier
    model = learner(n_estimators=20, min_child_samples=3, verbose=-1, n_jobs=1).fit(EMPTY, target)
    model.booster_.save_model(tmp_path / "model.txt")
    classes = None if kind == "values" else sorted({*target.tolist()})
    _, answers, outputs = world(tmp_path, target).run((tmp_path / "model.txt").read_bytes(), **({"classes": classes} if classes else {}))
    check(model, answers, outputs, classes)


def check(model, answers, outputs, classes):
    assert (outputs["parity"]["rows"], outputs["parity"]["labels_differ"], outputs["notices"]) == (30, 0, [])
    assert max(outputs["parity"]["max_probability_diff"], outputs["parity"]["max_value_diff"]) < 1e-5
    if classes is None:
        np.testing.assert_allclose(answers.values, model.predict(EMPTY), rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_allclose(answers.probabilities, model.predict_proba(EMPTY), atol=1e-6)


def test_names_of_a_data_frame_count_and_not_the_order_of_the_dataset(tmp_path):
    data = xgboost.DMatrix(EMPTY[:, [2, 0, 1]], label=VALUES, feature_names=["c", "a", "b b"], nthread=1)
    booster = xgboost.train({"max_depth": 3, "nthread": 1}, data, 20)
    booster.save_model(tmp_path / "model.json")
    _, answers, outputs = world(tmp_path, VALUES).run((tmp_path / "model.json").read_bytes())
    np.testing.assert_allclose(answers.values, booster.predict(data), rtol=1e-5, atol=1e-5)
    assert outputs["parity"]["rows"] == 30


def test_early_stopping_leaves_rounds_that_answer_and_are_reported(tmp_path):
    model = xgboost.XGBClassifier(n_estimators=60, early_stopping_rounds=5, learning_rate=0.9, n_jobs=1)
    model.fit(X[:60], NUMBERS[:60], eval_set=[(X[60:], NUMBERS[60:])], verbose=False)
    model.save_model(tmp_path / "model.json")
    booster = model.get_booster()
    _, answers, outputs = world(tmp_path, NUMBERS, X).run((tmp_path / "model.json").read_bytes())
    after = booster.num_boosted_rounds() - model.best_iteration - 1
    assert [(notice["check"], notice["count"]) for notice in outputs["notices"]] == [("rounds_after_best", after)]
    assert after > 0
    np.testing.assert_allclose(answers.probabilities, booster.predict(xgboost.DMatrix(X, nthread=1)), atol=1e-6)
    booster[: model.best_iteration + 1].save_model(tmp_path / "best.json")
    _, answers, outputs = world(tmp_path, NUMBERS, X).run((tmp_path / "best.json").read_bytes())
    np.testing.assert_allclose(answers.probabilities, model.predict_proba(X), atol=1e-6)


def test_a_damaged_binary_file_is_refused_in_one_line(tmp_path):
    model = xgboost.XGBRegressor(n_estimators=5, n_jobs=1).fit(X, VALUES)
    whole = bytes(model.get_booster().save_raw("ubj"))
    place = world(tmp_path, VALUES, X)
    for data in (whole[: len(whole) // 2], whole[:30], whole.replace(b"left_children", b"left_childran"), whole[:200] + b"\xff" * 4000):
        id_, detail, _ = place.refusal(data)
        assert (id_, "XGBoost" in detail) == ("bad-model-file", True), detail


def test_a_difference_is_an_error(tmp_path):
    model = xgboost.XGBRegressor(n_estimators=5, n_jobs=1).fit(X, VALUES)
    file = library_file.read_library_file(bytes(model.get_booster().save_raw("json")))
    native = model.predict(X)
    assert library_file.compared(file, X, Prediction(values=native), ()).max_value_diff == 0
    with pytest.raises(ProviderError) as error:
        library_file.compared(file, X, Prediction(values=native + 0.1), ())
    assert error.value.id == "export-mismatch"
