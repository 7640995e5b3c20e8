"""Parameter schemas that several learners share, word for word."""

from leptonctl.spi.learning import Schema

CLASS_WEIGHT: Schema = {
    "enum": [None, "balanced"],
    "default": None,
    "description": "Weight of the classes: null weighs all rows alike, balanced weighs each class by the inverse of its share.",
}
FIT_INTERCEPT: Schema = {"type": "boolean", "default": True, "description": "Whether to fit a constant term."}
POSITIVE: Schema = {"type": "boolean", "default": False, "description": "Whether all coefficients are held at zero or above."}
COORDINATE_DESCENT: dict[str, Schema] = {
    "fit_intercept": FIT_INTERCEPT,
    "max_iter": {"type": "integer", "minimum": 1, "default": 1000, "description": "Most passes over the coefficients."},
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
        "description": "Whether coefficients are updated in turn or in a random order.",
    },
}
