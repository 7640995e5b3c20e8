"""What to write instead of a value that does not fit its schema. Pure."""

import shlex
from collections.abc import Mapping
from typing import Any

from leptonctl.core.values import Json
from leptonctl.language.schema_words import all_types, describe, flow, show

BOOLEAN_WORDS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def type_hint(value: Json, schema: Mapping[str, Any]) -> str:
    types = all_types(schema)
    hint = ""
    if value is None:
        hint = "give it a value, or remove the key"
    elif isinstance(value, str):
        hint = _words_hint(value) if schema.get("x-words") else _string_hint(value, types)
    elif "string" in types and isinstance(value, bool | int | float):
        hint = f'quote it: "{show(value)}"'
    elif "integer" in types and isinstance(value, float) and value.is_integer():
        hint = f"write {int(value)}"
    elif "integer" in types and isinstance(value, float):
        hint = "write a whole number"
    elif "array" in types and isinstance(value, int | float):
        hint = f"write a list: [{show(value)}]"
    elif isinstance(value, int | float) and "min" in schema.get("properties", {}):
        hint = f"write {{min: {show(value)}}}"
    return hint or example_of(schema)


def _words_hint(value: str) -> str:
    """A hint for a command line where a list of its words is required."""
    try:
        words = shlex.split(value)
    except ValueError:
        words = value.split()
    # the build of the package imports this module, but has no YAML parser
    from leptonctl.language.edit import key_lines

    return f"write a list: {key_lines('run', list(words)).removeprefix('run: ').strip()}" if words else ""


def _string_hint(value: str, types: list[str]) -> str:
    """A hint for a string where another type is required."""
    if "boolean" in types:
        boolean = BOOLEAN_WORDS.get(value.lower(), "")
        return f"write {boolean}: YAML 1.2 reads `{value}` as a string" if boolean else "write true or false, without quotes"
    number = value.replace(".", "", 1).removeprefix("-")
    if {"integer", "number"} & set(types) and number.isascii() and number.isdigit():
        return f"remove the quotes: {value}"
    if "array" in types and value.startswith("("):
        return f"write a list in square brackets: [{show(value.strip('(), ').rstrip(')'))}]"
    return f"write a list: [{show(value)}]" if "array" in types else ""


def example_of(schema: Mapping[str, Any]) -> str:
    examples = schema.get("examples")
    if examples:
        return f"for example {flow(examples[0])}"
    options = schema.get("enum", ())
    if len(options) == 1:
        return f"write {show(options[0])}"
    default = schema.get("default")
    return f"the default is {show(default)}" if isinstance(default, str | int | float) else f"write {describe(schema)}"
