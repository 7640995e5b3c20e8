"""Records what a fit reports while it runs: its losses, and the warnings of the libraries."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from leptonctl.core.frozen import replace
from leptonctl.learning.fitting.fitted_model import Fitted
from leptonctl.spi.learning import Progress


@dataclass(slots=True)
class FitLog:
    """The losses and warnings of one fit, whose progress is passed on to `progress`."""

    progress: Progress
    losses: list[float] = field(default_factory=list)
    messages: list[warnings.WarningMessage] = field(default_factory=list)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record every warning inside the block, and ignore floating-point errors."""
        with warnings.catch_warnings(record=True) as self.messages, np.errstate(all="ignore"):
            warnings.simplefilter("always")
            yield

    def report(self, *, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
        """The progress function of the fit (`spi.learning.Progress`)."""
        if loss is not None:
            self.losses.append(float(loss))
        self.progress(message=message, iteration=iteration, of=of, loss=loss)

    def attach(self, fitted: Fitted) -> Fitted:
        """The fitted model with these losses and warnings."""
        from sklearn.exceptions import ConvergenceWarning

        unconverged = (message for message in self.messages if issubclass(message.category, ConvergenceWarning))
        return replace(fitted, losses=tuple(self.losses), warnings=_texts(self.messages), unconverged=_texts(unconverged))


def _texts(messages: Iterable[warnings.WarningMessage]) -> tuple[str, ...]:
    """The text of each warning, once. Future and deprecation warnings are for programmers, not for those who declare a model."""
    relevant = (message for message in messages if not issubclass(message.category, FutureWarning | DeprecationWarning))
    return tuple(dict.fromkeys(" ".join(str(message.message).split()) for message in relevant))
