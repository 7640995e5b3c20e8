"""The schema of `search:` of a model. Data only; what depends on the algorithm is checked when a version is resolved."""

from typing import Any

from leptonctl.kinds.schema_parts import SCALAR, block, choice, integer, number, string
from leptonctl.spi.learning import Schema

METHODS = ("grid", "random", "halving")
MOST_TRIALS = 1000
TRIALS, FOLDS, FACTOR = 20, 5, 3
"""The defaults of `trials`, `cross_validation` and `factor`."""


def _ends(description: str, of: Schema, example: list[Any]) -> Schema:
    return {"description": description, "type": "array", "items": of, "minItems": 2, "maxItems": 2, "examples": [example]}


RANGE = block(
    "A range to draw from.",
    {
        "uniform": _ends("Numbers from the first to the second, all equally likely.", number("An end."), [0.0, 1.0]),
        "log": _ends(
            "Positive numbers from the first to the second, all orders of magnitude equally likely.",
            number("An end.", exclusiveMinimum=0),
            [0.0001, 1.0],
        ),
        "int": _ends("Integers from the first to the second, both included, all equally likely.", integer("An end."), [2, 8]),
    },
    minProperties=1,
    maxProperties=1,
)
VALUES: Schema = {
    "description": "The values to try.",
    "type": "array",
    "items": {"description": "A value of the parameter."},
    "minItems": 1,
}
SEARCH = block(
    "Parameters to find by cross-validation on the training rows. The version is trained with the best ones; each trial has its "
    "own result.",
    {
        "method": choice(
            "`grid` tries every combination of lists, `random` draws some, `halving` tries all on a part of the rows and the better "
            "ones on more.",
            [*METHODS],
            default="grid",
        ),
        "parameters": {
            "description": "Parameter of the algorithm -> a list of values, or a range. They replace those in `params`.",
            "type": "object",
            "additionalProperties": {"description": "Where to look for a parameter.", "anyOf": [VALUES, RANGE]},
            "minProperties": 1,
            "examples": [{"C": [0.1, 1.0, 10.0]}, {"C": {"log": [0.0001, 1.0]}, "max_iter": {"int": [50, 500]}}],
        },
        "trials": integer(
            "How many combinations to draw. Without it, halving over lists tries all of them. Not for a grid.",
            minimum=1,
            maximum=MOST_TRIALS,
            default=TRIALS,
        ),
        "metric": string(
            "The metric to optimize. Default: accuracy; r2 for a regression.",
            minLength=1,
            examples=["f1"],
        ),
        "cross_validation": integer("Number of folds of the training rows.", minimum=2, maximum=100, default=FOLDS),
        "factor": integer(
            "For halving: one in this many combinations goes on to the next rung, with this many times the rows.",
            minimum=2,
            maximum=10,
            default=FACTOR,
        ),
        "positive": {"description": "The positive class of the metric. Default: that of `evaluate`.", "type": SCALAR},
        "average": choice(
            "How the metric is averaged over classes. Default: that of `evaluate`.", ["binary", "macro", "micro", "weighted"]
        ),
    },
    required=["parameters"],
    examples=[{"method": "grid", "parameters": {"C": [0.1, 1.0, 10.0]}, "metric": "f1"}],
)
