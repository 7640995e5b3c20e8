"""XGBoost, LightGBM and PyTorch with their libraries installed: `.ci/extras`, or `pytest tests/extras` after installing the extras."""

import json
import sys
import warnings

import numpy as np
import pytest

from leptonctl.core.frozen import replace
from leptonctl.learning.fitting.fit import fit
from leptonctl.learning.fitting.native import dump_native, load_native
from leptonctl.learning.steps.export import export
from leptonctl.project.catalog import EXTRAS, load_catalog
from leptonctl.spi.learning import ProviderError, Training
from leptonctl.testing import check_trainer
from tests.extras import library_models
from tests.extras.sweep import CASES, outcome
from tests.learning.model_rows import as_columns, cancer, diabetes, halves, mixed, quiet, recipe, wine

xgboost = pytest.importorskip("xgboost", reason="comes with the extra xgboost")
lightgbm = pytest.importorskip("lightgbm", reason="comes with the extra lightgbm")
torch = pytest.importorskip("torch", reason="comes with the extra torch")
CATALOG = load_catalog()
KEYS = [(task, name) for task, names in EXTRAS.items() for name in names]
QUICK = {"xgboost": {"n_estimators": 8}, "lightgbm": {"n_estimators": 8}, "torch_mlp": {"epochs": 30, "learning_rate": 0.01}}


@pytest.mark.parametrize("key", KEYS, ids=".".join)
def test_a_trainer_conforms(key):
    check_trainer(CATALOG.trainers[key], QUICK[key[1]])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_objective_is_exact_or_refused_in_one_line(case):
    for name, words in outcome(case).items():
        assert words.startswith(("exact", "refused")), (name, words)
        assert "\n" not in words


def test_the_recorded_answers_are_still_those_of_the_libraries():
    new, recorded = json.loads(json.dumps(library_models.content())), json.loads(library_models.FILE.read_text(encoding="utf-8"))
    assert new["rows"] == recorded["rows"]
    for one, other in zip(new["cases"], recorded["cases"], strict=True):
        assert (one["name"], one["model"]) == (other["name"], other["model"])
        assert np.allclose(one["answers"], other["answers"], rtol=1e-7, atol=0)


def matrix(rows):
    return np.column_stack(list(rows.columns.values()))


@pytest.mark.parametrize(
    "params", [{}, {"subsample": 0.7, "colsample_bytree": 0.6, "reg_alpha": 0.1}, {"booster": "dart", "rate_drop": 0.3}]
)
def test_xgboost_equals_its_own_scikit_learn_interface(params):
    seen, unseen = halves(*wine())
    ours = fit(recipe("classification", "xgboost", params=params, seed=3), seen.columns, seen.y, quiet).estimator
    plain = xgboost.XGBClassifier(n_jobs=1, random_state=3, **params).fit(matrix(seen), np.unique(seen.y, return_inverse=True)[1])
    # a dart model in memory adds up its trees in another order
    exact = np.array_equal if params.get("booster") != "dart" else lambda one, other: np.allclose(one, other, rtol=1e-6, atol=0)
    assert exact(ours.predict_proba(matrix(unseen)), plain.predict_proba(matrix(unseen)))


@pytest.mark.parametrize("params", [{}, {"subsample": 0.7, "subsample_freq": 1, "num_leaves": 7}, {"boosting_type": "dart"}])
def test_lightgbm_equals_its_own_scikit_learn_interface(params):
    seen, unseen = halves(*wine())
    ours = fit(recipe("classification", "lightgbm", params=params, seed=3), seen.columns, seen.y, quiet).estimator
    plain = lightgbm.LGBMClassifier(n_jobs=1, random_state=3, verbosity=-1, deterministic=True, force_row_wise=True, **params)
    # `random_state` is LightGBM's `seed`
    assert np.array_equal(ours.predict_proba(matrix(unseen)), plain.fit(matrix(seen), seen.y).predict_proba(matrix(unseen)))


def test_the_libraries_read_the_native_files_themselves(tmp_path):
    seen, unseen = halves(*cancer())
    rows = matrix(unseen)
    for name, file in (("xgboost", "model.json"), ("lightgbm", "model.txt")):
        fitted = fit(recipe("classification", name), seen.columns, seen.y, quiet)
        (tmp_path / file).write_bytes(dump_native(fitted)[file])
        if name == "xgboost":
            answers = xgboost.Booster(model_file=tmp_path / file).predict(xgboost.DMatrix(rows))
        else:
            answers = lightgbm.Booster(model_file=tmp_path / file).predict(rows)
        assert np.array_equal(answers, fitted.estimator.predict_proba(rows)[:, 1]), name


