"""Compiles the schemas of the kinds into the source of `kinds/checkers.py`. Runs when the package is built. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from leptonctl.spi.learning import Schema

PROSE = frozenset({"description", "examples", "default", "title", "$id", "$schema", "$comment"})
HEADER = '''"""Compiled checks of documents, by kind. Generated when the package is built and not kept in Git. Do not edit."""

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
    """The source of the module. `CHECKS`: kind -> function of a value; `MARK` identifies the schemas that were compiled."""
    from fastjsonschema import compile_to_code

    parts = [HEADER.format(mark=mark)]
    for kind, schema in schemas.items():
        code = compile_to_code(_without_prose(schema), use_default=False, detailed_exceptions=False, use_formats=False)
        parts.append(_extract_check(code, kind.lower()))
    table = "".join(f'    "{kind}": lambda data: _fits({kind.lower()}, data),\n' for kind in schemas)
    parts.append(f"CHECKS = {{\n{table}}}\n")
    return "\n".join(parts)


def _extract_check(code: str, name: str) -> str:
    """Only the check, under its own name: without messages, and without accepting 200.0 as an integer."""
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


def _without_prose(schema: Any, *, is_table: bool = False) -> Any:
    """The schema without prose. `const` becomes `enum`, whose check the compiler writes without messages."""
    if isinstance(schema, list):
        return [_without_prose(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if is_table:
        return {key: _without_prose(value) for key, value in schema.items()}
    out: dict[str, Any] = {}
    for word, rule in schema.items():
        if word == "const":
            out["enum"] = [rule]
        elif word in {"enum", "required"}:
            out[word] = rule
        elif word not in PROSE:
            out[word] = _without_prose(rule, is_table=word in {"properties", "dependencies"})
    return out
