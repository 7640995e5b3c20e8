"""Defaults of settings whose schemas come from a provider: filled in, or left out again. Pure."""

from collections.abc import Mapping
from typing import Any

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.numbers import coerce
from leptonctl.core.values import Json, Path
from leptonctl.kinds.unknown_keys import key_hint
from leptonctl.language.resolve import Declared
from leptonctl.language.validate import check_value


def with_defaults(
    settings: Mapping[str, Json], schemas: Mapping[str, Any], declared: Declared, at: Path, *, what: str, parameters: bool = False
) -> tuple[dict[str, Json], tuple[Diagnostic, ...]]:
    """The settings written at `at` with the defaults of all others, and what is wrong with them.

    what: their owner in messages, as in "algorithm mlp". parameters: messages call them parameters, not keys.
    """
    schema = {"type": "object", "properties": dict(schemas), "additionalProperties": False}
    problems = check_value(dict(settings), schema, declared, at, what=what, parameters=parameters, key_hint=key_hint)
    values = {name: coerce(settings[name] if name in settings else s.get("default"), s) for name, s in schemas.items()}
    return values, problems


def without_defaults(values: Mapping[str, Json], schemas: Mapping[str, Any]) -> dict[str, Json]:
    """The values that differ from the shipped defaults. Only these enter keys, so writing out a default changes nothing."""
    defaults = {name: coerce(schema.get("default"), schema) for name, schema in schemas.items()}
    return {name: value for name, value in values.items() if value != defaults[name] or type(value) is not type(defaults[name])}
