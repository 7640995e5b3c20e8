"""`status`: what serves where, and since when, from the state and from the live servers."""

from collections.abc import Iterator, Mapping
from typing import Any

from leptonctl.commands.planning.folder import copy_reason
from leptonctl.commands.planning.line import Planned, observe_environments, plan_project
from leptonctl.commands.recorded.holds import active_withdrawals
from leptonctl.commands.recorded.results import gated_metrics, metrics_of, put_gated_first
from leptonctl.commands.session import Session
from leptonctl.commands.showing.differences import differences
from leptonctl.commands.showing.fleet_status import answering, drift_of, is_healthy, reason_of, server_json
from leptonctl.core.address import covers, document, member_of, parse
from leptonctl.core.change import Change
from leptonctl.core.deployment import Deployment, ServedModel
from leptonctl.core.diagnostic import ERROR, GATE, OK, Failure
from leptonctl.core.holds import Withdrawal
from leptonctl.core.observed import Live
from leptonctl.core.state import Pointer, State
from leptonctl.core.values import Json
from leptonctl.kinds.environment.kind import bindings
from leptonctl.storage.records import BadRecordAt

APART = frozenset({"store-ahead", "store-behind"})
"""State and store have not recorded the same changes. No apply is possible until that is settled."""
VOLATILE = frozenset({"seen", "heartbeat"})
"""What changes with every look at a server."""


def status(session: Session, *, strict: bool = False) -> dict[str, Json]:
    """The object of `status --json`.

    `strict`: Failure when what is declared cannot be compared with what is bound; otherwise the comparison is left out, since what is
    serving does not depend on it.
    """
    planned = _try_plan(session, strict=strict)
    session = session if planned is not None else session.as_recorded()
    state = session.pointers.read()
    environments: list[dict[str, Json]] = []
    if state is not None:
        live = planned.live if planned is not None else observe_environments(session, state)
        session.add_left_out(one.problem for one in live.values() if one.problem is not None)
        names = sorted(
            (name for name, record in state.environments.items() if not record.destroyed),
            key=lambda name: (not state.environments[name].protected, name),
        )
        environments = [_environment(session, name, state, live.get(name, Live()), planned) for name in names]
    unhealthy = {str(e["name"]) for e in environments if not _is_well(e)}
    return {"environments": [*environments], "differences": [*differences(planned, unhealthy)] if planned is not None else []}


def essence(status: Mapping[str, Any]) -> Json:
    """A status without the times at which each server was last heard of, which change with every look."""

    def steady(server: Mapping[str, Json]) -> Json:
        return {name: value for name, value in server.items() if name not in VOLATILE}

    environments: list[Json] = [{**e, "servers": [steady(server) for server in e["servers"]]} for e in status["environments"]]
    return {"environments": environments, "differences": status["differences"]}


def _try_plan(session: Session, *, strict: bool) -> Planned | None:
    """The plan of the whole project; None when it cannot be made, unless `strict`."""
    try:
        return plan_project(session)
    except Failure as failure:
        if strict:
            raise
        if isinstance(failure, BadRecordAt):
            session.leave_out(failure)
        session.add_left_out(d for d in failure.diagnostics if d.id in APART)
        return None


def _environment(session: Session, name: str, state: State, live: Live, planned: Planned | None) -> dict[str, Json]:
    record = state.environments[name]
    entries = state.entries(member_of("environment", name, ""))
    healthy = is_healthy(live, record, entries)
    copied = copy_reason(session, state, name)
    apart = "".join(f"{d.id}: an apply is refused until that is settled" for d in session.left_out if d.id in APART)
    return {
        "name": name,
        "url": record.url,
        "placement": live.placement,
        "here": live.here and not copied and not apart,
        "copy": bool(copied),
        "host": record.host,
        "folder": record.folder,
        "healthy": healthy,
        "reason": (copied or apart or reason_of(name, live, record.deployment)) if entries and healthy is not True else "",
        "protected": record.protected,
        "deployment": record.deployment,
        **_origin(session, name, state),
        "frozen": _freeze(state, name),
        "held": _holds(session, name, state, planned),
        "models": [*_models(session, name, state, live)],
        "servers": [server_json(server, live, record.deployment) for server in live.servers],
    }


