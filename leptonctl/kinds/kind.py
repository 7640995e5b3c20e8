"""What defines a kind of document, and everything that a project declares. A new kind is one value and one line in `registry`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.frozen import Frozen, field, replace
from leptonctl.core.observed import SourceFacts, SourceKey
from leptonctl.core.result import Result
from leptonctl.core.state import State
from leptonctl.core.values import Node
from leptonctl.kinds.not_yet import NotYet
from leptonctl.language.resolve import Inherit, Project, everything
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import Schema

PROJECT = "Project"
"""The kind of the one document that every project has. It is the first of all kinds."""


class Declarations(Frozen):
    """Everything declared so far: the values of each kind by their short address, then the nodes to build."""

    project: Project
    catalog: Catalog
    facts: Mapping[SourceKey, SourceFacts]
    kinds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    built: Mapping[str, Node] = field(default_factory=dict)

    def of(self, kind: str) -> Mapping[str, Any]:
        """The values of a kind; the kind's own module gives them their type."""
        return self.kinds.get(kind, {})


class Recorded(Frozen):
    """The state and the results that were read, for nodes that depend on them."""

    state: State | None
    results: Mapping[str, Result]


Problems = tuple[Diagnostic, ...]


def _nothing(*_: object) -> tuple[()]:
    return ()


class Kind(Frozen):
    """One kind of document.

    name: as in `kind:` of YAML. address: how its addresses begin. schema: the JSON Schema of its documents, without what depends on the
    catalog. not_yet: keys that are not implemented yet.
    inherit: base block, override of a version -> what the version inherits.
    files: project -> the data files that documents of this kind name.
    declare: the declarations of earlier kinds -> the values of this kind by short address, and what is wrong with them.
    built: all declarations -> its nodes that are built by steps.
    effects: all declarations and what is recorded -> its nodes that are effects, which are undone when no longer declared.
    """

    name: str
    address: str
    schema: Schema
    not_yet: tuple[NotYet, ...] = ()
    inherit: Inherit = everything
    files: Callable[[Project], Iterable[SourceKey]] = _nothing
    declare: Callable[[Declarations], tuple[Mapping[str, Any], Problems]]
    built: Callable[[Declarations], Iterable[Node]] = _nothing
    effects: Callable[[Declarations, Recorded], Iterable[Node]] = _nothing


def declare(
    kinds: Iterable[Kind], project: Project, catalog: Catalog, facts: Mapping[SourceKey, SourceFacts]
) -> tuple[Declarations, Problems]:
    """Everything that a project declares, and all problems at once. A kind may use the declarations of earlier kinds."""
    ordered = tuple(kinds)
    declarations = Declarations(project=project, catalog=catalog, facts=facts)
    problems: list[Diagnostic] = []
    for kind in ordered:
        values, errors = kind.declare(declarations)
        problems += errors
        declarations = replace(declarations, kinds={**declarations.kinds, kind.name: values})
    for kind in ordered:
        nodes = {node.address: node for node in kind.built(declarations)}
        declarations = replace(declarations, built={**declarations.built, **nodes} if nodes else declarations.built)
    return declarations, tuple(problems)
