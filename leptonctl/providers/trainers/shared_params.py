"""Parameter schemas that several trainers share."""

from leptonctl.spi.learning import Schema

CLASS_WEIGHT: Schema = {
    "enum": [None, "balanced"],
    "default": None,
    "description": "Weights of the classes: null weighs all rows equally, balanced weighs each class by the inverse of its share.",
}
FIT_INTERCEPT: Schema = {"type": "boolean", "default": True, "description": "Whether to fit an intercept."}
POSITIVE: Schema = {"type": "boolean", "default": False, "description": "Whether to force all coefficients to be non-negative."}
COORDINATE_DESCENT: dict[str, Schema] = {
    "fit_intercept": FIT_INTERCEPT,
    "max_iter": {"type": "integer", "minimum": 1, "default": 1000, "description": "Maximum number of passes over the coefficients."},
    "tol": {
        "type": "number",
        "minimum": 0,
        "default": 0.0001,
        "description": "Stop when the duality gap, relative to the target, falls below this.",
    },
    "positive": POSITIVE,
    "selection": {
        "enum": ["cyclic", "random"],
        "default": "cyclic",
        "description": "Whether to update the coefficients in cyclic or in random order.",
    },
}
