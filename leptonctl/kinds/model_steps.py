"""A resolved model version as a node with its steps: train, export, evaluate and cross_validate. Pure."""

from dataclasses import replace
from typing import cast

from leptonctl.core.canonical import digest
from leptonctl.core.graph import Place
from leptonctl.core.values import Json, Node, Op, Step
from leptonctl.kinds.dataset import recipe_origins
from leptonctl.kinds.model import Model


def node(model: Model, dataset_key: str) -> Node:
    """The version as a node. Its digest covers prepare, train and export; evaluation has keys of its own.

    `dataset_key` is the prepare key of the dataset's own node: where this model's differs, it has a prepare step of its own.
    """
    shared = model.prepare.key == dataset_key
    prepare = replace(model.prepare, address=model.dataset.address if shared else model.address)
    train, export, *evaluations = _steps(model, (prepare.address, "prepare"))
    recipe: dict[str, Json] = {
        "dataset": f"{model.dataset.declared.name}@{model.dataset.declared.version}",
        "data": prepare.fields,
        **model.train_key_fields,
        "export": {"opset": model.opset},
    }
    origins = dict(model.declared.origins)
    origins.update(recipe_origins(model.dataset.declared, ("data",)))
    origins[("data",)] = model.declared.at("dataset")
    return Node(
        address=model.address,
        digest=digest({"prepare": prepare.key, "train": train.key, "export": export.key}),
        recipe=recipe,
        origins=origins,
        span=model.declared.span,
        steps=(*(() if shared else (prepare,)), train, export, *evaluations),
        needs=(model.dataset.address,),
        metadata={"metrics": cast("Json", list(model.metrics)), "folds": model.folds, "pinned": model.dataset.pinned},
    )


def step_of(node: Node, op: Op) -> Step:
    """The step of a version's node that does this."""
    return next(step for step in node.steps if step.op == op)


def evaluate_step(model: Model, metrics: tuple[str, ...], address: str, export: Step) -> Step:
    """Evaluation of what `export` made with these metrics, keyed by artifact and rows, listed under `address`."""
    fields: dict[str, Json] = {**model.scoring, "metrics": cast("Json", sorted(metrics))}
    return Step(
        op="evaluate",
        address=address,
        key=None,
        spec=digest({"op": "evaluate", "of": export.key, **fields}),
        fields=fields,
        reads=("export.artifacts.model.onnx", "prepare.outputs.rows_digest.test"),
        inputs=fields,
        needs={"prepare": export.needs["prepare"], "export": (model.address, "export")},
    )


def _steps(model: Model, rows: Place) -> list[Step]:
    """Train, export, evaluate and cross_validate; `rows` is the prepare step that they read."""
    train_fields: dict[str, Json] = {"prepare": model.prepare.key, **model.train_key_fields}
    train_key = digest({"op": "train", **train_fields})
    data = {"prepare": rows}
    train = Step(op="train", address=model.address, key=train_key, spec=train_key, fields=train_fields, inputs=model.train, needs=data)
    export_fields: dict[str, Json] = {"train": train_key, "opset": model.opset}
    export_key = digest({"op": "export", **export_fields})
    export = Step(
        op="export",
        address=model.address,
        key=export_key,
        spec=export_key,
        fields=export_fields,
        inputs={
            "task": model.task,
            "opset": model.opset,
            "tolerance": None,
            "train": model.train,
            "privacy": model.dataset.inputs["privacy"],
        },
        needs={**data, "train": (model.address, "train")},
        exposes=("artifacts.model.onnx",),
    )
    evaluate = evaluate_step(model, model.metrics, model.address, export)
    folds = [] if model.folds is None else [_cross_validate(model, train_key, rows)]
    return [train, export, evaluate, *folds]


def _cross_validate(model: Model, train_key: str, rows: Place) -> Step:
    how: dict[str, Json] = {**model.scoring, "folds": model.folds, "metrics": cast("Json", sorted(model.metrics))}
    fields = {"train": train_key, **how}
    key = digest({"op": "cross_validate", **fields})
    return Step(
        op="cross_validate",
        address=model.address,
        key=key,
        spec=key,
        fields=fields,
        inputs={**how, "seed": model.train["seed"], "train": model.train},
        needs={"prepare": rows},
    )
