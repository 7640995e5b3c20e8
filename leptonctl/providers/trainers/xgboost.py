"""XGBoost, for classification and regression; handles missing values. Needs the extra `xgboost`."""

from collections.abc import Sequence
from typing import Any

from leptonctl.providers.trainers.boosted_fit import fits_of_classes, for_two, resuming, takes_no_directions
from leptonctl.providers.trainers.held_out import VALIDATION_FRACTION
from leptonctl.providers.trainers.xgboost_model import XGBOOST, XGBoost, dump, fit_xgboost, fit_xgboost_from, load, to_onnx
from leptonctl.spi.learning import Estimator, NativeForm, Params, Schema, Trainer


def _share(default: float, description: str) -> Schema:
    return {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": default, "description": description}


def _size(default: float, description: str) -> Schema:
    return {"type": "number", "minimum": 0, "default": default, "description": description}


BOOSTING: dict[str, Schema] = {
    "booster": {
        "enum": ["gbtree", "dart"],
        "default": "gbtree",
        "description": "Plain boosting, or boosting that leaves out random trees in each round.",
    },
    "n_estimators": {"type": "integer", "minimum": 1, "default": 100, "description": "Number of boosting rounds."},
    "learning_rate": {"type": "number", "exclusiveMinimum": 0, "default": 0.3, "description": "Weight of each tree."},
    "max_depth": {"type": "integer", "minimum": 0, "default": 6, "description": "Maximum depth of a tree; 0 sets no limit."},
    "max_leaves": {"type": "integer", "minimum": 0, "default": 0, "description": "Maximum number of leaves of a tree; 0 sets no limit."},
    "grow_policy": {
        "enum": ["depthwise", "lossguide"],
        "default": "depthwise",
        "description": "Whether to split the node nearest to the root next, or the one with the largest gain.",
    },
    "min_child_weight": _size(1.0, "Smallest sum of second derivatives in a child."),
    "gamma": _size(0.0, "Smallest gain of a split."),
    "max_delta_step": {
        "type": ["number", "null"],
        "minimum": 0,
        "default": None,
        "description": "Largest step of a leaf, 0 for no limit; null: XGBoost's own, 0.7 for count:poisson and else no limit.",
    },
    "subsample": _share(1.0, "Share of the rows, drawn at random, that each round learns from."),
    "colsample_bytree": _share(1.0, "Share of the features that each tree considers."),
    "colsample_bylevel": _share(1.0, "Share of those that each level considers."),
    "colsample_bynode": _share(1.0, "Share of those that each split considers."),
    "reg_alpha": _size(0.0, "Strength of the L1 penalty on the leaf values."),
    "reg_lambda": _size(1.0, "Strength of the L2 penalty on the leaf values."),
    "tree_method": {"enum": ["hist", "approx", "exact"], "default": "hist", "description": "How splits are found."},
    "max_bin": {"type": "integer", "minimum": 2, "default": 256, "description": "Maximum number of bins of a feature; not for exact."},
    "num_parallel_tree": {"type": "integer", "minimum": 1, "default": 1, "description": "Trees of a round: more make it a random forest."},
    "base_score": {
        "type": ["number", "null"],
        "default": None,
        "description": "The answer before the first tree; null takes it from the training rows.",
    },
    "rate_drop": {
        "type": "number", "minimum": 0, "maximum": 1, "default": 0.0, "description": "Share of the trees that a round of dart leaves out.",
    },
    "skip_drop": {
        "type": "number", "minimum": 0, "maximum": 1, "default": 0.0, "description": "Probability that a round of dart leaves out none.",
    },
    "early_stopping": {
        "type": ["integer", "null"],
        "minimum": 1,
        "default": None,
        "description": "Stop after this many rounds without a better loss on held-out rows, and keep the best; null: never.",
    },
    "validation_fraction": VALIDATION_FRACTION,
}  # fmt: skip
CLASSIFIER: dict[str, Schema] = {
    "objective": {
        "enum": ["auto", "binary:logistic", "multi:softprob"],
        "default": "auto",
        "description": "The loss to minimise; auto is binary:logistic for two classes and multi:softprob for more.",
    },
    **BOOSTING,
    "scale_pos_weight": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 1.0,
        "description": "Weight of the rows of the second of two classes; not for more classes.",
    },
}
REGRESSOR: dict[str, Schema] = {
    "objective": {
        "enum": [
            "reg:squarederror", "reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror", "reg:quantileerror", "reg:logistic",
            "reg:gamma", "reg:tweedie", "count:poisson",
        ],
        "default": "reg:squarederror",
        "description": "The loss to minimise.",
    },
    "quantile_alpha": {
        "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1, "default": 0.5, "description": "The quantile of reg:quantileerror.",
    },
    "huber_slope": {"type": "number", "exclusiveMinimum": 0, "default": 1.0, "description": "Where reg:pseudohubererror becomes linear."},
    "tweedie_variance_power": {
        "type": "number", "minimum": 1, "exclusiveMaximum": 2, "default": 1.5, "description": "Power of the variance of reg:tweedie.",
    },
    **BOOSTING,
}  # fmt: skip
KEEPS = ("objective", "booster", "num_parallel_tree", "base_score", "max_delta_step")
NOT_SETTINGS = ("n_estimators", "early_stopping", "validation_fraction")
ONLY_WITH = {
    "rate_drop": ("booster", "dart", 0.0),
    "skip_drop": ("booster", "dart", 0.0),
    "quantile_alpha": ("objective", "reg:quantileerror", 0.5),
    "huber_slope": ("objective", "reg:pseudohubererror", 1.0),
    "tweedie_variance_power": ("objective", "reg:tweedie", 1.5),
}
"""Parameter -> the other parameter with the one value for which XGBoost reads it, and its own default."""

