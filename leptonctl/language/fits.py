"""A fast check whether a value fits a schema. It knows the keywords of our schemas and accepts a value only when it is sure."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from leptonctl.core.values import Json

SILENT = frozenset({"description", "default", "examples", "title", "$comment", "$id", "$schema"})


def is_integer(value: object) -> bool:
    """Whether a value is an integer without a decimal point: 200.0 is not one here."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


TYPES: Mapping[str, Callable[[object], bool]] = {
    "null": lambda v: v is None,
    "boolean": lambda v: isinstance(v, bool),
    "integer": is_integer,
    "number": is_number,
    "string": lambda v: isinstance(v, str),
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
}


def same(left: Json, right: Json) -> bool:
    """Whether two values are equal as JSON: true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left == right


def fits(value: Json, schema: Mapping[str, Any]) -> bool:
    """True: the value fits. False: it does not, or the schema has an unknown keyword."""
    return all(
        word in SILENT or word.startswith("x-") or ((check := CHECKS.get(word)) is not None and check(value, rule, schema))
        for word, rule in schema.items()
    )


def _type(value: Json, rule: Any, _schema: Mapping[str, Any]) -> bool:
    return any(TYPES[name](value) for name in ([rule] if isinstance(rule, str) else rule))


def _pattern(value: Json, rule: Any, _schema: Mapping[str, Any]) -> bool:
    return not isinstance(value, str) or matches(rule, value)


def matches(pattern: str, value: str) -> bool:
    """Whether a pattern matches as in JSON Schema: `$` is the end of the string, not the position before a last line break."""
    return re.search(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern, value) is not None


def _unique(value: Json, rule: Any, _schema: Mapping[str, Any]) -> bool:
    return not (rule and isinstance(value, list)) or first_duplicate(value) is None


def first_duplicate(items: list[Json]) -> int | None:
    """The index of the first item that repeats an earlier one, None when there is none."""
    if all(isinstance(item, str) for item in items):
        visited: set[str] = set()
        return next((i for i, item in enumerate(items) if item in visited or visited.add(str(item))), None)  # type: ignore[func-returns-value]
    return next((i for i, item in enumerate(items) if any(same(item, before) for before in items[:i])), None)


def _items(value: Json, rule: Any, _schema: Mapping[str, Any]) -> bool:
    return not isinstance(value, list) or (isinstance(rule, dict) and all(fits(item, rule) for item in value))


def _properties(value: Json, rule: Any, _schema: Mapping[str, Any]) -> bool:
    return not isinstance(value, dict) or all(fits(value[key], rule[key]) for key in rule if key in value)


def _additional(value: Json, rule: Any, schema: Mapping[str, Any]) -> bool:
    if not isinstance(value, dict):
        return True
    extra = [key for key in value if key not in schema.get("properties", {})]
    if isinstance(rule, dict):
        return all(fits(value[key], rule) for key in extra)
    return bool(rule) or not extra


def _dependencies(value: Json, rule: Any, _schema: Mapping[str, Any]) -> bool:
    if not isinstance(value, dict):
        return True
    applicable = [of for key, of in rule.items() if key in value]
    return all(fits(value, of) if isinstance(of, dict) else all(key in value for key in of) for of in applicable)


CHECKS: Mapping[str, Callable[[Json, Any, Mapping[str, Any]], bool]] = {
    "type": _type,
    "enum": lambda v, rule, _: any(same(v, option) for option in rule),
    "const": lambda v, rule, _: same(v, rule),
    "minimum": lambda v, rule, _: not is_number(v) or v >= rule,
    "maximum": lambda v, rule, _: not is_number(v) or v <= rule,
    "exclusiveMinimum": lambda v, rule, _: not is_number(v) or v > rule,
    "exclusiveMaximum": lambda v, rule, _: not is_number(v) or v < rule,
    "minLength": lambda v, rule, _: not isinstance(v, str) or len(v) >= rule,
    "maxLength": lambda v, rule, _: not isinstance(v, str) or len(v) <= rule,
    "minItems": lambda v, rule, _: not isinstance(v, list) or len(v) >= rule,
    "maxItems": lambda v, rule, _: not isinstance(v, list) or len(v) <= rule,
    "minProperties": lambda v, rule, _: not isinstance(v, dict) or len(v) >= rule,
    "maxProperties": lambda v, rule, _: not isinstance(v, dict) or len(v) <= rule,
    "pattern": _pattern,
    "uniqueItems": _unique,
    "items": _items,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": lambda v, rule, _: not isinstance(v, dict) or all(fits(key, rule) for key in v),
    "dependencies": _dependencies,
    "required": lambda v, rule, _: not isinstance(v, dict) or all(key in v for key in rule),
    "anyOf": lambda v, rule, _: any(fits(v, option) for option in rule),
    "allOf": lambda v, rule, _: all(fits(v, option) for option in rule),
}
