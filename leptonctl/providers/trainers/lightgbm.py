"""LightGBM, for classification and regression; handles missing values. Needs the extra `lightgbm`."""

from collections.abc import Iterator, Sequence

from leptonctl.providers.trainers.boosted_model import fit_boosted, require_direction, resume_boosted
from leptonctl.providers.trainers.boosted_params import (
    EARLY_STOPPING,
    SCALE_POS_WEIGHT,
    Condition,
    chance,
    effect_conflicts,
    settings_of,
    share,
    size,
)
from leptonctl.providers.trainers.lightgbm_model import LIGHTGBM, LightGBM, dump, load, to_onnx
from leptonctl.spi import replace
from leptonctl.spi.learning import Estimator, NativeForm, Params, Schema, Trainer

BOOSTING: dict[str, Schema] = {
    "boosting_type": {
        "enum": ["gbdt", "dart", "rf"],
        "default": "gbdt",
        "description": "Plain boosting, boosting that leaves out random trees in each round, or a random forest.",
    },
    "n_estimators": {"type": "integer", "minimum": 1, "default": 100, "description": "Number of boosting rounds."},
    "learning_rate": {"type": "number", "exclusiveMinimum": 0, "default": 0.1, "description": "Weight of each tree."},
    "num_leaves": {"type": "integer", "minimum": 2, "default": 31, "description": "Maximum number of leaves of a tree."},
    "max_depth": {"type": "integer", "minimum": -1, "default": -1, "description": "Maximum depth of a tree; -1 sets no limit."},
    "min_child_samples": {"type": "integer", "minimum": 0, "default": 20, "description": "Minimum number of rows in a leaf."},
    "min_child_weight": size(0.001, "Smallest sum of second derivatives in a leaf."),
    "min_split_gain": size(0.0, "Smallest gain of a split."),
    "data_sample_strategy": {
        "enum": ["bagging", "goss"],
        "default": "bagging",
        "description": "Whether a round draws rows evenly, or keeps those with large gradients.",
    },
    "subsample": share(1.0, "Share of the rows, drawn at random, that a round learns from; with subsample_freq."),
    "subsample_freq": {
        "type": "integer",
        "minimum": 0,
        "default": 0,
        "description": "Rows are drawn again after so many rounds; 0: never.",
    },
    "colsample_bytree": share(1.0, "Share of the features that each tree considers."),
    "colsample_bynode": share(1.0, "Share of those that each split considers."),
    "reg_alpha": size(0.0, "Strength of the L1 penalty on the leaf values."),
    "reg_lambda": size(0.0, "Strength of the L2 penalty on the leaf values."),
    "max_bin": {"type": "integer", "minimum": 2, "default": 255, "description": "Maximum number of bins of a feature."},
    "extra_trees": {"type": "boolean", "default": False, "description": "Whether to try one random threshold of each feature only."},
    "drop_rate": chance(0.1, "Share of the trees that a round of dart leaves out."),
    "skip_drop": chance(0.5, "Probability that a round of dart leaves out none."),
    **EARLY_STOPPING,
}
CLASS_PARAMS: dict[str, Schema] = {
    "objective": {
        "enum": ["auto", "binary", "multiclass"],
        "default": "auto",
        "description": "The loss to minimise; auto is binary for two classes and multiclass for more.",
    },
    **BOOSTING,
    "scale_pos_weight": SCALE_POS_WEIGHT,
}
VALUE_PARAMS: dict[str, Schema] = {
    "objective": {
        "enum": [
            "regression", "regression_l1", "huber", "fair", "quantile", "mape", "poisson", "gamma", "tweedie", "cross_entropy",
            "cross_entropy_lambda",
        ],
        "default": "regression",
        "description": "The loss to minimise.",
    },
    "alpha": {
        "type": "number", "exclusiveMinimum": 0, "default": 0.9, "description": "The quantile of quantile; where huber becomes linear.",
    },
    "fair_c": {"type": "number", "exclusiveMinimum": 0, "default": 1.0, "description": "Scale of fair."},
    "tweedie_variance_power": {
        "type": "number", "minimum": 1, "exclusiveMaximum": 2, "default": 1.5, "description": "Power of the variance of tweedie.",
    },
    "reg_sqrt": {
        "type": "boolean", "default": False, "description": "Whether regression fits the square root of the target; for large values.",
    },
    **BOOSTING,
}  # fmt: skip
ONLY_WITH = {
    "drop_rate": Condition("boosting_type", ("dart",), 0.1),
    "skip_drop": Condition("boosting_type", ("dart",), 0.5),
    "alpha": Condition("objective", ("huber", "quantile"), 0.9),
    "fair_c": Condition("objective", ("fair",), 1.0),
    "tweedie_variance_power": Condition("objective", ("tweedie",), 1.5),
    "reg_sqrt": Condition("objective", ("regression",), default=False),
}
REPEATABLE = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1}
WITHOUT_DIRECTIONS = ("regression_l1", "quantile", "mape")
"""Objectives that take no directions."""


