"""XGBoost, for classification and regression; handles missing values. Needs the extra `xgboost`."""

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
from leptonctl.providers.trainers.xgboost_model import XGBOOST, XGBoost, dump, load, to_onnx
from leptonctl.spi import replace
from leptonctl.spi.learning import Estimator, NativeForm, Params, Schema, Trainer

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
    "min_child_weight": size(1.0, "Smallest sum of second derivatives in a child."),
    "gamma": size(0.0, "Smallest gain of a split."),
    "max_delta_step": {
        "type": ["number", "null"],
        "minimum": 0,
        "default": None,
        "description": "Largest step of a leaf, 0 for no limit; null: XGBoost's own, 0.7 for count:poisson and else no limit.",
    },
    "subsample": share(1.0, "Share of the rows, drawn at random, that each round learns from."),
    "colsample_bytree": share(1.0, "Share of the features that each tree considers."),
    "colsample_bylevel": share(1.0, "Share of those that each level considers."),
    "colsample_bynode": share(1.0, "Share of those that each split considers."),
    "reg_alpha": size(0.0, "Strength of the L1 penalty on the leaf values."),
    "reg_lambda": size(1.0, "Strength of the L2 penalty on the leaf values."),
    "tree_method": {"enum": ["hist", "approx", "exact"], "default": "hist", "description": "How splits are found."},
    "max_bin": {"type": "integer", "minimum": 2, "default": 256, "description": "Maximum number of bins of a feature; not for exact."},
    "num_parallel_tree": {"type": "integer", "minimum": 1, "default": 1, "description": "Trees of a round: more make it a random forest."},
    "base_score": {
        "type": ["number", "null"],
        "default": None,
        "description": "The answer before the first tree; null takes it from the training rows.",
    },
    "rate_drop": chance(0.0, "Share of the trees that a round of dart leaves out."),
    "skip_drop": chance(0.0, "Probability that a round of dart leaves out none."),
    **EARLY_STOPPING,
}
CLASSIFIER: dict[str, Schema] = {
    "objective": {
        "enum": ["auto", "binary:logistic", "multi:softprob"],
        "default": "auto",
        "description": "The loss to minimise; auto is binary:logistic for two classes and multi:softprob for more.",
    },
    **BOOSTING,
    "scale_pos_weight": SCALE_POS_WEIGHT,
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
ONLY_WITH = {
    "rate_drop": Condition("booster", ("dart",), 0.0),
    "skip_drop": Condition("booster", ("dart",), 0.0),
    "quantile_alpha": Condition("objective", ("reg:quantileerror",), 0.5),
    "huber_slope": Condition("objective", ("reg:pseudohubererror",), 1.0),
    "tweedie_variance_power": Condition("objective", ("reg:tweedie",), 1.5),
}
WITHOUT_DIRECTIONS = ("reg:absoluteerror", "reg:quantileerror")
"""Objectives that take no directions."""


def conflict(params: Params) -> str | None:
    return next(_conflicts(params), None)


def _conflicts(params: Params) -> Iterator[str]:
    yield from effect_conflicts(params, ONLY_WITH)
    if params["booster"] == "dart" and params["early_stopping"] is not None:
        yield "early_stopping keeps the best rounds, but with dart later rounds change the trees of earlier ones"
    if params["tree_method"] == "exact" and (params["grow_policy"] != "depthwise" or params["max_leaves"]):
        yield "tree_method exact takes neither `grow_policy: lossguide` nor max_leaves"


def build(params: Params, seed: int) -> Estimator:
    """The model. The objective `auto` stays open until the classes are known."""
    settings = {name: value for name, value in settings_of(params, ONLY_WITH).items() if value is not None}
    return XGBoost.from_params(params, seed, {**settings, "nthread": 1, "seed": seed, "verbosity": 0})


def constrain(model: XGBoost, directions: Sequence[int]) -> Estimator:
    """The model whose answers do not fall (1) or do not rise (-1) with the columns. Raises ProviderError where they might."""
    require_direction(model, WITHOUT_DIRECTIONS)
    model.settings["monotone_constraints"] = f"({','.join(map(str, directions))})"
    return model


def resume_refuse(params: Params) -> str | None:
    booster = params["booster"]
    return None if booster == "gbtree" else f"more rounds of {booster} change what the trees before count for"


CLASSIFICATION = Trainer(
    name="xgboost",
    task="classification",
    description="Gradient boosting by XGBoost; handles missing values. Needs the extra `xgboost`.",
    params=CLASSIFIER,
    build=build,
    fit_from=fit_boosted,
    to_onnx=to_onnx,
    native=NativeForm(file="model.json", dump=dump, load=load),
    weighs=True,
    monotonic=constrain,
    resume=resume_boosted,
    resume_keeps=("objective", "booster", "num_parallel_tree", "base_score", "max_delta_step"),
    resume_refuse=resume_refuse,
    conflict=conflict,
    splits=True,
    takes_missing=True,
    library=XGBOOST,
)
TRAINERS = (CLASSIFICATION, replace(CLASSIFICATION, task="regression", params=REGRESSOR))
