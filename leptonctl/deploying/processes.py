"""The server processes of this host: start, find, ask and stop exactly those that this project started.

A process is known by pid, start time and boot, so that a reused pid is never taken for ours. Light to import.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from leptonctl.core.diagnostic import fail
from leptonctl.storage.durable import make_folder

START_S = 30.0
KILLED_S = 5.0
POLL_S = 0.02
LOG_TAIL = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A server that listens. `log` is the file that holds what it says."""

    pid: int
    url: str
    log: Path


class Detached(subprocess.Popen[bytes]):
    """A child that is meant to outlive us: its handle may go without a warning."""

    def __del__(self) -> None:
        with suppress(ChildProcessError):
            self.poll()


def server_folder(root: Path, environment: str) -> Path:
    return root / ".leptonctl" / "servers" / environment


def default_id(root: Path) -> str:
    """Names the server of one project folder on one host: a restart takes its place, a second folder has its own."""
    host = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in socket.gethostname()).strip("-")
    return f"{host or 'host'}-{sha256(os.fsencode(root.resolve())).hexdigest()[:8]}"


def start_server(*, root: Path, environment: str, store_uri: str, host: str, port: int, timeout: float = START_S) -> Started:
    """Start this host's server of an environment and wait until it listens; one that runs already is taken as it is.

    Raises Failure: port-in-use, server-not-started.
    """
    folder = server_folder(root, environment)
    log, record = folder / "server.log", folder / "server.json"
    running = server_record(root, environment)
    if running is not None and is_running(running):
        return Started(pid=int(running["pid"]), url=str(running["url"]), log=log)
    if not port_free(host, port):
        raise _port_in_use(host, port)
    make_folder(folder)
    said_before = log.stat().st_size if log.exists() else 0
    process = _spawn(root, log, record, environment, store_uri, host, port)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = server_record(root, environment)
        if found is not None and is_running(found):
            return Started(pid=int(found["pid"]), url=str(found["url"]), log=log)
        if process.poll() is not None:
            if "port-in-use" in _tail(log, said_before):
                raise _port_in_use(host, port)
            raise _not_started(log, f"it ended with status {process.returncode}", said_before)
        time.sleep(POLL_S)
    process.kill()
    process.wait()
    raise _not_started(log, f"it did not listen within {timeout:g} s", said_before)


def server_record(root: Path, environment: str) -> dict[str, Any] | None:
    """What this host's server wrote of itself, or None when there was none."""
    try:
        record = json.loads((server_folder(root, environment) / "server.json").read_bytes())
        # a record without these is none
        int(record["pid"]), str(record["url"]), record["boot"], record["start"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(record)


def is_running(record: dict[str, Any]) -> bool:
    """Whether the recorded process lives: same pid, same start, same boot."""
    mark = process_mark(int(record["pid"]))
    return mark["start"] is not None and (mark["start"], mark["boot"]) == (record["start"], record["boot"])


def process_mark(pid: int) -> dict[str, Any]:
    """What tells this process from a later one of the same pid. `start` is None when there is no such process."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    try:
        handle = os.pidfd_open(pid)
    except OSError:  # no such process, or the number is that of a thread now
        return {"pid": pid, "start": None, "boot": boot}
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        # a zombie whose threads have all ended only waits for its parent; before that it still holds its port
        start = None if select.select([handle], [], [], 0)[0] else int(fields[19])
    except (FileNotFoundError, ProcessLookupError):
        start = None
    finally:
        os.close(handle)
    return {"pid": pid, "start": start, "boot": boot}


def stop_server(root: Path, environment: str, timeout: float = 15.0) -> bool:
    """Stop this host's server: SIGTERM, after `timeout` SIGKILL. False when none ran. Its log stays."""
    record = server_record(root, environment)
    stopped = record is not None and _stop(record, timeout)
    (server_folder(root, environment) / "server.json").unlink(missing_ok=True)
    return stopped


def url_of(host: str, port: int) -> str:
    """Where clients of this host reach a server that listens there."""
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else f"[{host}]" if ":" in host else host  # noqa: S104
    return f"http://{shown}:{port}"


def probe(url: str, timeout: float = 1.0) -> dict[str, Any] | None:
    """The status page of a server, or None when nobody answers as one.

    Asked on a plain socket: every plan asks, and urllib costs 13 ms to import. No proxy of the surroundings can answer either.
    """
    host, _, port = url.removeprefix("http://").rpartition(":")
    asked = f"GET /leptonctl/v1/status HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n"
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout) as connection, connection.makefile("rb") as answer:
            connection.sendall(asked.encode("ascii"))
            head, _, body = answer.read(1_000_000).partition(b"\r\n\r\n")
        status = json.loads(body) if head.split(b" ", 2)[1:2] == [b"200"] else None
    except (OSError, ValueError):
        return None
    return status if isinstance(status, dict) and "environment" in status else None


def port_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1)
    except OSError:
        return False
    return True


def _spawn(root: Path, log: Path, record: Path, environment: str, store_uri: str, host: str, port: int) -> Detached:
    command = [sys.executable, "-m", "leptonctl.deploying.serve", "--store", store_uri, "--project", str(root.resolve())]
    command += ["--environment", environment, "--host", host, "--port", str(port), "--record", str(record.resolve())]
    with log.open("ab") as output:
        return Detached(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, close_fds=True)


def _stop(record: dict[str, Any], timeout: float) -> bool:
    """Signals go through a process handle, which cannot come to mean another process between the check and the signal."""
    try:
        handle = os.pidfd_open(int(record["pid"]))
    except OSError:
        return False
    try:
        if not is_running(record):
            return False
        for number, patience in ((signal.SIGTERM, timeout), (signal.SIGKILL, KILLED_S)):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            if select.select([handle], [], [], patience)[0]:
                break
    finally:
        os.close(handle)
    with suppress(ChildProcessError):
        os.waitpid(int(record["pid"]), os.WNOHANG)
    return True


def _port_in_use(host: str, port: int) -> Exception:
    return fail(
        "port-in-use",
        "The port is in use",
        f"Another process listens on {host}:{port}, or the address is not one of this host.",
        hint="choose another port under `platform:` of the environment, or stop the process that listens on this one",
    )


def _not_started(log: Path, why: str, said_before: int) -> Exception:
    last = _tail(log, said_before).strip().splitlines()[-1:]
    said = f" Its last line: {last[0]}" if last else ""
    return fail("server-not-started", "The server did not start", f"The server process was started, but {why}.{said}", hint=f"read {log}")


def _tail(log: Path, start: int) -> str:
    """The end of what the log says from a place on."""
    with suppress(OSError):
        return log.read_bytes()[start:][-LOG_TAIL:].decode("utf-8", "replace")
    return ""
