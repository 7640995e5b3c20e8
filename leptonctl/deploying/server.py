"""The built-in platform `server`: leptonctl's own inference server, on this host or wherever `leptonctl serve` runs.

A change of a setting that restarts is done by `stage`. Where the new server has the old one's port the old one is stopped first,
so that for a moment nobody answers: two processes never share a port.
"""

import hashlib
import time

from leptonctl.core import layout
from leptonctl.core.codec import convert
from leptonctl.core.deployment import Deployment, Head, ServerRecord
from leptonctl.core.diagnostic import Failure
from leptonctl.core.values import Json
from leptonctl.deploying import addresses, processes
from leptonctl.deploying.addresses import Listener
from leptonctl.deploying.fleet import fleet, listed
from leptonctl.deploying.processes import Launch
from leptonctl.serving.settings import Settings
from leptonctl.spi.learning import ProviderError, Schema
from leptonctl.spi.platforms import Observation, Platform, Problem, Say, Site

PROBE_S, HUNG_S = 1.0, 3.0
SILENT = "the server does not answer"
OURS = ("host", "port", "ready_s", "swap_s")
"""Settings that the server's process is not handed: where it listens is said apart, and how long others wait is not its matter."""


def _setting(kind: str, default: Json, description: str, *, restart: bool = True, **more: Json) -> Schema:
    return {"type": kind, "default": default, "description": description, "x-restart": restart, **more}


SETTINGS: dict[str, Schema] = {
    "host": _setting("string", "127.0.0.1", "Address to listen on.", minLength=1, maxLength=253),
    "port": _setting("integer", 8080, "Port to listen on.", minimum=1, maximum=65535),
    "follow_s": _setting("number", 0.1, "Seconds between two looks at the store for a new deployment.", minimum=0.01, maximum=60),
    # others take a server for dead whose beat stands still for 15 s
    "heartbeat_s": _setting("number", 2.0, "Seconds between two heartbeats in the store.", minimum=0.1, maximum=5),
    "max_body": _setting("integer", 16 * 1024 * 1024, "Largest request body in bytes.", minimum=1024),
    "stop_s": _setting("integer", 10, "Seconds that requests in flight get to finish when the server stops.", minimum=1, maximum=600),
    "keep_alive_s": _setting("integer", 75, "Seconds that an idle connection is kept open.", minimum=1, maximum=3600),
    "ready_s": _setting("number", 60.0, "Seconds that a switch waits for servers to get ready.", restart=False, minimum=1, maximum=3600),
    "swap_s": _setting("number", 10.0, "Seconds that a switch waits for servers to follow.", restart=False, minimum=0.1, maximum=600),
}


def problems(site: Site, _seen: Observation | None) -> tuple[Problem, ...]:
    """Who keeps this host from serving the environment at its address."""
    if not site.here:
        return ()
    host, port = _address(site)
    refused = addresses.refusal(host, port)
    if refused is None:
        return ()
    if not addresses.in_use(refused):
        return (_foreign(host, port, refused),)
    running = processes.running_server(site.root, site.environment)
    process = addresses.listener(host, port)
    # it may hang, and is ours all the same
    if running is not None and process is not None and process.pid == running.pid:
        return ()
    answer = addresses.probe(addresses.url_of(host, port), PROBE_S)
    return () if _is_own(site, answer) else (_taken(site, answer, process),)


def stage(site: Site, deployment: Deployment, say: Say) -> None:
    """Start this host's server, or replace one that was started otherwise, hangs, or cannot load what it could by now."""
    if not site.here or not deployment.models:
        return
    launch = launch_of(site)
    running = processes.running_server(site.root, site.environment)
    why = "" if running is None else _unfit(site, launch, running, deployment)
    if running is not None and not why:
        return
    # first: what serves is not stopped for an address that is taken
    found = problems(site, None)
    if found:
        raise ProviderError(found[0].summary, detail=found[0].detail, hint=found[0].hint, id=found[0].id)
    if running is not None:
        say(f"{why}: stopping it")
        processes.stop_server(site.root, site.environment, timeout=HUNG_S if why == SILENT else _seconds(site, "stop_s") + HUNG_S)
    if not addresses.port_free(launch.host, launch.port):
        # one of this environment that was started by hand: it follows like any other
        return
    say("starting the server")
    try:
        processes.start_server(launch)
    except Failure as refused:
        problem = refused.diagnostics[0]
        raise ProviderError(problem.summary, detail=problem.detail, hint=problem.hint, id=problem.id) from refused


