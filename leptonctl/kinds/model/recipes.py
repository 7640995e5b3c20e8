"""From a recorded recipe of a model version to its step keys, its digest and its YAML. The inverse of `steps`. Pure."""

from collections.abc import Mapping
from typing import cast

from leptonctl.core.canonical import digest
from leptonctl.core.frozen import Frozen
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.kinds.model.command import COMMAND, recipe_keys_of, written_command
from leptonctl.kinds.model.decision import DECIDES, decide_key
from leptonctl.kinds.model.imported import OF_FILES, OPTIONS, key_fields, written_import
from leptonctl.kinds.model.optional_fields import OPTIONAL, optional_fields
from leptonctl.kinds.model.package import DECIDE, package_name
from leptonctl.kinds.model.steps import PACKAGE, version_digest
from leptonctl.kinds.model.version import OPSET, Origin
from leptonctl.kinds.model.warm import KEY, LEARNED, warm_start_of, without_name
from leptonctl.language.resolve import override_for

ROWS = "prepare.outputs.rows_digest.test"
NOT_TRAINED = ("dataset", "data", "export", *DECIDES)
"""Fields of a recipe that are not part of the train key by themselves."""
NOT_WRITTEN = ("epoch", *NOT_TRAINED)
DEFAULTS: Mapping[str, Json] = {"seed": 0, "revision": 1, "features": None, "preprocess": [], "warm_start": None}
"""Field -> its value where the YAML does not have it."""


class RecipeKeys(Frozen):
    """The keys of the steps that a recipe stands for, and its digest."""

    prepare: str
    train: str | None
    export: str
    decide: str | None = None
    search: str | None = None

    @property
    def digest(self) -> str:
        return version_digest(self.prepare, self.train, self.export, self.decide)

    @property
    def steps(self) -> dict[str, str]:
        """The keys by step name; an imported version has no `train`."""
        steps = {"prepare": self.prepare, "search": self.search, "train": self.train, "export": self.export, DECIDE: self.decide}
        return {name: key for name, key in steps.items() if key is not None}


def is_of_version(recipe: Mapping[str, Json]) -> bool:
    """Whether a recorded recipe is one of a model version."""
    return not recipe.keys().isdisjoint(("algorithm", *OF_FILES))


def origin_of(recipe: Mapping[str, Json]) -> Origin:
    """Where the graph of a version comes from."""
    return "imported" if "import" in recipe else "command" if COMMAND in recipe else "trained"


def op_of(name: str, recipe: Mapping[str, Json]) -> str:
    """The op of a version's step, by the name of the step. An import makes the package, a program the graph."""
    origin = origin_of(recipe)
    if origin == "trained" or name not in ("train", "export"):
        return name
    return COMMAND if name == "train" else "import"


def recipe_keys(recipe: Mapping[str, Json]) -> RecipeKeys:
    """The step keys of a recorded recipe, computed as for a declared version."""
    data = cast("dict[str, Json]", recipe.get("data") or {})
    export = cast("dict[str, Json]", recipe.get("export") or {})
    prepare = digest({"op": "prepare", **data})
    if "import" in recipe:
        own = {name: value for name, value in key_fields(recipe).items() if name not in NOT_TRAINED and value is not None}
        imported = digest({"op": "import", "prepare": prepare, **own})
        return RecipeKeys(prepare=prepare, train=None, export=imported, decide=decide_key(recipe, imported))
    if COMMAND in recipe:
        run, checked = recipe_keys_of(recipe, prepare, NOT_TRAINED)
        return RecipeKeys(prepare=prepare, train=run, export=checked, decide=decide_key(recipe, checked))
    train_fields = {name: value for name, value in without_name(recipe).items() if name not in NOT_TRAINED}
    train = digest({"op": "train", "prepare": prepare, **train_fields})
    exported = digest({"op": "export", "train": train, **export})
    search = digest({"op": "search", "prepare": prepare, **train_fields}) if recipe.get("search") else None
    return RecipeKeys(prepare=prepare, train=train, export=exported, decide=decide_key(recipe, exported), search=search)


