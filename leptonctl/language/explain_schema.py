"""One jsonschema error -> what a person reads: an id, a sentence, a hint. Knows no documents and no spans."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from leptonctl.core.diagnostic import did_you_mean
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json, Path
from leptonctl.language.fits import TYPES, first_duplicate
from leptonctl.language.foreign_keys import foreign_hint, misspelled_hint

NAME_PATTERN = "^[a-z0-9][a-z0-9._-]{0,62}$"
MAX_LENGTH = 40
BOOLEAN_WORDS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
TYPE_WORDS = {
    "string": "a string",
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
    """A diagnostic without its span. `on_key`: the key at `path` is wrong, not the value."""

    id: str
    summary: str
    detail: str
    path: Path
    hint: str = ""
    on_key: bool = False


def explain(problem: SchemaError, what: str, *, parameters: bool = False) -> Iterator[Mistake]:
    """What an error means. `what` is the owner of the value: a kind, or "algorithm mlp". `parameters`: its keys are parameters."""
    path: Path = tuple(problem.absolute_path)
    word = problem.validator
    if word in {"anyOf", "oneOf"}:
        yield from _branch(problem, what, parameters=parameters)
    elif word == "additionalProperties":
        yield from _unknown_keys(problem, path, what, parameters=parameters)
    elif word in {"required", "dependencies"}:
        yield from _missing_keys(problem, path, what)
    elif "propertyNames" in problem.absolute_schema_path:
        yield _bad_name(str(problem.instance), (*path, problem.instance), on_key=True)
    else:
        yield EXPLAINERS.get(word, _wrong_length)(problem, path)


def describe(schema: Mapping[str, Any]) -> str:
    """What a schema requires, as the end of "must be …"."""
    if "enum" in schema:
        options = [_show(option) for option in schema["enum"] if option is not None]
        return "one of " + ", ".join(options) if len(options) > 1 else "".join(options)
    if "const" in schema:
        return _show(schema["const"])
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


def _type_of(value: Json) -> str:
    if isinstance(value, str):
        return "a string"
    if value is None:
        return "nothing"
    if isinstance(value, bool | int | float):
        return _show(value)
    return "a list" if isinstance(value, list) else "a mapping"


def _show(value: Json) -> str:
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


def _name_of(path: Path) -> str:
    """The key that a value belongs to; an item of a list is named after its list."""
    key = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    if not key:
        return "the value"
    return f"each item of `{key}`" if isinstance(path[-1], int) else f"`{key}`"


def _as_parameter(key: str, block: Mapping[str, Json], hint: str) -> str:
    """The hint for a key that would be a parameter: of a preprocess step, or of the algorithm, where other tools have no such key."""
    if not hint.startswith("known:") or isinstance(block[key], dict):
        return hint
    return f"if it is a parameter, write it under `params`: `params: {{{key}: {flow(block[key])}}}`"


def _unknown_keys(problem: SchemaError, path: Path, what: str, *, parameters: bool) -> Iterator[Mistake]:
    known = list(problem.schema.get("properties", {}))
    inner = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    for key in problem.instance:
        if key in known:
            continue
        parameter = inner == "params" or (parameters and not path)
        hint = foreign_hint(key, problem.schema.get("properties", {}), problem.instance[key], parameter=parameter)
        hint = hint or did_you_mean(key, known)
        if parameter and not hint.startswith(("did", "write", "remove")):
            hint = misspelled_hint(key, problem.schema.get("properties", {})) or hint
        if "params" in known and not parameter and not hint.startswith("did"):
            hint = _as_parameter(key, problem.instance, hint)
        if parameter:
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


def _missing_keys(problem: SchemaError, path: Path, what: str) -> Iterator[Mistake]:
    needed = problem.validator_value
    if problem.validator == "dependencies":
        needed = [key for present, keys in needed.items() if present in problem.instance and isinstance(keys, list) for key in keys]
    owner = _name_of(path) if path else what
    for key in needed:
        if key not in problem.instance:
            detail = f"{owner} needs `{key}`"
            properties = problem.schema.get("properties", {}).get(key, {})
            hint = f"add `{key}:`" + (f" {_first_lower(properties['description'])}" if "description" in properties else "")
            yield Mistake(id="missing-key", summary="A required key is missing", detail=detail, path=path, hint=hint, on_key=True)


def _first_lower(sentence: str) -> str:
    first = sentence.partition(". ")[0].partition(": ")[0].rstrip(".")
    return "(" + first[:1].lower() + first[1:] + ")"


def _exclusive_keys(problem: SchemaError, path: Path) -> Mistake:
    detail = problem.schema.get("$comment", "this key is not allowed here")
    hint = "remove one of the two"
    return Mistake(id="exclusive-keys", summary="Two keys exclude each other", detail=detail, path=path, hint=hint, on_key=True)


def _out_of_range(problem: SchemaError, path: Path) -> Mistake:
    detail = f"{_name_of(path)} must be {describe(problem.schema)}, not {_show(problem.instance)}"
    return Mistake(id="out-of-range", summary="A number is out of range", detail=detail, path=path, hint=_example(problem.schema))


def _wrong_type(problem: SchemaError, path: Path) -> Mistake:
    value, schema = problem.instance, problem.schema
    if schema.get("$comment") in ("secret", "secret place"):
        hint = "write `{secret: {env: NAME}}` or `{secret: {file: PATH}}`"
        return Mistake(
            id="plain-secret",
            summary="A secret is written in plain text",
            detail=f"{_name_of(path)} must say where the secret is",
            path=path,
            hint=hint,
        )
    if isinstance(value, dict) and set(value) == {"secret"}:
        detail = f"{_name_of(path)} does not take a secret"
        return Mistake(
            id="misplaced-secret", summary="A secret is not allowed here", detail=detail, path=path, hint="write the value itself"
        )
    detail = (
        f"{_name_of(path)} must be {describe(schema)}, not {_type_of(value)}" if value is not None else f"{_name_of(path)} has no value"
    )
    return Mistake(id="wrong-type", summary="A value has the wrong type", detail=detail, path=path, hint=_type_hint(value, schema))


def _type_hint(value: Json, schema: Mapping[str, Any]) -> str:
    types = _all_types(schema)
    hint = ""
    if value is None:
        hint = "give it a value, or remove the key"
    elif isinstance(value, str):
        hint = _words_hint(value) if schema.get("x-words") else _string_hint(value, types)
    elif "string" in types and isinstance(value, bool | int | float):
        hint = f'quote it: "{_show(value)}"'
    elif "integer" in types and isinstance(value, float) and value.is_integer():
        hint = f"write {int(value)}"
    elif "integer" in types and isinstance(value, float):
        hint = "write a whole number"
    elif "array" in types and isinstance(value, int | float):
        hint = f"write a list: [{_show(value)}]"
    elif isinstance(value, int | float) and "min" in schema.get("properties", {}):
        hint = f"write {{min: {_show(value)}}}"
    return hint or _example(schema)


def _words_hint(value: str) -> str:
    """A hint for a command line in place of the list of its words."""
    try:
        words = shlex.split(value)
    except ValueError:
        words = value.split()
    # a build of the package reads the schemas where there is no YAML parser
    from leptonctl.language.edit import key_lines

    return f"write a list: {key_lines('run', list(words)).removeprefix('run: ').strip()}" if words else ""


def _string_hint(value: str, types: list[str]) -> str:
    """A hint for a string in place of another type."""
    if "boolean" in types:
        boolean = BOOLEAN_WORDS.get(value.lower(), "")
        return f"write {boolean}: YAML 1.2 reads `{value}` as a string" if boolean else "write true or false, without quotes"
    number = value.replace(".", "", 1).removeprefix("-")
    if {"integer", "number"} & set(types) and number.isascii() and number.isdigit():
        return f"remove the quotes: {value}"
    if "array" in types and value.startswith("("):
        return f"write a list in square brackets: [{_show(value.strip('(), ').rstrip(')'))}]"
    return f"write a list: [{_show(value)}]" if "array" in types else ""


def _all_types(schema: Mapping[str, Any]) -> list[str]:
    return [kind for option in (schema, *schema.get("anyOf", ())) for kind in _types(option)]


def _types(schema: Mapping[str, Any]) -> list[str]:
    types = schema.get("type", [])
    return [types] if isinstance(types, str) else list(types)


def _example(schema: Mapping[str, Any]) -> str:
    examples = schema.get("examples")
    if examples:
        return f"for example {flow(examples[0])}"
    options = schema.get("enum", ())
    if len(options) == 1:
        return f"write {_show(options[0])}"
    default = schema.get("default")
    return f"the default is {_show(default)}" if isinstance(default, str | int | float) else f"write {describe(schema)}"


def flow(value: Json) -> str:
    """A value as YAML on one line, for a hint."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return _show(value)


