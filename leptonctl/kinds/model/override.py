"""The override that declares a version again whose lines were removed or changed, from its recorded recipe. Pure."""

from collections.abc import Mapping
from typing import cast

from leptonctl.core.store_records import Recipe
from leptonctl.core.values import Document, Json
from leptonctl.kinds.defaults import without_defaults
from leptonctl.kinds.model.command import written_command
from leptonctl.kinds.model.imported import OF_FILES, OPTIONS, written_import
from leptonctl.kinds.model.optional_fields import optional_fields
from leptonctl.kinds.model.recipes import recipe_keys
from leptonctl.kinds.model.version import OPSET
from leptonctl.kinds.model.warm import KEY, warm_start_of
from leptonctl.language.resolve import override_for
from leptonctl.spi.catalog import Catalog

DEFAULTS: Mapping[str, Json] = {"seed": 0, "revision": 1, "features": None}


def digest_of(recipe: Recipe) -> str | None:
    """The digest of a model version, from its recorded recipe. None for a recipe of anything else."""
    fields = recipe.recipe
    made_of_files = any(name in fields for name in OF_FILES)
    if not isinstance(fields.get("data"), dict) or not (made_of_files or isinstance(fields.get("export"), dict)):
        return None
    return recipe_keys(fields).digest


def override_of(recipe: Recipe, document: Document, catalog: Catalog) -> dict[str, Json]:
    """The entry under `versions:` with which a version has this recipe, given the base block of its document as it is now."""
    fields, base = recipe.recipe, document.value
    override: dict[str, Json] = {}
    if base.get("dataset") != fields["dataset"]:
        override["dataset"] = fields["dataset"]
    if "algorithm" not in fields:
        return override | (_import if "import" in fields else _command)(fields, base)
    same_algorithm = base.get("algorithm") == fields["algorithm"]
    if base.get("task") != fields["task"] and not (base.get("task") is None and same_algorithm):
        override["task"] = fields["task"]
    override |= {key: fields[key] for key, default in DEFAULTS.items() if base.get(key, default) != fields.get(key)}
    if base.get(KEY) != (warm := warm_start_of(fields)):
        override[KEY] = warm
    preprocess = [_step(step) for step in cast("list[dict[str, Json]]", fields.get("preprocess") or [])]
    if preprocess != _steps(base.get("preprocess"), catalog):
        override["preprocess"] = cast("Json", preprocess)
    if not same_algorithm:
        override["algorithm"] = fields["algorithm"]
    params = _params(recipe, {} if not same_algorithm else base.get("params"), catalog)
    if params:
        override["params"] = params
    search = fields.get("search")
    if search != base.get("search"):
        override["search"] = override_for(search, base.get("search"))
    opset = cast("dict[str, Json]", fields["export"]).get("opset")
    export = base.get("export")
    if (export.get("opset", OPSET) if isinstance(export, dict) else OPSET) != opset:
        override["export"] = {"opset": opset}
    return override | optional_fields(fields, base)


def _command(fields: Mapping[str, Json], base: Mapping[str, Json]) -> dict[str, Json]:
    """The override of a version that a program makes."""
    task = {} if base.get("task") == fields["task"] else {"task": fields["task"]}
    return {**task, **written_command(fields, base), **optional_fields(fields, {"evaluate": base.get("evaluate")})}


def _import(fields: Mapping[str, Json], base: Mapping[str, Json]) -> dict[str, Json]:
    """The override of an imported version."""
    override: dict[str, Json] = {} if base.get("task") == fields["task"] else {"task": fields["task"]}
    # an import of its own drops the options of the base block, but not its features
    options = {name: fields[name] for name in OPTIONS if fields.get(name) is not None}
    features = {"features": fields.get("features")} if base.get("features") != fields.get("features") else {}
    return {
        **override,
        "import": written_import(fields),
        **options,
        **features,
        **optional_fields(fields, {"evaluate": base.get("evaluate")}),
    }


def _params(recipe: Recipe, base: Json, catalog: Catalog) -> dict[str, Json]:
    """The parameters that differ from the base block's; null removes one of the base block."""
    recorded = cast("dict[str, Json]", recipe.recipe.get("params") or {})
    trainer = catalog.trainers.get((str(recipe.recipe["task"]), str(recipe.recipe["algorithm"])))
    written = base if isinstance(base, dict) else {}
    known = {name: value for name, value in written.items() if trainer is None or name in trainer.params}
    present = without_defaults(known, trainer.params) if trainer is not None else known
    return {
        **{name: value for name, value in recorded.items() if name not in present or present[name] != value},
        **{name: None for name in present if name not in recorded},
    }


def _step(step: Mapping[str, Json]) -> dict[str, Json]:
    """A preprocess step as YAML has it."""
    params = step.get("params")
    return {"columns": step["columns"], "use": step["use"], **({"params": params} if params else {})}


def _steps(base: Json, catalog: Catalog) -> list[dict[str, Json]]:
    """The base block's preprocess steps in the same form."""
    steps: list[dict[str, Json]] = []
    for item in base if isinstance(base, list) else []:
        if not isinstance(item, dict):
            continue
        provider = catalog.preprocessors.get(str(item.get("use")))
        params = item.get("params")
        written = params if isinstance(params, dict) else {}
        if provider is not None:
            written = without_defaults({name: value for name, value in written.items() if name in provider.params}, provider.params)
        steps.append(_step({"columns": item.get("columns", "all"), "use": item.get("use"), "params": written}))
    return steps