def ready(site: Site, deployment: Deployment, say: Say) -> None:
    """Wait until every server that lives could serve the deployment; for a return one is enough, and the others get a moment."""
    number = deployment.deployment
    grace = time.monotonic() + _seconds(site, "swap_s")
    servers = fleet(site)
    for living, late in servers.watch(_seconds(site, "ready_s"), say, "ready"):
        head = servers.head()
        if number not in {head.staged, head.deployment}:
            detail = f"deployment {number} is neither staged nor in force any more"
            raise ProviderError("The new set is no longer wanted", detail=detail, hint="plan again", id="not-ready")
        able = [s for s in living if number in (*s.ready, s.deployment)]
        refusing = [s for s in living if str(number) in s.failed and s not in able]
        if site.here and deployment.models and not living:
            raise _ended(site)
        if len(able) == len(living):
            _say_nobody(site, deployment, living, say)
            return
        if site.returning and able and time.monotonic() > grace:
            say(f"not ready, and left to follow: {listed([s for s in living if s not in able])}")
            return
        if refusing and not (site.returning and able):
            why = listed(refusing, lambda s: s.failed[str(number)])
            raise ProviderError("A server refuses the new set; the old one serves on", detail=why, hint="leptonctl status", id="not-ready")
        if late:
            why = f"not ready after {_seconds(site, 'ready_s'):g} s: {listed([s for s in living if s not in able], _note)}"
            hint = "see its log, then apply again"
            raise ProviderError("A server did not get ready in time; the old set serves on", detail=why, hint=hint, id="not-ready")


def activate(site: Site, head: Head, say: Say) -> None:
    """Wait until every server that lives serves what the head names, then forget those that are long gone."""
    servers = fleet(site)
    for living, late in servers.watch(_seconds(site, "swap_s"), say, "serving"):
        lagging = [s for s in living if s.deployment != head.deployment]
        # servers follow the head of whoever has moved it on
        if not lagging or servers.head().deployment != head.deployment:
            break
        if late:
            detail = f"not serving deployment {head.deployment} after {_seconds(site, 'swap_s'):g} s: {listed(lagging, _note)}"
            raise ProviderError("A server does not follow", detail=detail, hint="leptonctl status", id="not-ready")
    servers.reap(time.time())


def observe(site: Site) -> Observation:
    """The fleet by the store and, where this host runs the environment, its server's own answer."""
    servers = fleet(site).registered()
    if not site.here:
        return Observation(servers=servers, reason="; ".join(f"{s.id}: {why}" for s in servers if (why := _why(s))))
    running = processes.running_server(site.root, site.environment)
    answering = addresses.probe(running.url if running else addresses.url_of(*_address(site)), PROBE_S)
    if not _is_own(site, answering):
        answering = None
    reason = _why(answering) if answering is not None else _silence(site, running)
    return Observation(running=running is not None, answering=answering, servers=servers, reason=reason)


def remove(site: Site, say: Say) -> None:
    """Stop this host's server."""
    if site.here and processes.running_server(site.root, site.environment) is not None:
        say("stopping the server")
        processes.stop_server(site.root, site.environment, timeout=_seconds(site, "stop_s") + HUNG_S)


def _address(site: Site) -> tuple[str, int]:
    return str(site.settings["host"]), int(str(site.settings["port"]))


def _seconds(site: Site, name: str) -> float:
    return float(str(site.settings[name]))


def launch_of(site: Site) -> Launch:
    """What the server of an environment is started with on this host."""
    host, port = _address(site)
    return Launch(
        root=site.root,
        store=site.store,
        lineage=site.lineage,
        environment=site.environment,
        host=host,
        port=port,
        settings={name: value for name, value in site.settings.items() if name not in OURS},
    )


