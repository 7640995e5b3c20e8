"""A fit that was killed goes on where it was, to the bytes and the losses of an undisturbed one."""

from typing import Any

import numpy as np
import pytest

from leptonctl.building.checkpoint import FileCheckpoint
from leptonctl.learning.fit import Fitted, fit
from leptonctl.learning.inputs import TrainInputs
from leptonctl.learning.native import dump_native
from leptonctl.project.catalog import load_catalog

RNG = np.random.default_rng(5)
COLUMNS = {name: RNG.normal(size=120).astype(np.float32) for name in ("a", "b", "c")}
CLASSES = np.where(COLUMNS["a"] + COLUMNS["b"] > 0, "yes", "no").astype(object)
VALUES = (3 * COLUMNS["a"] - COLUMNS["c"]).astype(np.float64)
CASES = {
    "sgd": {"max_iter": 9, "tol": None},
    "sgd average": {"max_iter": 9, "tol": None, "average": True, "penalty": "elasticnet"},
    "mlp": {"hidden_layer_sizes": [4], "max_iter": 9},
    "mlp early": {"hidden_layer_sizes": [4], "max_iter": 9, "early_stopping": True},
    "mlp sgd": {"hidden_layer_sizes": [4], "max_iter": 12, "solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 0.5},
}


class Killed(BaseException):
    """As SIGKILL: nothing handles it."""


class Kept:
    """A checkpoint in memory, due after every epoch; the process is killed after it has saved so often."""

    def __init__(self, saves: int) -> None:
        self.data: bytes | None = None
        self.left = saves

    def load(self) -> bytes | None:
        return self.data

    def is_due(self) -> bool:
        return True

    def save(self, data: bytes) -> None:
        self.data = data
        self.left -= 1
        if self.left == 0:
            raise Killed


def nothing(**_: object) -> None:
    """Report to nobody."""


def run(task: str, case: str, checkpoint: Any = None) -> Fitted:
    inputs = TrainInputs(task=task, algorithm=case.partition(" ")[0], seed=3, params=CASES[case])  # type: ignore[arg-type]
    return fit(inputs, COLUMNS, CLASSES if task == "classification" else VALUES, nothing, checkpoint=checkpoint)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_killed_twice_it_gives_the_same_bytes(task: str, case: str) -> None:
    whole, kept = run(task, case), Kept(2)
    for saves in (2, 3):
        kept.left = saves
        with pytest.raises(Killed):
            run(task, case, kept)
    kept.left = 100
    again = run(task, case, kept)
    assert 100 - kept.left < len(whole.losses) - 4, "it began anew"
    assert again.losses == whole.losses
    assert again.warnings == whole.warnings
    assert dump_native(again) == dump_native(whole)


def test_what_saves_nothing_has_no_checkpoint() -> None:
    kept = Kept(1)
    inputs = TrainInputs(task="classification", algorithm="mlp", seed=3, params={"solver": "lbfgs", "hidden_layer_sizes": [3]})
    fit(inputs, COLUMNS, CLASSES, nothing, checkpoint=kept)
    assert kept.data is None


def test_only_learners_with_equal_bytes_keep_anything() -> None:
    able = {name for (_, name), trainer in load_catalog().trainers.items() if trainer.fit_from is not None}
    assert {"sgd", "mlp"} <= able
    assert "gradient_boosting" not in able


def test_a_file_of_other_libraries_or_a_damaged_one_counts_as_absent(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file = FileCheckpoint(tmp_path, "sha256:" + "ab" * 32, every_s=0)
    assert file.load() is None
    assert file.is_due()
    file.save(b"far")
    assert FileCheckpoint(tmp_path, "sha256:" + "ab" * 32).load() == b"far"
    assert FileCheckpoint(tmp_path, "sha256:" + "cd" * 32).load() is None
    assert not FileCheckpoint(tmp_path, "sha256:" + "ab" * 32).is_due()
    monkeypatch.setattr("leptonctl.building.checkpoint.provenance", lambda: {"versions": {"numpy": "0"}})
    assert file.load() is None
    monkeypatch.undo()
    (path,) = (tmp_path / ".leptonctl" / "checkpoints").iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert file.load() is None
    file.discard()
    assert not path.exists()
