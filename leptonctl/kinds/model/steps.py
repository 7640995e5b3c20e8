"""A resolved model version as a node with its steps, from search and train to evaluate and cross_validate. Pure."""

from collections.abc import Mapping
from typing import cast

from leptonctl.core.address import short
from leptonctl.core.canonical import digest
from leptonctl.core.deferred import Deferred
from leptonctl.core.frozen import replace
from leptonctl.core.graph import declaration
from leptonctl.core.manifest import GRAPH_FILE
from leptonctl.core.values import Json, Node, Path, Span, Step, StepPlace
from leptonctl.kinds.dataset.version import recipe_origins
from leptonctl.kinds.model import warm
from leptonctl.kinds.model.command import COMMAND, file_origins
from leptonctl.kinds.model.decision import POSITIVE, decide_key, decide_step
from leptonctl.kinds.model.imported import recipe_fields
from leptonctl.kinds.model.search import SEARCH
from leptonctl.kinds.model.search_steps import PARAMS, Searching, search_steps
from leptonctl.kinds.model.version import Model

PACKAGE = "export.outputs.package"
"""What an evaluation reads of a version: its package, not only its graph (protocols 11)."""


def node(model: Model, dataset_key: str, parent_rows: StepPlace | None = None) -> Node:
    """The version as a node. Its digest covers prepare, train, export and decide, not the evaluations.

    dataset_key: the prepare key of the dataset's own node; a model whose prepare key differs has its own prepare step.
    parent_rows: the prepare step of its parent.
    """
    shared = model.prepare.key == dataset_key
    prepare = replace(model.prepare, address=model.dataset.address if shared else model.address)
    trials = _search(model, prepare.place)
    before = warm.needs(model, parent_rows) | ({SEARCH: trials[-1].place} if trials else {})
    own = _own_steps(model, prepare.place, before)
    keys = {step.name: str(step.key) for step in own}
    steps = (*(() if shared else (prepare,)), *trials, *own)
    recipe, notes = _recipe(model, prepare), _notes(model)
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


def _recipe(model: Model, prepare: Step) -> dict[str, Json]:
    own = warm.with_name(model)
    if model.imported is not None:
        own = {"task": model.task, "target": model.dataset.target, "features": None, **recipe_fields(model.imported)}
    return {
        "dataset": short(model.dataset.address),
        "data": dict(prepare.fields),
        **own,
        **({"export": {"opset": model.opset}} if model.origin == "trained" else {}),
        **model.options,
        **model.decides,
    }


def _notes(model: Model) -> dict[str, Json]:
    evaluate: dict[str, Json] = {
        "metrics": list(model.metrics), "cross_validation": model.folds, "positive": model.positive, "average": model.average,
    }  # fmt: skip
    return {"evaluate": evaluate}


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
    """The evaluation of the package that `export` made, with these metrics. place: the address and name of the step."""
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
        forecast_group=model.forecast_group,
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
    """The fields that determine a training, in addition to what it reads. Of a search only the winner counts, which is read."""
    return {name: value for name, value in warm.without_keys(model).items() if name != SEARCH}


def _filled_field(needs: Mapping[str, StepPlace], field: str) -> dict[str, str]:
    """The own field of a step that the winner of a search fills, if the step reads one."""
    return {field: PARAMS} if SEARCH in needs else {}


def _own_steps(model: Model, rows: StepPlace, before: Mapping[str, StepPlace]) -> list[Step]:
    """The steps that make and score the package. `rows`: the prepare step; `before`: what they read of a parent or of a search."""
    if model.imported is not None:
        export = _import_step(model, model.imported, rows)
        return [export, *_decide_and_evaluate(model, export)]
    if model.origin == COMMAND:
        train = _command_step(model, rows)
        export = _check_step(model, train, rows)
        return [train, export, *_decide_and_evaluate(model, export)]
    search = {SEARCH: before[SEARCH]} if SEARCH in before else {}
    needs = {"prepare": rows, **search, **before}
    train = _train_step(model, needs)
    export = _export_step(model, train, {"prepare": rows, **search, "train": train.place})
    decide = decide_step(model.decides, export, train)
    if decide is not None and "train" in (decide.own or {}):
        decide = replace(decide, needs={**decide.needs, **search}, fills=_filled_field(search, "train.params"))
    evaluate = evaluate_step(model, model.metrics, (model.address, "evaluate"), decide or export)
    folds = [] if model.folds is None else [_cross_validate(model, str(train.key), needs)]
    return [train, export, *([decide] if decide else []), evaluate, *folds]


