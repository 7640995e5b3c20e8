"""Writes what is derived from the schemas, and finds the schemas that were shipped. Run as `python -m leptonctl.project.schemas`.

Derived: `schemas/*.schema.json` for editors, the compiled checks in `kinds/checkers.py`, and `docs/yaml-reference.md`.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from leptonctl.core.values import KINDS
from leptonctl.project.catalog import load_catalog
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import Schema

PACKAGE = Path(__file__).parent.parent
PROSE = frozenset({"description", "examples", "default", "title", "$id", "$schema", "$comment"})
HEADER = '''"""Compiled checks of the four kinds, by kind. Written by `python -m leptonctl.project.schemas`; do not edit."""

# ruff: noqa
# mypy: ignore-errors
import re

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


def write_schemas(folder: Path) -> None:
    """Write everything derived below the checkout `folder`."""
    for name, text in derived(load_catalog()).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def derived(catalog: Catalog) -> dict[str, str]:
    """Path below the checkout -> text of every derived file."""
    # every command imports this module for `load_schema`; what writes is wanted in a checkout only
    from leptonctl.kinds.schema import base_schemas, build_schemas
    from leptonctl.views.yaml_reference import render

    schemas = build_schemas(catalog)
    files = {
        f"schemas/{kind.lower()}.schema.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n" for kind, schema in schemas.items()
    }
    files["leptonctl/kinds/checkers.py"] = checkers(base_schemas())
    files["docs/yaml-reference.md"] = render(schemas, catalog)
    return files


def load_schema(kind: str) -> dict[str, Any]:
    """The shipped schema of a kind: from the installed package, or from the checkout."""
    name = f"{kind.lower()}.schema.json"
    for folder in (PACKAGE / "schemas", PACKAGE.parent / "schemas"):
        if (folder / name).is_file():
            return dict(json.loads((folder / name).read_text(encoding="utf-8")))
    msg = f"no schema of {kind} is installed"
    raise FileNotFoundError(msg)


def checkers(schemas: dict[str, Schema]) -> str:
    """The source of `kinds/checkers.py`."""
    from fastjsonschema import compile_to_code

    parts = [HEADER]
    for kind in KINDS:
        code = compile_to_code(_bare(schemas[kind]), use_default=False, detailed_exceptions=False, use_formats=False)
        parts.append(_tightened(code, kind.lower()))
    table = "".join(f'    "{kind}": lambda data: _fits({kind.lower()}, data),\n' for kind in KINDS)
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


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE.parent)
