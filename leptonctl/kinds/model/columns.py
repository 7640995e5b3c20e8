"""The columns that a model version learns from: its features, and its preprocess steps with their parameters. Pure."""

from collections.abc import Iterator
from typing import cast

from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.manifest import UNSUPERVISED
from leptonctl.core.values import Json, Path
from leptonctl.kinds.dataset.version import Dataset
from leptonctl.kinds.defaults import with_defaults, without_defaults
from leptonctl.kinds.foreign_names import PREPROCESSORS, class_hint, name_hint
from leptonctl.kinds.model.draft import Draft
from leptonctl.language.resolve import Declared
from leptonctl.spi.learning import Preprocessor, Trainer


def preprocess_of(draft: Draft, trainer: Trainer | None) -> list[tuple[Json, Json]] | None:
    """Each step twice: with all parameters (for the worker) and with only those that differ from the defaults (for the key).

    None where a step has a problem. trainer: of the algorithm, which some steps do not suit; None while it is not known.
    """
    steps: list[tuple[Json, Json]] = []
    count, has_encoder = len(draft.problems), False
    for index, item in enumerate(cast("list[dict[str, Json]]", draft.fields.get("preprocess") or [])):
        at: Path = ("preprocess", index)
        provider = draft.catalog.preprocessors.get(str(item.get("use")))
        if provider is None:
            draft.report(_unknown_step(draft, at, str(item.get("use"))))
            continue
        columns = item.get("columns", "all")
        if trainer is not None:
            draft.report(*_trainer_conflicts(draft.declared, at, provider, trainer))
        draft.report(*_column_problems(draft, (*at, "columns"), columns, provider, has_encoder=has_encoder))
        has_encoder = has_encoder or provider.takes == "string"
        params = _params(draft, at, provider, item.get("params"))
        if params is not None:
            common: dict[str, Json] = {"use": provider.name, "columns": _with_parts(columns, draft.dataset)}
            differing = without_defaults(params, provider.params)
            steps.append(({**common, "params": params}, {**common, "epoch": provider.epoch, "params": differing}))
    return steps if len(draft.problems) == count else None


def _unknown_step(draft: Draft, at: Path, use: str) -> Diagnostic:
    """The error for a name that is not a preprocess step, with the step or class that it probably means."""
    catalog, span = draft.catalog, draft.declared.at(*at, "use")
    if (refusal := catalog.refusal("step", use)) is not None:
        return error("cannot-export", "This step cannot be exported faithfully", refusal[0], span=span, hint=refusal[1])
    own = name_hint(use, catalog.preprocessors, PREPROCESSORS)
    hint = own if own.startswith("write") else class_hint(use, [name for role, name in catalog.others() if role == "step"]) or own
    summary = "Model names a preprocess step that does not exist"
    return error("unknown-preprocessor", summary, "no preprocessor has this name", span=span, hint=hint)


def _trainer_conflicts(declared: Declared, at: Path, provider: Preprocessor, trainer: Trainer) -> Iterator[Diagnostic]:
    """Why a step cannot come before this algorithm: it needs a target, or it is inexact and the algorithm compares with thresholds."""
    if provider.supervised and trainer.task in UNSUPERVISED:
        detail = f"{provider.name} chooses by the target, and {trainer.task} learns without one"
        span = declared.at(*at, "use")
        yield error("step-needs-target", "A preprocess step needs a target", detail, span=span, hint="leave it out")
    if trainer.splits and provider.loose:
        summary, detail = "This step cannot be exported faithfully", f"{provider.name} is not exact once exported, and a tree shows it"
        yield error("cannot-export", summary, detail, span=declared.at(*at, "use"), hint="leave it out: trees need no scaling")


def _params(draft: Draft, at: Path, provider: Preprocessor, block: Json) -> dict[str, Json] | None:
    """The parameters of a step with all defaults; None where they are not valid."""
    what = f"preprocess step {provider.name}"
    settings = block if isinstance(block, dict) else {}
    params, problems = with_defaults(settings, provider.params, draft.declared, (*at, "params"), what=what, parameters=True)
    draft.report(*problems)
    if problems:
        return None
    if provider.refuse is not None and (reason := provider.refuse(params)):
        summary, span = "These parameters cannot be exported faithfully", draft.declared.key_at(*at, "params")
        draft.report(error("cannot-export", summary, reason, span=span, hint="change the parameter"))
    return params


