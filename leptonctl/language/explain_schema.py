"""One jsonschema error -> what a person reads: an id, a sentence, a hint. Knows no documents and no places."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from leptonctl.core.diagnostic import did_you_mean
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json, Path
from leptonctl.language.fits import TYPES, repeated

NAME_PATTERN = "^[a-z0-9][a-z0-9._-]{0,62}$"
SHOWN = 40
TRUTHY = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
TYPE_WORDS = {
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


class SchemaError(Protocol):
    """The part of jsonschema.ValidationError that is read here."""

    @property
    def absolute_path(self) -> Any: ...
    @property
    def absolute_schema_path(self) -> Any: ...

    validator: Any
    validator_value: Any
    instance: Any
    schema: Any
    context: Any


class Mistake(Frozen):
    """A diagnostic without its place. `on_key`: it is the key at `path` that is wrong, not the value."""

    id: str
    summary: str
    detail: str
    path: Path
    hint: str = ""
    on_key: bool = False


def explain(wrong: SchemaError, what: str, *, parameters: bool = False) -> Iterator[Mistake]:
    """`what` has the value: a kind, or "algorithm mlp". `parameters`: its keys are parameters."""
    path: Path = tuple(wrong.absolute_path)
    word = wrong.validator
    if word in {"anyOf", "oneOf"}:
        yield from _branch(wrong, what, parameters=parameters)
    elif word == "additionalProperties":
        yield from _unknown(wrong, path, what, parameters=parameters)
    elif word in {"required", "dependencies"}:
        yield from _missing(wrong, path, what)
    elif "propertyNames" in wrong.absolute_schema_path:
        yield _bad_name(str(wrong.instance), (*path, wrong.instance), on_key=True)
    else:
        yield SINGLE.get(word, _wrong_length)(wrong, path)


def describe(schema: Mapping[str, Any]) -> str:
    """What a schema asks for, as the end of "must be …"."""
    if "enum" in schema:
        options = [_shown(option) for option in schema["enum"] if option is not None]
        return "one of " + ", ".join(options) if len(options) > 1 else "".join(options)
    if "const" in schema:
        return _shown(schema["const"])
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(describe(option) for option in schema[word]))
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else [k for k in kinds if k != "null"]
    words = " or ".join(TYPE_WORDS[k] for k in kinds) or "another value"
    if "items" in schema and kinds == ["array"] and isinstance(schema["items"], dict):
        words += f" of {_plural(schema['items'])}"
    return words + _limits(schema)


def _plural(schema: Mapping[str, Any]) -> str:
    kinds = schema.get("type")
    return {"string": "texts", "integer": "integers", "number": "numbers"}.get(kinds if isinstance(kinds, str) else "", "values")


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


def _kind_of(value: Json) -> str:
    if isinstance(value, str):
        return "text"
    if value is None:
        return "nothing"
    if isinstance(value, bool | int | float):
        return _shown(value)
    return "a list" if isinstance(value, list) else "a mapping"


def _shown(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    text = str(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _named(path: Path) -> str:
    """The key a value belongs to; an item of a list is named after its list."""
    key = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    if not key:
        return "the value"
    return f"each item of `{key}`" if isinstance(path[-1], int) else f"`{key}`"


def _unknown(wrong: SchemaError, path: Path, what: str, *, parameters: bool) -> Iterator[Mistake]:
    known = list(wrong.schema.get("properties", {}))
    inner = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    for key in wrong.instance:
        if key in known:
            continue
        hint = did_you_mean(key, known)
        if inner == "params" or (parameters and not path):
            detail = f"{what if parameters else '`params`'} has no parameter `{key}`"
            yield Mistake(
                id="unknown-parameter", summary="A parameter is not known", detail=detail, path=(*path, key), hint=hint, on_key=True
            )
            continue
        owner = f"`{inner}`" if inner else what
        if path[:1] == ("versions",) and path[1:] == path[-1:]:
            owner = f"a version of a {what}"
        detail = f"{owner} has no key `{key}`"
        yield Mistake(id="unknown-key", summary="A key is not known", detail=detail, path=(*path, key), hint=hint, on_key=True)


def _missing(wrong: SchemaError, path: Path, what: str) -> Iterator[Mistake]:
    needed = wrong.validator_value
    if wrong.validator == "dependencies":
        needed = [key for present, keys in needed.items() if present in wrong.instance and isinstance(keys, list) for key in keys]
    owner = _named(path) if path else what
    for key in needed:
        if key not in wrong.instance:
            detail = f"{owner} needs `{key}`"
            properties = wrong.schema.get("properties", {}).get(key, {})
            hint = f"add `{key}:`" + (f" {_first_lower(properties['description'])}" if "description" in properties else "")
            yield Mistake(id="missing-key", summary="A required key is missing", detail=detail, path=path, hint=hint, on_key=True)


def _first_lower(sentence: str) -> str:
    first = sentence.partition(". ")[0].partition(": ")[0].rstrip(".")
    return "(" + first[:1].lower() + first[1:] + ")"


def _excluded(wrong: SchemaError, path: Path) -> Mistake:
    detail = wrong.schema.get("$comment", "this key cannot stand here")
    hint = "remove one of the two"
    return Mistake(id="exclusive-keys", summary="Two keys exclude each other", detail=detail, path=path, hint=hint, on_key=True)


def _out_of_range(wrong: SchemaError, path: Path) -> Mistake:
    detail = f"{_named(path)} must be {describe(wrong.schema)}, not {_shown(wrong.instance)}"
    return Mistake(id="out-of-range", summary="A number is out of range", detail=detail, path=path, hint=_example(wrong.schema))


def _wrong_type(wrong: SchemaError, path: Path) -> Mistake:
    value, schema = wrong.instance, wrong.schema
    if schema.get("$comment") == "secret":
        hint = "write `{secret: {env: NAME}}` or `{secret: {file: PATH}}`"
        return Mistake(
            id="plain-secret",
            summary="A secret is written out",
            detail=f"{_named(path)} must name where the secret is",
            path=path,
            hint=hint,
        )
    if isinstance(value, dict) and set(value) == {"secret"}:
        detail = f"{_named(path)} takes no secret"
        return Mistake(
            id="misplaced-secret", summary="A secret stands where none may", detail=detail, path=path, hint="write the value itself"
        )
    detail = f"{_named(path)} must be {describe(schema)}, not {_kind_of(value)}" if value is not None else f"{_named(path)} has no value"
    return Mistake(id="wrong-type", summary="A value has the wrong type", detail=detail, path=path, hint=_type_hint(value, schema))


def _type_hint(value: Json, schema: Mapping[str, Any]) -> str:
    kinds = _any_kind(schema)
    hint = ""
    if value is None:
        hint = "give it a value, or remove the key"
    elif isinstance(value, str):
        hint = _text_hint(value, kinds)
    elif "string" in kinds and isinstance(value, bool | int | float):
        hint = f'quote it: "{_shown(value)}"'
    elif "integer" in kinds and isinstance(value, float) and value.is_integer():
        hint = f"write {int(value)}"
    elif "integer" in kinds and isinstance(value, float):
        hint = "write a whole number"
    elif "array" in kinds and isinstance(value, int | float):
        hint = f"write a list: [{_shown(value)}]"
    return hint or _example(schema)


def _text_hint(value: str, kinds: list[str]) -> str:
    """What text that should be something else may have meant."""
    if "boolean" in kinds:
        said = TRUTHY.get(value.lower(), "")
        return f"write {said}: YAML 1.2 reads `{value}` as text" if said else "write true or false, without quotes"
    number = value.replace(".", "", 1).removeprefix("-")
    if {"integer", "number"} & set(kinds) and number.isascii() and number.isdigit():
        return f"remove the quotes: {value}"
    return f"write a list: [{_shown(value)}]" if "array" in kinds else ""


def _any_kind(schema: Mapping[str, Any]) -> list[str]:
    return [kind for option in (schema, *schema.get("anyOf", ())) for kind in _kinds(option)]


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _example(schema: Mapping[str, Any]) -> str:
    examples = schema.get("examples")
    if examples:
        return f"for example {flow(examples[0])}"
    options = schema.get("enum", ())
    if len(options) == 1:
        return f"write {_shown(options[0])}"
    default = schema.get("default")
    return f"the default is {_shown(default)}" if isinstance(default, str | int | float) else f"write {describe(schema)}"


def flow(value: Json) -> str:
    """A value as YAML on one line, for a hint."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return _shown(value)