def _models(session: Session, name: str, state: State, live: Live) -> Iterator[dict[str, Json]]:
    """The models that an environment binds, and what serves each."""
    record = state.environments[name]
    entries = state.entries(member_of("environment", name, ""))
    answers = answering(live, record.deployment)
    metrics, serials = _metrics(session, entries), _serials(session, name, state, entries)
    for address, pointer in sorted(entries.items()):
        model = parse(address).member or ""
        drift = drift_of(name, model, pointer, live=live, deployment=record.deployment)
        yield {
            **_model(model, pointer, answers.models.get(model) if answers else None, drift),
            "metrics": metrics[address],
            "serial": serials[address],
            "deployment": pointer.deployment,
            "withdrawn": [_withdrawal(w) for w in active_withdrawals(record, address)],
        }


def check(status: Mapping[str, Json]) -> int:
    """The exit code of `status --check` (protocols 9), from a strict status.

    ERROR unless everything that is bound is served and healthy, GATE when what is declared differs from what is bound.
    """
    listed = status["environments"]
    environments = [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []
    if not all(_is_well(e) for e in environments):
        return ERROR
    return GATE if status["differences"] else OK


def _is_well(environment: Mapping[str, Json]) -> bool:
    """Whether an environment serves what is bound there, if anything is."""
    return environment["healthy"] is True or not environment["models"]


def _origin(session: Session, name: str, state: State) -> dict[str, Json]:
    """The commit that the deployment in force was applied from, and the one that later applies must contain, if it is another one."""
    record = state.environments[name]
    deployment = session.lineage(state).intact_deployment(name, record.deployment) if record.deployment else None
    commit, dirty = (deployment.commit, deployment.dirty) if deployment is not None else (record.commit, record.dirty)
    return {"commit": commit, "dirty": dirty, "baseline": record.commit if record.commit != commit else None}


def _freeze(state: State, name: str) -> Json:
    freeze = state.frozen.get(name)
    return {"at": freeze.at, "by": freeze.by, "reason": freeze.reason} if freeze else None


def _holds(session: Session, name: str, state: State, planned: Planned | None) -> list[Json]:
    """The recorded holds of what is still declared, if they still hold: a readmission or an unfreeze lifts them at once."""
    declared = bindings(session.declarations)
    changes = {change.address: change for change in planned.plan.changes} if planned is not None else {}
    held: list[Json] = []
    for address, hold in sorted(state.held.items()):
        binding, pointer = declared.get(address), state.current.get(address)
        version = binding.version if binding else None
        if not covers(document("environment", name), address) or version != hold.version or (pointer and pointer.version == version):
            continue
        change, place = changes.get(address), parse(address)
        if change is None or not _is_free(change):
            now = change.hold if change is not None and change.hold is not None else hold
            held.append({"model": place.member, "version": hold.version, "reason": now.reason, "since": hold.since, "kind": now.kind})
    return held


def _is_free(change: Change) -> bool:
    """Whether an apply will certainly move a binding: nothing holds it, and every gate is decided."""
    return not change.is_held and (change.is_return or all(judgement.passed for judgement in change.judgements))


def _withdrawal(withdrawal: Withdrawal) -> Json:
    return {
        "id": withdrawal.id, "version": withdrawal.version, "package": withdrawal.package, "at": withdrawal.at, "by": withdrawal.by,
        "reason": withdrawal.reason,
    }  # fmt: skip


def _model(name: str, pointer: Pointer, now: ServedModel | None, drift: str | None) -> dict[str, Json]:
    return {
        "name": name,
        "version": pointer.version,
        "digest": pointer.digest,
        "artifact": pointer.artifact,
        "package": pointer.package,
        "since": pointer.at,
        "live_digest": now.digest if now else None,
        "live_artifact": now.artifact if now else None,
        "live_package": now.package if now else None,
        "live_since": now.since if now else None,
        "drift": drift,
    }


def _metrics(session: Session, entries: dict[str, Pointer]) -> dict[str, Json]:
    keys = {address: pointer.key("evaluate") for address, pointer in entries.items()}
    results = session.results({key for key in keys.values() if key})
    gated = gated_metrics(session)
    return {address: put_gated_first(gated, metrics_of(results.get(key or ""))) for address, key in keys.items()}


def _serials(session: Session, name: str, state: State, entries: dict[str, Pointer]) -> dict[str, Json]:
    """The serial of the deployment with which each binding came."""
    lineage = session.lineage(state)
    records: dict[int, Deployment | None] = {}
    for number in {p.deployment for p in entries.values() if p.deployment}:
        try:
            records[number] = lineage.deployment(name, number)
        except BadRecordAt as failure:
            session.leave_out(failure)
    by_address = {address: records.get(pointer.deployment or 0) for address, pointer in entries.items()}
    return {address: record.serial if record else state.serial for address, record in by_address.items()}
