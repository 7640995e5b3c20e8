"""Checks of what every provider and back end declares: its name, its description, its parameters, and light imports."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping

from leptonctl.spi.learning import Schema
from leptonctl.testing.requirements import not_met, require

NAME = re.compile(r"[a-z][a-z0-9_]*|[A-Z][A-Za-z0-9]*")
HEAVY = ("numpy", "sklearn", "skl2onnx", "onnx", "onnxruntime", "polars", "xgboost", "lightgbm", "torch")
# the beginning of a file of no known format
GARBAGE = bytes(range(256)) * 2


def check_identity(name: str, description: str, function: Callable[..., object] | None) -> None:
    """Raises AssertionError unless there is a valid name, a description, and a module that is light to import."""
    require(NAME.fullmatch(name) is not None, f"the name {name!r} is lower-case letters, digits and underscores, or the name of a class")
    require(bool(description.strip()), f"{name} has a description")
    if function is not None:
        check_light(function.__module__)


def check_light(module: str) -> None:
    """Importing the module must load no heavy library, because plans import providers."""
    code = f"import sys; sys.path[:] = {sys.path!r}; import {module}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    require(process.returncode == 0, f"{module} can be imported: {process.stderr[-300:]}")
    require(not process.stdout.strip(), f"{module} imports {process.stdout.strip()} only inside its functions")


def check_params(params: Mapping[str, Schema]) -> None:
    """Schemas of parameters or settings must be valid and have a description and a default that is one of their values."""
    from jsonschema import Draft7Validator, SchemaError

    for name, schema in params.items():
        try:
            Draft7Validator.check_schema(schema)
        except SchemaError as problem:
            raise not_met(f"the schema of {name} is valid: {problem.message}") from problem
        require(bool(str(schema.get("description", "")).strip()), f"{name} has a description")
        require("default" in schema, f"{name} has a default")
        require(Draft7Validator(schema).is_valid(schema["default"]), f"the default of {name} is one of its values")
        require(json.loads(json.dumps(schema)) == schema, f"the schema of {name} is plain JSON")
