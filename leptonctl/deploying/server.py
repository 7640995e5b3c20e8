"""The built-in platform `server`: leptonctl's own inference server, on this host or wherever `leptonctl serve` runs.

`stage` applies a change of a setting that needs a restart. Two processes never share a port: if the new server has the port of
the old one, the old one is stopped first, and for a moment no server answers.
"""

import time
from collections.abc import Collection

from leptonctl.core import layout
from leptonctl.core.codec import convert
from leptonctl.core.deployment import Deployment, Head, ServerRecord
from leptonctl.core.diagnostic import Failure
from leptonctl.core.values import Json
from leptonctl.deploying import addresses, processes
from leptonctl.deploying.fleet import Fleet, Roll, fleet, nobody, server_list
from leptonctl.deploying.obstacles import PROBE_S, address_of, is_own, problems, warnings
from leptonctl.deploying.processes import Launch
from leptonctl.serving.settings import Settings
from leptonctl.spi.learning import ProviderError, Schema
from leptonctl.spi.platforms import Observation, Platform, Say, Site
from leptonctl.storage.lineage import LineageStore

HUNG_S = 3.0
SILENT = "the server does not answer"
SWITCH_SETTINGS = ("host", "port", "ready_s", "swap_s")
"""Settings that are not among those of the server's process: it gets its address separately, and the waits concern the switch."""


def _setting(kind: str, default: Json, description: str, *, restart: bool = True, **more: Json) -> Schema:
    return {"type": kind, "default": default, "description": description, "x-restart": restart, **more}


SETTINGS: dict[str, Schema] = {
    "host": _setting("string", "127.0.0.1", "Address to listen on.", minLength=1, maxLength=253),
    "port": _setting("integer", 8080, "Port to listen on.", minimum=1, maximum=65535),
    "follow_s": _setting("number", 0.1, "Seconds between two checks of the store for a new deployment.", minimum=0.01, maximum=60),
    # a server whose beat is unchanged for 15 s counts as dead
    "heartbeat_s": _setting("number", 2.0, "Seconds between two heartbeats in the store.", minimum=0.1, maximum=5),
    "max_body": _setting("integer", 16 * 1024 * 1024, "Largest request body in bytes.", minimum=1024),
    "stop_s": _setting("integer", 10, "Seconds that requests in flight get to finish when the server stops.", minimum=1, maximum=600),
    "keep_alive_s": _setting("integer", 75, "Seconds that an idle connection is kept open.", minimum=1, maximum=3600),
    "ready_s": _setting("number", 60.0, "Seconds that a switch waits for servers to get ready.", restart=False, minimum=1, maximum=3600),
    "swap_s": _setting("number", 10.0, "Seconds that a switch waits for servers to follow.", restart=False, minimum=0.1, maximum=600),
}


def stage(site: Site, deployment: Deployment, say: Say) -> None:
    """Start this host's server, or replace one with other settings, one that hangs, and one that refused what it could load now."""
    if not site.here or not deployment.models:
        return
    launch = launch_of(site)
    previous = processes.server_record(site.root, site.environment)
    running = processes.running_server(site.root, site.environment)
    why = "" if running is None else _unfit(site, launch, running, deployment)
    if running is not None and not why:
        return
    # first, so that a serving process is not stopped for an address that is in use
    obstacles = problems(site, None)
    if obstacles:
        raise ProviderError(obstacles[0].summary, detail=obstacles[0].detail, hint=obstacles[0].hint, id=obstacles[0].id)
    if running is not None:
        say(f"{why}: stopping it")
        processes.stop_server(site.root, site.environment, timeout=HUNG_S if why == SILENT else _seconds(site, "stop_s") + HUNG_S)
    _retire(site, previous)
    if not addresses.port_free(launch.host, launch.port):
        # a server of this environment was started by hand: it follows like any other
        return
    say("starting the server")
    try:
        processes.start_server(launch)
    except Failure as failure:
        problem = failure.diagnostics[0]
        raise ProviderError(problem.summary, detail=problem.detail, hint=problem.hint, id=problem.id) from failure


