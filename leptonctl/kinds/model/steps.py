"""A resolved model version as a node with its steps: train, export, evaluate and cross_validate. Pure."""

from collections.abc import Mapping
from typing import cast

from leptonctl.core.canonical import digest
from leptonctl.core.deferred import Deferred
from leptonctl.core.frozen import replace
from leptonctl.core.graph import declaration
from leptonctl.core.manifest import GRAPH_FILE
from leptonctl.core.values import Json, Node, Path, Span, Step, StepPlace
from leptonctl.kinds.dataset.version import recipe_origins
from leptonctl.kinds.model import warm
from leptonctl.kinds.model.command import COMMAND, command_steps, file_origins
from leptonctl.kinds.model.decision import POSITIVE, decide_key, decide_step
from leptonctl.kinds.model.imported import recipe_fields
from leptonctl.kinds.model.search import SEARCH
from leptonctl.kinds.model.search_steps import PARAMS, Searching, search_steps
from leptonctl.kinds.model.version import Model

PACKAGE = "export.outputs.package"
"""What an evaluation reads of the version: its package, not only its graph (protocols 11)."""


def node(model: Model, dataset_key: str, parent_rows: StepPlace | None = None) -> Node:
    """The version as a node. Its digest covers prepare, train and export, not the evaluations.

    `dataset_key` is the prepare key of the dataset's own node; a model whose prepare key differs has its own prepare step.
    `parent_rows`: the prepare step of the version that it goes on from.
    """
    shared = model.prepare.key == dataset_key
    prepare = replace(model.prepare, address=model.dataset.address if shared else model.address)
    trials = _search(model, prepare.place)
    before = warm.needs(model, parent_rows) | ({SEARCH: trials[-1].place} if trials else {})
    if model.imported is not None:
        own = _import_steps(model, model.imported, prepare.place)
    else:
        own = _command_steps(model, prepare.place) if model.origin == COMMAND else _steps(model, prepare.place, before)
    keys = {step.name: str(step.key) for step in own}
    steps = (*(() if shared else (prepare,)), *trials, *own)
    recipe: dict[str, Json] = {
        "dataset": f"{model.dataset.declared.name}@{model.dataset.declared.version}",
        "data": dict(prepare.fields),
        **(warm.with_name(model) if model.imported is None else _imported_recipe(model, model.imported)),
        **({"export": {"opset": model.opset}} if model.origin == "trained" else {}),
        **model.options,
        **model.decides,
    }
    notes: dict[str, Json] = {
        "evaluate": {
            "metrics": list(model.metrics), "cross_validation": model.folds, "positive": model.positive, "average": model.average,
        },
    }  # fmt: skip
    return Node(
        address=model.address,
        digest=version_digest(str(prepare.key), keys.get("train"), keys["export"], decide_key(model.decides, keys["export"])),
        declaration=declaration(recipe, notes, steps),
        recipe=recipe,
        origins=Deferred(_origins, model),
        span=model.declared.span,
        steps=steps,
        needs=(model.dataset.address, *warm.addresses(model)),
        notes=notes,
    )


def version_digest(prepare: str, train: str | None, export: str, decide: str | None) -> str:
    """The digest of a version, from the keys of the steps that make its package. `train` None: it is imported."""
    steps = {"prepare": prepare, "train": train, "export": export, "decide": decide}
    return digest({name: key for name, key in steps.items() if key is not None})


def _origins(model: Model) -> dict[Path, Span]:
    """Where the fields of the recipe are written: those of the data in the dataset."""
    origins = dict(model.declared.origins)
    origins.update(recipe_origins(model.dataset.declared, ("data",)))
    origins[("data",)] = model.declared.at("dataset")
    if model.imported is not None:
        # `import: FILE` is short for both
        origins = {("import", part): model.declared.at("import") for part in ("file", "digest")} | origins
    if model.origin == COMMAND:
        origins |= file_origins(model.declared, cast("dict[str, Json]", model.train[COMMAND]))
    if ("data", "target") in origins:
        origins[("target",)] = origins["data", "target"]
    if POSITIVE in model.decides:
        origins[(POSITIVE,)] = model.declared.at("evaluate", POSITIVE)
    return origins


def evaluate_step(model: Model, metrics: tuple[str, ...], place: StepPlace, export: Step) -> Step:
    """The evaluation of what `export` made, with these metrics: keyed by package and rows, listed at `place`."""
    fields: dict[str, Json] = {**model.scoring, "metrics": [*sorted(metrics)]}
    return Step(
        name=place[1],
        op="evaluate",
        address=place[0],
        key=None,
        spec=digest({"op": "evaluate", "of": export.key, **fields}),
        fields=fields,
        reads=(PACKAGE, "prepare.outputs.rows_digest.test", *warm.reads(model)),
        inputs=fields,
        needs={"prepare": export.needs["prepare"], "export": export.place, **warm.training(model)},
        kin=model.kin,
    )


