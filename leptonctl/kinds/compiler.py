"""The schemas of the kinds -> the source of `kinds/checkers.py`, which decides fast. Run when the package is built. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from leptonctl.spi.learning import Schema

PROSE = frozenset({"description", "examples", "default", "title", "$id", "$schema", "$comment"})
HEADER = '''"""Compiled checks of documents, by kind. Written when the package is built; in no Git, not to be edited."""

# ruff: noqa
# mypy: ignore-errors
import re

MARK = "{mark}"
NoneType = type(None)


class Mismatch(Exception):
    """The value does not fit; jsonschema says why."""


def _fits(check, data):
    try:
        check(data)
    except Mismatch:
        return False
    return True

'''


def checkers(schemas: Mapping[str, Schema], mark: str) -> str:
    """The module's source. `CHECKS` has kind -> function of a value; `MARK` tells which schemas these are."""
    from fastjsonschema import compile_to_code

    parts = [HEADER.format(mark=mark)]
    for kind, schema in schemas.items():
        code = compile_to_code(_bare(schema), use_default=False, detailed_exceptions=False, use_formats=False)
        parts.append(_tightened(code, kind.lower()))
    table = "".join(f'    "{kind}": lambda data: _fits({kind.lower()}, data),\n' for kind in schemas)
    parts.append(f"CHECKS = {{\n{table}}}\n")
    return "\n".join(parts)


def _tightened(code: str, name: str) -> str:
    """Only the check itself: without messages, without taking 200.0 for an integer, under a name of its own."""
    patterns = re.findall(r"^    ('.*'): re\.compile\(('.*')\),?$", code, re.MULTILINE)
    code = code[code.index("def validate") :]
    code = re.sub(r"raise JsonSchemaValueException\(.*\)$", "raise Mismatch", code, flags=re.MULTILINE)
    code = code.replace("(JsonSchemaValueException, JsonSchemaValuesException)", "Mismatch").replace(", Decimal", "")
    code = re.sub(r" and not \(isinstance\(\w+, float\) and \w+\.is_integer\(\)\)", "", code)
    code = code.replace("def validate(data, custom_formats={}, name_prefix=None):", f"def {name}(data):")
    constants = ""
    for number, (key, pattern) in enumerate(patterns):
        constant = f"{name.upper()}_{number}"
        constants += f"{constant} = re.compile({pattern})\n"
        code = code.replace(f"REGEX_PATTERNS[{key}]", constant)
    return f"{constants}\n\n{code.rstrip()}\n\n"


def _bare(schema: Any, *, is_table: bool = False) -> Any:
    """The schema without prose. `const` becomes `enum`, which the compiler knows without messages."""
    if isinstance(schema, list):
        return [_bare(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if is_table:
        return {key: _bare(value) for key, value in schema.items()}
    out: dict[str, Any] = {}
    for word, rule in schema.items():
        if word == "const":
            out["enum"] = [rule]
        elif word in {"enum", "required"}:
            out[word] = rule
        elif word not in PROSE:
            out[word] = _bare(rule, is_table=word in {"properties", "dependencies"})
    return out
