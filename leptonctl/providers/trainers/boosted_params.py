"""Parameters that the trainers of both booster libraries share, and parameters that have an effect only with others."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from leptonctl.providers.trainers.early_stopping import early_stopping
from leptonctl.spi.learning import Options, Params, Schema

EARLY_STOPPING = early_stopping("rounds")
SCALE_POS_WEIGHT: Schema = {
    "type": "number",
    "exclusiveMinimum": 0,
    "default": 1.0,
    "description": "Weight of the rows of the second of two classes; not for more classes.",
}


def share(default: float, description: str) -> Schema:
    """A parameter above 0, and at most 1."""
    return {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": default, "description": description}


def chance(default: float, description: str) -> Schema:
    """A parameter from 0 to 1."""
    return {"type": "number", "minimum": 0, "maximum": 1, "default": default, "description": description}


def size(default: float, description: str) -> Schema:
    """A parameter of 0 or more."""
    return {"type": "number", "minimum": 0, "default": default, "description": description}


class Condition(NamedTuple):
    """The `parameter` and those of its `values` with which another parameter has an effect, and the default of that other one."""

    parameter: str
    values: tuple[str, ...]
    default: Any


def effect_conflicts(params: Params, conditions: Mapping[str, Condition]) -> Iterator[str]:
    """Which parameters have no effect with these values of others."""
    for name, (parameter, values, default) in conditions.items():
        if params.get(name, default) != default and params[parameter] not in values:
            yield f"{name} has no effect without `{parameter}: {' or '.join(values)}`"


def settings_of(params: Params, conditions: Mapping[str, Condition]) -> Options:
    """The parameters for the library: those that have an effect, without rounds and early stopping."""
    idle = {name for name, condition in conditions.items() if params.get(condition.parameter) not in condition.values}
    return {name: value for name, value in params.items() if name not in idle | {"n_estimators", *EARLY_STOPPING}}
