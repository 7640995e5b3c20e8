"""The columns that a model version learns from: its features, and its preprocess steps with their parameters. Pure."""

from collections.abc import Iterator
from typing import cast

from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.manifest import UNSUPERVISED
from leptonctl.core.values import Json, Path
from leptonctl.kinds.dataset.version import Dataset
from leptonctl.kinds.settings import with_defaults, without_defaults
from leptonctl.language.foreign_names import PREPROCESSORS, class_hint, name_hint
from leptonctl.language.resolve import Declared
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import Preprocessor, Trainer


def preprocess_of(
    declared: Declared, dataset: Dataset | None, catalog: Catalog, problems: list[Diagnostic], *, taker: Trainer | None = None
) -> list[tuple[Json, Json]] | None:
    """Each step twice: with all parameters (for the worker) and with only those that differ from the defaults (for the key).

    taker: the algorithm. Where it compares its inputs with thresholds, a step must not be `loose`; where it learns without a target, none
    may need one.
    """
    steps: list[tuple[Json, Json]] = []
    count, encoded = len(problems), False
    for index, item in enumerate(cast("list[dict[str, Json]]", declared.fields.get("preprocess") or [])):
        at: Path = ("preprocess", index)
        provider = catalog.preprocessors.get(str(item.get("use")))
        if provider is None:
            similar = [name for of, name in catalog.others() if of == "step"]
            ours = name_hint(str(item.get("use")), catalog.preprocessors, PREPROCESSORS)
            hint = ours if ours.startswith("write") else class_hint(str(item.get("use")), similar) or ours
            if (refusal := catalog.refusal("step", str(item.get("use")))) is not None:
                summary = "This step cannot be exported faithfully"
                problems.append(error("cannot-export", summary, refusal[0], span=declared.at(*at, "use"), hint=refusal[1]))
                continue
            problems.append(
                error(
                    "unknown-preprocessor",
                    "Model names a preprocess step that does not exist",
                    "no preprocessor has this name",
                    span=declared.at(*at, "use"),
                    hint=hint,
                )
            )
            continue
        if taker is not None and provider.supervised and taker.task in UNSUPERVISED:
            detail = f"{provider.name} chooses by the target, and {taker.task} learns without one"
            problems.append(
                error("step-needs-target", "A preprocess step needs a target", detail, span=declared.at(*at, "use"), hint="leave it out")
            )
        if taker is not None and taker.splits and provider.loose:
            summary, detail = "This step cannot be exported faithfully", f"{provider.name} is not exact once exported, and a tree shows it"
            problems.append(
                error("cannot-export", summary, detail, span=declared.at(*at, "use"), hint="leave it out: trees need no scaling")
            )
        columns = item.get("columns", "all")
        _check_columns(declared, (*at, "columns"), columns, dataset, problems)
        problems += _never_fitting(declared, (*at, "columns"), columns, provider, encoded=encoded)
        encoded = encoded or provider.takes == "string"
        columns = _with_parts(columns, dataset)
        block = item.get("params")
        params, errors = with_defaults(
            block if isinstance(block, dict) else {}, provider.params, declared, (*at, "params"), f"preprocess step {provider.name}",
            parameters=True,
        )  # fmt: skip
        problems += errors
        if errors:
            continue
        if provider.refuse is not None and (reason := provider.refuse(params)):
            problems.append(
                error(
                    "cannot-export",
                    "These parameters cannot be exported faithfully",
                    reason,
                    span=declared.key_at(*at, "params"),
                    hint="change the parameter",
                )
            )
        differing = without_defaults(params, provider.params)
        common: dict[str, Json] = {"use": provider.name, "columns": columns}
        steps.append(({**common, "params": params}, {**common, "epoch": provider.epoch, "params": differing}))
    return steps if len(problems) == count else None


def _never_fitting(declared: Declared, at: Path, columns: Json, provider: Preprocessor, *, encoded: bool) -> Iterator[Diagnostic]:
    """Why a step can take none of the columns that it names, whatever the data. encoded: a step before makes numbers of strings."""
    if (columns == "numeric" and provider.takes == "string") or (columns == "categorical" and provider.takes == "number" and not encoded):
        takes = "strings" if provider.takes == "string" else "numbers"
        detail = f"{provider.name} takes {takes}, and `{columns}` are columns of {'numbers' if takes == 'strings' else 'strings'}"
        hint = "name a column of text: `columns: [NAME]`" if provider.one_column else None
        if provider.name == "imputer":
            hint = "write `columns: numeric`; missing text is filled in the dataset: `columns: {NAME: {missing: TEXT}}`"
        hint = hint or f"write `columns: {'categorical' if takes == 'strings' else 'numeric'}`, or name the columns"
        yield error("wrong-column-type", "A preprocess step gets columns of the wrong type", detail, span=declared.at(*at), hint=hint)
    elif provider.one_column and isinstance(columns, list) and len(columns) > 1:
        detail, hint = f"{provider.name} gets {len(columns)} columns", f"write one {provider.name} step for each column"
        yield error("one-column-step", "A preprocess step takes exactly one column", detail, span=declared.at(*at), hint=hint)


def _check_columns(declared: Declared, at: Path, columns: Json, dataset: Dataset | None, problems: list[Diagnostic]) -> None:
    if isinstance(columns, list):
        for index, name in enumerate(columns):
            check_feature(declared, (*at, index), str(name), dataset, problems)


def features_of(declared: Declared, dataset: Dataset | None, problems: list[Diagnostic]) -> Json:
    """The features as declared; None: all columns that may be. A name that is no feature is a problem."""
    features = declared.fields.get("features")
    if not isinstance(features, list):
        return None
    for index, name in enumerate(features):
        check_feature(declared, ("features", index), str(name), dataset, problems)
    return _with_parts(features, dataset)


def _with_parts(columns: Json, dataset: Dataset | None) -> Json:
    """The names with those of its parts in the place of a column of dates."""
    if not isinstance(columns, list) or dataset is None or not dataset.parts:
        return columns
    return [*dict.fromkeys(part for name in columns for part in dataset.parts.get(str(name), (name,)))]


def check_feature(declared: Declared, at: Path, name: str, dataset: Dataset | None, problems: list[Diagnostic]) -> None:
    """Add a problem when a name, written at this path, is known to be no feature."""
    if dataset is None or dataset.columns is None:
        return
    reasons = withheld(dataset)
    allowed = _with_parts(declared.fields.get("features"), dataset)
    columns = [part for c in dataset.columns for part in (() if c in reasons else dataset.parts.get(c, (c,)))]
    if isinstance(allowed, list) and at[0] != "features":
        reasons = {**dict.fromkeys((c for c in columns if c not in allowed), "`features` leaves this column out"), **reasons}
    features = [c for c in columns if c not in reasons]
    if {*dataset.parts.get(name, ())} & {*features}:
        return
    if name in features:
        return
    detail = reasons.get(name, "the data has no column of this name")
    problems.append(
        error(
            "unknown-column", "Model names a column that is not a feature", detail, span=declared.at(*at), hint=did_you_mean(name, features)
        )
    )


def withheld(dataset: Dataset) -> dict[str, str]:
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
