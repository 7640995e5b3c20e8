"""Lets a network of scikit-learn continue after a kill, to the same bytes: earlier epochs are replayed without their work.

scikit-learn's loop cannot be entered in the middle, and the order of the rows in an epoch follows from all shuffles before it. So the loop
runs from its first epoch, draws every order again and computes nothing, until the epoch where the weights, the optimizer and the counters
were saved.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers import fit_state
from leptonctl.spi.learning import Estimator, Training

if TYPE_CHECKING:
    import numpy as np

AFTER_EPOCH, BACKPROP = "_update_no_improvement_count", "_backprop"
COUNTERS = ("t_", "loss_", "loss_curve_", "_no_improvement_count", "best_loss_", "validation_scores_", "best_validation_score_")
MOMENTS = ("ms", "vs", "velocities")


def fit_network(estimator: Estimator, training: Training) -> Estimator:
    """`estimator.fit` with a report after every epoch: scikit-learn then calls one method of the estimator, which is wrapped here.

    The wrapper changes no numbers and is removed before the model is stored. The solver lbfgs has no epochs.
    """
    end_epoch, progress, checkpoint = getattr(estimator, AFTER_EPOCH), training.progress, training.checkpoint
    earlier = None if estimator.solver == "lbfgs" else fit_state.load_from(checkpoint)
    replay = None if earlier is None else _Replay(estimator, *earlier)

    def report_epoch(*arguments: Any, **keywords: Any) -> None:
        epoch = estimator.n_iter_
        if replay is not None and epoch <= replay.epochs:
            progress(iteration=epoch, of=estimator.max_iter, loss=replay.losses[epoch - 1])
            replay.end_epoch()
            return
        progress(iteration=epoch, of=estimator.max_iter, loss=float(estimator.loss_))
        end_epoch(*arguments, **keywords)
        if checkpoint is not None and checkpoint.is_due():
            checkpoint.save(_dump(estimator))

    setattr(estimator, AFTER_EPOCH, report_epoch)
    try:
        return estimator.fit(training.features, training.target, sample_weight=training.weights)
    finally:
        delattr(estimator, AFTER_EPOCH)
        if replay is not None:
            replay.end()


class _Replay:
    """The epochs before the kill, replayed without their work."""

    def __init__(self, estimator: Estimator, numbers: dict[str, Any], arrays: "dict[str, np.ndarray]") -> None:
        self._estimator, self._numbers, self._arrays = estimator, numbers, arrays
        self.epochs: int = self._numbers["epochs"]
        self.losses = [float(loss) for loss in _restore_type(self._numbers["counters"]["loss_curve_"])]
        self._update: Callable[..., None] | None = None
        setattr(estimator, BACKPROP, self._no_gradients)

    def _no_gradients(self, *arguments: Any) -> tuple[float, Any, Any]:
        *_, coefs, intercepts = arguments
        # at the first batch of all there is an optimizer
        if self._update is None:
            optimizer = self._estimator._optimizer  # noqa: SLF001
            self._update, optimizer.update_params = optimizer.update_params, _nothing
        return 0.0, coefs, intercepts

    def end_epoch(self) -> None:
        """After the last of these epochs, set everything as it was saved."""
        if self._estimator.n_iter_ == self.epochs:
            self.end()
            _restore(self._estimator, self._numbers, self._arrays)

    def end(self) -> None:
        """Let scikit-learn work again from here on."""
        self._estimator.__dict__.pop(BACKPROP, None)
        optimizer = getattr(self._estimator, "_optimizer", None)
        if optimizer is not None:
            optimizer.__dict__.pop("update_params", None)


def _nothing(*_: object) -> None:
    """Takes the place of an optimizer's update, and moves no weight."""


def _dump(estimator: Estimator) -> bytes:
    """How far the fit is: after an epoch, before the optimizer hears that it ended."""
    optimizer = estimator._optimizer  # noqa: SLF001
    lists = {"coefs": estimator.coefs_, "intercepts": estimator.intercepts_}
    lists |= {"best_coefs": estimator._best_coefs, "best_intercepts": estimator._best_intercepts}  # noqa: SLF001
    lists |= {name: getattr(optimizer, name) for name in MOMENTS if hasattr(optimizer, name)}
    numbers = {
        "epochs": estimator.n_iter_,
        "counters": {name: _plain(getattr(estimator, name)) for name in COUNTERS},
        "learning_rate": _plain(optimizer.learning_rate),
        "t": getattr(optimizer, "t", None),
        "lengths": {name: len(arrays) for name, arrays in lists.items()},
    }
    return fit_state.dump(numbers, {f"{name} {number}": array for name, arrays in lists.items() for number, array in enumerate(arrays)})


def _restore(estimator: Estimator, numbers: dict[str, Any], arrays: "dict[str, np.ndarray]") -> None:
    lists = {name: [arrays[f"{name} {number}"] for number in range(count)] for name, count in numbers["lengths"].items()}
    optimizer = estimator._optimizer  # noqa: SLF001
    # the loop holds these very arrays
    for own, saved in ((estimator.coefs_, lists["coefs"]), (estimator.intercepts_, lists["intercepts"])):
        for array, values in zip(own, saved, strict=True):
            array[...] = values
    estimator._best_coefs, estimator._best_intercepts = lists["best_coefs"], lists["best_intercepts"]  # noqa: SLF001
    for name in MOMENTS:
        if name in lists:
            setattr(optimizer, name, lists[name])
    optimizer.learning_rate = _restore_type(numbers["learning_rate"])
    if numbers["t"] is not None:
        optimizer.t = numbers["t"]
    for name, value in numbers["counters"].items():
        setattr(estimator, name, _restore_type(value))
    # skops writes an object that is in two places once: it has to be the same object again
    estimator.loss_ = estimator.loss_curve_[-1]
    for name, of in (("best_loss_", "loss_curve_"), ("best_validation_score_", "validation_scores_")):
        value = getattr(estimator, name)
        setattr(estimator, name, next((one for one in getattr(estimator, of) or () if one == value), value))


def _plain(value: Any) -> Any:
    """A counter as JSON, with its type: a float64 has other bytes in the model than a float."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return {type(value).__name__: None if value is None else value if isinstance(value, int) else float(value)}


def _restore_type(value: Any) -> Any:
    """The inverse of `_plain`."""
    import numpy as np

    if isinstance(value, list):
        return [_restore_type(one) for one in value]
    ((kind, plain),) = value.items()
    return getattr(np, kind)(plain) if kind.startswith("float") and kind != "float" else plain
