"""One jsonschema error -> what a person reads: an id, a sentence, a hint. Knows no documents and no spans."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from leptonctl.core.diagnostic import did_you_mean
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json, Path
from leptonctl.language.fits import NAME_PATTERN, TYPES, first_duplicate
from leptonctl.language.schema_hints import example_of, type_hint
from leptonctl.language.schema_words import all_types, describe, flow, name_of, show, type_of


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


class KeyHint(Protocol):
    """A key that is not known -> what to write instead. known: the keys that are, with their schemas; parameter: it is one of `params`."""

    def __call__(self, key: str, known: Mapping[str, Json], value: Json, /, *, parameter: bool) -> str: ...


class Mistake(Frozen):
    """A diagnostic without its span. `on_key`: the key at `path` is wrong, not the value."""

    id: str
    summary: str
    detail: str
    path: Path
    hint: str = ""
    on_key: bool = False


def explain(problem: SchemaError, what: str, key_hint: KeyHint, *, parameters: bool = False) -> Iterator[Mistake]:
    """The mistakes behind an error. what: the owner of the value, a kind or "algorithm mlp". parameters: its keys are parameters."""
    path: Path = tuple(problem.absolute_path)
    word = problem.validator
    if word in {"anyOf", "oneOf"}:
        yield from _branch(problem, what, key_hint, parameters=parameters)
    elif word == "additionalProperties":
        yield from _unknown_keys(problem, what, key_hint, parameters=parameters)
    elif word in {"required", "dependencies"}:
        yield from _missing_keys(problem, path, what)
    elif "propertyNames" in problem.absolute_schema_path:
        yield _bad_name(str(problem.instance), (*path, problem.instance), on_key=True)
    else:
        yield EXPLAINERS.get(word, _wrong_length)(problem, path)


def _as_parameter(key: str, block: Mapping[str, Json], hint: str) -> str:
    """The hint for a key that may be a parameter of the algorithm or of a preprocess step, unless another hint is known."""
    if not hint.startswith("known:") or isinstance(block[key], dict):
        return hint
    return f"if it is a parameter, write it under `params`: `params: {{{key}: {flow(block[key])}}}`"


def _unknown_keys(problem: SchemaError, what: str, key_hint: KeyHint, *, parameters: bool) -> Iterator[Mistake]:
    path: Path = tuple(problem.absolute_path)
    known = problem.schema.get("properties", {})
    inner = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    for key in problem.instance:
        if key in known:
            continue
        parameter = inner == "params" or (parameters and not path)
        hint = key_hint(key, known, problem.instance[key], parameter=parameter)
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
    required = problem.validator_value
    if problem.validator == "dependencies":
        required = [key for present, keys in required.items() if present in problem.instance and isinstance(keys, list) for key in keys]
    owner = name_of(path) if path else what
    for key in required:
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
    detail = f"{name_of(path)} must be {describe(problem.schema)}, not {show(problem.instance)}"
    return Mistake(id="out-of-range", summary="A number is out of range", detail=detail, path=path, hint=example_of(problem.schema))


def _wrong_type(problem: SchemaError, path: Path) -> Mistake:
    value, schema = problem.instance, problem.schema
    if schema.get("$comment") in ("secret", "secret place"):
        hint = "write `{secret: {env: NAME}}` or `{secret: {file: PATH}}`"
        detail = f"{name_of(path)} must say where the secret is"
        return Mistake(id="plain-secret", summary="A secret is written in plain text", detail=detail, path=path, hint=hint)
    if isinstance(value, dict) and set(value) == {"secret"}:
        detail = f"{name_of(path)} does not take a secret"
        return Mistake(
            id="misplaced-secret", summary="A secret is not allowed here", detail=detail, path=path, hint="write the value itself"
        )
    return _type_mistake(problem, path, type_of(value), type_hint(value, schema))


def _type_mistake(problem: SchemaError, path: Path, value: str, hint: str) -> Mistake:
    """The mistake of a value, given in words, that has the wrong type."""
    detail = f"{name_of(path)} must be {describe(problem.schema)}, not {value}"
    if problem.instance is None:
        detail = f"{name_of(path)} has no value"
    return Mistake(id="wrong-type", summary="A value has the wrong type", detail=detail, path=path, hint=hint)


def _not_allowed(problem: SchemaError, path: Path) -> Mistake:
    options = problem.schema["enum"] if "enum" in problem.schema else [problem.schema["const"]]
    suggestion = did_you_mean(problem.instance, [o for o in options if isinstance(o, str)]) if isinstance(problem.instance, str) else ""
    hint = suggestion if suggestion.startswith("did") else example_of(problem.schema)
    if path[-1:] == ("class_weight",) and isinstance(problem.instance, dict):
        hint = f"write `class_weight: {flow(problem.instance)}` in the model or the version, beside `params`"
    detail = f"{name_of(path)} must be {describe(problem.schema)}, not {show(problem.instance)}"
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
        detail=f"{name_of(path)} cannot be `{show(problem.instance)}`",
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
    detail = f"{name_of(path)} contains this twice"
    return Mistake(
        id="duplicate-item", summary="A list contains an item twice", detail=detail, path=item_path, hint="remove one of the two"
    )


def _wrong_length(problem: SchemaError, path: Path) -> Mistake:
    limit = problem.validator_value
    is_minimum = str(problem.validator).startswith("min")
    noun = {"Length": "character", "Items": "item", "Properties": "entry"}.get(str(problem.validator)[3:], "part")
    plural = noun if limit == 1 else {"entry": "entries"}.get(noun, noun + "s")
    detail = f"{name_of(path)} must have {'at least' if is_minimum else 'at most'} {limit} {plural}"
    hint = f"{'add' if is_minimum else 'remove'} {'an' if noun[0] in 'ei' else 'a'} {noun}" + (", or remove the key" if is_minimum else "")
    if is_minimum and noun == "entry" and problem.schema.get("examples"):
        hint = example_of(problem.schema)
    return Mistake(id="wrong-length", summary="A value is too short or too long", detail=detail, path=path, hint=hint)


def _branch(problem: SchemaError, what: str, key_hint: KeyHint, *, parameters: bool) -> Iterator[Mistake]:
    """The mistakes in a value that may have several forms: those of the form with its type, if there is only one such form."""
    branches: dict[int, list[SchemaError]] = {}
    for inner in problem.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    depth = len(tuple(problem.absolute_path))
    matching = [errors for index, errors in branches.items() if _has_type(errors, problem.validator_value[index], problem.instance, depth)]
    if len(matching) == 1:
        for inner in matching[0]:
            yield from explain(inner, what, key_hint, parameters=parameters)
        return
    path: Path = tuple(problem.absolute_path)
    options = [o for schema in problem.validator_value for o in schema.get("enum", []) if isinstance(o, str)]
    hint = did_you_mean(problem.instance, options) if options and isinstance(problem.instance, str) else ""
    if not hint.startswith("did") and "array" in all_types(problem.schema):
        hint = ""
    value = f"`{problem.instance}`" if isinstance(problem.instance, str) else type_of(problem.instance)
    yield _type_mistake(problem, path, value, hint or type_hint(problem.instance, problem.schema))


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
