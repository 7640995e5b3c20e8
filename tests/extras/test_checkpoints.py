"""Fits of XGBoost, LightGBM and PyTorch that are killed continue to the bytes of undisturbed ones."""

import numpy as np
import pytest

from leptonctl.learning.fitting.fitted_model import Fitted
from tests import projects
from tests.building.kills import apply_killed_in_each_step, built
from tests.learning.killed import CLASSES, THREE, VALUES, Kept, run, run_on, saves_when_killed_twice

for module in ("xgboost", "lightgbm", "torch"):
    pytest.importorskip(module, reason=f"comes with the extra {module}")

LONG = {
    "v1": "{algorithm: xgboost, params: {n_estimators: 800, max_depth: 3}}",
    "v2": "{algorithm: lightgbm, params: {n_estimators: 1500, num_leaves: 4}}",
    "v3": "{algorithm: torch_mlp, params: {epochs: 400, dropout: 0.1, learning_rate: 0.001}}",
}
ROUNDS = {"n_estimators": 12}
POSITIVE = np.exp(VALUES / 3)
CASES = {
    "xgboost": (THREE, "xgboost", ROUNDS),
    "xgboost two": (CLASSES, "xgboost", {**ROUNDS, "tree_method": "exact", "num_parallel_tree": 2}),
    "xgboost early": (VALUES, "xgboost", {**ROUNDS, "early_stopping": 6, "tree_method": "approx"}),
    "xgboost lossguide": (VALUES, "xgboost", {**ROUNDS, "grow_policy": "lossguide", "max_leaves": 5}),
    "lightgbm": (THREE, "lightgbm", ROUNDS),
    "lightgbm early": (VALUES, "lightgbm", {**ROUNDS, "early_stopping": 8}),
    "lightgbm no splits left": (VALUES, "lightgbm", {"n_estimators": 40, "min_child_samples": 50, "min_split_gain": 3.0}),
    "torch": (THREE, "torch_mlp", {"epochs": 12, "dropout": 0.3}),
    "torch early": (VALUES, "torch_mlp", {"epochs": 30, "early_stopping": 8}),
    "torch sgd": (VALUES, "torch_mlp", {"epochs": 12, "optimizer": "sgd", "layers": [8, 4]}),
}
OBJECTIVES = {
    "xgboost": ["reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror", "reg:quantileerror", "reg:gamma", "reg:tweedie",
        "count:poisson"],
    "lightgbm": ["regression_l1", "huber", "fair", "quantile", "mape", "poisson", "gamma", "tweedie"],
}  # fmt: skip
RANDOM_ROUNDS = {
    "xgboost": [{"subsample": 0.5}, {"colsample_bytree": 0.5}, {"colsample_bylevel": 0.5}, {"colsample_bynode": 0.5}, {"booster": "dart"}],
    "lightgbm": [
        {"subsample": 0.5, "subsample_freq": 1}, {"colsample_bytree": 0.5}, {"colsample_bynode": 0.5}, {"extra_trees": True},
        {"boosting_type": "dart"}, {"data_sample_strategy": "goss"},
    ],
}  # fmt: skip


def test_a_build_that_is_killed_in_each_step_ends_with_the_same_bytes(tmp_path):
    whole, root = [projects.tiny_project(tmp_path / name, {"line": LONG}, {}) for name in ("whole", "killed")]
    assert projects.run("apply", "--yes", cwd=whole).returncode == 0
    _, killed = apply_killed_in_each_step(root)
    assert len(killed) >= 2, "on a busy machine one step may end before it is killed"
    assert built(root) == built(whole)


@pytest.mark.parametrize("case", CASES)
def test_killed_twice_it_gives_the_same_bytes(case):
    target, algorithm, params = CASES[case]
    all_saves = Kept(1000)
    whole: Fitted = run(target, algorithm, params, all_saves)
    assert len(whole.losses) > 5
    saves = saves_when_killed_twice(lambda kept: run(target, algorithm, params, kept))
    assert saves <= 1000 - all_saves.left - 5, "it began again"
    saves_when_killed_twice(lambda kept: run(target, algorithm, params, kept, "weight"))


@pytest.mark.parametrize(("algorithm", "objective"), [(name, one) for name, several in OBJECTIVES.items() for one in several])
def test_every_objective_goes_on(algorithm, objective):
    saves_when_killed_twice(lambda kept: run(POSITIVE, algorithm, {**ROUNDS, "objective": objective}, kept))


@pytest.mark.parametrize(("algorithm", "params"), [(name, one) for name, several in RANDOM_ROUNDS.items() for one in several])
def test_rounds_that_draw_at_random_keep_nothing(algorithm, params):
    kept = Kept(1)
    run(VALUES, algorithm, {**ROUNDS, **params}, kept)
    assert kept.data is None


@pytest.mark.parametrize(
    ("algorithm", "params"), [("xgboost", ROUNDS), ("lightgbm", {**ROUNDS, "early_stopping": 12}), ("torch_mlp", {"epochs": 12})]
)
@pytest.mark.parametrize("target", [THREE, VALUES], ids=["classes", "values"])
def test_a_warm_start_goes_on_as_well(algorithm, params, target):
    parent = run(target, algorithm, params)
    saves_when_killed_twice(lambda kept: run_on(parent, target, algorithm, params, kept))
