"""One HTTP connection: uvicorn's protocol with limits on the head of a request, on the wait for it, and on the number of connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from leptonctl.serving.respond import Response, refuse

if TYPE_CHECKING:
    import asyncio

    from leptonctl.serving.settings import Settings

MAX_HEAD, MAX_HEADERS = 64 * 1024, 100
LINGER_S = 0.5
"""How long a stopping server keeps an idle connection for a request that is already on its way."""
RETRY = (b"retry-after", b"1")
REASONS = {408: b"Request Timeout", 431: b"Request Header Fields Too Large", 503: b"Service Unavailable"}


def raw(response: Response) -> bytes:
    """A response as bytes on the wire, after which the connection closes."""
    lines = [b"HTTP/1.1 %d %s" % (response.status, REASONS[response.status])]
    lines += [name + b": " + value for name, value in (*response.headers, (b"connection", b"close"))]
    return b"\r\n".join([*lines, b"", response.body])


class Connection(HttpToolsProtocol):
    """Counts the bytes of an incomplete head, and closes the connection when the head is not complete in time.

    `ending`: the next response is the last. `waiting`: no head is complete yet, so the deadline runs. The piece of data in which a
    head begins is not size_before, because it may hold the end of another request: the application counts complete heads again.
    """

    limits: Settings
    waiting = True
    ending = False
    head_bytes: int | None = None
    deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()
        if len(self.connections) > self.limits.max_connections:
            self._refuse(refuse(503, "the server has too many connections", RETRY))

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self.waiting and self.deadline is None:
            self._wait_for_head()
        size_before = self.head_bytes
        super().data_received(data)
        if size_before is not None and self.head_bytes is not None:
            self.head_bytes += len(data)
            if self.head_bytes > MAX_HEAD and not self.transport.is_closing():
                self._refuse(refuse(431, f"the head of the request is larger than {MAX_HEAD} bytes"))

    def on_message_begin(self) -> None:
        self.head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()
        if self.ending and self.cycle is not None:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Close after the next response. Closing an idle connection at once would lose a request that is on its way."""
        self.ending = True
        if self._is_idle():
            self.loop.call_later(LINGER_S, self._end_if_idle)
        elif self.cycle is not None:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.waiting = True

    def _is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _end_if_idle(self) -> None:
        if self._is_idle() and self.head_bytes is None:
            self.transport.close()

    def _wait_for_head(self) -> None:
        self.deadline = self.loop.call_later(self.limits.head_s, self._head_is_late)

    def _stop_waiting(self) -> None:
        self.waiting, self.head_bytes = False, None
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def _head_is_late(self) -> None:
        self._refuse(refuse(408, f"the request did not begin within {self.limits.head_s:g} seconds"))

    def _refuse(self, response: Response) -> None:
        if not self.transport.is_closing():
            self.transport.write(raw(response))
            self.transport.close()


def protocol(settings: Settings) -> type[asyncio.Protocol]:
    """The protocol class for these settings; uvicorn makes one for each connection."""
    return type("Connection", (Connection,), {"limits": settings})


def too_many_headers(headers: Any) -> bool:
    """Whether a complete head is larger than allowed. `headers`: pairs of bytes."""
    return len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEAD
