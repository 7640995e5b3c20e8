"""Gradient boosting of small trees, one after the other, for classes or for values. Tells its loss after every tree."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from leptonctl.providers.trainers.tree_params import TREE, max_features
from leptonctl.spi.learning import Estimator, Params, Progress, Schema, Trainer

if TYPE_CHECKING:
    import numpy as np
    import onnx

BOOSTING: dict[str, Schema] = {
    "learning_rate": {"type": "number", "minimum": 0, "default": 0.1, "description": "Weight of each tree."},
    "n_estimators": {"type": "integer", "minimum": 1, "default": 100, "description": "Number of boosting stages."},
    "subsample": {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 1,
        "default": 1.0,
        "description": "Share of the rows, drawn at random, that each stage sees.",
    },
    **TREE,
    "max_depth": {**TREE["max_depth"], "default": 3},
    "init": {"enum": [None, "zero"], "default": None, "description": "Where boosting starts: null at the best constant, zero at 0."},
    "max_features": max_features(None),
    "validation_fraction": {
        "type": "number",
        "exclusiveMinimum": 0,
        "exclusiveMaximum": 1,
        "default": 0.1,
        "description": "Share of the rows set aside to stop early; only when n_iter_no_change is set.",
    },
    "n_iter_no_change": {
        "type": ["integer", "null"],
        "minimum": 1,
        "default": None,
        "description": "Stop when so many stages brought nothing on the rows set aside; null never stops early.",
    },
    "tol": {"type": "number", "minimum": 0, "default": 0.0001, "description": "What counts as bringing something."},
}


def build_classifier(params: Params, seed: int) -> Estimator:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(**params, random_state=seed)


def build_regressor(params: Params, seed: int) -> Estimator:
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(**params, random_state=seed)


def fit(estimator: Estimator, features: "np.ndarray", target: "np.ndarray", progress: Progress) -> Estimator:
    """`estimator.fit` with its own monitor, which sees every stage and changes none."""

    def watch(stage: int, boosting: Estimator, _local: Mapping[str, Any]) -> bool:
        progress(iteration=stage + 1, of=boosting.n_estimators, loss=float(boosting.train_score_[stage]))
        return False

    return estimator.fit(features, target, monitor=watch)


def repair(model: "onnx.ModelProto", estimator: Estimator) -> "onnx.ModelProto":
    """The converter writes one starting value for `init: zero` where a model of many classes needs as many; zeros need none."""
    if estimator.init == "zero":
        for node in model.graph.node:
            kept = [attribute for attribute in node.attribute if attribute.name != "base_values"]
            del node.attribute[:]
            node.attribute.extend(kept)
    return model


TRAINERS = (
    Trainer(
        name="gradient_boosting",
        task="classification",
        description="Small trees added one by one, each mending what the sum of those before got wrong.",
        params={
            "loss": {
                "enum": ["log_loss", "exponential"],
                "default": "log_loss",
                "description": "What is minimised; exponential is for two classes.",
            },
            **BOOSTING,
        },
        build=build_classifier,
        fit=fit,
        repair=repair,
        splits=True,
    ),
    Trainer(
        name="gradient_boosting",
        task="regression",
        description="Small trees added one by one, each mending what the sum of those before got wrong.",
        params={
            "loss": {
                "enum": ["squared_error", "absolute_error", "huber", "quantile"],
                "default": "squared_error",
                "description": "What is minimised.",
            },
            "alpha": {
                "type": "number",
                "exclusiveMinimum": 0,
                "exclusiveMaximum": 1,
                "default": 0.9,
                "description": "The quantile of the losses huber and quantile.",
            },
            **BOOSTING,
        },
        build=build_regressor,
        fit=fit,
        repair=repair,
        splits=True,
    ),
)
