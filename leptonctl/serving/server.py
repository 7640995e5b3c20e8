"""One server process: its socket, the HTTP front end, the follower and a clean shutdown. Knows no models."""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from leptonctl.core.codec import encode_message
from leptonctl.core.diagnostic import fail
from leptonctl.serving.asgi import Front
from leptonctl.serving.condition import public_record
from leptonctl.serving.connection import protocol
from leptonctl.serving.follow import Follower, Objects
from leptonctl.serving.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from leptonctl.core.deployment import ServerRecord
    from leptonctl.serving.condition import Identity
    from leptonctl.serving.deployment import ReadSecret

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
DEFAULTS = Settings()


def serve(
    objects: Objects,
    identity: Identity,
    *,
    host: str,
    port: int,
    read_secret: ReadSecret,
    settings: Settings = DEFAULTS,
    url: str = "",
    on_listen: Callable[[ServerRecord], None] = lambda _record: None,
    log: Callable[[str], None] = lambda _line: None,
) -> None:
    """Serve an environment until SIGTERM, SIGINT or SIGHUP. Raises Failure when the address cannot be listened on.

    `url`: where clients reach this server, if not at its own address. `on_listen` is called once, when connections are accepted; the
    server is not ready until the first deployment is loaded.
    """
    listener = listen(host, port, settings.backlog)
    record = identity.record(url or _url(host, listener.getsockname()[1]), time.time())
    follower = Follower(objects, record, read_secret, settings=settings, log=log)
    front = _front(follower, identity.environment, settings)
    _collect_rarely()
    follower.start()
    try:
        on_listen(record)
        asyncio.run(Http(_config(front, settings)).serve([listener]))
    finally:
        follower.stop()
        log("stopped")


def _front(follower: Follower, environment: str, settings: Settings) -> Front:
    def status(is_public: bool) -> bytes:
        record = follower.status()
        return encode_message(public_record(record) if is_public else record)

    return Front(follower.current, status, environment, settings)


def _collect_rarely() -> None:
    """A request allocates hundreds of small containers and no cycles: the garbage collector need not run in every one."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _config(front: Front, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        front,
        http=protocol(settings),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=settings.backlog,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.stop_s,
    )


class Http(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Like uvicorn's, but a captured signal is not raised again at the end, so that the cleanup after it runs."""
        loop = asyncio.get_running_loop()
        for number in STOPS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """A bound socket. Raises Failure: port-in-use, cannot-listen."""
    hint = "choose another port under `platform:` of the environment, or stop the process that listens on this one"
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # bind alone does not reserve the address: two sockets may bind it until one of them listens
        listener.listen(backlog)
    except (OSError, UnicodeError) as problem:
        if listener is not None:
            listener.close()
        if isinstance(problem, UnicodeError):
            problem = socket.gaierror(socket.EAI_NONAME, "it is not the name of a host")
        if problem.errno == errno.EADDRINUSE:
            raise fail("port-in-use", "The port is in use", f"Another process listens on {host}:{port}.", hint=hint) from None
        hint = "choose an address of this machine and a port above 1023 under `platform:` of the environment"
        detail = f"{host}:{port}: {problem.strerror or problem}."
        raise fail("cannot-listen", "The address cannot be listened on", detail, hint=hint) from None
    return listener


def _url(host: str, port: int) -> str:
    reachable = socket.gethostname() if host in ("", "0.0.0.0", "::") else host  # noqa: S104
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