def settings_of(site: Site) -> Settings:
    """The settings of the server's own process."""
    return convert(dict(launch_of(site).settings), Settings)


def _unfit(site: Site, launch: Launch, running: ServerRecord, deployment: Deployment) -> str:
    """Why the server that runs has to be replaced; "" when it has not."""
    if not launch.runs_as(running):
        return "the server was started with other settings"
    answer = addresses.probe(running.url, HUNG_S)
    if answer is None:
        return SILENT
    # it tries again only after minutes: what was lost may be there again
    if str(deployment.deployment) in answer.failed and _is_sound(site, deployment):
        return "the server refused this deployment before"
    return ""


def _is_sound(site: Site, deployment: Deployment) -> bool:
    """Whether the store holds the bytes that a deployment names."""
    for digest in {digest for routes in deployment.models.values() for route in routes for digest in route.files.values()}:
        found = site.objects.get(layout.artifact(digest))
        if found is None or hashlib.sha256(found[0]).hexdigest() != layout.bare(digest):
            return False
    return True


def _is_own(site: Site, answer: ServerRecord | None) -> bool:
    """A status of another lineage or environment is not ours, nor is that of the folder which this one is a copy of."""
    if answer is None or (answer.lineage, answer.environment) != (site.lineage, site.environment):
        return False
    return processes.is_for(site.root, answer.pid) is not False


def _taken(site: Site, answer: ServerRecord | None, process: Listener | None) -> Problem:
    """Who has the port: by what it answers, and by what the system tells of its process."""
    host, port = _address(site)
    who = "another program" if process is None else f"pid {process.pid}"
    where = f", started in {process.folder}" if process is not None and process.folder else ""
    hint = "choose another port under `platform:` of the environment, or stop the process that listens on this one"
    holder = None
    if answer is None:
        what = f"{who}{where}" if process is None else f"another program ({who}{where})"
    elif answer.lineage == site.lineage and answer.environment != site.environment:
        holder = answer.environment
        what = f"the server of environment {holder} of this project (pid {answer.pid}{where})"
        hint = f"remove environment {holder} with an apply of its own first, or choose another port"
    else:
        what = f"the server of environment {answer.environment} of lineage {answer.lineage} (pid {answer.pid}{where})"
    return Problem(
        id="port-in-use", summary="The port is in use", detail=f"{host}:{port} is used by {what}.", hint=hint, setting="port", holder=holder
    )


def _foreign(host: str, port: int, refused: OSError) -> Problem:
    return Problem(
        id="cannot-listen",
        summary="The address cannot be listened on",
        detail=f"{host}:{port}: {refused.strerror or refused}.",
        hint="give an address of this host and a port above 1023 under `platform:`, or `run: elsewhere` where another host serves",
        setting="host",
    )


def _ended(site: Site) -> ProviderError:
    line = processes.last_line(site.root, site.environment)
    detail = "The server of this host has ended." + (f" Its last line: {line}" if line else "")
    hint = f"read {processes.log_file(site.root, site.environment)}"
    return ProviderError("The server ended while it was waited for", detail=detail, hint=hint, id="not-ready")


def _say_nobody(site: Site, deployment: Deployment, living: tuple[ServerRecord, ...], say: Say) -> None:
    if not living and deployment.models:
        say(f"no server of environment {site.environment} is registered: it is served by nobody yet")


def _silence(site: Site, running: ServerRecord | None) -> str:
    if running is not None:
        return SILENT
    line = processes.last_line(site.root, site.environment)
    return "the server does not run" + (f"; its last line: {line}" if line else "")


def _why(server: ServerRecord) -> str:
    """What a server says is wrong with it."""
    return server.note or "; ".join(f"deployment {number}: {why}" for number, why in server.failed.items())


def _note(server: ServerRecord) -> str:
    return server.note


PLATFORM = Platform(
    name="server",
    description="leptonctl's own inference server (Open Inference Protocol v2 over HTTP).",
    settings=SETTINGS,
    problems=problems,
    stage=stage,
    ready=ready,
    activate=activate,
    observe=observe,
    remove=remove,
    url=lambda settings: addresses.url_of(str(settings["host"]), int(str(settings["port"]))),
)
