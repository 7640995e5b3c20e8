"""The deployments that an environment can return to: those that came into force, are not withdrawn, and still have files and lines."""

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
    """The newest earlier deployment that bound something else, if any, and why others were skipped."""

    record: Deployment | None = None
    withdrawn: tuple[Withdrawal, ...] = ()
    damaged: tuple[BadRecordAt, ...] = ()


def earlier(session: Session, state: State | None, name: str, model: str) -> Earlier:
    """The newest deployment that was in force before the present one, bound something else and nothing that is withdrawn.

    Numbers grow with time and are never reused. After a restore of an earlier state, what served last before it has a higher number than
    what is bound now.
    """
    environment = state.environments.get(name) if state else None
    if state is None or environment is None:
        return Earlier()
    lineage = session.lineage(state)
    now = _bound_packages(lineage, state, name, model)
    withdrawn: dict[str, Withdrawal] = {}
    damaged: list[BadRecordAt] = []
    for number in sorted(in_force(session, state, name), reverse=True):
        try:
            record = lineage.deployment(name, number)
        except BadRecordAt as failure:
            damaged.append(failure)
            continue
        routes = routes_of(record, model) if record else {}
        if record is None or not routes or _packages(routes) == now:
            continue
        in_the_way = _withdrawals(environment, _others(routes, now))
        if not in_the_way:
            return Earlier(record=record)
        withdrawn |= {withdrawal.id: withdrawal for withdrawal in in_the_way}
    return Earlier(withdrawn=tuple(withdrawn.values()), damaged=tuple(damaged))


def ways_back(session: Session, state: State | None, name: str, model: str) -> list[int]:
    """The numbers of the deployments to return to, earlier or later than what is bound now."""
    environment = state.environments.get(name) if state else None
    if state is None or environment is None:
        return []
    lineage = session.lineage(state)
    now = _bound_packages(lineage, state, name, model)
    records = {n: lineage.intact_deployment(name, n) for n in sorted(in_force(session, state, name))}
    return [n for n, record in records.items() if record is not None and _is_way_back(session, environment, record, model, now)]


def _is_way_back(session: Session, environment: Environment, record: Deployment, model: str, now: Mapping[str, str]) -> bool:
    routes = routes_of(record, model)
    if not routes or _packages(routes) == now or _withdrawals(environment, _others(routes, now)):
        return False
    return _is_possible(session, record, routes)


def _is_possible(session: Session, record: Deployment, routes: Mapping[str, Route]) -> bool:
    """Whether everything that a return needs still exists, and what is not declared can be written back."""
    files = {digest for route in routes.values() for digest in route.files.values()}
    keys = {key for route in routes.values() for key in route.keys.values()}
    try:
        lines_to_write_back(session, record.environment, record, routes)
    except Failure:
        return False
    return session.store.present(files) == files and session.store.find(keys).results.keys() == keys


def offer(session: Session, state: State, records: Sequence[HistoryRecord | Hole], scope: str | None) -> dict[str, Json] | None:
    """The return that would undo the newest switch from one version to another, if it is possible. `history` ends with it.

    `scope`: only the bindings at or below this address; None: all.
    """
    newest = _newest_switch(records, scope)
    if newest is None or newest[0] not in state.current:
        return None
    address, number = newest
    place = parse(address)
    name, model = place.name, place.member or ""
    record = earlier(session, state, name, model).record
    routes = routes_of(record, model) if record else {}
    if record is None or not _is_possible(session, record, routes):
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
                # a return, or a restored or adopted state, before which no deployment is an earlier one of this state
                return None
            if change.before and change.after:
                return change.address, record.deployment
    return None


def _bound_packages(lineage: LineageStore, state: State, name: str, model: str) -> dict[str, str]:
    """The bound package of each model. Nothing after a destroy, so that any earlier deployment counts as different.

    If the record of the present deployment is damaged, the pointers take its place.
    """
    environment = state.environments[name]
    if environment.destroyed:
        return {}
    bound = lineage.intact_deployment(name, environment.deployment)
    if bound is not None:
        return _packages(routes_of(bound, model))
    pointers = {parse(address).member or "": pointer for address, pointer in state.entries(member_of("environment", name, "")).items()}
    return {m: pointer.package for m, pointer in pointers.items() if pointer.package is not None and (not model or m == model)}


def _withdrawals(environment: Environment, routes: Mapping[str, Route]) -> list[Withdrawal]:
    """The withdrawals in force that cover one of these routes."""
    covering = (w for m, r in routes.items() for w in environment.withdrawals_of(m, r.digest, r.package, r.artifact))
    return [w for w in covering if w.readmitted is None]


def in_force(session: Session, state: State | None, name: str) -> set[int]:
    """The deployments that came into force, according to the history: not those whose switch failed.

    Before a hole in the history every record of the store counts, so that a lost record does not block the way back.
    """
    records = list(session.pointers.history(state)) if state else []
    numbers = {r.deployment for r in records if not isinstance(r, Hole) and r.environment == name and r.deployment}
    if state is not None and any(isinstance(r, Hole) for r in records):
        oldest = min(numbers, default=None)
        numbers |= {n for n in session.lineage(state).deployments(name) if oldest is None or n < oldest}
    return numbers


def _others(routes: Mapping[str, Route], now: Mapping[str, str]) -> dict[str, Route]:
    """The routes with another package than now."""
    return {m: route for m, route in routes.items() if now.get(m) != route.package}


def routes_of(record: Deployment, model: str) -> dict[str, Route]:
    """The main routes of a deployment, of one model or of all."""
    return {m: route for m in record.models if (not model or m == model) and (route := record.main(m)) is not None}


def _packages(routes: Mapping[str, Route]) -> dict[str, str]:
    """model -> its package."""
    return {model: route.package for model, route in routes.items()}
