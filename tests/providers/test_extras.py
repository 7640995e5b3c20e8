"""Algorithms of libraries that come with an extra, where the library is missing: what a plan needs, and graphs of files it wrote.

`tests/extras` has the rest; `python -m tests.extras.library_models` writes `library_models.json`.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from leptonctl.project.catalog import EXTRAS, TRAINERS, load_catalog
from leptonctl.providers.trainers import lightgbm_graph, xgboost_graph
from leptonctl.providers.trainers.boosted_graph import trees_to_onnx
from leptonctl.providers.trainers.early_stopping import hold_out
from leptonctl.spi import Conversion, ProviderError
from leptonctl.testing.declarations import GARBAGE, check_identity, check_params

CATALOG = load_catalog()
KEYS = [(task, name) for task, names in EXTRAS.items() for name in names]
MODELS = json.loads((Path(__file__).parent / "library_models.json").read_text(encoding="utf-8"))


def defaults(trainer):
    return {name: schema["default"] for name, schema in trainer.params.items()}


@pytest.mark.parametrize("key", KEYS, ids=".".join)
def test_a_plan_needs_no_library(key):
    trainer = CATALOG.trainers[key]
    check_identity(trainer.name, trainer.description, trainer.build)
    check_params(trainer.params)
    assert trainer.conflict(defaults(trainer)) is None
    assert trainer.build(defaults(trainer), 0) is not trainer.build(defaults(trainer), 0)
    with pytest.raises(ValueError):
        trainer.native.load(GARBAGE)


def test_no_name_is_in_both_tables():
    assert not {*TRAINERS["classification"], *TRAINERS["regression"]} & {name for _, name in KEYS}


@pytest.mark.parametrize("key", KEYS, ids=".".join)
def test_every_library_is_an_extra_with_bounds(key):
    import tomllib

    extras = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    (requirement,) = extras[CATALOG.trainers[key].library.extra]
    assert ">=" in requirement
    assert ",<" in requirement
    assert not [name for name in ("test", "bench") if requirement in extras[name]]


# --- graphs of files -------------------------------------------------------------------------------------------


def answers(case, width):
    read = xgboost_graph.read_trees if case["library"] == "xgboost" else lightgbm_graph.read_trees
    boosted = read(case["model"].encode() if case["library"] == "xgboost" else case["model"])
    classes = np.array(case["classes"]) if case["classes"] else None
    model = trees_to_onnx(boosted, classes, Conversion(width=width, opset=18, ml_opset=3))
    model.ir_version = 10
    return onnxruntime.InferenceSession(model.SerializeToString())


@pytest.mark.parametrize("case", MODELS["cases"], ids=[f"{case['library']} {case['name']}" for case in MODELS["cases"]])
def test_a_graph_answers_as_the_library_did(case):
    rows = np.array(MODELS["rows"], dtype=np.float32)
    outputs = answers(case, rows.shape[1]).run(None, {"rows": rows})
    expected = np.array(case["answers"])
    if case["classes"]:
        assert outputs[0].tolist() == [case["classes"][place] for place in expected.argmax(axis=1)]
        assert np.abs(outputs[1] - expected).max() < 1e-6
    else:
        assert np.abs(outputs[0][:, 0] / expected - 1).max() < 1e-5


def test_the_rows_are_hard():
    """Without values, at thresholds, and as small as what LightGBM takes for zero, so that no graph is right by luck."""
    rows = np.array(MODELS["rows"], dtype=np.float32)
    assert np.isnan(rows).any(axis=0).all()
    assert (np.abs(rows[np.isfinite(rows) & (rows != 0)]) <= np.float32(1e-35)).any()
    thresholds = {
        float(value)
        for case in MODELS["cases"]
        if case["library"] == "lightgbm"
        for tree in lightgbm_graph.read_trees(case["model"]).trees
        for value in tree.thresholds
    }
    assert thresholds & {float(value) for value in rows.ravel()}
    assert {case["library"] for case in MODELS["cases"]} == {"xgboost", "lightgbm"}


XGBOOST = next(case for case in MODELS["cases"] if case["library"] == "xgboost" and case["name"] == "reg:squarederror")
LIGHTGBM = next(case for case in MODELS["cases"] if case["library"] == "lightgbm" and case["name"] == "regression")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"name":"reg:squarederror"', '"name":"survival:cox"', "objective survival:cox"),
        ('"name":"gbtree"', '"name":"gblinear"', "booster gblinear"),
        ('"split_type":[0', '"split_type":[1', "splits by category"),
    ],
)
def test_a_file_of_xgboost_without_an_exact_graph_is_refused(old, new, reason):
    assert old in XGBOOST["model"]
    with pytest.raises(ValueError, match=reason):
        xgboost_graph.read_trees(XGBOOST["model"].replace(old, new).encode())


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("objective=regression", "objective=lambdarank", "objective lambdarank"),
        ("objective=regression", "objective=binary sigmoid:2", "objective binary sigmoid:2"),
        ("is_linear=0", "is_linear=1", "linear trees"),
        ("decision_type=", "decision_type=1 ", "splits by category"),
        ("decision_type=", "decision_type=4 ", "zeros that count as missing"),
        ("end of trees", "the end", "not a model of LightGBM"),
    ],
)
def test_a_file_of_lightgbm_without_an_exact_graph_is_refused(old, new, reason):
    assert old in LIGHTGBM["model"]
    with pytest.raises(ValueError, match=reason):
        lightgbm_graph.read_trees(LIGHTGBM["model"].replace(old, new))


# --- parameters -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "algorithm", "params", "reason"),
    [
        ("regression", "xgboost", {"quantile_alpha": 0.9}, "objective: reg:quantileerror"),
        ("regression", "xgboost", {"rate_drop": 0.1}, "booster: dart"),
        ("classification", "xgboost", {"booster": "dart", "early_stopping": 5}, "early_stopping"),
        ("classification", "xgboost", {"tree_method": "exact", "grow_policy": "lossguide"}, "exact"),
        ("regression", "lightgbm", {"alpha": 0.5}, "huber or quantile"),
        ("regression", "lightgbm", {"objective": "quantile", "alpha": 1.5}, "between 0 and 1"),
        ("classification", "lightgbm", {"boosting_type": "rf"}, "all be equal"),
        ("classification", "lightgbm", {"subsample": 0.5}, "subsample_freq"),
        ("classification", "lightgbm", {"boosting_type": "dart", "early_stopping": 5}, "early_stopping"),
        ("classification", "torch_mlp", {"momentum": 0.5}, "optimizer: sgd"),
        ("regression", "torch_mlp", {"layers": [], "dropout": 0.5}, "hidden layers"),
    ],
)
def test_a_parameter_without_effect_is_a_conflict(task, algorithm, params, reason):
    trainer = CATALOG.trainers[task, algorithm]
    assert reason in trainer.conflict(defaults(trainer) | params)


# --- held-out rows --------------------------------------------------------------------------------------------------


def test_held_out_rows_are_a_seeded_part_of_each_class():
    target = np.array([0] * 60 + [1] * 35 + [2] * 4 + [3])
    learn, judge = hold_out(target, 0.2, 7, by_class=True)
    assert sorted([*learn, *judge]) == [*range(100)]
    assert np.bincount(target[judge], minlength=4).tolist() == [12, 7, 1, 0]
    assert hold_out(target, 0.2, 7, by_class=True)[1].tolist() == judge.tolist()
    assert hold_out(target, 0.2, 8, by_class=True)[1].tolist() != judge.tolist()


def test_too_few_rows_to_hold_out_are_an_error_and_not_a_fit_on_nothing():
    with pytest.raises(ProviderError, match="too few rows"):
        hold_out(np.arange(3.0), 0.1, 0, by_class=False)