def ready(site: Site, deployment: Deployment, say: Say) -> None:
    """Wait until every living server could serve the deployment. For a return one is enough, after a grace period for the others."""
    number = deployment.deployment
    grace = time.monotonic() + _seconds(site, "swap_s")
    servers = fleet(site)
    beats_before: dict[str, int] | None = None
    roll = Roll(fleet=servers)
    for living, late in servers.watch(_seconds(site, "ready_s"), say, "ready"):
        _check_head(servers, number)
        able = [s for s in living if number in (*s.ready, s.deployment)]
        refusing = [s for s in living if str(number) in s.failed and s not in able]
        # an earlier attempt may have left the refusal, and a later one succeeded since: the server's next beat tells
        beats_before = {s.id: s.beat for s in refusing} if beats_before is None else beats_before
        refusing = [s for s in refusing if late or s.beat != beats_before.get(s.id)]
        if site.here and deployment.models and not living:
            raise _early_end(site)
        lost = roll.lost_servers(living)
        if lost and not able:
            raise _all_lost(lost)
        if len(able) == len(living):
            _say_nobody(site, deployment, living, say)
            return
        if site.returning and able and time.monotonic() > grace:
            say(f"not ready, will follow later: {server_list([s for s in living if s not in able])}")
            return
        if refusing and not (site.returning and able):
            raise _refusal(refusing, number)
        if late:
            raise _late(site, [s for s in living if s not in able])


def activate(site: Site, head: Head, say: Say) -> None:
    """Wait until every living server serves what the head names, then remove the records of servers long gone."""
    servers = fleet(site)
    for living, late in servers.watch(_seconds(site, "swap_s"), say, "serving"):
        lagging = [s for s in living if s.deployment != head.deployment]
        # if the head has moved on, the servers follow the new one
        if not lagging or servers.head().deployment != head.deployment:
            break
        if late:
            detail = f"not serving deployment {head.deployment} after {_seconds(site, 'swap_s'):g} s: {server_list(lagging, _note)}"
            raise ProviderError("A server does not follow", detail=detail, hint="see `leptonctl status`", id="not-ready")
    servers.reap(time.time())


def observe(site: Site) -> Observation:
    """The registered servers and, if this host runs the environment, the answer of its own server."""
    servers = fleet(site).registered_servers()
    if not site.here:
        return Observation(servers=servers, reason="; ".join(f"{s.id}: {why}" for s in servers if (why := _reported_problem(s))))
    running = processes.running_server(site.root, site.environment)
    answering = addresses.probe(running.url if running else addresses.url_of(*address_of(site)), PROBE_S)
    if not is_own(site, answering):
        answering = None
    reason = _reported_problem(answering) if answering is not None else _silence_reason(site, running)
    return Observation(running=running is not None, answering=answering, servers=servers, reason=reason)


def remove(site: Site, say: Say) -> None:
    """Stop this host's server."""
    running = processes.running_server(site.root, site.environment) if site.here else None
    if running is not None:
        say("stopping the server")
        processes.stop_server(site.root, site.environment, timeout=_seconds(site, "stop_s") + HUNG_S)
        _retire(site, running)


def _retire(site: Site, server: ServerRecord | None) -> None:
    """Remove the record of a server of this folder that ended without writing that it stopped, as when its store was moved away."""
    if server is None or processes.is_running(server):
        return
    lineage = LineageStore(objects=site.objects, lineage=site.lineage)
    for registered in lineage.servers(site.environment):
        same = (registered.id, registered.pid, registered.start, registered.boot) == (server.id, server.pid, server.start, server.boot)
        if same and not registered.stopped:
            lineage.remove_server(site.environment, server.id)


def _seconds(site: Site, name: str) -> float:
    return float(str(site.settings[name]))


def launch_of(site: Site) -> Launch:
    """The parameters of the server process of an environment on this host."""
    host, port = address_of(site)
    return Launch(
        root=site.root,
        store=site.store,
        lineage=site.lineage,
        environment=site.environment,
        host=host,
        port=port,
        settings={name: value for name, value in site.settings.items() if name not in SWITCH_SETTINGS},
    )


def settings_of(site: Site) -> Settings:
    """The settings of the server's own process."""
    return convert(dict(launch_of(site).settings), Settings)


