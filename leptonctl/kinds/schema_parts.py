"""Building blocks of the schemas of all kinds, and how a base block becomes an override. Data only."""

from collections.abc import Mapping
from typing import Any, Final

from leptonctl.language.fits import NAME_PATTERN
from leptonctl.spi.learning import Schema

MAJOR: Final = "v1"
SITE: Final = f"urn:leptonctl:schemas/{MAJOR}/"
DIGEST_PATTERN: Final = "^sha256:[0-9a-f]{64}$"
SCALAR: Final = ["string", "number", "boolean"]


def string(description: str, **more: Any) -> Schema:
    return {"description": description, "type": "string", **more}


def flag(description: str, *, default: bool) -> Schema:
    return {"description": description, "type": "boolean", "default": default}


def number(description: str, **more: Any) -> Schema:
    return {"description": description, "type": "number", **more}


def integer(description: str, **more: Any) -> Schema:
    return {"description": description, "type": "integer", **more}


def choice(description: str, options: list[Any], **more: Any) -> Schema:
    return {"description": description, "enum": options, **more}


def strings(description: str, what: str, **more: Any) -> Schema:
    """A list of distinct strings."""
    return {"description": description, "type": "array", "items": string(what, minLength=1), "uniqueItems": True, **more}


def words(description: str, example: str) -> Schema:
    """A list of words, which YAML may write as strings, integers or booleans."""
    word = {"description": "A word.", "type": ["string", "integer", "boolean"], "minLength": 1}
    return {"description": description, "type": "array", "items": word, "minItems": 1, "uniqueItems": True, "examples": [[example]]}


def block(description: str, properties: Mapping[str, Schema], **more: Any) -> Schema:
    """A mapping with these keys and no others."""
    return {"description": description, "type": "object", "properties": dict(properties), "additionalProperties": False, **more}


def backend(description: str, default: str) -> Schema:
    """The choice of an installed back end by `type`. Its settings are further keys, checked by its own schemas."""
    type_ = string("Name under which the back end is installed.", minLength=1, default=default)
    return {"description": description, "type": "object", "properties": {"type": type_}}


def table(description: str, of: Schema, **more: Any) -> Schema:
    """A mapping whose keys the user chooses."""
    return {"description": description, "type": "object", "additionalProperties": of, **more}


def forbid(why: str) -> Schema:
    """A key that cannot be combined with another; `$comment` is the sentence shown."""
    return {"not": {}, "$comment": why}


def name(what: str) -> Schema:
    return string(
        f"Name of the {what}: lower-case letters, digits, `.`, `_` and `-`; unique among documents of its kind.", pattern=NAME_PATTERN
    )


def kind(value: str) -> Schema:
    return {"description": "What this document declares.", "const": value}


def secret(description: str) -> Schema:
    """A reference to a secret: the only form in which a secret may be written."""
    return block(
        description,
        {
            "secret": block(
                "Where the secret is read from when it is needed. It is never stored.",
                {
                    "env": string("Environment variable that holds it.", pattern="^[A-Za-z_][A-Za-z0-9_]*$", examples=["LEPTON_HASH_KEY"]),
                    "file": string("File that holds it.", minLength=1, examples=["/run/secrets/hash-key"]),
                },
                minProperties=1,
                maxProperties=1,
                **{"$comment": "secret place"},
            )
        },
        required=["secret"],
        **{"$comment": "secret"},
    )


def versions_schema(
    description: str, properties: Mapping[str, Schema], examples: Mapping[str, Any], only_base: tuple[str, ...] = ("kind", "name")
) -> Schema:
    """The `versions` mapping: every key of the base block, each of which may be null to remove it."""
    of = {key: nullable(schema) for key, schema in properties.items() if key not in only_base}
    entry = block("One version: only what differs from the base block.", of)
    entry["type"] = ["object", "null"]
    return table(description, entry, propertyNames={"pattern": NAME_PATTERN}, minProperties=1, examples=[examples])


def nullable(schema: Schema) -> Schema:
    """The schema of an override: null removes a key, at every depth of mappings. Nothing is required, and nothing has a default."""
    out = {key: value for key, value in schema.items() if key not in {"default", "required", "dependencies", "minProperties"}}
    if schema.get("$comment") == "secret":
        out["required"] = schema["required"]
    elif "properties" in schema:
        out["properties"] = {key: nullable(value) for key, value in schema["properties"].items()}
    if isinstance(schema.get("additionalProperties"), dict):
        out["additionalProperties"] = nullable(schema["additionalProperties"])
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        out["type"] = kinds if "null" in kinds else [*kinds, "null"]
    if "enum" in schema and None not in schema["enum"]:
        out["enum"] = [*schema["enum"], None]
    for word in ("anyOf", "oneOf"):
        if word in schema:
            # a mapping among the alternatives is merged too, unless a required key distinguishes it from the others
            merged = [nullable(each) if each.get("type") == "object" and "required" not in each else each for each in schema[word]]
            out[word] = [*merged, {"type": "null"}]
    return out


def document(kind_name: str, description: str, properties: Mapping[str, Schema], required: list[str]) -> Schema:
    """The schema of one kind."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": f"{SITE}{kind_name.lower()}.schema.json",
        "title": kind_name,
        "description": description,
        "type": "object",
        "properties": dict(properties),
        "required": ["kind", *required],
        "additionalProperties": False,
    }


DESCRIPTION = string("What it is for, in one sentence. Not part of any digest.")
