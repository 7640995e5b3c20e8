"""`status`: what serves where, and since when, from the state and from the live servers."""

from leptonctl.commands.line import observe_environments
from leptonctl.commands.results import metrics_of
from leptonctl.commands.session import Session
from leptonctl.core.address import member_of, parse
from leptonctl.core.deployment import ServedModel, ServerRecord
from leptonctl.core.observed import Live
from leptonctl.core.state import Pointer, State
from leptonctl.core.values import Json


def status(session: Session) -> dict[str, Json]:
    """The object of `status --json`."""
    state = session.pointers.read()
    if state is None:
        return {"environments": []}
    live = observe_environments(session, state)
    names = sorted(name for name, record in state.environments.items() if not record.destroyed)
    return {"environments": [_environment(session, name, state, live.get(name, Live())) for name in names]}


def _environment(session: Session, name: str, state: State, live: Live) -> Json:
    record = state.environments[name]
    entries = state.entries(member_of("environment", name, ""))
    serving = live.answering.models if live.answering else {}
    metrics = _metrics(session, entries)
    serials = _serials(session, name, state, entries)
    models: list[Json] = []
    differs = False
    for address, pointer in sorted(entries.items()):
        model = parse(address).member or ""
        drift = _drift(pointer, serving.get(model), live)
        differs = differs or drift is not None
        models.append({**_model(model, pointer, serving.get(model), drift), "metrics": metrics[address], "serial": serials[address]})
    healthy = live.answering is not None and not differs if models and live.here else None
    return {
        "name": name,
        "url": record.url,
        "healthy": healthy,
        "protected": record.protected,
        "deployment": record.deployment,
        "commit": record.commit,
        "dirty": record.dirty,
        "models": models,
        "servers": [_server(server, live) for server in live.servers],
    }


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


def _drift(pointer: Pointer, now: ServedModel | None, live: Live) -> str | None:
    """How the server differs from what is bound; None when it does not, or cannot be observed from here."""
    if live.answering is None:
        return ("not running" + (f": {live.reason}" if live.reason else "")) if live.here else None
    if now is None:
        return "not served" + (f": {live.answering.note}" if live.answering.note else "")
    return None if now.package == pointer.package else "serves another package"


def _metrics(session: Session, entries: dict[str, Pointer]) -> dict[str, Json]:
    keys = {address: pointer.key("evaluate") for address, pointer in entries.items()}
    results = session.store.results({key for key in keys.values() if key})
    return {address: metrics_of(results.get(key or "")) for address, key in keys.items()}


def _serials(session: Session, name: str, state: State, entries: dict[str, Pointer]) -> dict[str, Json]:
    """The serial of the deployment with which each binding came."""
    lineage = session.lineage(state)
    records = {number: lineage.deployment(name, number) for number in {p.deployment for p in entries.values()} if number}
    by_address = {address: records.get(pointer.deployment or 0) for address, pointer in entries.items()}
    return {address: record.serial if record else state.serial for address, record in by_address.items()}


def _server(server: ServerRecord, live: Live) -> Json:
    return {
        "id": server.id,
        "host": server.host,
        "url": server.url,
        "deployment": server.deployment,
        "ready": list(server.ready),
        "stopped": server.stopped,
        "alive": server.id in live.alive,
        "heartbeat": server.heartbeat,
        "reason": server.note or "; ".join(server.failed.values()),
    }
