"""The rounds of a booster's fit: their losses, early stopping, and the trees of an earlier process that was killed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from leptonctl.providers.trainers import fit_state
from leptonctl.providers.trainers.boosted_model import BoostedModel
from leptonctl.providers.trainers.early_stopping import hold_out
from leptonctl.spi.learning import Checkpoint, Progress, Training

if TYPE_CHECKING:
    import numpy as np


@dataclass(slots=True, kw_only=True)
class Rounds:
    """The rounds of a fit so far, by their losses. It stops after `of` rounds, or after `patience` rounds without a better loss.

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
        """Continue from what was saved, if anything was."""
        earlier = fit_state.load_from(self.checkpoint)
        if earlier is None:
            return
        numbers, arrays = earlier
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

    def save_if_due(self, dump: Callable[[], bytes]) -> None:
        """Save how far it is, with the trees so far as `dump` gives them."""
        import numpy as np

        if self.checkpoint is not None and self.checkpoint.is_due():
            self.checkpoint.save(fit_state.dump({"losses": self.losses}, {"trees": np.frombuffer(dump(), dtype=np.uint8)}))


def rounds_of(model: BoostedModel, training: Training, *, is_random: bool) -> Rounds:
    """The rounds of a fit. Nothing is saved where they draw random numbers: no library can continue drawing where it was."""
    checkpoint = None if is_random else training.checkpoint
    return Rounds(of=model.rounds, patience=model.patience, progress=training.progress, checkpoint=checkpoint)


def rows_of(model: BoostedModel, target: "np.ndarray") -> "tuple[np.ndarray, np.ndarray | None]":
    """The numbers of the rows to learn from, and of those that early stopping is judged on, if it may stop early."""
    import numpy as np

    if model.patience is None:
        return np.arange(len(target)), None
    return hold_out(target, model.share, model.seed, by_class=model.classes_ is not None)
