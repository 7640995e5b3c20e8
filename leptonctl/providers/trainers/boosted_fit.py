"""What the trainers of both booster libraries share: refusals, and going on from the trees of another version."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from leptonctl.spi.learning import Estimator, Progress, ProviderError

if TYPE_CHECKING:
    import numpy as np

Fit = Callable[[Any, "np.ndarray", "np.ndarray", Progress], Estimator]


def go_on(
    model: Any, parent: Any, fit: Fit, settle: Callable[[Any], None], features: "np.ndarray", target: "np.ndarray", progress: Progress
) -> Estimator:
    """More rounds on top of the parent's trees. `settle`: sets the objective of a classifier by its classes."""
    import numpy as np

    model.classes_, model.booster = parent.classes_, parent.booster
    if parent.classes_ is None:
        return fit(model, features, target, progress)
    settle(model)
    return fit(model, features, np.searchsorted(parent.classes_, target), progress)


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
