"""The HTTP front: ASGI messages -> `respond`, one bounded body at a time. Owns the metrics; knows nothing of models."""

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
from leptonctl.serving.handle import Response, read, refuse, respond, too_large

if TYPE_CHECKING:
    from leptonctl.serving.deployment import LoadedDeployment

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Scope: TypeAlias = MutableMapping[str, Any]

# above this a request is worth a thread of its own, so that it does not hold up the small ones
LARGE = 32 * 1024
# how much of a body that is too large is read and dropped, in times of the bound, so that its sender lives to see the answer
DROP = 4
_log = logging.getLogger(__name__)
CLOSE = (b"connection", b"close")


def closing(response: Response) -> Response:
    """The same, after which the connection ends: what is left of the request is not read."""
    return replace(response, headers=(*response.headers, CLOSE))


class Gone(Exception):
    """The client closed the connection before its request was whole."""


class Front:
    """The ASGI application. `current` gives the deployment in force, `status` the server's record. `max_body` is in bytes."""

    def __init__(self, current: Callable[[], LoadedDeployment], status: Callable[[], bytes], environment: str, *, max_body: int) -> None:
        self._current, self._status, self._max_body, self._drop = current, status, max_body, DROP * max_body
        self._metrics = metrics.Metrics(environment)
        self._threads = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="infer")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            response = await self._answer(scope, receive)
        except Gone:
            return
        except asyncio.CancelledError:
            # a stop waits no longer; whoever is still there is told, once
            response = closing(refuse(503, "the server stops"))
        await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        body = await self._body(scope, receive)
        started = perf_counter()
        try:
            response = closing(too_large(self._max_body)) if body is None else await self._respond(scope, body)
        except Exception:  # noqa: BLE001 (the last door: a client gets an answer, the log the trace)
            _log.exception("a bug in the server: %s %s", scope["method"], scope["raw_path"])
            response = refuse(500, "the server failed on this request; its log says why")
        if response.seen is not None:
            self._metrics.record(response.seen, response.status, perf_counter() - started)
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
        """The whole body, or None when it is larger than allowed."""
        announced, waits = 0, False
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit():
                announced = int(value[:20])
            elif name == b"expect":
                waits = True
        # a client that waits for 100-continue must be refused before it sends
        if announced > self._drop or (waits and announced > self._max_body):
            return None
        message = await receive()
        if message["type"] != "http.request":
            raise Gone
        body: bytes = message["body"]
        if not message["more_body"]:
            return body if len(body) <= self._max_body else None
        parts, size = [body], len(body)
        while message["more_body"] and size <= self._drop:
            message = await receive()
            if message["type"] != "http.request":
                raise Gone
            size += len(message["body"])
            if size > self._max_body:
                parts.clear()
            else:
                parts.append(message["body"])
        return b"".join(parts) if size <= self._max_body else None
