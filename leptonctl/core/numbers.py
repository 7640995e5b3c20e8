"""Numbers of YAML and of schemas as values: 1 and 1.0 are equal where a schema allows any number. Pure."""

from collections.abc import Mapping
from typing import Any

from leptonctl.core.values import Json


def coerce(value: Json, schema: Mapping[str, Any]) -> Json:
    """An integer as a float where the schema allows numbers but not integers, so that 1 and 1.0 are one value."""
    if type(value) is not int:
        return value
    types: set[str] = set()
    for alternative in (schema, *schema.get("anyOf", ())):
        type_ = alternative.get("type", [])
        types.update([type_] if isinstance(type_, str) else type_)
    return float(value) if "number" in types and "integer" not in types else value
