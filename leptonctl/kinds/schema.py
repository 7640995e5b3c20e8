"""The JSON Schemas of the four kinds, with what the catalog adds for each algorithm and preprocess step. Pure."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from leptonctl.kinds.dataset.schema import DATASET
from leptonctl.kinds.environment.schema import ENVIRONMENT
from leptonctl.kinds.model.schema import MODEL
from leptonctl.kinds.project_schema import PROJECT
from leptonctl.kinds.schema_parts import nullable
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import Schema

STEP = "step"
OF_SKLEARN = "a class of scikit-learn"

# what documents are checked against before they are resolved; compiled into `checkers` when the package is built, so this
# module and what it imports must not need more than the build has
BASE: Mapping[str, Schema] = {"Project": PROJECT, "Dataset": DATASET, "Model": MODEL, "Environment": ENVIRONMENT}


def base_schemas() -> dict[str, Schema]:
    """Kind -> schema, without what depends on the catalog: what documents are checked against before they are resolved."""
    return {kind: deepcopy(schema) for kind, schema in BASE.items()}


def build_schemas(catalog: Catalog) -> dict[str, Schema]:
    """Kind -> schema with the parameters of every algorithm and preprocess step, for editors and the reference."""
    schemas = base_schemas()
    model = schemas["Model"]
    definitions: dict[str, Schema] = {}
    for (task, name), trainer in sorted(catalog.trainers.items()):
        definitions[f"{task}.{name}"] = _params(trainer.description, trainer.params)
    for name, step in sorted(catalog.preprocessors.items()):
        definitions[f"preprocess.{name}"] = _params(step.description, step.params)
    model["definitions"] = definitions
    tasks = sorted({task for task, _ in catalog.trainers})
    model["allOf"] = [_for_task(task, catalog.names(catalog.trainers, task)) for task in tasks]
    version = model["properties"]["versions"]["additionalProperties"]
    for block in (model, version):
        _suggest_names(block["properties"], catalog)
    platforms = {name: (platform.description, platform.keys) for name, platform in catalog.platforms.items()}
    _add_settings(schemas["Environment"]["properties"]["platform"], platforms)
    executors = {name: (executor.description, executor.settings) for name, executor in catalog.executors.items()}
    _add_settings(schemas["Project"]["properties"]["executor"], executors)
    return schemas


def _add_settings(schema: Schema, backends: Mapping[str, tuple[str, Mapping[str, Schema]]]) -> None:
    """Add the description and the settings of each type. Types of other packages stay allowed."""
    default = schema["properties"]["type"]["default"]
    schema["properties"]["type"] = _suggest(schema["properties"]["type"], sorted(backends))
    # an editor that ignores conditions offers the settings of the default type
    schema["properties"] |= dict(backends[default][1])
    schema["allOf"] = [
        {
            "if": {"properties": {"type": {"const": name}}, **({} if name == default else {"required": ["type"]})},
            "then": {
                "properties": {"type": {}, **settings},
                "additionalProperties": False,
                "description": description,
            },
        }
        for name, (description, settings) in sorted(backends.items())
    ]


def _params(description: str, params: Mapping[str, Schema]) -> Schema:
    """The parameters of one provider. Null is allowed: in a version it removes a parameter."""
    properties = {name: {**nullable(dict(schema)), "default": schema.get("default")} for name, schema in params.items()}
    return {"description": description, "type": ["object", "null"], "properties": properties, "additionalProperties": False}


def _for_task(task: str, names: tuple[str, ...]) -> Schema:
    """The conditions for a task: each algorithm adds its parameters, in the base block and in every version."""
    rules = [_when("algorithm", name, f"{task}.{name}") for name in names]
    return {
        "if": {"properties": {"task": {"const": task}}, "required": ["task"]},
        "then": {"allOf": rules, "properties": {"versions": {"additionalProperties": {"allOf": rules}}}},
    }


def _when(key: str, name: str, definition: str) -> Schema:
    return {
        "if": {"properties": {key: {"const": name}}, "required": [key]},
        "then": {"properties": {"params": {"$ref": f"#/definitions/{definition}"}}},
    }


def _suggest_names(properties: dict[str, Any], catalog: Catalog) -> None:
    """Suggest the known names to editors. Providers of other packages stay allowed."""
    classes = catalog.others()
    algorithms = sorted({name for role, name in classes if role != STEP})
    properties["algorithm"] = _suggest(properties["algorithm"], sorted({name for _, name in catalog.trainers}), algorithms)
    step = properties["preprocess"]["items"]
    steps = sorted({name for role, name in classes if role == STEP})
    step["properties"]["use"] = _suggest(step["properties"]["use"], sorted(catalog.preprocessors), steps)
    step["allOf"] = [_when("use", name, f"preprocess.{name}") for name in sorted(catalog.preprocessors)]
    metrics = properties["evaluate"]["properties"]["metrics"]
    metrics["items"] = _suggest(metrics["items"], sorted({name for _, name in catalog.metrics}))


def _suggest(schema: Schema, names: list[str], classes: Sequence[str] = ()) -> Schema:
    """Names for an editor to complete; any other is allowed too. classes: those of scikit-learn."""
    others = [{"title": OF_SKLEARN, "enum": [*classes]}] if classes else []
    return {**schema, "anyOf": [{"enum": names}, *others, {}]}
