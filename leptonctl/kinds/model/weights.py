"""`sample_weight`, `class_weight` and `monotonic` of a model version. Pure, given the catalog."""

from collections.abc import Iterator, Mapping
from typing import cast

from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.frozen import replace
from leptonctl.core.values import Json, Path
from leptonctl.kinds.dataset.version import Dataset
from leptonctl.kinds.model.columns import feature_problems, withheld_columns
from leptonctl.kinds.model.draft import Draft
from leptonctl.language.resolve import Declared
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import Trainer

CLASS_WEIGHT, SAMPLE_WEIGHT, MONOTONIC = WEIGHTS = ("class_weight", "sample_weight", "monotonic")
"""Fields of the recipe that are part of the train key where they are declared."""
BINARY = 2
"""The number of classes of a binary target."""


def weights_of(draft: Draft, trainer: Trainer) -> dict[str, Json]:
    """The fields that are declared, for recipe and train key; {} without a sound dataset. What is wrong with them is reported."""
    fields, dataset = draft.fields, draft.dataset
    if dataset is None:
        return {}
    weights: dict[str, Json] = {name: fields[name] for name in WEIGHTS if fields.get(name) not in (None, {})}
    if CLASS_WEIGHT in weights:
        draft.report(*_class_weight(draft, dataset, trainer))
        weight = weights[CLASS_WEIGHT]
        if isinstance(weight, dict):
            weights[CLASS_WEIGHT] = {name: float(cast("float", value)) for name, value in weight.items()}
    if SAMPLE_WEIGHT in weights:
        draft.report(*_sample_weight(draft, dataset, trainer))
    if MONOTONIC in weights:
        draft.report(*_monotonic(draft, dataset, trainer))
    return weights


def classes_of(dataset: Dataset) -> tuple[str, ...] | None:
    """The classes that the dataset declares for its target, as written; None where it declares none."""
    columns = cast("dict[str, dict[str, Json]]", dataset.inputs.get("columns") or {})
    values = columns.get(dataset.target, {}).get("values")
    if not isinstance(values, list):
        return None
    return tuple(str(value).lower() if isinstance(value, bool) else str(value) for value in values)


def _class_weight(draft: Draft, dataset: Dataset, trainer: Trainer) -> Iterator[Diagnostic]:
    declared = draft.declared
    span, weight = declared.key_at(CLASS_WEIGHT), declared.fields[CLASS_WEIGHT]
    if trainer.task != "classification":
        detail = f"the task of this model is {trainer.task}, which has no classes"
        yield error("unsupported-option", "The algorithm has no such option", detail, span=span, hint="remove `class_weight`")
        return
    params = declared.fields.get("params")
    if isinstance(params, dict) and params.get(CLASS_WEIGHT) is not None:
        summary, detail = "These parameters exclude each other", "`class_weight` of the model and `params: {class_weight: …}` say the same"
        yield error("parameter-conflict", summary, detail, span=span, hint="remove `class_weight` from `params`")
    if CLASS_WEIGHT not in trainer.params and not trainer.weighs:
        yield _unsupported_weights(declared, trainer, CLASS_WEIGHT, draft.catalog)
    classes = classes_of(dataset)
    for name in weight if isinstance(weight, dict) else ():
        if classes is not None and name not in classes:
            summary, detail = "A weight is for a class that the target does not have", f"{dataset.target} has: {', '.join(classes)}"
            at = declared.key_at(CLASS_WEIGHT, name)
            yield error("unknown-class-weight", summary, detail, span=at, hint=did_you_mean(name, classes))


def _sample_weight(draft: Draft, dataset: Dataset, trainer: Trainer) -> Iterator[Diagnostic]:
    declared = draft.declared
    name, span = str(declared.fields[SAMPLE_WEIGHT]), declared.at(SAMPLE_WEIGHT)
    if not trainer.weighs:
        yield _unsupported_weights(declared, trainer, SAMPLE_WEIGHT, draft.catalog)
    columns = dataset.columns
    if columns is not None and name not in columns:
        summary, detail = "Model names a column that the data does not have", "the data has no column of this name"
        yield error("unknown-column", summary, detail, span=span, hint=did_you_mean(name, columns))
        return
    reason = withheld_columns(dataset).get(name) or _not_number(name, dataset) or _is_used(name, declared)
    if reason:
        hint = "name a column of numbers with no other use"
        yield error("bad-sample-weight", "The column of weights cannot be used", reason, span=span, hint=hint)


