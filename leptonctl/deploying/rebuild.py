"""A state rebuilt from its store, for `state adopt`: the copy of the last move, brought in line with history and heads. Reads only."""

from collections.abc import Callable, Mapping

from leptonctl.core.address import covers, document, member_of, parse, version_of
from leptonctl.core.deployment import Deployment, Route
from leptonctl.core.frozen import replace
from leptonctl.core.state import Environment, HistoryRecord, Mark, Pointer, State, StepPointer
from leptonctl.deploying.desired import served_packages, with_served
from leptonctl.storage.lineage import LineageStore
from leptonctl.storage.lineage_survey import Survey

Steps = Callable[[Route], Mapping[str, StepPointer]]
"""The steps by which a route was built, as far as the store knows them."""


def rebuild_state(part: LineageStore, seen: Survey, first: State, *, declared: Mapping[str, Environment], steps: Steps) -> State:
    """The newest of the copy in the store and `first`, with what happened since.

    `first`: the state that is stored, or an empty one. Built things that moved since are left out: the next plan finds their results.
    `declared`: records of the declared environments, for those that no state knows.
    """
    state = seen.copy if seen.copy is not None and seen.copy.serial > first.serial else first
    state = _without_moved(part, seen, state)
    for name, at in seen.heads.items():
        number = at.head.deployment
        record = state.environments.get(name)
        if number == (record.deployment if record is not None and not record.destroyed else 0):
            continue
        deployment = part.intact_deployment(name, number) if number else None
        if deployment is not None:
            state = _bind(part, state, deployment, record or declared.get(name), steps)
        elif not number and record is not None:
            state = _destroy(state, name, record)
    return state


def _without_moved(part: LineageStore, seen: Survey, state: State) -> State:
    """The state without the built things that later records of the history moved."""
    moved: set[str] = set()
    newest = seen.newest
    for record in part.history(Mark(serial=newest.serial, id=newest.id) if newest is not None else None):
        if not isinstance(record, HistoryRecord):
            continue
        if Mark(serial=record.serial, id=record.id) == state.history or record.serial < state.serial:
            break
        moved |= {m.address for m in record.changes if m.after != _digest(state, m.address)}
    return replace(state, current={a: p for a, p in state.current.items() if p.effect or a not in moved})


def _digest(state: State, address: str) -> str | None:
    pointer = state.current.get(address)
    return pointer.digest if pointer else None


def _bind(part: LineageStore, state: State, deployment: Deployment, record: Environment | None, steps: Steps) -> State:
    """The state with the bindings of a deployment in place of an environment's own."""
    name = deployment.environment
    environment = replace(
        record or Environment(platform={"type": "server"}),
        deployment=deployment.deployment,
        incarnation=deployment.incarnation,
        requests=deployment.requests,
        url=deployment.url,
        commit=deployment.commit,
        destroyed=False,
    )
    bindings = {
        member_of("environment", name, model): _pointer(state, deployment, model, route, steps)
        for model in deployment.models
        if (route := deployment.main(model)) is not None
    }
    whole = document("environment", name)
    others = {a: p for a, p in state.current.items() if a == whole or not covers(whole, a)}
    environments = {**state.environments, name: with_served(environment, served_packages(deployment, part.servers(name)))}
    return replace(state, current={**others, **bindings}, environments=environments)


def _pointer(state: State, deployment: Deployment, model: str, route: Route, steps: Steps) -> Pointer:
    """The pointer of a binding: one that a state knows if its package is the same, otherwise from the deployment and the results."""
    known = [
        p for a, p in state.current.items() if p.digest == route.digest and parse(a).kind == "environment" and parse(a).member == model
    ]
    alike = next((p for p in known if p.package == route.package and p.version == route.version), None)
    if alike is not None:
        return replace(alike, deployment=deployment.deployment, at=deployment.at)
    built = state.current.get(version_of("model", model, route.version))
    found = {name: StepPointer(op=name, key=key) for name, key in route.keys.items()}
    if built is not None and built.digest == route.digest and built.artifact == route.artifact:
        found = dict(built.steps) | found
    found = found or dict(steps(route))
    return Pointer(
        digest=route.digest,
        declaration=built.declaration if built is not None and built.digest == route.digest else "",
        artifact=route.artifact,
        package=route.package,
        steps=found,
        version=route.version,
        deployment=deployment.deployment,
        effect=True,
        at=deployment.at,
    )


def _destroy(state: State, name: str, record: Environment) -> State:
    address = document("environment", name)
    current = {a: p for a, p in state.current.items() if not covers(address, a)}
    return replace(state, current=current, environments={**state.environments, name: replace(record, destroyed=True, served={}, url=None)})
