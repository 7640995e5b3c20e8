"""Keeps the columns that tell most about the target, each scored separately."""

from collections.abc import Callable
from typing import Any

from leptonctl.spi.learning import Estimator, Params, Preprocessor, Schema

SCORE: Schema = {
    "enum": ["auto", "f_classif", "f_regression", "chi2"],
    "default": "auto",
    "description": "How to score a column: auto is f_classif for classes, f_regression for numbers; chi2 takes no negative numbers.",
}
PARAMS: dict[str, Schema] = {
    "score_func": SCORE,
    "k": {"anyOf": [{"enum": ["all"]}, {"type": "integer", "minimum": 1}], "default": 10, "description": "Number of columns to keep."},
}


def score_by_target(features: Any, target: Any) -> Any:
    """f_regression for a floating-point target, f_classif for classes."""
    from sklearn.feature_selection import f_classif, f_regression

    return f_regression(features, target) if target.dtype.kind == "f" else f_classif(features, target)


def score_function(name: str) -> Callable[..., Any]:
    """The function that a parameter `score_func` names."""
    from sklearn import feature_selection

    function: Callable[..., Any] = score_by_target if name == "auto" else getattr(feature_selection, name)
    return function


def build(params: Params, seed: int) -> Estimator:  # noqa: ARG001
    from sklearn.feature_selection import SelectKBest

    return SelectKBest(score_function(params["score_func"]), k=params["k"])


PREPROCESSOR = Preprocessor(
    name="select_k_best",
    description="Keeps the columns with the best scores against the target.",
    params=PARAMS,
    build=build,
    takes="number",
    keeps=False,
    supervised=True,
)