@pytest.mark.parametrize(
    ("name", "params"),
    [("xgboost", {"early_stopping": 3}), ("lightgbm", {"early_stopping": 3}), ("torch_mlp", {"early_stopping": 2, "learning_rate": 0.05})],
)
def test_early_stopping_stops_and_keeps_the_best(name, params):
    reports = []
    seen, _ = halves(*diabetes())
    inputs = recipe("regression", name, ("standard_scaler", "numeric"), params=params)
    fitted = fit(inputs, seen.columns, seen.y, lambda **report: reports.append(report))
    losses = [report["loss"] for report in reports]
    best = losses.index(min(losses))
    assert len(losses) == best + 1 + (params["early_stopping"]) < 100
    assert [report["iteration"] for report in reports] == [*range(1, len(losses) + 1)]
    if name == "xgboost":
        assert fitted.estimator.booster.num_boosted_rounds() == best + 1
    if name == "lightgbm":
        assert fitted.estimator.booster.num_trees() == best + 1


def test_two_classes_have_two_output_neurons():
    seen, unseen = halves(*cancer())
    fitted = fit(recipe("classification", "torch_mlp", params={"layers": [10], "epochs": 2}), seen.columns, seen.y, quiet)
    assert [weights.shape for weights, _ in fitted.estimator.layers] == [(30, 10), (10, 2)]
    package = export(fitted, seen, unseen)
    import onnx

    nodes = [node.op_type for node in onnx.load_from_string(package.onnx).graph.node]
    assert nodes[:4] == ["Gemm", "Relu", "Gemm", "Softmax"]


def test_numbers_words_and_gaps_together():
    """One-hot words and numbers with gaps: trees take them as they are, a network only after an imputer."""
    seen, unseen = halves(*mixed())
    steps = [("one_hot", ["colour", "flag", "message"])]
    for name in ("xgboost", "lightgbm"):
        inputs = recipe("classification", name, *steps)
        fitted = load_native(dump_native(fit(inputs, seen.columns, seen.y, quiet)), inputs)
        assert export(fitted, seen, unseen).parity.labels_differ == 0
    with pytest.raises(ProviderError) as error:
        fit(recipe("classification", "torch_mlp", *steps), seen.columns, seen.y, quiet)
    assert error.value.id == "missing-values"


@pytest.mark.parametrize(
    ("task", "algorithm", "params", "words"),
    [
        ("classification", "xgboost", {"objective": "binary:logistic"}, "for two classes, but the training rows have 3"),
        ("classification", "lightgbm", {"scale_pos_weight": 2.0}, "for two classes, but the training rows have 3"),
        ("regression", "xgboost", {"objective": "reg:logistic"}, "xgboost: "),
        ("regression", "lightgbm", {"objective": "cross_entropy"}, "lightgbm: "),
        ("regression", "torch_mlp", {"optimizer": "sgd", "learning_rate": 1e9}, "the loss is not a number"),
    ],
)
def test_an_error_of_a_library_is_one_line(task, algorithm, params, words, capfd):
    seen, _ = halves(*(wine() if task == "classification" else diabetes()))
    with pytest.raises(ProviderError) as error:
        fit(recipe(task, algorithm, params=params), seen.columns, seen.y, quiet)
    assert error.value.id == "training-failed"
    assert words in error.value.detail
    assert "\n" not in error.value.detail
    assert "Stack trace" not in error.value.detail
    # LightGBM always prints what it raises; the output of a worker is in .leptonctl/logs
    assert capfd.readouterr() == ("", "") or algorithm == "lightgbm"


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "torch_mlp"])
def test_damaged_native_files_are_refused_without_a_crash(name):
    seen, _ = halves(*cancer())
    trainer = CATALOG.trainers["classification", name]
    data = dump_native(fit(recipe("classification", name, params=QUICK[name]), seen.columns, seen.y, quiet))[trainer.native.file]
    for damaged in (data[: len(data) // 2], b"", data[1:], data[:200] + data[300:]):
        with pytest.raises(ValueError):
            trainer.native.load(damaged)


def test_the_settings_of_pytorch_stay_as_they_were():
    threads = torch.get_num_threads()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    seen, _ = halves(*cancer())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(recipe("classification", "torch_mlp", params={"epochs": 1}), seen.columns, seen.y, quiet)
    assert torch.rand(1) == expected
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    assert "torch" in sys.modules


def noisy(task):
    """A table whose target rises with `c0`, but not from row to row."""
    draw = np.random.RandomState(0)
    features = draw.randn(400, 3).astype(np.float32)
    score = features[:, 0] / 2 + draw.randn(400)
    return as_columns(features), (score > 0).astype(np.int64) if task == "classification" else np.exp(score)


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_answers_do_not_fall_where_the_direction_is_up(name, task):
    columns, target = noisy(task)
    seen, unseen = halves(columns, target)
    grid = np.repeat(matrix(unseen)[:20], 50, axis=0)
    grid[:, 0] = np.tile(np.linspace(-3, 3, 50), 20)
    falls = {}
    for directions in ({}, {"c0": "up"}):
        fitted = fit(replace(recipe(task, name), monotonic=directions), seen.columns, seen.y, quiet)
        answers = fitted.estimator.predict_proba(grid)[:, 1] if task == "classification" else fitted.estimator.predict(grid)
        falls[bool(directions)] = float(np.diff(answers.reshape(20, 50), axis=1).min())
        assert export(fitted, seen, unseen).parity.labels_differ == 0
    assert falls[False] < -0.01
    assert falls[True] >= 0


def test_directions_are_refused_where_the_library_would_not_follow_them():
    columns, target = noisy("regression")
    seen, _ = halves(columns, target)
    for name, objective in (("xgboost", "reg:absoluteerror"), ("lightgbm", "quantile")):
        with pytest.raises(ProviderError, match="no directions"):
            fit(replace(recipe("regression", name, params={"objective": objective}), monotonic={"c0": "up"}), seen.columns, seen.y, quiet)
    seen, _ = halves(*wine())
    with pytest.raises(ProviderError) as error:
        fit(replace(recipe("classification", "xgboost"), monotonic={"c0": "up"}), seen.columns, seen.y, quiet)
    assert "3 classes" in error.value.detail


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "torch_mlp"])
def test_weights_count_and_equal_weights_change_nothing(name):
    columns, target = noisy("classification")
    seen, _ = halves(columns, target)
    inputs = recipe("classification", name, params={**QUICK[name]})
    shares = {
        weight: fit(replace(inputs, class_weight={"1": weight}), seen.columns, seen.y, quiet)
        .estimator.predict_proba(matrix(seen))[:, 1]
        .mean()
        for weight in (1.0, 5.0)
    }
    plain = fit(inputs, seen.columns, seen.y, quiet).estimator.predict_proba(matrix(seen))[:, 1].mean()
    assert shares[1.0] == pytest.approx(plain, abs=1e-6)
    assert shares[5.0] > plain + 0.05


