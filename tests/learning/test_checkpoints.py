"""A fit that was killed continues where it was, to the bytes and the losses of an undisturbed one."""

import os
from typing import Any

import numpy as np
import pytest

from leptonctl.building.checkpoint import DAMAGED, OTHER_LIBRARIES, OTHER_USER, RESUMES, FileCheckpoint, sweep_checkpoints
from leptonctl.learning.fitting.fit import fit
from leptonctl.learning.fitting.folds import Folds
from leptonctl.learning.fitting.native import dump_native
from leptonctl.learning.inputs import TrainInputs
from leptonctl.project.catalog import load_catalog
from tests.learning.killed import CLASSES, COLUMNS, THREE, VALUES, Kept, Killed, nothing, run, run_on, saves_when_killed_twice

TREES = {"n_estimators": 9}
STAGES = {"max_iter": 9, "min_samples_leaf": 5}
CASES: dict[str, tuple[np.ndarray, str, dict[str, Any]]] = {
    "sgd": (CLASSES, "sgd", {"max_iter": 9, "tol": None}),
    "sgd average": (VALUES, "sgd", {"max_iter": 9, "tol": None, "average": True, "penalty": "elasticnet"}),
    "mlp": (CLASSES, "mlp", {"hidden_layer_sizes": [4], "max_iter": 9}),
    "mlp early": (VALUES, "mlp", {"hidden_layer_sizes": [4], "max_iter": 9, "early_stopping": True}),
    "mlp sgd": (
        CLASSES,
        "mlp",
        {"hidden_layer_sizes": [4], "max_iter": 12, "solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 0.5},
    ),
    "boosting": (THREE, "gradient_boosting", {**TREES, "subsample": 0.7, "max_features": "sqrt"}),
    "boosting early": (CLASSES, "gradient_boosting", {**TREES, "n_iter_no_change": 3}),
    # sets the leaves after the growth of a tree, by values that follow from all before
    "boosting huber": (VALUES, "gradient_boosting", {**TREES, "loss": "huber", "subsample": 0.7}),
    "boosting pruned": (VALUES, "gradient_boosting", {**TREES, "ccp_alpha": 0.01, "loss": "quantile"}),
    "forest": (THREE, "random_forest", TREES),
    "forest best first": (VALUES, "random_forest", {**TREES, "max_leaf_nodes": 6, "max_samples": 0.5}),
    "forest balanced": (CLASSES, "random_forest", {**TREES, "class_weight": "balanced_subsample", "ccp_alpha": 0.01}),
    "extra trees": (THREE, "extra_trees", TREES),
    "extra trees regressor": (VALUES, "ExtraTreesRegressor", TREES),
    "ada": (THREE, "AdaBoostClassifier", TREES),
    "bagging": (VALUES, "BaggingRegressor", TREES),
    "hist": (THREE, "hist_gradient_boosting", {**STAGES, "max_features": 0.5}),
    "hist early": (VALUES, "hist_gradient_boosting", {**STAGES, "early_stopping": True, "n_iter_no_change": 3}),
    # sets the leaves after the growth of a tree
    "hist absolute": (VALUES, "hist_gradient_boosting", {**STAGES, "loss": "absolute_error"}),
}


@pytest.mark.parametrize("case", CASES)
def test_killed_twice_it_gives_the_same_bytes(case: str) -> None:
    target, algorithm, params = CASES[case]
    all_saves = Kept(1000)
    run(target, algorithm, params, all_saves)
    saves = saves_when_killed_twice(lambda kept: run(target, algorithm, params, kept))
    assert saves <= 1000 - all_saves.left - 5, "it started over"


@pytest.mark.parametrize("algorithm", ["sgd", "mlp", "gradient_boosting", "random_forest", "hist_gradient_boosting", "AdaBoostRegressor"])
def test_rows_may_have_weights(algorithm: str) -> None:
    known = load_catalog().trainers["regression", "random_forest" if algorithm.endswith("Regressor") else algorithm].params
    params = TREES if "n_estimators" in known else {"max_iter": 9}
    saves_when_killed_twice(lambda kept: run(VALUES, algorithm, params, kept, "weight"))


GOES_ON_FROM = {
    "sgd": {"max_iter": 9, "tol": None},
    "mlp": {"max_iter": 9, "hidden_layer_sizes": [4], "early_stopping": True},
    "gradient_boosting": {**TREES, "loss": "huber", "subsample": 0.7},
    "random_forest": TREES,
    "hist_gradient_boosting": {**STAGES, "max_features": 0.5},
}


@pytest.mark.parametrize("algorithm", GOES_ON_FROM)
def test_a_warm_start_goes_on_as_well(algorithm: str) -> None:
    params = GOES_ON_FROM[algorithm]
    parent = run(VALUES, algorithm, params)
    before = dump_native(parent)
    saves_when_killed_twice(lambda kept: run_on(parent, VALUES, algorithm, params, kept))
    assert dump_native(parent) == before


def test_what_saves_nothing_has_no_checkpoint() -> None:
    kept = Kept(1)
    inputs = TrainInputs(task="classification", algorithm="mlp", seed=3, params={"solver": "lbfgs", "hidden_layer_sizes": [3]})
    fit(inputs, COLUMNS, CLASSES, nothing, checkpoint=kept)
    assert kept.data is None


def test_only_learners_with_equal_bytes_keep_anything() -> None:
    able = {name for (_, name), trainer in load_catalog().trainers.items() if trainer.fit_from is not None}
    trees = {"gradient_boosting", "random_forest", "extra_trees", "hist_gradient_boosting"}
    assert able == {"sgd", "mlp", *trees, "xgboost", "lightgbm", "torch_mlp"}


def test_scikit_learn_grows_its_own_trees_again_after_a_kill() -> None:
    from sklearn.ensemble._hist_gradient_boosting import gradient_boosting
    from sklearn.tree import _classes

    before = _classes.DepthFirstTreeBuilder, _classes.BestFirstTreeBuilder, gradient_boosting.TreeGrower
    for algorithm, params in (("random_forest", TREES), ("hist_gradient_boosting", STAGES)):
        with pytest.raises(Killed):
            run(VALUES, algorithm, params, Kept(2))
    assert before == (_classes.DepthFirstTreeBuilder, _classes.BestFirstTreeBuilder, gradient_boosting.TreeGrower)


def test_folds_that_are_done_are_not_done_again() -> None:
    kept = Kept(3)
    folds = Folds[float](kept)
    assert [number for number, _ in folds.remaining("abcd")] == [1, 2, 3, 4]
    folds.add(0.1)
    folds.add(float("nan"))
    with pytest.raises(Killed):
        folds.save(b"half of\nthe third")
    kept.left = 100
    again = Folds[float](kept)
    assert again.load() == b"half of\nthe third"
    assert repr(again.results) == "[0.1, nan]"
    assert [*again.remaining("abcd")] == [(3, "c"), (4, "d")]
    again.add(0.3)
    assert again.load() is None, "what was kept of one fold is nothing to the next"
    assert Folds[float](kept).load() is None
    assert [*Folds[float](None).remaining("ab")] == [(1, "a"), (2, "b")]


KEY, OTHER = ("sha256:" + letters * 32 for letters in ("ab", "cd"))


def test_a_file_of_other_libraries_or_a_damaged_one_counts_as_absent(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    notices: list[str] = []
    file = FileCheckpoint(tmp_path, KEY, every_s=0, notify=notices.append)
    assert file.load() is None
    assert file.is_due()
    file.save(b"far")
    assert FileCheckpoint(tmp_path, KEY).load() == b"far"
    assert FileCheckpoint(tmp_path, OTHER).load() is None
    assert not FileCheckpoint(tmp_path, KEY).is_due()
    monkeypatch.setattr("leptonctl.building.checkpoint.provenance", lambda: {"versions": {"numpy": "0"}})
    assert file.load() is None
    monkeypatch.undo()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert file.load() is None
    monkeypatch.undo()
    assert file.load() == b"far"
    (path,) = (tmp_path / ".leptonctl" / "checkpoints").iterdir()
    path.rename(path.with_name("cd" * 32))
    assert FileCheckpoint(tmp_path, OTHER, notify=notices.append).load() is None, "it is of another step"
    path.with_name("cd" * 32).rename(path)
    for damaged in (path.read_bytes()[:-1] + b"?", b"short", b""):
        path.write_bytes(damaged)
        assert file.load() is None
    file.discard()
    assert not path.exists()
    assert notices == [OTHER_LIBRARIES, OTHER_USER, RESUMES, DAMAGED, DAMAGED, DAMAGED, DAMAGED]


def test_the_next_one_waits_the_longer_the_longer_one_takes(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("leptonctl.building.checkpoint.time.monotonic", lambda: clock[0])
    file = FileCheckpoint(tmp_path, KEY, every_s=60)
    due = []
    for _ in range(600):
        clock[0] += 1
        if file.is_due():
            due.append(clock[0] - 1000)
            clock[0] += 4  # to dump it
            file.save(b"far")
    assert due == [60, 264, 468], "four seconds in two hundred"


def test_gc_removes_what_no_step_needs(tmp_path: Any) -> None:
    for key in (KEY, OTHER, "sha256:" + "ef" * 32):
        FileCheckpoint(tmp_path, key).save(b"far")
    folder = tmp_path / ".leptonctl" / "checkpoints"
    os.utime(folder / ("cd" * 32), (1, 1))
    (folder / "12-half").write_bytes(b"")
    assert sweep_checkpoints(tmp_path, lambda key: key == KEY) == 2
    assert sorted(file.name for file in folder.iterdir()) == ["12-half", "ef" * 32]
    assert sweep_checkpoints(tmp_path / "none", lambda _: True) == 0
    assert sweep_checkpoints(tmp_path) == 2, "whatever it is of"
    assert not [*folder.iterdir()]
