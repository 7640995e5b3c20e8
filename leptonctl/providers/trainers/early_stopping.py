"""Early stopping, for trainers that judge it themselves: its parameters, and the rows that it is judged on."""

from typing import TYPE_CHECKING

from leptonctl.spi.learning import ProviderError, Schema

if TYPE_CHECKING:
    import numpy as np


def early_stopping(unit: str) -> dict[str, Schema]:
    """The parameters. `unit` is what is counted, such as rounds."""
    return {
        "early_stopping": {
            "type": ["integer", "null"],
            "minimum": 1,
            "default": None,
            "description": f"Stop after this many {unit} without a better loss on held-out rows, and keep the best; null: never.",
        },
        "validation_fraction": {
            "type": "number",
            "exclusiveMinimum": 0,
            "exclusiveMaximum": 1,
            "default": 0.1,
            "description": "Share of the training rows held out for `early_stopping`; drawn by the seed, and of each class in a "
            "classification.",
        },
    }


def hold_out(target: "np.ndarray", share: float, seed: int, *, by_class: bool) -> "tuple[np.ndarray, np.ndarray]":
    """The numbers of the rows to learn from and of those to judge on, both in order. At least one row of each class is learned from.

    Raises ProviderError (training-failed) when there would be no row to judge on.
    """
    import numpy as np

    draw = np.random.RandomState(seed)
    groups = [np.flatnonzero(target == label) for label in np.unique(target)] if by_class else [np.arange(len(target))]
    samples = [draw.permutation(rows)[: min(len(rows) - 1, round(share * len(rows)))] for rows in groups]
    judge = np.sort(np.concatenate(samples))
    if not len(judge):
        raise ProviderError(
            "There are too few rows to stop early",
            detail=f"{share:g} of {len(target)} training rows is less than one row.",
            hint="raise `validation_fraction`, or remove `early_stopping`",
            id="training-failed",
        )
    return np.setdiff1d(np.arange(len(target)), judge), judge
