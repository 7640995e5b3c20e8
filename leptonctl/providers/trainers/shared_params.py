"""Parameter schemas that several linear learners and networks share, word for word."""

from leptonctl.spi import Schema

CLASS_WEIGHT: Schema = {
    "enum": [None, "balanced"],
    "default": None,
    "description": "Weight of the classes: null weighs all rows alike, balanced weighs each class by the inverse of its share.",
}
FIT_INTERCEPT: Schema = {"type": "boolean", "default": True, "description": "Whether to fit a constant term."}