def _not_allowed(problem: SchemaError, path: Path) -> Mistake:
    options = problem.schema["enum"] if "enum" in problem.schema else [problem.schema["const"]]
    suggestion = did_you_mean(problem.instance, [o for o in options if isinstance(o, str)]) if isinstance(problem.instance, str) else ""
    hint = suggestion if suggestion.startswith("did") else _example(problem.schema)
    if path[-1:] == ("class_weight",) and isinstance(problem.instance, dict):
        hint = f"write `class_weight: {flow(problem.instance)}` in the model or the version, beside `params`"
    detail = f"{_name_of(path)} must be {describe(problem.schema)}, not {_show(problem.instance)}"
    return Mistake(id="not-allowed", summary="A value is not allowed", detail=detail, path=path, hint=hint)


def _bad_format(problem: SchemaError, path: Path) -> Mistake:
    if problem.validator_value == NAME_PATTERN:
        return _bad_name(problem.instance, path)
    examples = problem.schema.get("examples", [])
    if path and path[-1] == "digest":
        detail = "a digest is `sha256:` and 64 hex digits"
        return Mistake(
            id="bad-digest", summary="A digest is malformed", detail=detail, path=path, hint="remove it, then let `leptonctl pin` write it"
        )
    hint = f"for example {examples[0]}" if examples else "see the YAML reference"
    return Mistake(
        id="bad-format",
        summary="A value does not have the right format",
        detail=f"{_name_of(path)} cannot be `{_show(problem.instance)}`",
        path=path,
        hint=hint,
    )