UNBOUND = ("reg:absoluteerror", "reg:quantileerror")
"""Objectives that take no directions."""


def conflict(params: Params) -> str | None:
    for name, (other, value, default) in ONLY_WITH.items():
        if params.get(name, default) != default and params[other] != value:
            return f"{name} has no effect without `{other}: {value}`"
    if params["booster"] == "dart" and params["early_stopping"] is not None:
        return "early_stopping keeps the best rounds, but with dart later rounds change the trees of earlier ones"
    if params["tree_method"] == "exact" and (params["grow_policy"] != "depthwise" or params["max_leaves"]):
        return "tree_method exact takes neither `grow_policy: lossguide` nor max_leaves"
    return None


def build(params: Params, seed: int) -> Estimator:
    """The model. The objective `auto` stays open until the classes are known."""
    settings = {name: value for name, value in params.items() if name not in NOT_SETTINGS and value is not None}
    for name, (other, value, _) in ONLY_WITH.items():
        if params.get(other) != value:
            settings.pop(name, None)
    return XGBoost(
        settings={**settings, "nthread": 1, "seed": seed, "verbosity": 0},
        rounds=params["n_estimators"],
        patience=params["early_stopping"],
        share=params["validation_fraction"],
        seed=seed,
    )


def constrain(estimator: Any, directions: Sequence[int]) -> Estimator:
    """The model whose answers do not fall (1) or do not rise (-1) with the columns. Raises ProviderError where they might."""
    if estimator.settings["objective"] in UNBOUND:
        raise takes_no_directions("xgboost", estimator.settings["objective"])
    estimator.settings["monotone_constraints"] = f"({','.join(map(str, directions))})"
    return estimator


def resume_refuse(params: Params) -> str | None:
    booster = params["booster"]
    return None if booster == "gbtree" else f"more rounds of {booster} change what the trees before count for"


def settle_objective(estimator: Any) -> None:
    """Set the objective of a classifier by its number of classes. Raises ProviderError for what is for two classes only."""
    count, settings = len(estimator.classes_), estimator.settings
    two = count == 2  # noqa: PLR2004
    if settings["objective"] == "auto":
        settings["objective"] = "binary:logistic" if two else "multi:softprob"
    if not two and settings["objective"] == "binary:logistic":
        raise for_two("xgboost", "objective: binary:logistic", count)
    if not two and "monotone_constraints" in settings:
        raise for_two("xgboost", "monotonic", count)
    if not two and settings["scale_pos_weight"] != 1:
        raise for_two("xgboost", "scale_pos_weight", count)
    if settings["objective"] == "multi:softprob":
        settings["num_class"] = count
        settings.pop("scale_pos_weight")


fit_classifier, fit_classifier_from = fits_of_classes(fit_xgboost_from, settle_objective)
resume = resuming(build, fit_xgboost_from, settle_objective)

TRAINERS = (
    Trainer(
        name="xgboost",
        task="classification",
        description="Gradient boosting by XGBoost; handles missing values. Needs the extra `xgboost`.",
        params=CLASSIFIER,
        build=build,
        fit=fit_classifier,
        fit_from=fit_classifier_from,
        to_onnx=to_onnx,
        native=NativeForm(file="model.json", dump=dump, load=load),
        weighs=True,
        monotonic=constrain,
        resume=resume,
        resume_from=resume,
        resume_keeps=KEEPS,
        resume_refuse=resume_refuse,
        conflict=conflict,
        splits=True,
        takes_missing=True,
        library=XGBOOST,
    ),
    Trainer(
        name="xgboost",
        task="regression",
        description="Gradient boosting by XGBoost; handles missing values. Needs the extra `xgboost`.",
        params=REGRESSOR,
        build=build,
        fit=fit_xgboost,
        fit_from=fit_xgboost_from,
        to_onnx=to_onnx,
        native=NativeForm(file="model.json", dump=dump, load=load),
        weighs=True,
        monotonic=constrain,
        resume=resume,
        resume_from=resume,
        resume_keeps=KEEPS,
        resume_refuse=resume_refuse,
        conflict=conflict,
        splits=True,
        takes_missing=True,
        library=XGBOOST,
    ),
)
