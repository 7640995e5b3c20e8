"""`threshold` and `calibrate` of a model version, and the step `decide` that they need. Pure."""

from collections.abc import Iterator, Mapping
from typing import cast

from leptonctl.core.canonical import digest
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.manifest import GRAPH_FILE
from leptonctl.core.values import Json, Step
from leptonctl.kinds.foreign_names import METRICS, name_hint
from leptonctl.kinds.model.draft import Draft
from leptonctl.kinds.model.weights import BINARY, classes_of
from leptonctl.language.resolve import Declared
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import Metric

THRESHOLD, CALIBRATE, POSITIVE = DECIDES = ("threshold", "calibrate", "positive")
"""Fields of the recipe that are in the key of `decide`. `positive` is that of `evaluate`, where a threshold depends on it."""
METHOD: Mapping[str, Json] = {"method": "sigmoid", "cross_validation": 5}
IMPOSSIBLE = "The threshold or calibration is not possible"


def decision_of(draft: Draft) -> dict[str, Json]:
    """The fields that are declared, {} where the learned model's answers stay as they are. Impossible ones are reported."""
    threshold, calibrate = draft.fields.get(THRESHOLD), draft.fields.get(CALIBRATE)
    decision: dict[str, Json] = {}
    if threshold is not None:
        problems = [*_threshold_problems(draft, threshold)]
        draft.report(*problems)
        evaluate = draft.fields.get("evaluate")
        positive = evaluate.get(POSITIVE) if isinstance(evaluate, dict) else None
        if not problems:
            decision |= {THRESHOLD: _normal(threshold), **({} if positive is None else {POSITIVE: positive})}
    if calibrate is not None:
        if draft.task != "classification":
            draft.report(_impossible(draft.declared, CALIBRATE, f"the task of this model is {draft.task}, which has no probabilities"))
        decision[CALIBRATE] = {**METHOD, **cast("dict[str, Json]", calibrate)}
    return decision


def decide_key(fields: Mapping[str, Json], export_key: str) -> str | None:
    """The key of the step that decides, from the fields of a recipe; None where nothing is decided."""
    own = {name: fields[name] for name in DECIDES if name in fields}
    return digest({"op": "decide", "export": export_key, **own}) if own else None


def decide_step(fields: Mapping[str, Json], export: Step, train: Step | None) -> Step | None:
    """The step after `export` that makes the final package; None where nothing is declared. train: the training to fit on folds, None
    for a package that was not trained here.
    """
    key = decide_key(fields, str(export.key))
    if key is None:
        return None
    own = {name: fields[name] for name in DECIDES if name in fields}
    trains_folds = CALIBRATE in own or isinstance(own.get(THRESHOLD), dict)
    train_own: Json = dict(train.own or {}) if train is not None else None
    return Step(
        name="decide", op="decide", address=export.address, key=key, spec=key,
        fields={"export": export.key, **own}, own={**own, **({"train": train_own} if trains_folds else {})},
        # the recipe also tells which rows a package may contain
        inputs={**own, **({"train": dict(train.inputs)} if train is not None else {})},
        needs={"prepare": export.needs["prepare"], "export": export.place}, forecast_group=export.forecast_group, makes=GRAPH_FILE,
    )  # fmt: skip


def _normal(threshold: Json) -> Json:
    """The threshold as it enters keys: limits are floats."""
    if not isinstance(threshold, dict):
        return threshold
    return {name: {"min": float(cast("float", limit["min"]))} if isinstance(limit, dict) else limit for name, limit in threshold.items()}


def _threshold_problems(draft: Draft, threshold: Json) -> Iterator[Diagnostic]:
    declared, classes = draft.declared, classes_of(draft.dataset) if draft.dataset is not None else None
    if draft.task != "classification":
        yield _impossible(declared, THRESHOLD, f"the task of this model is {draft.task}, which has no labels")
    elif classes is not None and len(classes) != BINARY:
        yield _impossible(declared, THRESHOLD, f"the target has {len(classes)} classes, and a threshold needs two")
    elif isinstance(threshold, dict) and len(threshold) != 1:
        summary, keys = "These parameters exclude each other", ", ".join(threshold) or "none"
        detail = f"a threshold is chosen by exactly one key, not by {keys}"
        hint = "keep one; a version removes that of the base block with null: `threshold: {metric: null, recall: {min: 0.9}}`"
        yield error("parameter-conflict", summary, detail, span=declared.key_at(THRESHOLD), hint=hint)
    elif isinstance(threshold, dict) and "metric" in threshold:
        yield from _metric_problems(declared, str(threshold["metric"]), draft.catalog)
    elif isinstance(threshold, dict) and not all(isinstance(limit, dict) and "min" in limit for limit in threshold.values()):
        name = next(iter(threshold))
        yield _impossible(declared, THRESHOLD, f"`{name}` has no `min`", hint=f"write `threshold: {{{name}: {{min: 0.9}}}}`")


def _metric_problems(declared: Declared, name: str, catalog: Catalog) -> Iterator[Diagnostic]:
    known = {n: metric for (task, n), metric in catalog.metrics.items() if task == "classification"}
    usable = sorted(n for n, metric in known.items() if _follows_labels(metric))
    if name not in known:
        summary, detail = "Model names a metric that does not exist", "no metric for classification has this name"
        hint = name_hint(name, usable, METRICS, catalog.metrics)
        yield error("unknown-metric", summary, detail, span=declared.at(THRESHOLD, "metric"), hint=hint)
    elif name not in usable:
        summary, detail = IMPOSSIBLE, f"{name} does not depend on the threshold, or has no better direction"
        hint = f"use one of {', '.join(usable)}"
        yield error("decision-not-possible", summary, detail, span=declared.at(THRESHOLD, "metric"), hint=hint)


def _follows_labels(metric: Metric) -> bool:
    return metric.score is not None and not metric.needs_probabilities and metric.greater_is_better is not None


def _impossible(declared: Declared, key: str, detail: str, hint: str = "") -> Diagnostic:
    return error("decision-not-possible", IMPOSSIBLE, detail, span=declared.key_at(key), hint=hint or f"remove `{key}`")