def conflict(params: Params) -> str | None:
    return next(_conflicts(params), None)


def _conflicts(params: Params) -> Iterator[str]:
    yield from effect_conflicts(params, ONLY_WITH)
    if params["boosting_type"] == "dart" and params["early_stopping"] is not None:
        yield "early_stopping keeps the best rounds, but with dart later rounds change the trees of earlier ones"
    if params.get("objective") == "quantile" and params["alpha"] >= 1:
        yield "alpha of the objective quantile is a quantile, between 0 and 1"
    drawn = params["subsample"] < 1 and params["subsample_freq"] > 0
    if params["boosting_type"] == "rf" and not drawn and params["colsample_bytree"] == 1:
        yield "the trees of rf would all be equal: write `subsample: 0.6` and `subsample_freq: 1`, or a `colsample_bytree` below 1"
    if params["subsample"] < 1 and not drawn and params["data_sample_strategy"] == "bagging":
        yield "subsample has no effect without `subsample_freq: 1`"
    if params["data_sample_strategy"] == "goss" and params["boosting_type"] == "rf":
        yield "rf draws its rows evenly, not by goss"
    if params["data_sample_strategy"] == "goss" and params["subsample_freq"]:
        yield "goss draws rows itself: remove subsample and subsample_freq"


def build(params: Params, seed: int) -> Estimator:
    """The model. The objective `auto` stays open until the classes are known."""
    return LightGBM.from_params(params, seed, {**settings_of(params, ONLY_WITH), **REPEATABLE, "seed": seed})


def constrain(model: LightGBM, directions: Sequence[int]) -> Estimator:
    """The model whose answers do not fall (1) or do not rise (-1) with the columns. Raises ProviderError where they might."""
    require_direction(model, WITHOUT_DIRECTIONS)
    model.settings["monotone_constraints"] = [*directions]
    return model


def resume_refuse(params: Params) -> str | None:
    booster = params["boosting_type"]
    return None if booster == "gbdt" else f"more rounds of {booster} change what the trees before count for"


CLASSIFIER = Trainer(
    name="lightgbm",
    task="classification",
    description="Gradient boosting by LightGBM; handles missing values. Needs the extra `lightgbm`.",
    params=CLASS_PARAMS,
    build=build,
    fit_from=fit_boosted,
    to_onnx=to_onnx,
    native=NativeForm(file="model.txt", dump=dump, load=load),
    weighs=True,
    monotonic=constrain,
    resume=resume_boosted,
    resume_keeps=("objective", "boosting_type"),
    resume_refuse=resume_refuse,
    conflict=conflict,
    splits=True,
    takes_missing=True,
    library=LIGHTGBM,
)
REGRESSOR = replace(CLASSIFIER, task="regression", params=VALUE_PARAMS, resume_keeps=("objective", "boosting_type", "reg_sqrt"))
TRAINERS = (CLASSIFIER, REGRESSOR)
