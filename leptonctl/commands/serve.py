"""`serve`: serves an environment in the foreground until it is stopped, on any machine that reaches the state and the store."""

import gc
import os
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from leptonctl.commands.editing.bind_yaml import environment_document
from leptonctl.commands.planning.folder import own_folder
from leptonctl.commands.session import Session
from leptonctl.core.address import member_of
from leptonctl.core.diagnostic import OK, Failure, fail
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.state import State
from leptonctl.kinds.environment.kind import environments
from leptonctl.spi.platforms import Site

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class ListenAt(Frozen):
    """Where a server listens and what it is called. None: as declared, or made from host, folder and port."""

    host: str | None = None
    port: int | None = None
    advertise: str | None = None
    id: str | None = None


def serve(session: Session, environment: str, at: ListenAt, *, say: Callable[[str], None] = lambda _line: None) -> int:
    """Serve until SIGTERM, SIGINT or SIGHUP. `say`: called with what a person at the terminal should know before.

    Failure: unknown-environment, nothing-applied, bad-url, bad-server-id, server-id-taken, port-in-use, cannot-listen.
    """
    from leptonctl.deploying import server
    from leptonctl.deploying.serve import run

    environment_document(session, environment)
    platform = environments(session.declarations)[environment].platform
    _check(at)
    state = session.pointers.read()
    if state is None:
        raise _nothing_applied(session, environment)
    own_folder(session, state, [environment])
    gc.enable()
    site = session.sites.site(state.lineage, environment, platform, here=True)
    launch = server.launch_of(site)
    host, port = at.host or launch.host, launch.port if at.port is None else at.port
    _check_address(site, host, port, say)
    server_id = at.id or _default_id(session, port)
    _check_id(session, state, environment, server_id, say=say)
    if not state.entries(member_of("environment", environment, "")):
        say(f"nothing is bound in {environment} yet: waiting for its first deployment")
    try:
        run(
            store=session.settings.store, root=session.root, lineage=state.lineage, environment=environment, host=host, port=port,
            server_id=server_id, settings=server.settings_of(site), url=at.advertise or "",
        )  # fmt: skip
    except Failure as failure:
        raise _with_way_out(failure, state, environment, (host, port)) from failure
    return OK


def _default_id(session: Session, port: int) -> str:
    from leptonctl.deploying.processes import default_id

    # port 0 takes another free port each time, so that only the process tells two such servers apart
    return f"{default_id(session.root)}-{port or f'p{os.getpid()}'}"


def _with_way_out(failure: Failure, state: State, environment: str, at: tuple[str, int]) -> Failure:
    """The failure; for a port in use with the server of this project that uses it, if any, and the option for another port."""
    from leptonctl.deploying import addresses

    problem = failure.diagnostics[0]
    if problem.id != "port-in-use":
        return failure
    hint = "choose another port with `--port`, or stop the process that listens on this one"
    answer = addresses.probe(addresses.url_of(*at))
    if answer is None or answer.lineage != state.lineage:
        return fail(problem.id, problem.summary, problem.detail, hint=hint)
    detail = f"{at[0]}:{at[1]} is used by server {answer.id} of {answer.environment} (pid {answer.pid})."
    if answer.environment == environment:
        hint = f"`leptonctl serve {environment} --port PORT` starts another server; both follow every deployment"
    return fail(problem.id, problem.summary, detail, hint=hint)


def _check_address(site: Site, host: str, port: int, say: Callable[[str], None]) -> None:
    """Say what is risky about an address. Failure `port-in-use` that names who listens there already."""
    from leptonctl.deploying.obstacles import problems, warnings

    settings = {**site.settings, "host": host, "port": port}
    for problem in problems(replace(site, settings=settings), None):
        if problem.id == "port-in-use":
            raise fail("port-in-use", problem.summary, problem.detail, hint=f"{problem.hint}; `--port` listens on another one")
    for problem in warnings(settings):
        say(f"warning[{problem.id}]: {problem.summary}: {problem.detail}\n  hint: {problem.hint}")


def _check(at: ListenAt) -> None:
    if at.advertise is not None and not _is_url(at.advertise):
        detail = f"{at.advertise!r} is not an http or https URL of a host, with or without port and path"
        raise fail("bad-url", "The URL cannot be advertised", detail, hint="write it as in `--advertise https://models.example.org`")
    if at.id is not None and not NAME.fullmatch(at.id):
        detail = f"{at.id!r}: letters, digits, `.`, `_` and `-`, at most 128 characters, the first a letter or digit"
        raise fail("bad-server-id", "The id of a server is not valid", detail, hint="for example `--id blue-1`")


def _is_url(url: str) -> bool:
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0 and plain


def _check_id(session: Session, state: State, environment: str, server_id: str, *, say: Callable[[str], None]) -> None:
    """Failure `server-id-taken` when a living server has this id: the two would overwrite each other's record."""
    from leptonctl.deploying.fleet import Fleet, ends, runs_on

    fleet = Fleet(lineage=session.lineage(state), environment=environment, liveness=session.liveness)
    other = next((server for server in fleet.registered_servers() if server.id == server_id), None)
    if other is None or ends(fleet, other, say):
        return
    detail = f"{server_id} serves {environment} at {other.url} ({runs_on(other)})"
    raise fail(
        "server-id-taken",
        "A server with this id is alive",
        detail,
        hint="choose another port with `--port`, or another id with `--id NAME`",
    )


def _nothing_applied(session: Session, environment: str) -> Failure:
    detail = f"{environment} has no deployment to serve: there is no state at {session.settings.state}"
    hint = "run `leptonctl apply` first; on another machine, `state:` and `store:` must be places that both reach"
    return fail("nothing-applied", "Nothing has been applied yet", detail, hint=hint)
