"""Gaussian naive Bayes."""

from leptonctl.spi.learning import Estimator, Params, Schema, Trainer, Training

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


def resume(parent: Estimator, fresh: Estimator, training: Training) -> Estimator:
    """Counts, means and variances of the parent's rows and of these: the model of both together."""
    from copy import deepcopy

    return deepcopy(parent).set_params(**fresh.get_params()).partial_fit(training.features, training.target)


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
