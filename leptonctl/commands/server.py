"""`server`: lists the servers of all environments, forgets dead ones, and stops or restarts that of this folder."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from leptonctl.commands.applying.routes import artifact_of, route_of
from leptonctl.commands.editing.bind_yaml import environment_document
from leptonctl.commands.planning.folder import own_folder
from leptonctl.commands.session import Session
from leptonctl.commands.showing.fleet_status import server_json
from leptonctl.commands.who import author_of, owner_of
from leptonctl.core.address import document, member_of
from leptonctl.core.deployment import ServerRecord
from leptonctl.core.diagnostic import Failure, did_you_mean, fail
from leptonctl.core.frozen import replace
from leptonctl.core.observed import Live
from leptonctl.core.state import Environment, State
from leptonctl.core.values import Json
from leptonctl.deploying.fleet import Fleet, ends, runs_on
from leptonctl.deploying.heal import heal
from leptonctl.deploying.look import is_here
from leptonctl.deploying.stray import stop_stray
from leptonctl.deploying.switch import Switch
from leptonctl.kinds.environment.kind import environments
from leptonctl.spi.platforms import Say, placement
from leptonctl.storage.claims import claim_addresses


def servers(session: Session) -> dict[str, Json]:
    """The object of `server list --json`: every registered server of every environment, including stopped ones."""
    session = session.as_recorded()
    state = session.pointers.read()
    if state is None:
        return {"servers": []}
    rows: list[Json] = []
    for name, platform in _platforms(session, state).items():
        fleet = _fleet(session, state, name)
        registered = _records(fleet)
        live = _live(fleet, platform, registered)
        record = state.environments.get(name)
        deployment = 0 if record is None or record.destroyed else record.deployment
        rows += [{"environment": name, "placement": live.placement, **server_json(server, live, deployment)} for server in registered]
    return {"servers": rows}


def forget(session: Session, target: str, say: Say) -> dict[str, Json]:
    """Remove the records of the dead or stopped servers called `target`, ID or ENV/ID. Failure when one of them is alive."""
    session = session.as_recorded()
    state = session.pointers.read()
    names = _platforms(session, state) if state else ()
    registered = [(name, server) for name in names for server in _records(_fleet(session, state, name))] if state else []
    matches = [(name, server) for name, server in registered if target in (server.id, f"{name}/{server.id}")]
    if state is None or not matches:
        hint = did_you_mean(target, {server.id for _, server in registered}) or "leptonctl server list"
        raise fail("unknown-server", "No such server is registered", target, hint=hint)
    for name, server in matches:
        if not server.stopped and not ends(_fleet(session, state, name), server, say):
            raise _alive(name, server, many=len(matches) > 1)
    for name, server in matches:
        session.lineage(state).remove_server(name, server.id)
    return {"forgotten": [{"environment": name, "id": server.id, "url": server.url} for name, server in matches]}


def stop(session: Session, name: str, say: Say, *, stray: bool = False) -> dict[str, Json]:
    """Stop this folder's server of an environment and wait until it is gone. The next apply starts it again.

    `stray`: stop instead the server on its address that this folder started for an earlier state, before `.leptonctl` was removed.
    """
    if stray:
        return {"environment": name, "action": "stop", "was_running": _stop_stray(session, name, say), "server": None}
    session = session.as_recorded()
    state, record = _own(session, name)
    with _switching(session, name, "server stop", say) as switch, switch.hold(name, here=True):
        was_running = _stop(switch, state, name, record)
    return {"environment": name, "action": "stop", "was_running": was_running, "server": None}


def restart(session: Session, name: str, say: Say) -> dict[str, Json]:
    """Stop this folder's server, start it, and wait until it serves what is bound. Failure with the server's own reason.

    When the store lacks what it would have to load, that is a Failure too, and the server keeps running.
    """
    state, record = _own(session, name)
    # first: a store that is behind also lacks artifacts, which would be reported instead
    session.pointers.check(state)
    _check_loadable(session, state, name)
    with _switching(session, name, "server restart", say) as switch:
        with switch.hold(name, here=True):
            was_running = _stop(switch, state, name, record)
        heal(switch, name, here=True, routes=lambda address, pointer: route_of(session, address, pointer, {}))
        sites = session.sites
        observation = sites.platform(record.platform).observe(sites.site(state.lineage, name, record.platform, here=True))
    fleet = _fleet(session, state, name)
    answers = observation.answering
    live = _live(fleet, record.platform, observation.servers)
    return {
        "environment": name,
        "action": "restart",
        "was_running": was_running,
        "server": server_json(answers, live, record.deployment) if answers else None,
    }


def _own(session: Session, name: str) -> tuple[State, Environment]:
    """The record of an environment whose server this folder may start and stop. Failure unknown-environment or not-here."""
    state = session.pointers.read()
    record = state.environments.get(name) if state else None
    if state is None or record is None or record.destroyed:
        names = [other for other, one in state.environments.items() if not one.destroyed] if state else []
        raise fail("unknown-environment", "No such environment is recorded", name, hint=did_you_mean(name, names) or "leptonctl status")
    if placement(record.platform) == "elsewhere":
        hint = "stop it where it was started (Ctrl-C or SIGTERM), and start it there with `leptonctl serve`"
        raise _not_here(f"{name} runs elsewhere", hint)
    if not is_here(record, session.root):
        raise _not_here(f"the server of {name} runs on {record.host}, for {record.folder or 'another folder'}", "run the command there")
    own_folder(session, state, [name])
    return state, record


def _check_loadable(session: Session, state: State, name: str) -> None:
    """Failure when what is bound could not be loaded again: it is purged, missing or damaged, and only in the memory of the server."""
    try:
        for address, pointer in state.entries(member_of("environment", name, "")).items():
            route = route_of(session, address, pointer, {})
            if route.checks is not None:
                artifact_of(session, route.checks, f"run `leptonctl apply --only {address}`")
    except Failure as failure:
        problem = failure.diagnostics[0]
        detail = f"{problem.detail}; the server of {name} was not stopped, and answers from memory while it runs"
        raise Failure([replace(problem, detail=detail)], failure.exit_code) from failure


def _not_here(detail: str, hint: str) -> Failure:
    return fail("not-here", "This folder does not run the server", detail, hint=hint)


@contextmanager
def _switching(session: Session, name: str, command: str, say: Say) -> Iterator[Switch]:
    """A switch for one environment, registered like an apply: two never start and stop one server at once."""
    owner = owner_of(session, f"leptonctl {command} {name}")
    with claim_addresses(session.pointers, owner, [document("environment", name)], liveness=session.liveness) as claim:
        yield session.switch(claim, author_of(owner, command), say)


def _stop(switch: Switch, state: State, name: str, record: Environment) -> bool:
    """Stop the server that runs here; whether there was one. Failure `not-stopped` when it keeps running."""
    platform, site = switch.sites.platform(record.platform), switch.sites.site(state.lineage, name, record.platform, here=True)
    if not platform.observe(site).running:
        return False
    platform.remove(site, switch.say)
    if platform.observe(site).running:
        raise fail("not-stopped", "The server did not stop", f"the server of {name} still runs", hint=f"leptonctl log {name}")
    return True


def _stop_stray(session: Session, name: str, say: Say) -> bool:
    environment_document(session, name)
    platform = environments(session.declarations)[name].platform
    state = session.pointers.read() or State(lineage="", project="")
    site = session.sites.site(state.lineage, name, platform, here=is_here(state.environments.get(name), session.root))
    if platform["type"] != "server" or not site.here:
        raise _not_here(f"{name} does not run here", "run the command on the host that runs it")
    return stop_stray(site, say)


def _alive(name: str, server: ServerRecord, *, many: bool) -> Failure:
    kill = f"`kill {server.pid}`, and then `kill -CONT {server.pid}` if `ps` shows it as stopped (T)"
    hint = f"stop it first, on {server.host}: {kill}; it is forgotten by itself a day after its last sign of life"
    if many:
        hint = f"several environments have a server of this id: name one of them, as in `{name}/{server.id}`"
    return fail("server-alive", "The server is alive", f"{server.id} serves {name} at {server.url} ({runs_on(server)})", hint=hint)


def _records(fleet: Fleet) -> tuple[ServerRecord, ...]:
    ours = (fleet.lineage.lineage, fleet.environment)
    return tuple(s for s in fleet.lineage.servers(fleet.environment) if (s.lineage, s.environment) == ours)


def _fleet(session: Session, state: State, name: str) -> Fleet:
    return Fleet(lineage=session.lineage(state), environment=name, liveness=session.liveness)


def _platforms(session: Session, state: State) -> dict[str, Mapping[str, Json]]:
    """The platform settings of recorded and declared environments, by name: a server may wait for the first deployment of one."""
    declared = {name: environment.platform for name, environment in environments(session.declarations).items()}
    return dict(sorted({**declared, **{name: record.platform for name, record in state.environments.items()}}.items()))


def _live(fleet: Fleet, platform: Mapping[str, Json], registered: tuple[ServerRecord, ...]) -> Live:
    alive = frozenset(server.id for server in registered if not server.stopped and fleet.lives(server))
    now = time.time()
    last_seen = {server.id: fleet.last_contact(server, now) for server in registered}
    return Live(placement=placement(platform), servers=registered, alive=alive, seen=last_seen)