def _not_number(name: str, dataset: Dataset) -> str:
    """Why a column has no numbers according to its declaration."""
    specs = cast("dict[str, dict[str, Json]]", dataset.inputs.get("columns") or {})
    privacy = cast("dict[str, list[str]]", dataset.inputs.get("privacy") or {})
    kind = specs.get(name, {}).get("type")
    if name in privacy.get("hash", []):
        return "`privacy` hashes this column"
    return f"this column is declared as {kind}" if kind not in (None, "number", "integer") else ""


def _is_used(name: str, declared: Declared) -> str:
    """Where a column is read as a feature."""
    features = declared.fields.get("features")
    if isinstance(features, list) and name in features:
        return "`features` lists this column: a weight is never a feature"
    for step in _steps(declared):
        columns = step.get("columns")
        if isinstance(columns, list) and name in columns:
            return f"the preprocess step {step.get('use')} names this column: a weight is never a feature"
    return ""


def _monotonic(draft: Draft, dataset: Dataset, trainer: Trainer) -> Iterator[Diagnostic]:
    declared = draft.declared
    if trainer.monotonic is None:
        yield _unsupported_weights(declared, trainer, MONOTONIC, draft.catalog)
        return
    classes = classes_of(dataset)
    if trainer.task == "classification" and classes is not None and len(classes) > BINARY:
        detail = f"the target has {len(classes)} classes, and a direction needs two"
        yield _not_monotonic(declared, (MONOTONIC,), detail, "remove `monotonic`")
    for name in cast("dict[str, Json]", declared.fields[MONOTONIC]):
        at: Path = (MONOTONIC, name)
        yield from (replace(problem, span=declared.key_at(*at)) for problem in feature_problems(draft, at, name))
        reason = _mixed_column(name, declared, dataset, draft.catalog)
        if name == declared.fields.get(SAMPLE_WEIGHT):
            reason = "this column is the weight of the rows"
        elif name in dataset.parts:
            reason = f"this is a column of dates: name one of its parts, {' or '.join(dataset.parts[name])}"
        if reason:
            yield _not_monotonic(declared, at, reason, "name features that reach the algorithm as one column of numbers each")


def _not_monotonic(declared: Declared, at: Path, detail: str, hint: str) -> Diagnostic:
    return error("not-monotonic", "A feature cannot be made to act in one direction", detail, span=declared.key_at(*at), hint=hint)


def _mixed_column(name: str, declared: Declared, dataset: Dataset, catalog: Catalog) -> str:
    """Why a feature does not reach the algorithm as one column of numbers that rises with it; "" if nothing is known against it."""
    specs = cast("dict[str, dict[str, Json]]", dataset.inputs.get("columns") or {})
    kind = specs.get(name, {}).get("type")
    if kind == "string":
        return "this column is text, which has no direction"
    for step in _steps(declared):
        provider, columns = catalog.preprocessors.get(str(step.get("use"))), step.get("columns", "all")
        selected = name in columns if isinstance(columns, list) else columns == "all" or (columns == "categorical") == (kind == "boolean")
        if provider is not None and selected and not provider.keeps:
            return f"the preprocess step {provider.name} replaces this column by others"
        if provider is not None and selected and provider.mixes:
            return f"the preprocess step {provider.name} mixes this column with others, so the result need not rise with it"
        if provider is not None and selected and provider.takes == "string":
            return f"the preprocess step {provider.name} numbers its values as text"
    return ""


def _steps(declared: Declared) -> list[Mapping[str, Json]]:
    return cast("list[Mapping[str, Json]]", declared.fields.get("preprocess") or [])


def _unsupported_weights(declared: Declared, trainer: Trainer, option: str, catalog: Catalog) -> Diagnostic:
    names = sorted(name for (task, name), other in catalog.trainers.items() if task == trainer.task and _follows(other, option))
    hint = f"use one of {', '.join(names)}, or remove `{option}`" if names else f"remove `{option}`"
    detail = f"{trainer.name} has no way to follow `{option}`"
    return error("unsupported-option", "The algorithm has no such option", detail, span=declared.key_at(option), hint=hint)


def _follows(trainer: Trainer, option: str) -> bool:
    if option == MONOTONIC:
        return trainer.monotonic is not None
    return trainer.weighs or (option == CLASS_WEIGHT and CLASS_WEIGHT in trainer.params)
