"""The kind Model: resolves its versions and makes a node of each. Pure, given the catalog and the datasets."""

from collections.abc import Iterator, Mapping

from leptonctl.core.values import Node
from leptonctl.kinds import model_steps, model_version, restore
from leptonctl.kinds.dataset import datasets
from leptonctl.kinds.kind import Declarations, Kind, Problems
from leptonctl.kinds.model_version import Model
from leptonctl.kinds.schema_documents import MODEL
from leptonctl.kinds.unbuilt import unbuilt


def models(declarations: Declarations) -> Mapping[str, Model]:
    """All model versions by `name@version`."""
    return declarations.of("Model")


def declare(declarations: Declarations) -> tuple[Mapping[str, Model], Problems]:
    """All model versions by `name@version`, and what is wrong with them."""
    return model_version.versions_of(declarations.project, datasets(declarations), declarations.catalog, restore.recall(declarations))


def built(declarations: Declarations) -> Iterator[Node]:
    """The nodes of all versions, bound or not."""
    for model in models(declarations).values():
        rows = declarations.built[model.dataset.address].digest
        recalled = model.recalled(rows) if model.recalled is not None else None
        yield recalled or model_steps.node(model, rows)


KIND = Kind(name="Model", address="model", schema=MODEL, unbuilt=unbuilt, declare=declare, built=built)
