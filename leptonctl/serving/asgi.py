"""The HTTP front end: collects ASGI messages into a bounded body and calls `respond`. Owns the metrics; knows no models."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

from leptonctl.core.frozen import replace
from leptonctl.serving import metrics
from leptonctl.serving.respond import Response, read, refuse, respond, too_large

if TYPE_CHECKING:
    from leptonctl.serving.deployment import LoadedDeployment

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Scope: TypeAlias = MutableMapping[str, Any]

# a body of this size or more is handled in a thread, so that it does not delay small requests
LARGE = 32 * 1024
# how many times the limit is read and dropped of a body that is too large, so that the client gets to read the answer
DROP = 4
_log = logging.getLogger(__name__)
CLOSE = (b"connection", b"close")


def closing(response: Response) -> Response:
    """The same response, but the connection closes after it: the rest of the request is not read."""
    return replace(response, headers=(*response.headers, CLOSE))


class Disconnected(Exception):
    """The client closed the connection before the request was complete."""


class Front:
    """The ASGI application. `current` returns the deployment in force, `status` the server's record. `max_body` is in bytes."""

    def __init__(self, current: Callable[[], LoadedDeployment], status: Callable[[], bytes], environment: str, *, max_body: int) -> None:
        self._current, self._status, self._max_body, self._drop = current, status, max_body, DROP * max_body
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
        body = await self._body(scope, receive)
        started = perf_counter()
        try:
            response = closing(too_large(self._max_body)) if body is None else await self._respond(scope, body)
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
            return read(method, self._status())
        deployment = self._current()
        if len(body) < LARGE:
            return respond(deployment, method, path, scope["headers"], body)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, respond, deployment, method, path, scope["headers"], body)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """The complete body, or None when it is larger than allowed. Raises Disconnected."""
        content_length, expects_continue = 0, False
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit():
                content_length = int(value[:20])
            elif name == b"expect":
                expects_continue = True
        # a client that waits for 100-continue must be refused before it sends
        if content_length > self._drop or (expects_continue and content_length > self._max_body):
            return None
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        body: bytes = message["body"]
        if not message["more_body"]:
            return body if len(body) <= self._max_body else None
        parts, size = [body], len(body)
        while message["more_body"] and size <= self._drop:
            message = await receive()
            if message["type"] != "http.request":
                raise Disconnected
            size += len(message["body"])
            if size > self._max_body:
                parts.clear()
            else:
                parts.append(message["body"])
        return b"".join(parts) if size <= self._max_body else None