def _not_allowed(wrong: SchemaError, path: Path) -> Mistake:
    options = wrong.schema["enum"] if "enum" in wrong.schema else [wrong.schema["const"]]
    near = did_you_mean(wrong.instance, [o for o in options if isinstance(o, str)]) if isinstance(wrong.instance, str) else ""
    hint = near if near.startswith("did") else _example(wrong.schema)
    detail = f"{_named(path)} must be {describe(wrong.schema)}, not {_shown(wrong.instance)}"
    return Mistake(id="not-allowed", summary="A value is not one of those allowed", detail=detail, path=path, hint=hint)


def _bad_text(wrong: SchemaError, path: Path) -> Mistake:
    if wrong.validator_value == NAME_PATTERN:
        return _bad_name(wrong.instance, path)
    examples = wrong.schema.get("examples", [])
    if path and path[-1] == "digest":
        detail = "a digest is `sha256:` and 64 hex digits"
        return Mistake(id="bad-digest", summary="A digest is malformed", detail=detail, path=path, hint="run `leptonctl pin` to write it")
    hint = f"for example {examples[0]}" if examples else "see the YAML reference"
    return Mistake(
        id="bad-format",
        summary="A text does not have the right form",
        detail=f"{_named(path)} cannot be `{_shown(wrong.instance)}`",
        path=path,
        hint=hint,
    )


