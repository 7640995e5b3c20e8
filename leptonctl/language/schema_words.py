"""Values and schemas in words: what a schema requires, what a value is, and a value as YAML. Pure."""

from collections.abc import Mapping
from typing import Any

from leptonctl.core.values import Json, Path

MAX_LENGTH = 40
TYPE_WORDS = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


def describe(schema: Mapping[str, Any]) -> str:
    """What a schema requires, as the end of "must be …"."""
    if "enum" in schema:
        options = [show(option) for option in schema["enum"] if option is not None]
        return "one of " + ", ".join(options) if len(options) > 1 else "".join(options)
    if "const" in schema:
        return show(schema["const"])
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(str(option.get("title") or describe(option)) for option in schema[word]))
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else [k for k in types if k != "null"]
    words = " or ".join(TYPE_WORDS[k] for k in types) or "another value"
    if "items" in schema and types == ["array"] and isinstance(schema["items"], dict):
        words += f" of {_plural(schema['items'])}"
    return words + _limits(schema)


def _plural(schema: Mapping[str, Any]) -> str:
    types = schema.get("type")
    return {"string": "strings", "integer": "integers", "number": "numbers"}.get(types if isinstance(types, str) else "", "values")


def _limits(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if over is not None and under is not None:
        return f" between {over} and {under}"
    parts = []
    if low is not None:
        parts.append(f"of at least {low}")
    if over is not None:
        parts.append(f"greater than {over}")
    if high is not None:
        parts.append(f"of at most {high}")
    if under is not None:
        parts.append(f"less than {under}")
    return " " + " and ".join(parts) if parts else ""


def type_of(value: Json) -> str:
    if isinstance(value, str):
        return "a string"
    if value is None:
        return "nothing"
    if isinstance(value, bool | int | float):
        return show(value)
    return "a list" if isinstance(value, list) else "a mapping"


def show(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    text = str(value)
    if not any(character.isalnum() for character in text):
        return f'"{text}"'
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"


def name_of(path: Path) -> str:
    """The key of the value at a path, for a message; an item of a list is named after its list."""
    key = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    if not key:
        return "the value"
    return f"each item of `{key}`" if isinstance(path[-1], int) else f"`{key}`"


def all_types(schema: Mapping[str, Any]) -> list[str]:
    return [kind for option in (schema, *schema.get("anyOf", ())) for kind in _types(option)]


def _types(schema: Mapping[str, Any]) -> list[str]:
    types = schema.get("type", [])
    return [types] if isinstance(types, str) else list(types)


def flow(value: Json) -> str:
    """A value as YAML on one line, for a hint."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return show(value)
