"""Checks of what a trainer declares that it can do beyond fitting: weights of rows, directions of features, and checkpoints."""

from typing import TYPE_CHECKING, Any

from leptonctl.spi.learning import Params, Trainer
from leptonctl.testing.models import catalog_with
from leptonctl.testing.requirements import require

if TYPE_CHECKING:
    import numpy as np

ROWS = 80
STEPS = 15
ROUNDING = 1e-6


def check_abilities(trainer: Trainer, params: Params | None = None) -> None:
    """Fit with weights, with directions and with a checkpoint, if the trainer takes them. Raises AssertionError."""
    if trainer.weighs:
        equal, other = (_fit(trainer, params, sample_weight=f"{name} weights") for name in ("equal", "other"))
        require(_differ(_answers(equal), _answers(other)), "a trainer that weighs rows gives another model for other weights")
    if trainer.monotonic is not None:
        answers = _answers(_fit(trainer, params, monotonic={"a": "up", "b": "down"}), along="a")
        require(bool((answers[1:] - answers[:-1] >= -ROUNDING).all()), "a trainer with directions never falls along a feature that goes up")
    if trainer.fit_from is not None:
        _check_checkpoint(trainer, params)


def _check_checkpoint(trainer: Trainer, params: Params | None) -> None:
    """Stop a fit when it has saved for the first time, and resume it."""
    from leptonctl.learning.fitting.native import dump_native

    undisturbed, checkpoint = _fit(trainer, params), _MemoryCheckpoint()
    try:
        _fit(trainer, params, checkpoint)
    except _StoppedError:
        resumed = _fit(trainer, params, _MemoryCheckpoint(data=checkpoint.data))
        require(resumed.losses == undisturbed.losses, "a fit that continues reports the losses of an undisturbed one")
        require(dump_native(resumed) == dump_native(undisturbed), "a fit that continues has the bytes of an undisturbed one")


class _StoppedError(BaseException):
    """Stands for a kill: no fit handles it."""


class _MemoryCheckpoint:
    """A checkpoint in memory. Without `data` it is always due and stops the fit that saves; with `data` it is never due."""

    def __init__(self, data: bytes | None = None) -> None:
        self.data, self._stops = data, data is None

    def load(self) -> bytes | None:
        return self.data

    def is_due(self) -> bool:
        return self._stops

    def save(self, data: bytes) -> None:
        self.data = data
        raise _StoppedError


def _fit(trainer: Trainer, params: Params | None, checkpoint: _MemoryCheckpoint | None = None, **declared: Any) -> Any:
    from leptonctl.learning.catalog import with_catalog
    from leptonctl.learning.fitting.fit import fit
    from leptonctl.learning.inputs import TrainInputs

    columns = _columns()
    values = 2 * columns["a"] - columns["b"] + columns["noise"]
    target = values.astype(float) if trainer.task == "regression" else _two_classes(values)
    inputs = TrainInputs(
        task=trainer.task, algorithm=trainer.name, seed=3, features=("a", "b"), params=dict(params or {}), epoch=trainer.epoch, **declared
    )
    with with_catalog(catalog_with(trainer)):
        return fit(inputs, columns, target, _silent, checkpoint=checkpoint)


def _columns() -> "dict[str, np.ndarray]":
    import numpy as np

    draw = np.random.RandomState(5)
    numbers = {name: draw.normal(size=ROWS).astype(np.float32) for name in ("a", "b", "noise")}
    weights = np.where(np.arange(ROWS) % 3 == 0, 0.0, 1.0).astype(np.float32)
    return {**numbers, "equal weights": np.ones(ROWS, dtype=np.float32), "other weights": weights}


def _two_classes(values: "np.ndarray") -> "np.ndarray":
    import numpy as np

    return np.where(values > 0, "yes", "no")


def _answers(fitted: Any, along: str = "") -> "np.ndarray":
    """Values, or probabilities of the last class, of the rows or along one feature with the other at 0."""
    import numpy as np

    columns = _columns()
    if along:
        grid = np.linspace(-3, 3, STEPS, dtype=np.float32)
        columns = {name: grid if name == along else np.zeros(STEPS, dtype=np.float32) for name in columns}
    answer = fitted.predict({name: columns[name] for name in ("a", "b")})
    return np.asarray(answer.values if answer.values is not None else answer.probabilities[:, -1])


def _differ(a: "np.ndarray", b: "np.ndarray") -> bool:
    return bool((abs(a - b) > ROUNDING).any())


def _silent(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
    """Ignore progress."""
