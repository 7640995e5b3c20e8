"""Gaussian naive Bayes."""

from leptonctl.spi.learning import Estimator, Params, Schema, Trainer

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


TRAINERS = (
    Trainer(
        name="naive_bayes",
        task="classification",
        description="Gaussian naive Bayes: features are independent and normally distributed within each class.",
        params=PARAMS,
        build=build,
        weighs=True,
    ),
)
