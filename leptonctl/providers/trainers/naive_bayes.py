"""Gaussian naive Bayes."""

from typing import TYPE_CHECKING

from leptonctl.spi.learning import Estimator, Params, Progress, Schema, Trainer

if TYPE_CHECKING:
    import numpy as np

PARAMS: dict[str, Schema] = {
    "var_smoothing": {
        "type": "number",
        "minimum": 0,
        "default": 1e-9,
        "description": "Share of the largest variance that is added to all variances.",
    },
}


def build(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB(**params)


def resume(
    parent: Estimator,
    params: Params,
    seed: int,
    features: "np.ndarray",
    target: "np.ndarray",
    progress: Progress,  # noqa: ARG001
) -> Estimator:
    """Counts, means and variances of the parent's rows and of these: the model of both together."""
    from copy import deepcopy

    return deepcopy(parent).set_params(**build(params, seed).get_params()).partial_fit(features, target)


TRAINERS = (
    Trainer(
        name="naive_bayes",
        task="classification",
        description="Gaussian naive Bayes: features are independent and normally distributed within each class.",
        params=PARAMS,
        build=build,
        weighs=True,
        resume=resume,
    ),
)