def _unfit(site: Site, launch: Launch, running: ServerRecord, deployment: Deployment) -> str:
    """Why the running server has to be replaced; "" if it may stay."""
    if not launch.runs_as(running):
        return "the server was started with other settings"
    answer = addresses.probe(running.url, HUNG_S)
    if answer is None:
        return SILENT
    # it tries again only after minutes, while the missing bytes may be back already
    if str(deployment.deployment) in answer.failed and all(site.file(digest) is not None for digest in _files(deployment)):
        return "the server refused this deployment before"
    return ""


def _check_head(servers: Fleet, number: int) -> None:
    head = servers.head()
    if number not in {head.staged, head.deployment}:
        detail = f"deployment {number} is neither staged nor in force"
        raise ProviderError("The new deployment was replaced", detail=detail, hint="run `leptonctl plan` again", id="not-ready")


def _refusal(servers: Collection[ServerRecord], number: int) -> ProviderError:
    why = server_list(servers, lambda server: server.failed[str(number)])
    summary = "A server refuses the new deployment; the old one keeps serving"
    return ProviderError(summary, detail=why, hint="see `leptonctl status`", id="not-ready")


def _late(site: Site, servers: Collection[ServerRecord]) -> ProviderError:
    why = f"not ready after {_seconds(site, 'ready_s'):g} s: {server_list(servers, _note)}"
    summary = "A server did not get ready in time; the old deployment keeps serving"
    return ProviderError(summary, detail=why, hint="see its log, then apply again", id="not-ready")


def _early_end(site: Site) -> ProviderError:
    line = processes.last_line(site.root, site.environment)
    detail = "The server of this host has ended." + (f" Its last line: {line}" if line else "")
    hint = f"read {processes.log_file(site.root, site.environment)}"
    return ProviderError("The server ended before it was ready", detail=detail, hint=hint, id="not-ready")


def _all_lost(lost: Collection[ServerRecord]) -> ProviderError:
    """What would otherwise look like an environment without servers: they lived, and ended while they loaded the deployment."""
    summary = "The servers ended before they were ready; the old deployment stays in force"
    return ProviderError(summary, detail=f"ended: {server_list(lost)}", hint="read their logs, then apply again", id="not-ready")


def _say_nobody(site: Site, deployment: Deployment, living: tuple[ServerRecord, ...], say: Say) -> None:
    if not living and deployment.models:
        say(nobody(site.environment, was_served=fleet(site).was_served()))


def _silence_reason(site: Site, running: ServerRecord | None) -> str:
    if running is not None:
        return SILENT
    damaged = _damaged_paths(site)
    if damaged:
        return f"the server does not run, and could not serve; damaged or missing in the store: {', '.join(damaged)}"
    line = processes.last_line(site.root, site.environment)
    return "the server does not run" + (f'; the last line of its log: "{line}"' if line else "")


def _damaged_paths(site: Site) -> list[str]:
    """The paths of the files of the deployment in force that are missing or damaged. A remote store is not read for that."""
    if "://" in site.store:
        return []
    lineage = LineageStore(objects=site.objects, lineage=site.lineage)
    try:
        head = lineage.head(site.environment)
        deployment = lineage.deployment(site.environment, head.head.deployment) if head else None
    except Failure:
        return []
    return sorted(layout.artifact(digest) for digest in _files(deployment) if site.file(digest) is None) if deployment else []


def _files(deployment: Deployment) -> set[str]:
    """The digests of all files that a deployment needs."""
    return {digest for routes in deployment.models.values() for route in routes for digest in route.files.values()}


def _reported_problem(server: ServerRecord) -> str:
    """The problem that a server reports of itself, or ""."""
    return server.note or "; ".join(f"deployment {number}: {why}" for number, why in server.failed.items())


def _note(server: ServerRecord) -> str:
    return server.note


PLATFORM = Platform(
    name="server",
    description="leptonctl's own inference server (Open Inference Protocol v2 over HTTP).",
    settings=SETTINGS,
    placed=True,
    problems=problems,
    stage=stage,
    ready=ready,
    activate=activate,
    observe=observe,
    remove=remove,
    warnings=warnings,
    url=lambda settings: addresses.url_of(str(settings["host"]), int(str(settings["port"]))),
)