def _search(model: Model, rows: StepPlace) -> list[Step]:
    """The steps that find the parameters; [] without a search."""
    if not model.search:
        return []
    searching = Searching(
        address=model.address, prepare_key=model.prepare.key, rows=rows, train=model.train, key_fields=model.train_key_fields,
        search=model.search,
    )  # fmt: skip
    return [*search_steps(searching)]


def _own(model: Model) -> dict[str, Json]:
    """What a training determines besides what it reads. Of a search only the winner counts, and that is read."""
    return {name: value for name, value in warm.without_keys(model).items() if name != SEARCH}


def _filled(needs: Mapping[str, StepPlace], field: str) -> dict[str, str]:
    """The field of a step's own that the winner of a search fills, where the step reads one."""
    return {field: PARAMS} if SEARCH in needs else {}


def _steps(model: Model, rows: StepPlace, before: Mapping[str, StepPlace]) -> list[Step]:
    """Train, export, decide, evaluate and cross_validate. They read the prepare step `rows`, and `before` of a parent or of a search."""
    kin = model.kin
    found = {SEARCH: before[SEARCH]} if SEARCH in before else {}
    data = {"prepare": rows, **found}
    train_fields: dict[str, Json] = {"prepare": model.prepare.key, **model.train_key_fields}
    train_key, own_fields = warm.train_key(model), _own(model)
    train = Step(
        name="train", op="train", address=model.address, key=train_key, spec=train_key, fields=train_fields, own=own_fields,
        fills=_filled(before, "params"), inputs=model.train, needs={**data, **before}, kin=kin,
    )  # fmt: skip
    export_fields: dict[str, Json] = {"train": train_key, "opset": model.opset}
    export_key = digest({"op": "export", **export_fields})
    inputs: dict[str, Json] = {
        "task": model.task,
        "opset": model.opset,
        "tolerance": None,
        "train": dict(model.train),
        "privacy": model.dataset.inputs["privacy"],
    }
    own: dict[str, Json] = {"opset": model.opset, "train": own_fields, "privacy": model.dataset.inputs["privacy"]}
    export = Step(
        name="export", op="export", address=model.address, key=export_key, spec=export_key, fields=export_fields, own=own,
        fills=_filled(found, "train.params"), inputs=inputs, needs={**data, "train": train.place}, kin=kin,
        makes=GRAPH_FILE,
    )  # fmt: skip
    decide = decide_step(model.decides, export, model.train, own_fields)
    if decide is not None and "train" in (decide.own or {}):
        decide = replace(decide, needs={**decide.needs, **found}, fills=_filled(found, "train.params"))
    evaluate = evaluate_step(model, model.metrics, (model.address, "evaluate"), decide or export)
    folds = [] if model.folds is None else [_cross_validate(model, train_key, {**data, **before})]
    return [train, export, *([decide] if decide else []), evaluate, *folds]


def _import_steps(model: Model, imported: Mapping[str, Json], rows: StepPlace) -> list[Step]:
    """Import and evaluate: the step named `export` makes the package of what is imported."""
    fields: dict[str, Json] = {"prepare": model.prepare.key, **model.train_key_fields}
    key, privacy = digest({"op": "import", **fields}), model.dataset.inputs["privacy"]
    inputs: dict[str, Json] = {"task": model.task, "target": model.dataset.target, **imported, "privacy": privacy}
    export = Step(
        name="export", op="import", address=model.address, key=key, spec=key, fields=fields,
        own={**model.train_key_fields, "privacy": privacy}, inputs=inputs, needs={"prepare": rows}, kin=model.kin, makes=GRAPH_FILE,
    )  # fmt: skip
    decide = decide_step(model.decides, export, None, None)
    return [export, *([decide] if decide else []), evaluate_step(model, model.metrics, (model.address, "evaluate"), decide or export)]


def _command_steps(model: Model, rows: StepPlace) -> list[Step]:
    """Run the program, import what it wrote, and evaluate."""
    privacy, fields = model.dataset.inputs["privacy"], model.train_key_fields
    train, export = command_steps(model.address, rows, str(model.prepare.key), model.train, fields, model.options, privacy)
    decide = decide_step(model.decides, export, None, None)
    evaluate = evaluate_step(model, model.metrics, (model.address, "evaluate"), decide or export)
    return [train, export, *([decide] if decide else []), evaluate]


def _imported_recipe(model: Model, imported: Mapping[str, Json]) -> dict[str, Json]:
    return {"task": model.task, "target": model.dataset.target, "features": None, **recipe_fields(imported)}


def _cross_validate(model: Model, train_key: str, needs: Mapping[str, StepPlace]) -> Step:
    scoring: dict[str, Json] = {**model.scoring, "folds": model.folds, "metrics": [*sorted(model.metrics)]}
    fields = {"train": train_key, **scoring}
    key = digest({"op": "cross_validate", **fields})
    return Step(
        name="cross_validate", op="cross_validate", address=model.address, key=key, spec=key, fields=fields,
        own={**scoring, "train": _own(model)}, fills=_filled(needs, "train.params"),
        inputs={**scoring, "seed": model.train["seed"], "train": dict(model.train)},
        needs=needs, kin=model.kin,
    )  # fmt: skip
