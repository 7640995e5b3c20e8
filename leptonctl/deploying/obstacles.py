"""Why this host cannot serve an environment at its address, and which process is in the way."""

from collections.abc import Mapping

from leptonctl.core.deployment import ServerRecord
from leptonctl.core.values import Json
from leptonctl.deploying import addresses, processes
from leptonctl.deploying.addresses import Listener
from leptonctl.deploying.stray import is_stray
from leptonctl.spi.platforms import Observation, Problem, Site

PROBE_S = 1.0


def problems(site: Site, _observation: Observation | None) -> tuple[Problem, ...]:
    """What prevents this host from serving the environment at its address."""
    if not site.here:
        return ()
    host, port = address_of(site)
    refused = addresses.refusal(host, port)
    if refused is None:
        return ()
    if not addresses.in_use(refused):
        return (_cannot_listen(host, port, refused),)
    running = processes.running_server(site.root, site.environment)
    process = addresses.listener(host, port)
    # it may hang, but it is still ours
    if running is not None and process is not None and process.pid == running.pid:
        return ()
    answer = addresses.probe(addresses.url_of(host, port), PROBE_S)
    return () if is_own(site, answer) else (_port_in_use(site, answer, process),)


def warnings(settings: Mapping[str, Json]) -> tuple[Problem, ...]:
    """That others can reach the server, which does not authenticate anybody."""
    host = str(settings.get("host"))
    if host in {"localhost", "::1"} or host.startswith("127."):
        return ()
    detail = f"anyone who reaches {host}:{settings.get('port')} can ask for predictions: there are no tokens and no TLS yet"
    hint = "use host: 127.0.0.1 behind a proxy that checks who asks, or keep the network closed (docs/security.md)"
    return (Problem(id="open-to-network", summary="A server is open to the network", detail=detail, hint=hint, setting="host"),)


def address_of(site: Site) -> tuple[str, int]:
    """The host and the port on which an environment's server listens."""
    return str(site.settings["host"]), int(str(site.settings["port"]))


def is_own(site: Site, answer: ServerRecord | None) -> bool:
    """Whether a status is that of our server: of this lineage and environment, and not of the folder that this one is a copy of."""
    if answer is None or (answer.lineage, answer.environment) != (site.lineage, site.environment):
        return False
    return processes.is_for(site.root, answer.pid) is not False


def _port_in_use(site: Site, answer: ServerRecord | None, process: Listener | None) -> Problem:
    """Which process has the port, from its answer and from what the system knows of it."""
    host, port = address_of(site)
    who = "another program" if process is None else f"pid {process.pid}"
    where = f", started in {process.folder}" if process is not None and process.folder else ""
    hint = "choose another port under `platform:` of the environment, or stop the process that listens on this one"
    holder = None
    if answer is None:
        what = f"{who}{where}" if process is None else f"another program ({who}{where})"
    elif answer.lineage == site.lineage and answer.environment != site.environment:
        holder = answer.environment
        what = f"the server of environment {holder} of this project (pid {answer.pid}{where})"
        hint = f"first remove environment {holder} in a separate apply, or choose another port"
    else:
        if is_stray(site, process):
            hint = f"it was started from this folder for another state: `leptonctl server stop {site.environment} --stray` stops it"
        what = f"the server of environment {answer.environment} of lineage {answer.lineage} (pid {answer.pid}{where})"
    return Problem(
        id="port-in-use", summary="The port is in use", detail=f"{host}:{port} is used by {what}.", hint=hint, setting="port", holder=holder
    )


def _cannot_listen(host: str, port: int, refused: OSError) -> Problem:
    return Problem(
        id="cannot-listen",
        summary="The server cannot listen on its address",
        detail=f"{host}:{port}: {refused.strerror or refused}.",
        hint="use an address of this host and a port above 1023 under `platform:`, or, if another host serves it, `run: elsewhere`",
        setting="host",
    )
