"""The kind Dataset: its versions and the files that they name, and a node of each. Pure, given the catalog and the observed files."""

from collections.abc import Iterator

from leptonctl.core import address
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.observed import SourceKey
from leptonctl.core.values import Node
from leptonctl.kinds.dataset.outline import keys_of, recall, recalled_node
from leptonctl.kinds.dataset.schema import DATASET
from leptonctl.kinds.dataset.version import Dataset, datasets, node, version_of
from leptonctl.kinds.kind import Declarations, Kind, Problems
from leptonctl.kinds.not_yet import entries_of
from leptonctl.language.resolve import Project


def files(project: Project) -> Iterator[SourceKey]:
    """Every file that a version names, to be observed before planning."""
    for document in project.of("Dataset").values():
        versions = project.by_version(document)
        for declared in versions.values():
            yield from keys_of(declared, versions)


def declare(declarations: Declarations) -> tuple[dict[str, Dataset], Problems]:
    """All dataset versions by `name@version`, and what is wrong with them."""
    versions: dict[str, Dataset] = {}
    problems: dict[Diagnostic, None] = {}
    known = recall(declarations)
    for document in declarations.project.of("Dataset").values():
        sisters = declarations.project.by_version(document)
        for declared in sisters.values():
            if (recalled := known(declared)) is not None:
                versions[address.short(recalled.address)] = recalled
                continue
            dataset, errors = version_of(declared, sisters, declarations.catalog, declarations.facts)
            problems.update(dict.fromkeys(errors))
            if dataset is not None:
                versions[address.short(dataset.address)] = dataset
    return versions, tuple(problems)


def built_nodes(declarations: Declarations) -> Iterator[Node]:
    """The nodes of all versions, split as the models that read them need it."""
    tasks: dict[tuple[str, ...], set[str]] = {}
    for model in declarations.of("Model").values():
        for group in _groups(model.dataset):
            tasks.setdefault(group, set()).add(model.task)
    for dataset in datasets(declarations).values():
        # a version that no model reads is split like its sister versions, so that it does not move when a model starts or stops using it
        used = next((tasks[group] for group in _groups(dataset) if group in tasks), set())
        stratify = "classification" in used
        yield recalled_node(dataset, stratify=stratify) or node(dataset, stratify=stratify)


def _groups(dataset: Dataset) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a version's tasks are collected under: its address, and the name and target that it shares with its sister versions."""
    return (dataset.address,), (dataset.declared.name, dataset.target)


KIND = Kind(
    name="Dataset",
    address="dataset",
    schema=DATASET,
    not_yet=entries_of("Dataset", DATASET),
    files=files,
    declare=declare,
    built=built_nodes,
)
