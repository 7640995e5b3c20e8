"""The HTTP front end: collects ASGI messages into a bounded body and calls `respond`. Owns the metrics; knows no models."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

from leptonctl.core.frozen import replace
from leptonctl.serving import metrics
from leptonctl.serving.connection import MAX_HEAD, MAX_HEADERS, RETRY, too_many_headers
from leptonctl.serving.respond import RequestStats, Response, read, refuse, respond, too_large

if TYPE_CHECKING:
    from leptonctl.serving.deployment import LoadedDeployment
    from leptonctl.serving.settings import Settings

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Scope: TypeAlias = MutableMapping[str, Any]

# a body of this size or more is handled in a thread, so that it does not delay small requests
LARGE_BODY = 32 * 1024
# a body that is too large is read and dropped up to this many times the limit, so that the client can read the answer
DROP_FACTOR = 4
_log = logging.getLogger(__name__)
CLOSE = (b"connection", b"close")
PROXY_HEADERS = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-real-ip"})


def closing(response: Response) -> Response:
    """The same response, but the connection closes after it: the rest of the request is not read."""
    return replace(response, headers=(*response.headers, CLOSE))


@dataclass(slots=True)
class _Buffered:
    """The bytes of one request that count towards `max_bodies`."""

    size: int = 0


class Disconnected(Exception):
    """The client closed the connection before the request was complete."""


class Front:
    """The ASGI application. `current` returns the deployment in force; `status` the server's record, for other machines (True) or this one.

    `_buffered_bytes` is the size of the larger bodies that are being received or answered.
    """

    def __init__(
        self, current: Callable[[], LoadedDeployment], status: Callable[[bool], bytes], environment: str, settings: Settings
    ) -> None:
        self._current, self._status, self._settings = current, status, settings
        self._max_body, self._drop, self._buffered_bytes = settings.max_body, DROP_FACTOR * settings.max_body, 0
        self._metrics = metrics.Metrics(environment)
        self._threads = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="infer")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            response = await self._answer(scope, receive)
        except Disconnected:
            return
        except asyncio.CancelledError:
            # the grace period of a stop is over: requests still in flight get an answer
            response = closing(refuse(503, "the server is stopping"))
        await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        if too_many_headers(scope["headers"]):
            return closing(refuse(431, f"the request has more than {MAX_HEADERS} headers, or more than {MAX_HEAD} bytes of them"))
        buffered = _Buffered()
        try:
            return await self._respond_measured(scope, await self._body(scope, receive, buffered))
        finally:
            self._buffered_bytes -= buffered.size

    async def _respond_measured(self, scope: Scope, body: bytes | Response) -> Response:
        started = perf_counter()
        try:
            response = body if isinstance(body, Response) else await self._respond(scope, body)
        except Exception:  # noqa: BLE001 (the outermost handler: the client gets an answer, the log the traceback)
            _log.exception("a bug in the server: %s %s", scope["method"], scope["raw_path"])
            response = refuse(500, "the server failed on this request; its log says why")
        if response.stats is not None:
            self._metrics.record(response.stats, response.status, perf_counter() - started)
        return response

    async def _respond(self, scope: Scope, body: bytes) -> Response:
        path, method = scope["raw_path"].decode("latin-1"), scope["method"]
        if path == "/metrics":
            return read(method, self._metrics.text(self._current()), metrics.CONTENT_TYPE)
        if path == "/leptonctl/v1/status":
            return read(method, self._status(_from_elsewhere(scope)))
        deployment = self._current()
        if len(body) < LARGE_BODY:
            return respond(deployment, method, path, scope["headers"], body)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, respond, deployment, method, path, scope["headers"], body)

    async def _body(self, scope: Scope, receive: Receive, buffered: _Buffered) -> bytes | Response:
        """The complete body, or the refusal of it. Raises Disconnected."""
        content_length, expects_continue = 0, False
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit():
                content_length = int(value[:20])
            elif name == b"expect":
                expects_continue = True
        # a client that waits for 100-continue must be refused before it sends
        if content_length > self._drop or (expects_continue and content_length > self._max_body):
            return closing(too_large(self._max_body))
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        body: bytes = message["body"]
        if not message["more_body"]:
            return body if len(body) <= self._max_body else closing(too_large(self._max_body))
        try:
            async with asyncio.timeout(self._settings.body_s):
                return await self._rest(body, receive, buffered)
        except TimeoutError:
            return closing(refuse(408, f"the body did not arrive within {self._settings.body_s:g} seconds", stats=RequestStats()))

    async def _rest(self, body: bytes, receive: Receive, buffered: _Buffered) -> bytes | Response:
        """A body that comes in parts. They are counted, so that many unfinished bodies do not fill the memory."""
        parts, size, more = [body], len(body), True
        while more and size <= self._drop:
            message = await receive()
            if message["type"] != "http.request":
                raise Disconnected
            more, size = message["more_body"], size + len(message["body"])
            if size > self._max_body:
                parts.clear()
                continue
            parts.append(message["body"])
            if size > LARGE_BODY:
                self._buffered_bytes += size - buffered.size
                buffered.size = size
                if self._buffered_bytes > self._settings.max_bodies:
                    return closing(refuse(503, "the server is receiving too much at once", RETRY, stats=RequestStats()))
        return b"".join(parts) if size <= self._max_body else closing(too_large(self._max_body))


def _from_elsewhere(scope: Scope) -> bool:
    """Whether a request may come from another machine: directly, or through a proxy on this one."""
    if any(name in PROXY_HEADERS for name, _ in scope["headers"]):
        return True
    client, server = scope.get("client"), scope.get("server")
    if client is None:
        return True
    address = client[0].removeprefix("::ffff:")
    return not (address.startswith("127.") or address == "::1" or (server is not None and client[0] == server[0]))