def _bad_name(name: str, path: Path, *, on_key: bool = False) -> Mistake:
    detail = "a name is 1 to 63 lower-case letters, digits, `.`, `_`, `-`, and begins with a letter or digit"
    suggestion = "".join(c if c in "abcdefghijklmnopqrstuvwxyz0123456789._-" else "-" for c in name.lower()).strip("-._")[:63]
    hint = f"write {suggestion}" if suggestion else "for example v1"
    return Mistake(id="bad-name", summary="A name has characters that are not allowed", detail=detail, path=path, hint=hint, on_key=on_key)


def _duplicate_item(problem: SchemaError, path: Path) -> Mistake:
    index = first_duplicate(problem.instance)
    item_path = path if index is None else (*path, index)
    detail = f"{_name_of(path)} contains this twice"
    return Mistake(
        id="duplicate-item", summary="A list contains an item twice", detail=detail, path=item_path, hint="remove one of the two"
    )


def _wrong_length(problem: SchemaError, path: Path) -> Mistake:
    limit = problem.validator_value
    is_minimum = str(problem.validator).startswith("min")
    noun = {"Length": "character", "Items": "item", "Properties": "entry"}.get(str(problem.validator)[3:], "part")
    plural = noun if limit == 1 else {"entry": "entries"}.get(noun, noun + "s")
    detail = f"{_name_of(path)} must have {'at least' if is_minimum else 'at most'} {limit} {plural}"
    hint = f"{'add' if is_minimum else 'remove'} {'an' if noun[0] in 'ei' else 'a'} {noun}" + (", or remove the key" if is_minimum else "")
    if is_minimum and noun == "entry" and problem.schema.get("examples"):
        hint = _example(problem.schema)
    return Mistake(id="wrong-length", summary="A value is too short or too long", detail=detail, path=path, hint=hint)


def _branch(problem: SchemaError, what: str, *, parameters: bool) -> Iterator[Mistake]:
    """The mistakes in a value that may have several forms: those of the form whose type it has, if that is only one."""
    branches: dict[int, list[SchemaError]] = {}
    for inner in problem.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    depth = len(tuple(problem.absolute_path))
    matching = [errors for index, errors in branches.items() if _has_type(errors, problem.validator_value[index], problem.instance, depth)]
    if len(matching) == 1:
        for inner in matching[0]:
            yield from explain(inner, what, parameters=parameters)
        return
    path: Path = tuple(problem.absolute_path)
    options = [o for schema in problem.validator_value for o in schema.get("enum", []) if isinstance(o, str)]
    hint = did_you_mean(problem.instance, options) if options and isinstance(problem.instance, str) else ""
    if not hint.startswith("did") and "array" in _all_types(problem.schema):
        hint = ""
    value = f"`{problem.instance}`" if isinstance(problem.instance, str) else _type_of(problem.instance)
    detail = (
        f"{_name_of(path)} must be {describe(problem.schema)}, not {value}"
        if problem.instance is not None
        else f"{_name_of(path)} has no value"
    )
    yield Mistake(
        id="wrong-type",
        summary="A value has the wrong type",
        detail=detail,
        path=path,
        hint=hint or _type_hint(problem.instance, problem.schema),
    )


def _has_type(errors: list[SchemaError], schema: Mapping[str, Any], value: Json, depth: int) -> bool:
    types = schema.get("type")
    if types is None:
        return False
    fitting = any(TYPES[name](value) for name in ([types] if isinstance(types, str) else types))
    return fitting and not any(e.validator == "type" and len(tuple(e.absolute_path)) == depth for e in errors)


EXPLAINERS: Mapping[str, Callable[[SchemaError, Path], Mistake]] = {
    "not": _exclusive_keys,
    "type": _wrong_type,
    "enum": _not_allowed,
    "const": _not_allowed,
    "minimum": _out_of_range,
    "maximum": _out_of_range,
    "exclusiveMinimum": _out_of_range,
    "exclusiveMaximum": _out_of_range,
    "multipleOf": _out_of_range,
    "pattern": _bad_format,
    "uniqueItems": _duplicate_item,
}
