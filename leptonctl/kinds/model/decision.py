"""What a model version says of its labels and probabilities: `threshold`, `calibrate`, and the step `decide` that they ask for. Pure."""

from collections.abc import Mapping
from typing import cast

from leptonctl.core.canonical import digest
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.manifest import GRAPH_FILE
from leptonctl.core.values import Json, Step
from leptonctl.kinds.dataset.version import Dataset
from leptonctl.kinds.model.weights import TWO, classes_of
from leptonctl.language.foreign_names import METRICS, name_hint
from leptonctl.language.resolve import Declared
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import Metric

THRESHOLD, CALIBRATE, POSITIVE = DECIDES = ("threshold", "calibrate", "positive")
"""Fields of the recipe that are in the key of `decide`. `positive` is that of `evaluate`, where a threshold depends on it."""
METHOD: Mapping[str, Json] = {"method": "sigmoid", "cross_validation": 5}


def decision_of(declared: Declared, task: str, dataset: Dataset | None, catalog: Catalog, problems: list[Diagnostic]) -> dict[str, Json]:
    """The fields that are declared, {} where the learned model's answers stay as they are. What cannot be right is a problem."""
    fields = declared.fields
    threshold, calibrate = fields.get(THRESHOLD), fields.get(CALIBRATE)
    found: dict[str, Json] = {}
    if threshold is not None:
        count = len(problems)
        _check_threshold(declared, task, dataset, catalog, problems)
        evaluate = fields.get("evaluate")
        positive = evaluate.get(POSITIVE) if isinstance(evaluate, dict) else None
        if len(problems) == count:
            found |= {THRESHOLD: _normal(threshold), **({} if positive is None else {POSITIVE: positive})}
    if calibrate is not None:
        if task != "classification":
            problems.append(_impossible(declared, CALIBRATE, f"the task of this model is {task}, which has no probabilities"))
        found[CALIBRATE] = {**METHOD, **cast("dict[str, Json]", calibrate)}
    return found


def decide_key(fields: Mapping[str, Json], export_key: str) -> str | None:
    """The key of the step that decides, from the fields of a recipe; None where nothing is decided."""
    own = {name: fields[name] for name in DECIDES if name in fields}
    return digest({"op": "decide", "export": export_key, **own}) if own else None


def decide_step(fields: Mapping[str, Json], export: Step, train: Mapping[str, Json] | None, train_own: Json) -> Step | None:
    """The step after `export` that makes the final package; None where nothing is declared. `train`: the recipe fitted on the folds, None
    for a package that was not trained here.
    """
    key = decide_key(fields, str(export.key))
    if key is None:
        return None
    own = {name: fields[name] for name in DECIDES if name in fields}
    fitted = CALIBRATE in own or isinstance(own.get(THRESHOLD), dict)
    return Step(
        name="decide", op="decide", address=export.address, key=key, spec=key,
        fields={"export": export.key, **own}, own={**own, **({"train": train_own} if fitted else {})},
        # the recipe also tells which rows a package may hold
        inputs={**own, **({"train": dict(train)} if train is not None else {})},
        needs={"prepare": export.needs["prepare"], "export": export.place}, kin=export.kin, makes=GRAPH_FILE,
    )  # fmt: skip


def _normal(threshold: Json) -> Json:
    """As it enters keys: limits are floats."""
    if not isinstance(threshold, dict):
        return threshold
    return {name: {"min": float(cast("float", limit["min"]))} if isinstance(limit, dict) else limit for name, limit in threshold.items()}


def _check_threshold(declared: Declared, task: str, dataset: Dataset | None, catalog: Catalog, problems: list[Diagnostic]) -> None:
    threshold = declared.fields[THRESHOLD]
    classes = classes_of(dataset) if dataset is not None else None
    if task != "classification":
        problems.append(_impossible(declared, THRESHOLD, f"the task of this model is {task}, which has no labels"))
    elif classes is not None and len(classes) != TWO:
        problems.append(_impossible(declared, THRESHOLD, f"the target has {len(classes)} classes, and a threshold needs two"))
    elif isinstance(threshold, dict) and len(threshold) != 1:
        detail = f"a threshold is chosen by one of them: {', '.join(threshold) or 'none is written'}"
        hint = "keep one; a version removes that of the base block with null: `threshold: {metric: null, recall: {min: 0.9}}`"
        span = declared.key_at(THRESHOLD)
        problems.append(error("parameter-conflict", "These parameters exclude each other", detail, span=span, hint=hint))
    elif isinstance(threshold, dict) and "metric" in threshold:
        _check_metric(declared, str(threshold["metric"]), catalog, problems)
    elif isinstance(threshold, dict) and not all(isinstance(limit, dict) and "min" in limit for limit in threshold.values()):
        name = next(iter(threshold))
        problems.append(_impossible(declared, THRESHOLD, f"`{name}` has no `min`", hint=f"write `threshold: {{{name}: {{min: 0.9}}}}`"))


def _check_metric(declared: Declared, name: str, catalog: Catalog, problems: list[Diagnostic]) -> None:
    known = {n: m for (task, n), m in catalog.metrics.items() if task == "classification"}
    able = sorted(n for n, metric in known.items() if _follows_labels(metric))
    span = declared.at(THRESHOLD, "metric")
    if name not in known:
        hint = name_hint(name, able, METRICS, catalog.metrics)
        detail = "no metric for classification has this name"
        problems.append(error("unknown-metric", "Model names a metric that does not exist", detail, span=span, hint=hint))
    elif name not in able:
        detail = f"{name} does not depend on the threshold, or has no better end"
        hint = f"use one of {', '.join(able)}"
        problems.append(error("decision-not-possible", "The threshold or calibration is not possible", detail, span=span, hint=hint))


def _follows_labels(metric: Metric) -> bool:
    return metric.score is not None and not metric.needs_probabilities and metric.greater_is_better is not None


def _impossible(declared: Declared, key: str, detail: str, hint: str = "") -> Diagnostic:
    summary, hint = "The threshold or calibration is not possible", hint or f"remove `{key}`"
    return error("decision-not-possible", summary, detail, span=declared.key_at(key), hint=hint)