def _decide_and_evaluate(model: Model, export: Step) -> list[Step]:
    """What follows the export of a package that was not trained here."""
    decide = decide_step(model.decides, export, None)
    return [*([decide] if decide else []), evaluate_step(model, model.metrics, (model.address, "evaluate"), decide or export)]


def _train_step(model: Model, needs: Mapping[str, StepPlace]) -> Step:
    key = warm.train_key(model)
    return Step(
        name="train", op="train", address=model.address, key=key, spec=key,
        fields={"prepare": model.prepare.key, **model.train_key_fields}, own=_own(model), fills=_filled_field(needs, "params"),
        inputs=model.train, needs=needs, forecast_group=model.forecast_group,
    )  # fmt: skip


def _export_step(model: Model, train: Step, needs: Mapping[str, StepPlace]) -> Step:
    fields: dict[str, Json] = {"train": train.key, "opset": model.opset}
    key, privacy = digest({"op": "export", **fields}), model.dataset.inputs["privacy"]
    inputs: dict[str, Json] = {
        "task": model.task, "opset": model.opset, "tolerance": None, "train": dict(model.train), "privacy": privacy,
    }  # fmt: skip
    return Step(
        name="export", op="export", address=model.address, key=key, spec=key, fields=fields,
        own={"opset": model.opset, "train": dict(train.own or {}), "privacy": privacy}, fills=_filled_field(needs, "train.params"),
        inputs=inputs, needs=needs, forecast_group=model.forecast_group, makes=GRAPH_FILE,
    )  # fmt: skip


def _import_step(model: Model, imported: Mapping[str, Json], rows: StepPlace) -> Step:
    """The step named `export` that makes the package of an imported model."""
    fields: dict[str, Json] = {"prepare": model.prepare.key, **model.train_key_fields}
    key, privacy = digest({"op": "import", **fields}), model.dataset.inputs["privacy"]
    inputs: dict[str, Json] = {"task": model.task, "target": model.dataset.target, **imported, "privacy": privacy}
    return Step(
        name="export", op="import", address=model.address, key=key, spec=key, fields=fields,
        own={**model.train_key_fields, "privacy": privacy}, inputs=inputs, needs={"prepare": rows},
        forecast_group=model.forecast_group, makes=GRAPH_FILE,
    )  # fmt: skip


def _command_step(model: Model, rows: StepPlace) -> Step:
    """The run of the program."""
    fields: dict[str, Json] = {"prepare": str(model.prepare.key), **model.train_key_fields}
    key = digest({"op": COMMAND, **fields})
    return Step(
        name="train", op=COMMAND, address=model.address, key=key, spec=key, fields=fields, own=dict(model.train_key_fields),
        inputs=model.train, needs={"prepare": rows}, forecast_group=COMMAND,
    )  # fmt: skip


def _check_step(model: Model, run: Step, rows: StepPlace) -> Step:
    """The check of the file that the program wrote, which makes the package."""
    fields: dict[str, Json] = {"train": run.key, **model.options}
    key = digest({"op": "import", **fields})
    inputs: dict[str, Json] = {name: model.train[name] for name in ("task", "target", "features")}
    privacy = model.dataset.inputs["privacy"]
    return Step(
        name="export", op="import", address=model.address, key=key, spec=key, fields=fields,
        own={**model.options, **inputs, "privacy": privacy}, inputs={**inputs, **model.options, "privacy": privacy},
        needs={"prepare": rows, "train": run.place}, forecast_group=COMMAND, makes=GRAPH_FILE,
    )  # fmt: skip


def _cross_validate(model: Model, train_key: str, needs: Mapping[str, StepPlace]) -> Step:
    scoring: dict[str, Json] = {**model.scoring, "folds": model.folds, "metrics": [*sorted(model.metrics)]}
    fields = {"train": train_key, **scoring}
    key = digest({"op": "cross_validate", **fields})
    return Step(
        name="cross_validate", op="cross_validate", address=model.address, key=key, spec=key, fields=fields,
        own={**scoring, "train": _own(model)}, fills=_filled_field(needs, "train.params"),
        inputs={**scoring, "seed": model.train["seed"], "train": dict(model.train)},
        needs=needs, forecast_group=model.forecast_group,
    )  # fmt: skip
