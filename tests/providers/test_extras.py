"""Algorithms of libraries that come with an extra, as far as they work without them: what a plan needs, and graphs of files they wrote.

`tests/extras` has the rest; `kept.json` is written by `python -m tests.extras.kept`.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from leptonctl.project.catalog import EXTRAS, TRAINERS, load_catalog
from leptonctl.providers.trainers import lightgbm_graph, xgboost_graph
from leptonctl.providers.trainers.boosted_graph import boosted_model
from leptonctl.providers.trainers.held_out import held_out
from leptonctl.spi import Conversion, ProviderError
from leptonctl.testing.declarations import GARBAGE, check_identity, check_params

CATALOG = load_catalog()
KEYS = [(task, name) for task, names in EXTRAS.items() for name in names]
KEPT = json.loads((Path(__file__).parent / "kept.json").read_text(encoding="utf-8"))


def defaults(trainer):
    return {name: schema["default"] for name, schema in trainer.params.items()}


@pytest.mark.parametrize("key", KEYS, ids=".".join)
def test_what_a_plan_needs_is_there_without_the_library(key):
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
    (asked,) = extras[CATALOG.trainers[key].library.extra]
    assert ">=" in asked
    assert ",<" in asked
    assert not [name for name in ("test", "bench") if asked in extras[name]]


# --- graphs of kept files -------------------------------------------------------------------------------------------


def answers(case, width):
    read = xgboost_graph.boosted_of if case["library"] == "xgboost" else lightgbm_graph.boosted_of
    boosted = read(case["model"].encode() if case["library"] == "xgboost" else case["model"])
    classes = np.array(case["classes"]) if case["classes"] else None
    model = boosted_model(boosted, classes, Conversion(width=width, opset=18, ml_opset=3))
    model.ir_version = 10
    return onnxruntime.InferenceSession(model.SerializeToString())


@pytest.mark.parametrize("case", KEPT["cases"], ids=[f"{case['library']} {case['name']}" for case in KEPT["cases"]])
def test_a_graph_answers_as_the_library_did(case):
    rows = np.array(KEPT["rows"], dtype=np.float32)
    got = answers(case, rows.shape[1]).run(None, {"rows": rows})
    expected = np.array(case["answers"])
    if case["classes"]:
        assert got[0].tolist() == [case["classes"][place] for place in expected.argmax(axis=1)]
        assert np.abs(got[1] - expected).max() < 1e-6
    else:
        assert np.abs(got[0][:, 0] / expected - 1).max() < 1e-5


def test_the_kept_rows_are_hard():
    """Without values, at thresholds, and as small as what LightGBM takes for zero: the graph must not be right by luck."""
    rows = np.array(KEPT["rows"], dtype=np.float32)
    assert np.isnan(rows).any(axis=0).all()
    assert (np.abs(rows[np.isfinite(rows) & (rows != 0)]) <= np.float32(1e-35)).any()
    thresholds = {
        float(value)
        for case in KEPT["cases"]
        if case["library"] == "lightgbm"
        for tree in lightgbm_graph.boosted_of(case["model"]).trees
        for value in tree.thresholds
    }
    assert thresholds & {float(value) for value in rows.ravel()}
    assert {case["library"] for case in KEPT["cases"]} == {"xgboost", "lightgbm"}


XGBOOST = next(case for case in KEPT["cases"] if case["library"] == "xgboost" and case["name"] == "reg:squarederror")
LIGHTGBM = next(case for case in KEPT["cases"] if case["library"] == "lightgbm" and case["name"] == "regression")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"name":"reg:squarederror"', '"name":"survival:cox"', "objective survival:cox"),
        ('"name":"gbtree"', '"name":"gblinear"', "booster gblinear"),
        ('"split_type":[0', '"split_type":[1', "splits by category"),
    ],
)
def test_what_xgboost_may_write_but_has_no_exact_graph_is_refused(old, new, reason):
    assert old in XGBOOST["model"]
    with pytest.raises(ValueError, match=reason):
        xgboost_graph.boosted_of(XGBOOST["model"].replace(old, new).encode())


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
def test_what_lightgbm_may_write_but_has_no_exact_graph_is_refused(old, new, reason):
    assert old in LIGHTGBM["model"]
    with pytest.raises(ValueError, match=reason):
        lightgbm_graph.boosted_of(LIGHTGBM["model"].replace(old, new))


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
    learn, judge = held_out(target, 0.2, 7, by_class=True)
    assert sorted([*learn, *judge]) == [*range(100)]
    assert np.bincount(target[judge], minlength=4).tolist() == [12, 7, 1, 0]
    assert held_out(target, 0.2, 7, by_class=True)[1].tolist() == judge.tolist()
    assert held_out(target, 0.2, 8, by_class=True)[1].tolist() != judge.tolist()


def test_too_few_rows_to_hold_out_are_an_error_and_not_a_fit_on_nothing():
    with pytest.raises(ProviderError, match="too few rows"):
        held_out(np.arange(3.0), 0.1, 0, by_class=False)
