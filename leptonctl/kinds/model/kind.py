"""The kind Model: resolves its versions and makes a node of each. Pure, given the catalog and the datasets."""

from collections.abc import Iterator, Mapping

from leptonctl.core.observed import SourceKey
from leptonctl.core.values import Node, StepPlace
from leptonctl.kinds.kind import Declarations, Kind, Problems
from leptonctl.kinds.model import command, imported, restore, steps, version, warm
from leptonctl.kinds.model.inheritance import inherit
from leptonctl.kinds.model.schema import MODEL
from leptonctl.kinds.model.version import Model
from leptonctl.kinds.not_yet import entries_of
from leptonctl.language.resolve import Project


def files(project: Project) -> Iterator[SourceKey]:
    """The files that versions import, and those of their programs."""
    yield from imported.files(project)
    yield from command.files(project)


def models(declarations: Declarations) -> Mapping[str, Model]:
    """All model versions by `name@version`."""
    return declarations.of("Model")


def declare(declarations: Declarations) -> tuple[Mapping[str, Model], Problems]:
    """All model versions by `name@version`, and what is wrong with them."""
    versions, problems = version.versions_of(declarations, restore.recall(declarations))
    return warm.with_parents(versions, problems, declarations.catalog)


def built_nodes(declarations: Declarations) -> Iterator[Node]:
    """The nodes of all versions, bound or not."""
    for model in models(declarations).values():
        rows = declarations.built[model.dataset.address].digest
        restored = model.restore_node(rows) if model.restore_node is not None else None
        yield restored or steps.node(model, rows, _parent_rows(model, declarations))


def _parent_rows(model: Model, declarations: Declarations) -> StepPlace | None:
    """The prepare step of the parent; None when the version has none."""
    parent = model.warm.parent if model.warm is not None else None
    if parent is None:
        return None
    shared = parent.prepare.key == declarations.built[parent.dataset.address].digest
    return (parent.dataset.address if shared else parent.address), "prepare"


KIND = Kind(
    name="Model",
    address="model",
    schema=MODEL,
    not_yet=entries_of("Model", MODEL),
    inherit=inherit,
    files=files,
    declare=declare,
    built=built_nodes,
)
