"""To which deployments an environment can return: what came into force, is not withdrawn, and whose files and lines are still there."""

from collections.abc import Mapping, Sequence

from leptonctl.commands.editing.write_back import lines_to_write_back
from leptonctl.commands.session import Session
from leptonctl.core.address import covers, member_of, parse
from leptonctl.core.deployment import Deployment, Route
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import Frozen
from leptonctl.core.holds import Withdrawal
from leptonctl.core.state import Environment, HistoryRecord, State
from leptonctl.core.values import Json
from leptonctl.storage.lineage import Hole, LineageStore
from leptonctl.storage.records import BadRecordAt


class Earlier(Frozen):
    """The newest earlier deployment that bound something else; None with why others were passed over."""

    record: Deployment | None = None
    withdrawn: tuple[Withdrawal, ...] = ()
    damaged: tuple[BadRecordAt, ...] = ()


def earlier(session: Session, state: State | None, name: str, model: str) -> Earlier:
    """The newest deployment that was in force before the present one, bound something else and nothing that is withdrawn.

    A number is given once, and grows with time. Where an earlier state was restored, what served last before that has a higher number
    than what is bound now.
    """
    environment = state.environments.get(name) if state else None
    if state is None or environment is None:
        return Earlier()
    lineage = session.lineage(state)
    now = bound_packages(lineage, state, name, model)
    withdrawn: dict[str, Withdrawal] = {}
    damaged: list[BadRecordAt] = []
    for number in sorted(in_force(session, state, name), reverse=True):
        try:
            record = lineage.deployment(name, number)
        except BadRecordAt as failure:
            damaged.append(failure)
            continue
        routes = routes_of(record, model) if record else {}
        if record is None or not routes or packages(routes) == now:
            continue
        left = withdrawals(environment, others(routes, now))
        if not left:
            return Earlier(record=record)
        withdrawn |= {withdrawal.id: withdrawal for withdrawal in left}
    return Earlier(withdrawn=tuple(withdrawn.values()), damaged=tuple(damaged))


def ways_back(session: Session, state: State | None, name: str, model: str) -> list[int]:
    """The numbers of the deployments to which one can return, whether they came before what is bound now or after it."""
    environment = state.environments.get(name) if state else None
    if state is None or environment is None:
        return []
    lineage = session.lineage(state)
    now = bound_packages(lineage, state, name, model)
    records = {n: lineage.intact_deployment(name, n) for n in sorted(in_force(session, state, name))}
    return [n for n, record in records.items() if record is not None and _is_way_back(session, environment, record, model, now)]


def _is_way_back(session: Session, environment: Environment, record: Deployment, model: str, now: Mapping[str, str]) -> bool:
    routes = routes_of(record, model)
    if not routes or packages(routes) == now or withdrawals(environment, others(routes, now)):
        return False
    return is_possible(session, record, routes)


def is_possible(session: Session, record: Deployment, routes: Mapping[str, Route]) -> bool:
    """Whether everything that a return needs is there: neither purged nor freed, and declared or to be written back."""
    files = {digest for route in routes.values() for digest in route.files.values()}
    keys = {key for route in routes.values() for key in route.keys.values()}
    try:
        lines_to_write_back(session, record.environment, record, routes)
    except Failure:
        return False
    return session.store.present(files) == files and session.store.find(keys).results.keys() == keys


def offer(session: Session, state: State, records: Sequence[HistoryRecord | Hole], scope: str | None) -> dict[str, Json] | None:
    """The return that would undo the newest switch from one version to another, if it is possible: what `history` ends with.

    `scope`: only of the bindings at or below this address.
    """
    found = _newest_switch(records, scope)
    if found is None or found[0] not in state.current:
        return None
    address, number = found
    place = parse(address)
    name, model = place.name, place.member or ""
    record = earlier(session, state, name, model).record
    routes = routes_of(record, model) if record else {}
    if record is None or not is_possible(session, record, routes):
        return None
    return {"binding": f"{name}/{model}", "version": routes[model].version, "deployment": record.deployment, "undoes": number}


def _newest_switch(records: Sequence[HistoryRecord | Hole], scope: str | None) -> tuple[str, int] | None:
    """The binding that last went from one version to another, and the deployment that did it; None after a return or a restore."""
    for record in sorted((r for r in records if not isinstance(r, Hole)), key=lambda r: r.serial, reverse=True):
        withdrawn = {act.model for act in record.acts if act.kind == "withdrawn"}
        for change in record.changes:
            member = parse(change.address).member
            if member is None or not (scope is None or covers(scope, change.address)):
                continue
            if member in withdrawn or record.deployment is None:
                # this was the way back; or a state was restored or adopted: what was in force before is no earlier deployment
                return None
            if change.before and change.after:
                return change.address, record.deployment
    return None


def bound_packages(lineage: LineageStore, state: State, name: str, model: str) -> dict[str, str]:
    """What is bound now, by model; nothing after a destroy, so that any earlier deployment counts as different.

    The way back must not depend on the record of what it leaves: without it the pointers say what is bound.
    """
    environment = state.environments[name]
    if environment.destroyed:
        return {}
    bound = lineage.intact_deployment(name, environment.deployment)
    if bound is not None:
        return packages(routes_of(bound, model))
    pointers = {parse(address).member or "": pointer for address, pointer in state.entries(member_of("environment", name, "")).items()}
    return {m: pointer.package for m, pointer in pointers.items() if pointer.package is not None and (not model or m == model)}


def withdrawals(environment: Environment, routes: Mapping[str, Route]) -> list[Withdrawal]:
    """The withdrawals in force that cover one of these routes."""
    found = (w for m, r in routes.items() for w in environment.withdrawals_of(m, digest=r.digest, package=r.package, artifact=r.artifact))
    return [w for w in found if w.readmitted is None]


def in_force(session: Session, state: State | None, name: str) -> set[int]:
    """Deployments that came into force according to the history. Nothing returns to a record whose switch failed.

    Behind a hole in the history every record of the store counts: the way back must not depend on a lost record.
    """
    records = list(session.pointers.history(state)) if state else []
    numbers = {r.deployment for r in records if not isinstance(r, Hole) and r.environment == name and r.deployment}
    if state is not None and any(isinstance(r, Hole) for r in records):
        oldest = min(numbers, default=None)
        numbers |= {n for n in session.lineage(state).deployments(name) if oldest is None or n < oldest}
    return numbers


def others(routes: Mapping[str, Route], now: Mapping[str, str]) -> dict[str, Route]:
    """The routes that answer with another package than now."""
    return {m: route for m, route in routes.items() if now.get(m) != route.package}


def routes_of(record: Deployment, model: str) -> dict[str, Route]:
    """The main routes of a deployment, of one model or of all."""
    return {m: route for m in record.models if (not model or m == model) and (route := record.main(m)) is not None}


def packages(routes: Mapping[str, Route]) -> dict[str, str]:
    """model -> the package that answers."""
    return {model: route.package for model, route in routes.items()}
