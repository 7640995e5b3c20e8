"""Settings whose schemas come from a provider: checked at their place in YAML, defaults filled in. Pure."""

from collections.abc import Mapping
from typing import Any

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.values import Json, Path
from leptonctl.language.resolve import Declared
from leptonctl.language.validate import check_value


def filled(
    written: Mapping[str, Json], schemas: Mapping[str, Any], declared: Declared, at: Path, what: str, *, parameters: bool = False
) -> tuple[dict[str, Json], tuple[Diagnostic, ...]]:
    """Written settings with the defaults of all others, and what is wrong with them.

    `what` has them, in words: "algorithm mlp". `parameters`: messages call them parameters, not keys.
    """
    schema = {"type": "object", "properties": dict(schemas), "additionalProperties": False}
    problems = check_value(dict(written), schema, declared, at, what=what, parameters=parameters)
    values = {name: typed(written[name] if name in written else s.get("default"), s) for name, s in schemas.items()}
    return values, problems


def changed(values: Mapping[str, Json], schemas: Mapping[str, Any]) -> dict[str, Json]:
    """The values that differ from the shipped defaults: only these enter keys, so a default may be written out."""
    defaults = {name: typed(schema.get("default"), schema) for name, schema in schemas.items()}
    return {name: value for name, value in values.items() if value != defaults[name] or type(value) is not type(defaults[name])}


def typed(value: Json, schema: Mapping[str, Any]) -> Json:
    """A whole number as a float where the schema takes numbers but no integers, so that 1 and 1.0 are one value."""
    kinds: set[str] = set()
    for alternative in (schema, *schema.get("anyOf", ())):
        written = alternative.get("type", [])
        kinds.update([written] if isinstance(written, str) else written)
    if isinstance(value, int) and not isinstance(value, bool) and "number" in kinds and "integer" not in kinds:
        return float(value)
    return value