def _bad_name(name: str, path: Path, *, on_key: bool = False) -> Mistake:
    detail = "a name is 1 to 63 lower-case letters, digits, `.`, `_`, `-`, and begins with a letter or digit"
    better = "".join(c if c in "abcdefghijklmnopqrstuvwxyz0123456789._-" else "-" for c in name.lower()).strip("-._")[:63]
    hint = f"write {better}" if better else "for example v1"
    return Mistake(id="bad-name", summary="A name has characters that are not allowed", detail=detail, path=path, hint=hint, on_key=on_key)


def _repeated(wrong: SchemaError, path: Path) -> Mistake:
    index = repeated(wrong.instance)
    here = path if index is None else (*path, index)
    detail = f"{_named(path)} names this twice"
    return Mistake(id="duplicate-item", summary="A list names an item twice", detail=detail, path=here, hint="remove one of the two")


def _wrong_length(wrong: SchemaError, path: Path) -> Mistake:
    limit = wrong.validator_value
    least = str(wrong.validator).startswith("min")
    noun = {"Length": "character", "Items": "item", "Properties": "entry"}.get(str(wrong.validator)[3:], "part")
    plural = noun if limit == 1 else {"entry": "entries"}.get(noun, noun + "s")
    detail = f"{_named(path)} must have {'at least' if least else 'at most'} {limit} {plural}"
    hint = f"{'add' if least else 'remove'} {'an' if noun[0] in 'ei' else 'a'} {noun}" + (", or remove the key" if least else "")
    if least and noun == "entry" and wrong.schema.get("examples"):
        hint = _example(wrong.schema)
    return Mistake(id="wrong-length", summary="A value is too short or too long", detail=detail, path=path, hint=hint)


def _branch(wrong: SchemaError, what: str, *, parameters: bool) -> Iterator[Mistake]:
    """Of several forms a value may have, explain the one whose type was written."""
    branches: dict[int, list[SchemaError]] = {}
    for inner in wrong.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    depth = len(tuple(wrong.absolute_path))
    meant = [errors for index, errors in branches.items() if _is_meant(errors, wrong.validator_value[index], wrong.instance, depth)]
    if len(meant) == 1:
        for inner in meant[0]:
            yield from explain(inner, what, parameters=parameters)
        return
    path: Path = tuple(wrong.absolute_path)
    options = [o for schema in wrong.validator_value for o in schema.get("enum", []) if isinstance(o, str)]
    hint = did_you_mean(wrong.instance, options) if options and isinstance(wrong.instance, str) else ""
    if not hint.startswith("did") and "array" in _any_kind(wrong.schema):
        hint = ""
    shown = f"`{wrong.instance}`" if isinstance(wrong.instance, str) else _kind_of(wrong.instance)
    detail = (
        f"{_named(path)} must be {describe(wrong.schema)}, not {shown}" if wrong.instance is not None else f"{_named(path)} has no value"
    )
    yield Mistake(
        id="wrong-type",
        summary="A value has the wrong type",
        detail=detail,
        path=path,
        hint=hint or _type_hint(wrong.instance, wrong.schema),
    )


def _is_meant(errors: list[SchemaError], schema: Mapping[str, Any], value: Json, depth: int) -> bool:
    kinds = schema.get("type")
    if kinds is None:
        return False
    fitting = any(TYPES[name](value) for name in ([kinds] if isinstance(kinds, str) else kinds))
    return fitting and not any(e.validator == "type" and len(tuple(e.absolute_path)) == depth for e in errors)


SINGLE: Mapping[str, Callable[[SchemaError, Path], Mistake]] = {
    "not": _excluded,
    "type": _wrong_type,
    "enum": _not_allowed,
    "const": _not_allowed,
    "minimum": _out_of_range,
    "maximum": _out_of_range,
    "exclusiveMinimum": _out_of_range,
    "exclusiveMaximum": _out_of_range,
    "multipleOf": _out_of_range,
    "pattern": _bad_text,
    "uniqueItems": _repeated,
}