def test_a_column_of_weights_counts_as_in_the_libraries():
    columns, target = noisy("classification")
    columns["w"] = (np.random.RandomState(1).rand(400) + 0.1).astype(np.float32)
    seen, _ = halves(columns, target)
    rows, weights = matrix(seen)[:, :3], seen.columns["w"].astype(np.float64)
    plain = {
        "xgboost": xgboost.XGBClassifier(n_jobs=1, random_state=0),
        "lightgbm": lightgbm.LGBMClassifier(n_jobs=1, random_state=0, verbosity=-1, deterministic=True, force_row_wise=True),
    }
    for name, estimator in plain.items():
        ours = fit(replace(recipe("classification", name), sample_weight="w"), seen.columns, seen.y, quiet).estimator
        assert np.array_equal(ours.predict_proba(rows), estimator.fit(rows, seen.y, sample_weight=weights).predict_proba(rows)), name


def resume(name, task, params):
    """A model of the first half of a table, its file, and the model that continues from it with the second half."""
    columns, target = noisy(task)
    first, second = halves(columns, target)
    trainer = CATALOG.trainers[task, name]
    parent = fit(recipe(task, name, params=QUICK[name]), first.columns, first.y, quiet).estimator
    before = trainer.native.dump(parent)
    reports = []
    full = {parameter: schema["default"] for parameter, schema in trainer.params.items()} | QUICK[name] | params
    training = Training(features=matrix(second), target=second.y, progress=lambda **report: reports.append(report["iteration"]))
    model = trainer.resume(parent, trainer.build(full, 0), training)
    assert trainer.native.dump(parent) == before, "the parent is as it was"
    assert reports == [*range(1, len(reports) + 1)]
    return first, second, parent, model


@pytest.mark.parametrize("params", [{}, {"early_stopping": 2}])
@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "torch_mlp"])
def test_a_warm_start_goes_on_from_what_was_learned(name, task, params):
    _, second, parent, model = resume(name, task, params)
    if name == "xgboost":
        assert 8 < model.booster.num_boosted_rounds() <= 16
    if name == "lightgbm":
        assert 8 < model.booster.num_trees() <= 16
    if name == "torch_mlp":
        assert [weights.shape for weights, _ in model.layers] == [weights.shape for weights, _ in parent.layers]
        assert not np.array_equal(model.layers[0][0], parent.layers[0][0])
    rows = matrix(second)
    if not params and name == "xgboost":
        settings = {"objective": model.settings["objective"], "nthread": 1, "seed": 0}
        own = xgboost.train(settings, xgboost.DMatrix(rows, label=second.y), 8, xgb_model=parent.booster)
        assert np.array_equal(own.predict(xgboost.DMatrix(rows)), model.booster.predict(xgboost.DMatrix(rows)))
    if not params and name == "lightgbm":
        plain = lightgbm.LGBMClassifier if task == "classification" else lightgbm.LGBMRegressor
        own = plain(n_estimators=8, n_jobs=1, random_state=0, verbosity=-1, deterministic=True, force_row_wise=True)
        own.fit(rows, second.y, init_model=parent.booster)
        assert np.allclose(own.booster_.predict(rows), model.booster.predict(rows), rtol=1e-6, atol=0)


def test_dart_does_not_go_on():
    for name, params in (("xgboost", {"booster": "dart"}), ("lightgbm", {"boosting_type": "dart"}), ("lightgbm", {"boosting_type": "rf"})):
        trainer = CATALOG.trainers["regression", name]
        full = {parameter: schema["default"] for parameter, schema in trainer.params.items()}
        assert trainer.resume_refuse(full) is None
        assert "change" in trainer.resume_refuse(full | params)
