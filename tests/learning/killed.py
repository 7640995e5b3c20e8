"""Fits that are killed and continue, in one process."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from leptonctl.learning.fitting.fit import fit
from leptonctl.learning.fitting.fitted_model import Fitted
from leptonctl.learning.fitting.native import dump_native
from leptonctl.learning.fitting.resume import resume
from leptonctl.learning.inputs import TrainInputs

T = TypeVar("T")
RNG = np.random.default_rng(5)
ROWS = 120
COLUMNS = {name: RNG.normal(size=ROWS).astype(np.float32) for name in ("a", "b", "c")}
WEIGHTS = {"weight": RNG.uniform(0.5, 2, size=ROWS).astype(np.float32)}
CLASSES = np.where(COLUMNS["a"] + COLUMNS["b"] > 0, "yes", "no").astype(object)
THREE = np.where(COLUMNS["c"] > 0.5, "perhaps", CLASSES).astype(object)
VALUES = (3 * COLUMNS["a"] - COLUMNS["c"] + RNG.normal(size=ROWS)).astype(np.float64)


class Killed(BaseException):
    """As SIGKILL: nothing handles it."""


class Kept:
    """A checkpoint in memory, due after every iteration; the process is killed after it has saved so often."""

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


def run(target: np.ndarray, algorithm: str, params: dict[str, Any], checkpoint: Any = None, weight: str | None = None) -> Fitted:
    """The fit of 120 rows to this target."""
    task = "regression" if target.dtype == np.float64 else "classification"
    inputs = TrainInputs(task=task, algorithm=algorithm, seed=3, params=params, sample_weight=weight)  # type: ignore[arg-type]
    return fit(inputs, COLUMNS | (WEIGHTS if weight else {}), target, nothing, checkpoint=checkpoint)


def run_on(parent: Fitted, target: np.ndarray, algorithm: str, params: dict[str, Any], checkpoint: Any = None) -> Fitted:
    """More of the parent's fit, with the last 80 of the rows."""
    task = "regression" if target.dtype == np.float64 else "classification"
    inputs = TrainInputs(task=task, algorithm=algorithm, seed=3, params=params)  # type: ignore[arg-type]
    return resume(inputs, parent, {name: values[40:] for name, values in COLUMNS.items()}, target[40:], nothing, checkpoint=checkpoint)


def saves_when_killed_twice(fit: Callable[[Kept | None], T], same: Callable[[T, T], None] | None = None) -> int:
    """Kill it after two saves and after three more, let it end, and compare: as an undisturbed one.

    Returns how often the last of the three saved.
    """
    whole, kept = fit(None), Kept(0)
    for saves in (2, 3):
        kept.left = saves
        try:
            fit(kept)
        except Killed:
            continue
        raise AssertionError("it was not killed")
    kept.left = 1000
    again = fit(kept)
    (same or same_fit)(again, whole)  # type: ignore[operator]
    return 1000 - kept.left


def same_fit(again: Fitted, whole: Fitted) -> None:
    """Same bytes, losses and warnings."""
    assert again.losses == whole.losses
    assert again.warnings == whole.warnings
    assert dump_native(again) == dump_native(whole)
