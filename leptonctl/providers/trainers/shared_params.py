"""Parameter schemas that several trainers share."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from leptonctl.spi.learning import Estimator, Params, Progress, Schema

if TYPE_CHECKING:
    import numpy as np

CLASS_WEIGHT: Schema = {
    "enum": [None, "balanced"],
    "default": None,
    "description": "Weights of the classes: null weighs all rows equally, balanced weighs each class by the inverse of its share.",
}
FIT_INTERCEPT: Schema = {"type": "boolean", "default": True, "description": "Whether to fit an intercept."}
POSITIVE: Schema = {"type": "boolean", "default": False, "description": "Whether to force all coefficients to be non-negative."}
COORDINATE_DESCENT: dict[str, Schema] = {
    "fit_intercept": FIT_INTERCEPT,
    "max_iter": {"type": "integer", "minimum": 1, "default": 1000, "description": "Maximum number of passes over the coefficients."},
    "tol": {
        "type": "number",
        "minimum": 0,
        "default": 0.0001,
        "description": "Stop when the duality gap, relative to the target, falls below this.",
    },
    "positive": POSITIVE,
    "selection": {
        "enum": ["cyclic", "random"],
        "default": "cyclic",
        "description": "Whether to update the coefficients in cyclic or in random order.",
    },
}


def constrain(estimator: Estimator, directions: Sequence[int]) -> Estimator:
    """scikit-learn's trees with a direction for each of their columns."""
    return estimator.set_params(monotonic_cst=[*directions])


def from_coefficients(build: Callable[[Params, int], Estimator]) -> Callable[..., Estimator]:
    """How coordinate descent goes on: it begins at the parent's coefficients."""

    def resume(
        parent: Estimator,
        params: Params,
        seed: int,
        features: "np.ndarray",
        target: "np.ndarray",
        progress: Progress,  # noqa: ARG001
    ) -> Estimator:
        fresh = build(params, seed).set_params(warm_start=True)
        fresh.coef_ = parent.coef_.copy()
        return fresh.fit(features, target).set_params(warm_start=False)

    return resume
