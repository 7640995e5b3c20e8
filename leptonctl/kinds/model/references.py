"""What a model version refers to: its task, dataset, algorithm and metrics, and what is wrong with each. Pure."""

from collections.abc import Mapping
from typing import cast

from leptonctl.core.diagnostic import Diagnostic, did_you_mean, error
from leptonctl.core.values import Json
from leptonctl.kinds.dataset.version import Dataset
from leptonctl.kinds.model.command import COMMAND
from leptonctl.language.foreign_names import ALGORITHMS, METRICS, class_hint, misspelled, name_hint
from leptonctl.language.resolve import Declared, Project
from leptonctl.spi.catalog import Catalog


def no_algorithm(declared: Declared) -> Diagnostic:
    """The error for a version that is trained and does not say how."""
    detail = "`algorithm` is missing: how the model learns"
    return error("missing-algorithm", "Model names no algorithm", detail, span=declared.lacking("algorithm"), hint="add `algorithm: NAME`")


def unknown_algorithm(declared: Declared, algorithm: str, task: str | None, catalog: Catalog) -> Diagnostic:
    """The error for a name that is no algorithm of the task, with the nearest one."""
    if (refusal := catalog.refusal("algorithm", algorithm)) is not None:
        return error(
            "cannot-export", "This algorithm cannot be exported faithfully", refusal[0], span=declared.at("algorithm"), hint=refusal[1]
        )
    other_tasks = sorted(known for known, name in catalog.trainers if name == algorithm) or [*catalog.tasks_of(algorithm)]
    detail = f"no trainer{f' for {task}' if task else ''} has this name"
    if task and other_tasks:
        detail = f"{algorithm} is for {' and '.join(other_tasks)}; the task of this model is {task}"
    known = catalog.names(catalog.trainers, task) if task else {name for _, name in catalog.trainers}
    similar = [name for of, name in catalog.others() if of == task or (not task and of != "step")]
    # our own names last: of two spellings they are the ones to write
    others = (*((of, name) for of, name in catalog.others() if of != "step" and name != algorithm), *catalog.trainers)
    ours = name_hint(algorithm, known, ALGORITHMS, others)
    scikit = class_hint(algorithm, similar)
    # a name that another library has is no misspelling, but scikit-learn's own name goes before its name here
    translated = ours.startswith('write "') and (algorithm.islower() or not scikit.startswith("write"))
    hint = ours if translated else misspelled(algorithm, known, ALGORITHMS, scikit or ours or did_you_mean(algorithm, similar))
    summary = "Model names an algorithm that does not exist"
    return error("unknown-algorithm", summary, detail, span=declared.at("algorithm"), hint=hint)


def task_of(declared: Declared, catalog: Catalog, problems: list[Diagnostic]) -> str | None:
    """The task that is declared, or the only one that the algorithm has. None with a problem added."""
    task, algorithm = declared.fields.get("task"), declared.fields.get("algorithm")
    if isinstance(task, str):
        return task
    for name, detail in (("import", "an ONNX file does not say it"), (COMMAND, "a command does not say it")):
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
        problems.append(error("missing-task", "Model names no task", detail, span=declared.lacking("task"), hint=f"add {hint}"))
    return None


def dataset_of(declared: Declared, datasets: Mapping[str, Dataset], project: Project, problems: list[Diagnostic]) -> Dataset | None:
    """The dataset version that is declared. None with a problem added, or where the dataset itself is not sound."""
    reference = declared.fields.get("dataset")
    if not isinstance(reference, str):
        detail = "`dataset` is missing: what the model learns from"
        problems.append(
            error("missing-dataset", "Model names no dataset", detail, span=declared.lacking("dataset"), hint="add `dataset: NAME@VERSION`")
        )
        return None
    name, _, version = reference.partition("@")
    document = project.of("Dataset").get(name)
    if document is None:
        hint = did_you_mean(name, project.of("Dataset"))
        problems.append(
            error(
                "unknown-dataset",
                "Model names a dataset that is not declared",
                "no document `kind: Dataset` has this name",
                span=declared.at("dataset"),
                hint=hint,
            )
        )
        return None
    known = cast("dict[str, Json]", document.value.get("versions") or {})
    if not version and len(known) == 1:
        version = next(iter(known))
    if not version:
        problems.append(
            error(
                "missing-dataset-version",
                "Model names no dataset version",
                f"dataset {name} has {len(known)} versions",
                span=declared.at("dataset"),
                hint=f"write `dataset: {name}@{next(reversed(known))}`" if known else "",
            )
        )
        return None
    if version not in known:
        detail = f"dataset {name} has no version of this name"
        problems.append(
            error(
                "unknown-dataset-version",
                "Model names a dataset version that is not declared",
                detail,
                span=declared.at("dataset"),
                hint=did_you_mean(version, known),
            )
        )
        return None
    return datasets.get(f"{name}@{version}")


def metrics_of(
    declared: Declared, task: str, dataset: Dataset | None, catalog: Catalog, problems: list[Diagnostic]
) -> tuple[tuple[str, ...], dict[str, Json]]:
    """The metrics that evaluate it, sorted, and its `evaluate` block; names that are none are problems."""
    evaluate = declared.fields.get("evaluate")
    evaluate = evaluate if isinstance(evaluate, dict) else {}
    known = catalog.names(catalog.metrics, task)
    targets = dataset is None or bool(dataset.target)
    metrics = evaluate.get("metrics")
    if not isinstance(metrics, list):
        default = (catalog.metrics[task, name] for name in known if catalog.metrics[task, name].default)
        return tuple(metric.name for metric in default if targets or not metric.needs_target), evaluate
    for index, name in enumerate(metrics):
        if name in known and not targets and catalog.metrics[task, name].needs_target:
            detail, hint = (
                f"{name} compares with a target, and the dataset has none",
                "add `target: COLUMN` to the dataset, or leave it out",
            )
            span = declared.at("evaluate", "metrics", index)
            problems.append(error("missing-target", "A metric needs a target", detail, span=span, hint=hint))
        if name not in known:
            other_tasks = sorted(other for other, metric in catalog.metrics if metric == name)
            detail = f"no metric for {task} has this name"
            if other_tasks:
                detail = f"{name} is for {' and '.join(other_tasks)}; the task of this model is {task}"
            span = declared.at("evaluate", "metrics", index)
            problems.append(
                error(
                    "unknown-metric",
                    "Model names a metric that does not exist",
                    detail,
                    span=span,
                    hint=name_hint(str(name), known, METRICS, catalog.metrics),
                )
            )
    return tuple(sorted({str(name) for name in metrics})), evaluate
