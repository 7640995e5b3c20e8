"""Gradient boosting of small trees, for classification and regression. Reports its loss after every tree."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers.more_trees import copy_of
from leptonctl.providers.trainers.tree_checkpoint import replay_trees
from leptonctl.providers.trainers.tree_graph import compare_scores_with_zero
from leptonctl.providers.trainers.tree_params import TREE, max_features
from leptonctl.spi import replace
from leptonctl.spi.learning import Estimator, Params, Schema, Trainer, Training

if TYPE_CHECKING:
    import onnx

BOOSTING: dict[str, Schema] = {
    "learning_rate": {"type": "number", "minimum": 0, "default": 0.1, "description": "Weight of each tree."},
    "n_estimators": {"type": "integer", "minimum": 1, "default": 100, "description": "Number of boosting stages."},
    "subsample": {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 1,
        "default": 1.0,
        "description": "Share of the rows, drawn at random, that each stage is fitted on.",
    },
    **TREE,
    "max_depth": {**TREE["max_depth"], "default": 3},
    "init": {"enum": [None, "zero"], "default": None, "description": "Initial prediction: null is the best constant, zero is 0."},
    "max_features": max_features(None),
    "validation_fraction": {
        "type": "number",
        "exclusiveMinimum": 0,
        "exclusiveMaximum": 1,
        "default": 0.1,
        "description": "Share of the rows held out for early stopping; only when n_iter_no_change is set.",
    },
    "n_iter_no_change": {
        "type": ["integer", "null"],
        "minimum": 1,
        "default": None,
        "description": "Stop after this many stages without improvement on the held-out rows; null never stops early.",
    },
    "tol": {
        "type": "number",
        "minimum": 0,
        "default": 0.0001,
        "description": "Smallest decrease of the loss that counts as an improvement.",
    },
}


def build_classifier(params: Params, seed: int) -> Estimator:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(**params, random_state=seed)


def build_regressor(params: Params, seed: int) -> Estimator:
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(**params, random_state=seed)


def fit(estimator: Estimator, training: Training) -> Estimator:
    """Fit with a monitor that reports every stage and changes nothing. The ensemble sets the leaves of each tree after it has grown."""

    def monitor(stage: int, boosting: Estimator, _local: Mapping[str, Any]) -> bool:
        training.progress(iteration=stage + 1, of=boosting.n_estimators, loss=float(boosting.train_score_[stage]))
        return False

    with replay_trees(training.checkpoint, leaves_change=True):
        return estimator.fit(training.features, training.target, sample_weight=training.weights, monitor=monitor)


def resume(parent: Estimator, fresh: Estimator, training: Training) -> Estimator:
    """`n_estimators` more stages after those of the parent, each correcting what the sum before it gets wrong on these rows."""
    before = len(parent.estimators_)
    boosting = copy_of(parent, parent.estimators_.flat).set_params(**fresh.get_params())
    boosting.set_params(warm_start=True, n_estimators=before + fresh.n_estimators)

    def report(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
        training.progress(message=message, iteration=iteration and iteration - before, of=of and of - before, loss=loss)

    return fit(boosting, replace(training, progress=report)).set_params(warm_start=False)


def repair(model: "onnx.ModelProto", estimator: Estimator) -> "onnx.ModelProto":
    """Remove the base values for `init: zero`: the converter writes one where each class needs its own, and zeros need none.

    The labels follow the sign of the score.
    """
    if estimator.init == "zero":
        for node in model.graph.node:
            attributes = [attribute for attribute in node.attribute if attribute.name != "base_values"]
            del node.attribute[:]
            node.attribute.extend(attributes)
    return compare_scores_with_zero(model)


# a stage is weighted when it is used, not when it is fitted
KEEPS = ("loss", "learning_rate", "init")

TRAINERS = (
    Trainer(
        name="gradient_boosting",
        task="classification",
        description="Small trees added one by one, each correcting the errors of the sum of those before.",
        params={
            "loss": {
                "enum": ["log_loss", "exponential"],
                "default": "log_loss",
                "description": "The loss to minimise; exponential is for two classes only.",
            },
            **BOOSTING,
        },
        build=build_classifier,
        weighs=True,
        fit_from=fit,
        resume=resume,
        resume_keeps=KEEPS,
        repair=repair,
        scores="decision_function",
        splits=True,
    ),
    Trainer(
        name="gradient_boosting",
        task="regression",
        description="Small trees added one by one, each correcting the errors of the sum of those before.",
        params={
            "loss": {
                "enum": ["squared_error", "absolute_error", "huber", "quantile"],
                "default": "squared_error",
                "description": "The loss to minimise.",
            },
            "alpha": {
                "type": "number",
                "exclusiveMinimum": 0,
                "exclusiveMaximum": 1,
                "default": 0.9,
                "description": "Quantile of the losses huber and quantile.",
            },
            **BOOSTING,
        },
        build=build_regressor,
        weighs=True,
        fit_from=fit,
        resume=resume,
        resume_keeps=KEEPS,
        repair=repair,
        splits=True,
    ),
)