def _column_problems(draft: Draft, at: Path, columns: Json, provider: Preprocessor, *, has_encoder: bool) -> Iterator[Diagnostic]:
    """What is wrong with the columns that a step names. has_encoder: an earlier step turns strings into numbers."""
    for index, name in enumerate(columns if isinstance(columns, list) else ()):
        yield from feature_problems(draft, (*at, index), str(name))
    takes_text = provider.takes == "string"
    if (columns == "numeric" and takes_text) or (columns == "categorical" and provider.takes == "number" and not has_encoder):
        takes, others = ("strings", "numbers") if takes_text else ("numbers", "strings")
        detail = f"{provider.name} takes {takes}, and `{columns}` are columns of {others}"
        summary, hint = "A preprocess step gets columns of the wrong type", _column_hint(provider)
        yield error("wrong-column-type", summary, detail, span=draft.declared.at(*at), hint=hint)
    elif provider.one_column and isinstance(columns, list) and len(columns) > 1:
        detail, hint = f"{provider.name} gets {len(columns)} columns", f"write one {provider.name} step for each column"
        yield error("one-column-step", "A preprocess step takes exactly one column", detail, span=draft.declared.at(*at), hint=hint)


def _column_hint(provider: Preprocessor) -> str:
    """Which columns to name for a step that gets columns of the wrong type."""
    if provider.name == "imputer":
        return "write `columns: numeric`; missing text is filled in the dataset: `columns: {NAME: {missing: TEXT}}`"
    if provider.one_column:
        return "name a column of text: `columns: [NAME]`"
    return f"write `columns: {'categorical' if provider.takes == 'string' else 'numeric'}`, or name the columns"


def features_of(draft: Draft) -> Json:
    """The features as declared; None: all columns that may be. A name that is not a feature is reported."""
    features = draft.fields.get("features")
    if not isinstance(features, list):
        return None
    for index, name in enumerate(features):
        draft.report(*feature_problems(draft, ("features", index), str(name)))
    return _with_parts(features, draft.dataset)


def _with_parts(columns: Json, dataset: Dataset | None) -> Json:
    """The names, with those of its parts in place of a column of dates."""
    if not isinstance(columns, list) or dataset is None or not dataset.parts:
        return columns
    return [*dict.fromkeys(part for name in columns for part in dataset.parts.get(str(name), (name,)))]


def feature_problems(draft: Draft, at: Path, name: str) -> Iterator[Diagnostic]:
    """The error for a name, written at this path, that is known not to be a feature."""
    declared, dataset = draft.declared, draft.dataset
    if dataset is None or dataset.columns is None:
        return
    reasons = withheld_columns(dataset)
    allowed = _with_parts(declared.fields.get("features"), dataset)
    columns = [part for c in dataset.columns for part in (() if c in reasons else dataset.parts.get(c, (c,)))]
    if isinstance(allowed, list) and at[0] != "features":
        reasons = {**dict.fromkeys((c for c in columns if c not in allowed), "`features` leaves this column out"), **reasons}
    features = [c for c in columns if c not in reasons]
    if name in features or not {*features}.isdisjoint(dataset.parts.get(name, ())):
        return
    detail, hint = reasons.get(name, "the data has no column of this name"), did_you_mean(name, features)
    yield error("unknown-column", "Model names a column that is not a feature", detail, span=declared.at(*at), hint=hint)


def withheld_columns(dataset: Dataset) -> dict[str, str]:
    """The columns that are not features, and why."""
    privacy = cast("dict[str, list[str]]", dataset.inputs["privacy"] or {})
    split = cast("dict[str, Json]", dataset.inputs["split"])
    reasons = {str(split[k]): "the split uses this column" for k in ("by", "column") if k in split}
    specs = cast("dict[str, dict[str, Json]]", dataset.inputs["columns"])
    reasons |= {name: "this column is ignored" for name, spec in specs.items() if spec.get("ignore")}
    if "time" in split and str(split["time"]) not in dataset.parts:
        reasons[str(split["time"])] = "the split uses this column"
    reasons |= dict.fromkeys(privacy.get("drop", []), "`privacy` drops this column")
    if "id" in dataset.inputs:
        reasons[str(dataset.inputs["id"])] = "this column is the id of a row"
    return {**reasons, dataset.target: "this column is the target"} if dataset.target else reasons
