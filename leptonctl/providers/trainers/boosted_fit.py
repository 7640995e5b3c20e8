"""What the trainers of both booster libraries share: refusals, early stopping, and going on from trees that are there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers import fit_state
from leptonctl.spi.learning import Checkpoint, Estimator, Params, Progress, ProviderError

if TYPE_CHECKING:
    import numpy as np

Fits = tuple[Callable[..., Estimator], Callable[..., Estimator]]
Fit = Callable[[Any, "np.ndarray", "np.ndarray", Progress, Checkpoint | None], Estimator]


@dataclass(slots=True, kw_only=True)
class Rounds:
    """The rounds of a fit so far by their losses, and when it is to stop: after `of`, or after `patience` without a better loss.

    trees: those of an earlier process that was killed, in the library's own form; None for a fit that begins.
    """

    of: int
    patience: int | None
    progress: Progress
    checkpoint: Checkpoint | None = None
    losses: list[float] = field(default_factory=list)
    best: int = 0
    trees: bytes | None = None

    def __post_init__(self) -> None:
        """Go on from what was saved, if anything was."""
        data = None if self.checkpoint is None else self.checkpoint.load()
        if data is None:
            return
        numbers, arrays = fit_state.load(data)
        self.trees = arrays["trees"].tobytes()
        for loss in numbers["losses"]:
            self.add(loss)

    @property
    def is_over(self) -> bool:
        return len(self.losses) >= self.of or (self.patience is not None and len(self.losses) - 1 - self.best >= self.patience)

    def add(self, loss: float) -> None:
        """Report one more round."""
        self.losses.append(loss)
        if loss < self.losses[self.best]:
            self.best = len(self.losses) - 1
        self.progress(iteration=len(self.losses), of=self.of, loss=loss)

    def save_if_due(self, trees: Callable[[], bytes]) -> None:
        """Keep how far it is. `trees`: gives those grown so far."""
        import numpy as np

        if self.checkpoint is not None and self.checkpoint.is_due():
            self.checkpoint.save(fit_state.dump({"losses": self.losses}, {"trees": np.frombuffer(trees(), dtype=np.uint8)}))


def fits_of_classes(
    fit: Callable[..., Estimator], settle: Callable[[Any], None]
) -> tuple[Callable[..., Estimator], Callable[..., Estimator]]:
    """How a classifier learns: the numbers of its sorted classes. Without and with a checkpoint (`Trainer.fit`, `Trainer.fit_from`)."""

    def fit_from(
        estimator: Any,
        features: "np.ndarray",
        target: "np.ndarray",
        progress: Progress,
        checkpoint: Checkpoint | None,
        weights: "np.ndarray | None" = None,
    ) -> Estimator:
        import numpy as np

        estimator.classes_, numbers = np.unique(target, return_inverse=True)
        settle(estimator)
        return fit(estimator, features, numbers, progress, checkpoint, weights)

    def fit_whole(
        estimator: Any, features: "np.ndarray", target: "np.ndarray", progress: Progress, weights: "np.ndarray | None" = None
    ) -> Estimator:
        return fit_from(estimator, features, target, progress, None, weights)

    return fit_whole, fit_from


def resuming(build: Callable[[Params, int], Any], fit: Fit, settle: Callable[[Any], None]) -> Callable[..., Estimator]:
    """How a trainer goes on: more rounds on top of the parent's trees. `settle`: sets the objective of a classifier by its classes."""

    def resume(
        parent: Any,
        params: Params,
        seed: int,
        features: "np.ndarray",
        target: "np.ndarray",
        progress: Progress,
        checkpoint: Checkpoint | None = None,
    ) -> Estimator:
        import numpy as np

        model = build(params, seed)
        model.classes_, model.booster = parent.classes_, parent.booster
        if parent.classes_ is None:
            return fit(model, features, target, progress, checkpoint)
        settle(model)
        return fit(model, features, np.searchsorted(parent.classes_, target), progress, checkpoint)

    return resume


def takes_no_directions(library: str, objective: str) -> ProviderError:
    """The error for an objective whose answers may fall where they may not."""
    return ProviderError(
        "An objective takes no directions",
        detail=f"{library}: {objective} sets the leaves again when a tree is grown, whatever `monotonic` says.",
        hint="choose another objective, or remove `monotonic`",
        id="training-failed",
    )


def for_two(library: str, what: str, count: int) -> ProviderError:
    """The error for a parameter of two classes where there are more."""
    return ProviderError(
        "A parameter is for two classes only",
        detail=f"{library}: {what} is for two classes, but the training rows have {count}.",
        hint="remove the parameter",
        id="training-failed",
    )
