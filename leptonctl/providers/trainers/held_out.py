"""The rows that early stopping is judged on: a seeded part of the training rows."""

from typing import TYPE_CHECKING

from leptonctl.spi.learning import ProviderError, Schema

if TYPE_CHECKING:
    import numpy as np

VALIDATION_FRACTION: Schema = {
    "type": "number",
    "exclusiveMinimum": 0,
    "exclusiveMaximum": 1,
    "default": 0.1,
    "description": "Share of the training rows held out for `early_stopping`; drawn by the seed, and of each class in a classification.",
}


def held_out(target: "np.ndarray", share: float, seed: int, *, by_class: bool) -> "tuple[np.ndarray, np.ndarray]":
    """The row numbers to learn from and those to judge on, both in order. One row of each class at least is learned from.

    Raises ProviderError (training-failed) when no row would be judged on.
    """
    import numpy as np

    draw = np.random.RandomState(seed)
    groups = [np.flatnonzero(target == label) for label in np.unique(target)] if by_class else [np.arange(len(target))]
    drawn = [draw.permutation(rows)[: min(len(rows) - 1, round(share * len(rows)))] for rows in groups]
    judge = np.sort(np.concatenate(drawn))
    if not len(judge):
        raise ProviderError(
            "There are too few rows to stop early",
            detail=f"{share:g} of {len(target)} training rows is none.",
            hint="raise `validation_fraction`, or remove `early_stopping`",
            id="training-failed",
        )
    return np.setdiff1d(np.arange(len(target)), judge), judge
