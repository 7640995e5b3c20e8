"""Finds which libraries of the extras a project needs and lacks. Imports none of them."""

from collections.abc import Iterable, Iterator, Mapping

from leptonctl.commands.session import Session
from leptonctl.core.change import Change, Plan
from leptonctl.core.diagnostic import Diagnostic, Failure
from leptonctl.core.frozen import replace
from leptonctl.core.plan import Settled
from leptonctl.core.values import Node, Step
from leptonctl.kinds.notices import as_error
from leptonctl.project.catalog import is_installed
from leptonctl.project.model_files import binary_library
from leptonctl.spi.catalog import Catalog
from leptonctl.spi.learning import Library

ID = "missing-library"
HERE = "local"
"""The executor whose steps run on this machine."""
MOST_NAMED = 8
"""How many addresses a hint lists."""


def missing_in_plan(session: Session, settled: Settled, changes: Iterable[Change]) -> Iterator[Diagnostic]:
    """A warning for each algorithm in steps of the plan whose library is not installed here. The steps may run elsewhere."""
    for change in changes:
        node = settled.by_address.get(change.address)
        # steps that evaluate, compare or bind need only the graph
        steps = [step.step for step in change.steps if not step.cached]
        names = {step.forecast_group for step in steps if "algorithm" in step.inputs or "train" in step.inputs}
        if node is not None:
            yield from _missing(session.catalog, names, node)
            yield from _missing_for_files(node, (step for step in steps if step.op == "import"))


def missing_in_project(session: Session) -> Iterator[Diagnostic]:
    """The same warnings for everything that is declared, built or not."""
    for node in session.declarations.built.values():
        yield from _missing(session.catalog, {step.forecast_group for step in node.steps if step.op == "train"}, node)
        yield from _missing_for_files(node, (step for step in node.steps if step.op == "import"))


def refuse_without_library(session: Session, plan: Plan, settled: Settled, command: str, option: str = "") -> None:
    """Failure before any work when steps of the plan would run here without a library that they need.

    The last hint is the command for everything else, if anything remains: `command`, with each address after `option`.
    """
    missing = [as_error(problem) for problem in plan.diagnostics if problem.id == ID]
    if missing and session.settings.executor == HERE:
        rest = _without_library(session, plan, settled)
        if rest:
            named = rest if len(rest) <= MOST_NAMED else ["ADDRESS"]
            others = " ".join(["leptonctl", command, *(f"{option}{address}" for address in named)])
            missing[-1] = replace(missing[-1], hint=f"{missing[-1].hint}\nor everything else: {others}")
        raise Failure(missing)


def _without_library(session: Session, plan: Plan, settled: Settled) -> list[str]:
    """The changes of a plan that need no missing library, without those that others need and so include."""
    stuck = {change.address for change in plan.moving if [*missing_in_plan(session, settled, [change])]}
    rest: list[str] = []
    needed: set[str] = set()
    for change in plan.moving:
        node = settled.by_address.get(change.address)
        needs = frozenset(node.needs if node is not None else ())
        if change.address in stuck or needs & stuck:
            stuck.add(change.address)
        else:
            rest.append(change.address)
            needed |= needs
    return [address for address in rest if address not in needed]


def _missing(catalog: Catalog, algorithms: Iterable[str], node: Node) -> Iterator[Diagnostic]:
    for name in sorted(algorithms):
        library = _library(catalog, name)
        if library is not None and not is_installed(library.module):
            yield Diagnostic(
                id=ID,
                severity="warning",
                summary="The library of an algorithm is not installed",
                detail=f"{name} is an algorithm of {library.title}, which is not installed here",
                span=node.origins.get(("algorithm",), node.span),
                hint=library.command,
            )


def _missing_for_files(node: Node, steps: Iterable[Step]) -> Iterator[Diagnostic]:
    """The same for files to import that only their own library can read."""
    for step in steps:
        file = step.inputs.get("file")
        path = str(file.get("path")) if isinstance(file, Mapping) else ""
        library = binary_library(path)
        if library is not None and not is_installed(library.module):
            detail = f"only {library.title} itself reads {path}, and it is not installed here"
            span = node.origins.get(("import",), node.span)
            yield Diagnostic(
                id=ID, severity="warning", summary="A library is not installed", detail=detail, span=span,
                hint=f"{library.command}, or save the model as .json",
            )  # fmt: skip


def _library(catalog: Catalog, name: str) -> Library | None:
    """The library of an algorithm: the same for each of its tasks."""
    return next((catalog.trainers[key].library for key in catalog.trainers if key[1] == name), None)