def evaluation_keys(
    recipe: Mapping[str, Json], notes: Mapping[str, Json], keys: RecipeKeys, results: Mapping[str, Result]
) -> dict[str, str]:
    """The keys of `evaluate` and `cross_validate`, if the results that they read exist."""
    evaluate = cast("dict[str, Json]", notes.get("evaluate") or {})
    scoring: dict[str, Json] = {"task": recipe.get("task"), "positive": evaluate.get("positive"), "average": evaluate.get("average")}
    scoring["metrics"] = evaluate.get("metrics") or []
    evaluations: dict[str, str] = {}
    package, prepare = results.get(keys.steps[package_name(keys.steps)]), results.get(keys.prepare)
    if package is not None and prepare is not None:
        rows = cast("dict[str, Json]", prepare.outputs.get("rows_digest") or {}).get("test")
        reads: dict[str, Json] = {PACKAGE: package.outputs.get("package"), ROWS: rows}
        if KEY in recipe:
            reads[LEARNED] = results[keys.train].outputs.get("learned") if keys.train is not None and keys.train in results else None
        evaluations["evaluate"] = digest({"op": "evaluate", **scoring, "reads": reads})
    folds = evaluate.get("cross_validation")
    if folds is not None and keys.train is not None:
        evaluations["cross_validate"] = digest({"op": "cross_validate", "train": keys.train, **scoring, "folds": folds})
    return evaluations


def version_entry(recipe: Mapping[str, Json], base: Mapping[str, Json], dataset: str) -> dict[str, Json]:
    """The entry under `versions:` that has this recipe. base: the fields of the model's base block. dataset: NAME@VERSION.

    Parameters of the base block that the recipe does not have are removed with null.
    """
    entry: dict[str, Json] = {"dataset": dataset, "task": recipe.get("task")}
    if "import" in recipe:
        # `import` drops the training keys and the threshold of the base block
        optional = optional_fields(recipe, {"evaluate": base.get("evaluate")})
        names = ("features", *OPTIONS)
        options = {name: recipe.get(name) for name in names if recipe.get(name) is not None or base.get(name) is not None}
        return {**entry, "import": written_import(recipe), **options, **optional}
    if COMMAND in recipe:
        return {**entry, **written_command(recipe, base), **optional_fields(recipe, {"evaluate": base.get("evaluate")})}
    entry["algorithm"] = recipe.get("algorithm")
    params = dict(cast("dict[str, Json]", recipe.get("params") or {}))
    if base.get("algorithm") == recipe.get("algorithm"):
        params |= {name: None for name in cast("dict[str, Json]", base.get("params") or {}) if name not in params}
    if params:
        entry["params"] = params
    values = {**recipe, "preprocess": _preprocess(recipe.get("preprocess")), KEY: warm_start_of(recipe)}
    for name, default in DEFAULTS.items():
        if values.get(name) != default or base.get(name) is not None:
            entry[name] = values.get(name)
    export = recipe.get("export") or {}
    if export != {"opset": OPSET} or base.get("export") is not None:
        entry["export"] = export
    entry |= optional_fields(recipe, base)
    if recipe.get("search") != base.get("search"):
        entry["search"] = override_for(recipe.get("search"), base.get("search"))
    known = {"search", "task", "target", "algorithm", "params", *DEFAULTS, *OPTIONAL, *NOT_WRITTEN}
    # fields of later releases are written unchanged; the caller checks the digest
    entry |= {name: value for name, value in recipe.items() if name not in known and value is not None}
    return entry


def _preprocess(steps: Json) -> list[Json]:
    written = [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    return [{k: v for k, v in step.items() if k != "epoch" and not (k == "params" and not v)} for step in written]
