"""Parameter schemas that all tree trainers share."""

from typing import Any

from leptonctl.spi.learning import Schema

TREE: dict[str, Schema] = {
    "max_depth": {
        "type": ["integer", "null"],
        "minimum": 1,
        "default": None,
        "description": "Maximum depth of a tree; null grows until the leaves are pure.",
    },
    "min_samples_split": {
        "anyOf": [{"type": "integer", "minimum": 2}, {"type": "number", "exclusiveMinimum": 0, "maximum": 1}],
        "default": 2,
        "description": "Minimum number of rows to split a node; a fraction is of all rows.",
    },
    "min_samples_leaf": {
        "anyOf": [{"type": "integer", "minimum": 1}, {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}],
        "default": 1,
        "description": "Minimum number of rows in a leaf; a fraction is of all rows.",
    },
    "min_weight_fraction_leaf": {
        "type": "number",
        "minimum": 0,
        "maximum": 0.5,
        "default": 0.0,
        "description": "Minimum share of the rows' total weight in a leaf.",
    },
    "max_leaf_nodes": {
        "type": ["integer", "null"],
        "minimum": 2,
        "default": None,
        "description": "Maximum number of leaves of a tree; null sets no limit.",
    },
    "min_impurity_decrease": {
        "type": "number",
        "minimum": 0,
        "default": 0.0,
        "description": "Split only if the impurity decreases by at least this.",
    },
    "ccp_alpha": {
        "type": "number",
        "minimum": 0,
        "default": 0.0,
        "description": "Strength of cost-complexity pruning; 0 prunes nothing.",
    },
}
CLASS_CRITERION: Schema = {
    "enum": ["gini", "entropy", "log_loss"],
    "default": "gini",
    "description": "Measure of the quality of a split.",
}
VALUE_CRITERION: Schema = {
    "enum": ["squared_error", "absolute_error", "poisson"],
    "default": "squared_error",
    "description": "Measure of the quality of a split.",
}
FOREST_CLASS_WEIGHT: Schema = {
    "enum": [None, "balanced", "balanced_subsample"],
    "default": None,
    "description": "Weights of the classes: balanced by their share of all rows, or of each tree's sample.",
}


def max_features(default: Any) -> Schema:
    """The parameter for how many features a split considers."""
    return {
        "anyOf": [
            {"type": "integer", "minimum": 1},
            {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            {"enum": ["sqrt", "log2", None]},
        ],
        "default": default,
        "description": "Features that each split considers: a count, a fraction, sqrt, log2, or null for all.",
    }


def forest(*, bootstrap: bool) -> dict[str, Schema]:
    """The parameters of a forest."""
    return {
        "n_estimators": {"type": "integer", "minimum": 1, "default": 100, "description": "Number of trees."},
        **TREE,
        "bootstrap": {
            "type": "boolean",
            "default": bootstrap,
            "description": "Whether to fit each tree on a sample drawn with replacement.",
        },
        "max_samples": {
            "anyOf": [{"type": "integer", "minimum": 1}, {"type": "number", "exclusiveMinimum": 0}, {"type": "null"}],
            "default": None,
            "description": "Rows drawn for each tree if bootstrap is true: a count, a fraction, or null for as many as there are rows.",
        },
    }
