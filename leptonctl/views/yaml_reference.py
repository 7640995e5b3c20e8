"""The YAML reference as Markdown, from schemas and catalog. Printed by `python -m leptonctl.views.yaml_reference`."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from leptonctl.kinds.schema import OF_SKLEARN, build_schemas
from leptonctl.language.schema_words import describe
from leptonctl.project.catalog import load_catalog
from leptonctl.spi.catalog import Catalog

INTRODUCTION = """# YAML reference

Every key of the four kinds. Written by `python -m leptonctl.views.yaml_reference` from the schemas in `schemas/`. Editors can use
those too, after `leptonctl schema Model > model.schema.json`:

```yaml
# yaml-language-server: $schema=model.schema.json
```

A key in **bold** is required. `versions.*` takes every key of the base block; a mapping is merged key by key, null removes a key.
Any scalar except a name may be a template, `"{{ vars.NAME }}"`; a scalar that is a single expression keeps the type of its value.
"""
HEAD = "| key | value | default | meaning |\n| --- | --- | --- | --- |"


def page(catalog: Catalog) -> str:
    """One chapter per kind, the file formats and the metrics, then the parameters of every algorithm and preprocess step."""
    schemas = build_schemas(catalog)
    parts = [INTRODUCTION]
    for kind, schema in schemas.items():
        rows = "\n".join(_rows(schema, ""))
        parts.append(f"## {kind}\n\n{schema['description']}\n\n{HEAD}\n{rows}\n")
    parts += [_formats(catalog), _metrics(catalog)]
    definitions = schemas.get("Model", {}).get("definitions", {})
    for heading, group in (
        ("Preprocess steps", "preprocess"),
        ("Algorithms for classification", "classification"),
        ("Algorithms for regression", "regression"),
    ):
        chapters = [_parameters(name, definition) for name, definition in definitions.items() if name.startswith(group + ".")]
        if chapters:
            parts.append(f"## {heading}\n\n" + "\n".join(chapters))
    return "\n".join(parts)


def _formats(catalog: Catalog) -> str:
    rows = [f"| {', '.join(f'`{end}`' for end in one.suffixes)} | {_cell(one.description)} |" for one in catalog.sources.values()]
    return "## File formats\n\nThe ending of a source's file decides how it is read.\n\n" + "\n".join(
        ["| ending | format |", "| --- | --- |", *rows, ""]
    )


def _metrics(catalog: Catalog) -> str:
    """The names for `evaluate.metrics`. `better` is also the direction from which `max_drop` counts."""
    rows = []
    for (task, name), metric in catalog.metrics.items():
        better = {True: "higher", False: "lower", None: ""}[metric.greater_is_better]
        default = "yes" if metric.default else ""
        rows.append(f"| `{name}` | {task} | {better} | {default} | {_cell(metric.description)} |")
    head = (
        "Names for `evaluate.metrics`; metrics that are a single number can be used in `gates` too."
        " Without `evaluate.metrics`, the default metrics of the task are computed."
    )
    return f"## Metrics\n\n{head}\n\n" + "\n".join(
        ["| name | task | better | default | meaning |", "| --- | --- | --- | --- | --- |", *rows, ""]
    )


def _parameters(name: str, definition: Mapping[str, Any]) -> str:
    title = f"### {name.partition('.')[2]}\n\n{definition['description']}\n"
    rows = "\n".join(_rows(definition, ""))
    return f"{title}\n{HEAD}\n{rows}\n" if rows else f"{title}\nIt takes no parameters.\n"


def _rows(schema: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in schema.get("properties", {}).items():
        if "not" in value:
            continue
        yield _row(prefix + key, value, required=key in schema.get("required", ()))
        if key != "versions":
            yield from _nested_rows(value, prefix + key)


def _nested_rows(value: Mapping[str, Any], path: str) -> Iterator[str]:
    """The keys inside a mapping, a table, or the items of a list."""
    yield from _rows(value, f"{path}.")
    inner = value.get("additionalProperties")
    if isinstance(inner, dict) and ("properties" in inner or "anyOf" in inner):
        yield from _nested_rows(inner, f"{path}.*")
    items = value.get("items")
    if isinstance(items, dict):
        yield from _nested_rows(items, f"{path}[]") if "properties" in items or "additionalProperties" in items else ()
    for option in value.get("anyOf", ()):
        yield from _nested_rows(option, path)


def _row(path: str, value: Mapping[str, Any], *, required: bool) -> str:
    key = f"**`{path}`**" if required else f"`{path}`"
    default = f"`{json.dumps(value['default'], ensure_ascii=False)}`" if "default" in value else ""
    return f"| {key} | {_cell(_form(value))} | {_cell(default)} | {_cell(value.get('description', ''))} |"


def _form(value: Mapping[str, Any]) -> str:
    types = value.get("type")
    words = describe(value) if {"type", "enum", "const", "anyOf", "oneOf"} & set(value) else "any value"
    nullable = None in value.get("enum", ()) or (isinstance(types, list) and "null" in types)
    words = words.replace(OF_SKLEARN, f"[{OF_SKLEARN}](algorithms.md)")
    return words + (" or null" if nullable else "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(page(load_catalog()))
