"""What a model version refers to: its task, dataset, algorithm and metrics, and what is wrong with each. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from leptonctl.core.address import name_and_version, reference
from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.values import Json
from leptonctl.kinds.dataset.version import Dataset, datasets
from leptonctl.kinds.foreign_names import ALGORITHMS, METRICS, class_hint, class_misspelling_hint, name_hint
from leptonctl.kinds.kind import Declarations
from leptonctl.kinds.model.command import COMMAND
from leptonctl.kinds.model.draft import Draft
from leptonctl.language.resolve import Declared, Project
from leptonctl.spi.catalog import Catalog


def no_algorithm(declared: Declared) -> Diagnostic:
    """The error for a version that is to be trained and names no algorithm."""
    span, detail = declared.span_without("algorithm"), "`algorithm` is missing: how the model learns"
    return error("missing-algorithm", "Model names no algorithm", detail, span=span, hint="add `algorithm: NAME`")


def unknown_algorithm(declared: Declared, algorithm: str, task: str | None, catalog: Catalog) -> Diagnostic:
    """The error for a name that is not an algorithm of the task, with the most similar one."""
    if (refusal := catalog.refusal("algorithm", algorithm)) is not None:
        return error(
            "cannot-export", "This algorithm cannot be exported faithfully", refusal[0], span=declared.at("algorithm"), hint=refusal[1]
        )
    other_tasks = sorted(known for known, name in catalog.trainers if name == algorithm) or [*catalog.tasks_of(algorithm)]
    detail = f"no trainer{f' for {task}' if task else ''} has this name"
    if task and other_tasks:
        detail = f"{algorithm} is for {' and '.join(other_tasks)}; the task of this model is {task}"
    known = catalog.names(catalog.trainers, task) if task else {name for _, name in catalog.trainers}
    similar = [name for role, name in catalog.others() if role == task or (not task and role != "step")]
    # our own names come last, since of two spellings the last one counts
    others = (*((role, name) for role, name in catalog.others() if role != "step" and name != algorithm), *catalog.trainers)
    own = name_hint(algorithm, known, ALGORITHMS, others)
    scikit = class_hint(algorithm, similar)
    # another library's name is not a misspelling, but where scikit-learn has a class of that name, that one comes first
    is_foreign = own.startswith('write "') and (algorithm.islower() or not scikit.startswith("write"))
    hint = own if is_foreign else class_misspelling_hint(algorithm, known, ALGORITHMS, scikit or own or did_you_mean(algorithm, similar))
    summary = "Model names an algorithm that does not exist"
    return error("unknown-algorithm", summary, detail, span=declared.at("algorithm"), hint=hint)


def task_of(declared: Declared, catalog: Catalog, problems: list[Diagnostic]) -> str | None:
    """The task that is declared, or the only one that the algorithm has. None with a problem added."""
    task, algorithm = declared.fields.get("task"), declared.fields.get("algorithm")
    if isinstance(task, str):
        return task
    for name, detail in (("import", "an ONNX file does not say which"), (COMMAND, "a command does not say which")):
        if declared.fields.get(name) is not None:
            hint = "add `task: classification` or `task: regression`"
            problems.append(error("missing-task", "Model names no task", detail, span=declared.at(name), hint=hint))
            return None
    fitting = sorted(t for t, name in catalog.trainers if name == algorithm) or [*catalog.tasks_of(str(algorithm))]
    if len(fitting) == 1:
        return fitting[0]
    if algorithm is None:
        problems.append(no_algorithm(declared))
    elif not fitting:
        problems.append(unknown_algorithm(declared, str(algorithm), None, catalog))
    else:
        detail = f"{algorithm} is for {' and '.join(fitting)}"
        hint = " or ".join(f"`task: {t}`" for t in fitting)
        problems.append(error("missing-task", "Model names no task", detail, span=declared.span_without("task"), hint=f"add {hint}"))
    return None


def dataset_of(declared: Declared, declarations: Declarations, problems: list[Diagnostic]) -> Dataset | None:
    """The dataset version that is declared. None with a problem added, or where the dataset itself is not sound."""
    written = declared.fields.get("dataset")
    if not isinstance(written, str):
        detail, hint = "`dataset` is missing: what the model learns from", "add `dataset: NAME@VERSION`"
        problems.append(error("missing-dataset", "Model names no dataset", detail, span=declared.span_without("dataset"), hint=hint))
        return None
    name, written_version = name_and_version(written)
    document = declarations.project.of("Dataset").get(name)
    known = [*cast("dict[str, Json]", document.value.get("versions") or {})] if document is not None else []
    version = written_version or (known[0] if len(known) == 1 else "")
    if document is None:
        problems.append(_unknown_dataset(declared, name, declarations.project))
    elif version not in known:
        problems.append(_unknown_version(declared, name, version, known))
    else:
        return datasets(declarations).get(reference(name, version))
    return None


def _unknown_dataset(declared: Declared, name: str, project: Project) -> Diagnostic:
    summary, detail = "Model names a dataset that is not declared", "no document `kind: Dataset` has this name"
    hint = did_you_mean(name, project.of("Dataset"))
    return error("unknown-dataset", summary, detail, span=declared.at("dataset"), hint=hint)


def _unknown_version(declared: Declared, name: str, version: str, known: Sequence[str]) -> Diagnostic:
    """The error for a dataset version that is not declared, or for none where the dataset has several."""
    if not version:
        detail, hint = f"dataset {name} has {len(known)} versions", f"write `dataset: {name}@{known[-1]}`" if known else ""
        return error("missing-dataset-version", "Model names no dataset version", detail, span=declared.at("dataset"), hint=hint)
    summary, detail = "Model names a dataset version that is not declared", f"dataset {name} has no version of this name"
    return error("unknown-dataset-version", summary, detail, span=declared.at("dataset"), hint=did_you_mean(version, known))


def metrics_of(draft: Draft) -> tuple[tuple[str, ...], Mapping[str, Json]]:
    """The metrics that evaluate it, sorted, and its `evaluate` block. Names of no metric are problems."""
    task, catalog, block = draft.task, draft.catalog, draft.fields.get("evaluate")
    evaluate = block if isinstance(block, dict) else {}
    has_target = draft.dataset is None or bool(draft.dataset.target)
    metrics = evaluate.get("metrics")
    if not isinstance(metrics, list):
        known = (catalog.metrics[task, name] for name in catalog.names(catalog.metrics, task))
        return tuple(metric.name for metric in known if metric.default and (has_target or not metric.needs_target)), evaluate
    names = tuple(map(str, metrics))
    for index, name in enumerate(names):
        draft.report(*_metric_problems(draft, index, name, has_target=has_target))
    return tuple(sorted({*names})), evaluate


def _metric_problems(draft: Draft, index: int, name: str, *, has_target: bool) -> Iterator[Diagnostic]:
    """What is wrong with the metric at an index of `evaluate.metrics`."""
    task, catalog = draft.task, draft.catalog
    metric = catalog.metrics.get((task, name))
    if metric is not None and metric.needs_target and not has_target:
        detail = f"{name} compares with a target, and the dataset has none"
        span, hint = draft.declared.at("evaluate", "metrics", index), "add `target: COLUMN` to the dataset, or leave it out"
        yield error("missing-target", "A metric needs a target", detail, span=span, hint=hint)
    if metric is None:
        other_tasks = sorted(other for other, known in catalog.metrics if known == name)
        detail = f"no metric for {task} has this name"
        if other_tasks:
            detail = f"{name} is for {' and '.join(other_tasks)}; the task of this model is {task}"
        span = draft.declared.at("evaluate", "metrics", index)
        hint = name_hint(name, catalog.names(catalog.metrics, task), METRICS, catalog.metrics)
        yield error("unknown-metric", "Model names a metric that does not exist", detail, span=span, hint=hint)
