"""Requests over connections that stay open: one after the other in a test, or from a separate process until it is stopped.

As a program: `python load.py URL BODIES OUT`. BODIES is a JSON list of request bodies, sent round-robin over eight connections without a
pause until standard input ends, and at least LEAST times. OUT gets `{"answers": [[body, status, sha256, sent, received]], "failures": []}`;
times are those of the monotonic clock, which all processes of a host share.
"""

import asyncio
import contextlib
import http.client
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

CONNECTIONS = 8
LEAST = 2_000
# a client that never waits would take a core from the switch it is to observe
PAUSE_S = 0.004


def answers(url: str, bodies: Sequence[bytes]) -> list[bytes]:
    """The answers to the requests, over one connection. Every one must be 200."""
    found = []
    with contextlib.closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)) as connection:
        for body in bodies:
            connection.request("POST", urlsplit(url).path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            found.append(answer.read())
            assert answer.status == 200, found[-1]
    return found


def digest(answer: bytes) -> str:
    return sha256(answer).hexdigest()


class Load:
    """The program, running beside a `with` block. `answers` and `failures` are there after it."""

    def __init__(self, url: str, bodies: Sequence[bytes], folder: Path) -> None:
        self._out = folder / "load.json"
        given = folder / "bodies.json"
        given.write_text(json.dumps([body.decode() for body in bodies]), encoding="utf-8")
        self._command = [sys.executable, __file__, url, str(given), str(self._out)]
        self.answers: list[tuple[int, int, str, float, float]] = []
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"first answer\n"
        return self

    def __exit__(self, *_: object) -> None:
        # ends standard input and waits
        self._process.communicate(timeout=60)
        report = json.loads(self._out.read_text(encoding="utf-8"))
        self.answers, self.failures = [tuple(a) for a in report["answers"]], report["failures"]


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bytes]:
    writer.write(request)
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length)


async def _connection(
    url: str, turn: Iterator[int], requests: list[bytes], stop: asyncio.Event, begun: asyncio.Event, found: list[tuple], failures: list[str]
) -> None:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        while not stop.is_set() or len(found) + len(failures) < LEAST:
            which = next(turn) % len(requests)
            sent = time.monotonic()
            try:
                status, answer = await asyncio.wait_for(_ask(reader, writer, requests[which]), timeout=10)
            except (OSError, EOFError, TimeoutError) as problem:
                failures.append(f"{type(problem).__name__}: {problem}")
                return
            found.append((which, status, digest(answer), sent, time.monotonic()))
            begun.set()
            await asyncio.sleep(PAUSE_S)
    finally:
        begun.set()
        writer.close()


async def _main(url: str, bodies: list[str]) -> dict[str, list]:
    address, stop, begun = urlsplit(url), asyncio.Event(), asyncio.Event()
    head = f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\nContent-Length: "
    requests = [f"{head}{len(body.encode())}\r\n\r\n{body}".encode() for body in bodies]
    found: list[tuple] = []
    failures: list[str] = []
    turn = itertools.count()
    running = [asyncio.create_task(_connection(url, turn, requests, stop, begun, found, failures)) for _ in range(CONNECTIONS)]
    await begun.wait()
    print("first answer", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    stop.set()
    await asyncio.gather(*running)
    return {"answers": found, "failures": failures}


if __name__ == "__main__":
    report = asyncio.run(_main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))))
    Path(sys.argv[3]).write_text(json.dumps(report), encoding="utf-8")
