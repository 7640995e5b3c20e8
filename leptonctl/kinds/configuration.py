"""All declarations of a project resolved into nodes. Pure: documents, catalog and observed facts in, values and diagnostics out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.graph import in_order
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.core.record import State
from leptonctl.core.values import Node, Result
from leptonctl.kinds import dataset as dataset_kind
from leptonctl.kinds import environment as environment_kind
from leptonctl.kinds import model as model_kind
from leptonctl.kinds import model_steps
from leptonctl.kinds.dataset import Dataset
from leptonctl.kinds.environment import Binding, Bound, Environment
from leptonctl.kinds.model import Model
from leptonctl.language.resolve import Project
from leptonctl.spi.catalog import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What is declared: datasets and models by `name@version`, environments by name; `built` are the nodes of the first two by address.

    `bindings` are those of all environments, by address.
    """

    project: Project
    catalog: Catalog
    datasets: Mapping[str, Dataset]
    models: Mapping[str, Model]
    environments: Mapping[str, Environment]
    built: Mapping[str, Node]
    bindings: Mapping[str, Binding]


def configure(project: Project, catalog: Catalog, facts: Mapping[SourceKey, SourceFacts]) -> tuple[Configuration, tuple[Diagnostic, ...]]:
    """Resolve datasets, models and environments, with all that is wrong at once."""
    datasets, wrong_data = dataset_kind.datasets(project, catalog, facts)
    models, wrong_models = model_kind.models(project, datasets, catalog)
    environments, wrong_environments = environment_kind.environments(project, models, catalog)
    configuration = Configuration(
        project=project,
        catalog=catalog,
        datasets=datasets,
        models=models,
        environments=environments,
        built={node.address: node for node in _built(datasets, models)},
        bindings={binding.address: binding for environment in environments.values() for binding in environment.bindings},
    )
    return configuration, (*wrong_data, *wrong_models, *wrong_environments)


def all_nodes(configuration: Configuration, state: State | None, results: Mapping[str, Result]) -> tuple[Node, ...]:
    """Every node in order. Which evidence a binding needs depends on what is bound and on what this environment served before."""
    nodes = list(configuration.built.values())
    for environment in configuration.environments.values():
        nodes.append(environment_kind.node(environment))
        for binding in environment.bindings:
            bound = bound_now(binding.address, state)
            node = configuration.built[binding.model.address]
            same = bound is not None and bound.digest == node.digest
            returning = is_return(binding, configuration, state, results)
            nodes.append(environment_kind.binding_node(binding, node, None if same else bound, is_return=returning))
    return in_order(nodes)


def bound_now(address: str, state: State | None) -> Bound | None:
    """What state says is bound at a binding's address."""
    entry = state.current.get(address) if state else None
    if entry is None or entry.artifact is None or entry.version is None:
        return None
    return Bound(version=entry.version, digest=entry.digest, artifact=entry.artifact, steps=entry.steps)


def is_return(binding: Binding, configuration: Configuration, state: State | None, results: Mapping[str, Result]) -> bool:
    """The candidate's artifact has been served healthily by this environment before."""
    if state is None:
        return False
    served = state.environments.get(binding.environment, {}).get("served")
    known = cast("dict[str, dict[str, object]]", served or {}).get(binding.model.declared.name, {})
    return artifact_of(binding.model, configuration, state, results) in known


def artifact_of(model: Model, configuration: Configuration, state: State | None, results: Mapping[str, Result]) -> str | None:
    """The digest of the version's ONNX bytes, from results or from state; None when it is not built."""
    export = model_steps.step_of(configuration.built[model.address], "export")
    assert export.key is not None
    if export.key in results:
        return results[export.key].artifacts.get("model.onnx")
    entry = state.current.get(model.address) if state else None
    return entry.artifact if entry and entry.steps.get("export") == export.key else None


def _built(datasets: Mapping[str, Dataset], models: Mapping[str, Model]) -> tuple[Node, ...]:
    nodes = []
    tasks: dict[tuple[str, ...], set[str]] = {}
    for model in models.values():
        for place in _places(model.dataset):
            tasks.setdefault(place, set()).add(model.task)
    keys: dict[str, str] = {}
    for dataset in datasets.values():
        # a version that no model reads is split like its sisters: it does not move when a model comes to it or leaves it
        used = next((tasks[place] for place in _places(dataset) if place in tasks), set())
        node = dataset_kind.node(dataset, stratify="classification" in used)
        keys[dataset.address] = node.digest
        nodes.append(node)
    nodes += [model_steps.node(model, keys[model.dataset.address]) for model in models.values()]
    return tuple(nodes)


def _places(dataset: Dataset) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a version is told from others by: its address, then its sisters' common name and target."""
    return (dataset.address,), (dataset.declared.name, dataset.target)
