"""Settings whose schemas come from a provider: checks them and fills in defaults. Pure."""

from collections.abc import Mapping
from typing import Any

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.numbers import coerce
from leptonctl.core.values import Json, Path
from leptonctl.language.resolve import Declared
from leptonctl.language.validate import check_value


def with_defaults(
    declared_settings: Mapping[str, Json], schemas: Mapping[str, Any], declared: Declared, at: Path, what: str, *, parameters: bool = False
) -> tuple[dict[str, Json], tuple[Diagnostic, ...]]:
    """The declared settings with the defaults of all others, and what is wrong with them.

    `what` is their owner in messages: "algorithm mlp". `parameters`: messages call them parameters, not keys.
    """
    schema = {"type": "object", "properties": dict(schemas), "additionalProperties": False}
    problems = check_value(dict(declared_settings), schema, declared, at, what=what, parameters=parameters)
    values = {name: coerce(declared_settings[name] if name in declared_settings else s.get("default"), s) for name, s in schemas.items()}
    return values, problems


def without_defaults(values: Mapping[str, Json], schemas: Mapping[str, Any]) -> dict[str, Json]:
    """The values that differ from the shipped defaults: only these enter keys, so a default may be written out."""
    defaults = {name: coerce(schema.get("default"), schema) for name, schema in schemas.items()}
    return {name: value for name, value in values.items() if value != defaults[name] or type(value) is not type(defaults[name])}
