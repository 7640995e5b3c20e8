"""The server processes of this host: start, find and stop exactly those that this project started.

A process is identified by pid, start time and boot, so that a reused pid is never mistaken for ours, and by the folder that it
was started for, so that a copied folder does not claim the original's server. Light to import.
"""

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from leptonctl.core.canonical import encode
from leptonctl.core.codec import BadRecord, decode
from leptonctl.core.deployment import ServerRecord
from leptonctl.core.diagnostic import fail
from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json
from leptonctl.deploying.addresses import SERVER_MODULE, arguments_of, in_use, refusal
from leptonctl.storage.durable import make_folder
from leptonctl.storage.owner import boot_id, process_start

if TYPE_CHECKING:
    from leptonctl.deploying.detached import Detached

START_S = 30.0
KILLED_S = 5.0
POLL_S = 0.02
LOG_TAIL = 2_000


class Launch(Frozen):
    """The parameters of a server process on this host. `settings`: all except host and port."""

    root: Path
    store: str
    lineage: str
    environment: str
    host: str
    port: int
    settings: Mapping[str, Json]

    @property
    def arguments(self) -> tuple[str, ...]:
        """The command line after the module."""
        record = server_folder(self.root, self.environment) / "server.json"
        return (
            *("--store", self.store, "--project", str(self.root.resolve()), "--lineage", self.lineage, "--environment", self.environment),
            *("--host", self.host, "--port", str(self.port), "--id", default_id(self.root), "--record", str(record.resolve())),
            *("--settings", encode(dict(self.settings)).decode()),
        )

    def runs_as(self, server: ServerRecord) -> bool:
        """Whether a process of ours was started with exactly these parameters."""
        return arguments_of(server.pid) == self.arguments


def server_folder(root: Path, environment: str) -> Path:
    """The folder for the log and the record of this host's server of an environment."""
    return root / ".leptonctl" / "servers" / environment


def log_file(root: Path, environment: str) -> Path:
    """The log of this host's server of an environment."""
    return server_folder(root, environment) / "server.log"


def default_id(root: Path) -> str:
    """The id of the server of one project folder on one host: a restart keeps it, a second folder gets another."""
    host = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in socket.gethostname()).strip("-")
    return f"{host or 'host'}-{sha256(os.fsencode(root.resolve())).hexdigest()[:8]}"


def start_server(launch: Launch, timeout: float = START_S) -> ServerRecord:
    """Start this host's server of an environment and wait until it listens; if it runs already, return its record.

    Raises Failure: port-in-use, cannot-listen, server-not-started.
    """
    running = running_server(launch.root, launch.environment)
    if running is not None:
        return running
    refused = refusal(launch.host, launch.port)
    if refused is not None:
        raise _not_listening(launch, refused)
    log = log_file(launch.root, launch.environment)
    make_folder(log.parent)
    start = log.stat().st_size if log.exists() else 0
    process = _spawn(launch, log)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        server = running_server(launch.root, launch.environment)
        if server is not None:
            return server
        if process.poll() is not None:
            refused = refusal(launch.host, launch.port)
            if refused is not None:
                raise _not_listening(launch, refused)
            raise _not_started(log, f"it ended with status {process.returncode}", start)
        time.sleep(POLL_S)
    process.kill()
    process.wait()
    raise _not_started(log, f"it did not listen within {timeout:g} s", start)


def running_server(root: Path, environment: str) -> ServerRecord | None:
    """The record of this host's server of an environment, if it runs and was started for this folder."""
    record = server_record(root, environment)
    return record if record is not None and is_running(record) and is_for(root, record.pid) else None


def server_record(root: Path, environment: str) -> ServerRecord | None:
    """The record that this host's server wrote of itself, or None."""
    try:
        return decode((server_folder(root, environment) / "server.json").read_bytes(), ServerRecord)
    except (OSError, BadRecord):
        return None


def is_running(record: ServerRecord) -> bool:
    """Whether the recorded process lives: same pid, start time and boot."""
    start = process_start(record.pid)
    return start is not None and (start, boot_id()) == (record.start, record.boot)


def stop_server(root: Path, environment: str, timeout: float = 15.0) -> bool:
    """Stop this host's server: SIGTERM, and SIGKILL after `timeout`. False when none ran. Its log stays."""
    record = running_server(root, environment)
    stopped = record is not None and stop_process(record, timeout)
    stale = server_record(root, environment)
    if stale is None or not is_running(stale):
        (server_folder(root, environment) / "server.json").unlink(missing_ok=True)
    return stopped


def stop_process(record: ServerRecord, timeout: float) -> bool:
    """Stop the recorded process; False when it is gone.

    Signals go through a process handle, which cannot refer to another process between the check and the signal.
    """
    try:
        handle = os.pidfd_open(record.pid)
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
        os.waitpid(record.pid, os.WNOHANG)
    return True


def last_line(root: Path, environment: str) -> str:
    """The last line in the log of this host's server, or ""."""
    lines = _tail(log_file(root, environment), 0).strip().splitlines()
    return lines[-1] if lines else ""


def is_for(root: Path, pid: int) -> bool | None:
    """Whether a server process was started for this folder: for its path, or for one that no longer exists since the folder moved.

    None when that is unknown: for another program, or one that we may not inspect. Where the old path exists again, the place of the
    log tells: the system follows a folder that was moved.
    """
    arguments = arguments_of(pid)
    if arguments is None or "--project" not in arguments[:-1]:
        return None
    folder = Path(arguments[arguments.index("--project") + 1])
    if not folder.exists():
        return True
    return (log_folder(pid) or folder).samefile(root)


def log_folder(pid: int) -> Path | None:
    """The project's folder, as it is called now, in which a server process writes its log; None when that is unknown."""
    with suppress(OSError):
        log = Path(f"/proc/{pid}/fd/1").readlink()
        # FOLDER/.leptonctl/servers/ENVIRONMENT/server.log
        folder = log.parent.parent.parent.parent
        if log == log_file(folder, log.parent.name) and log.samefile(f"/proc/{pid}/fd/1"):
            return folder
    return None


def _spawn(launch: Launch, log: Path) -> "Detached":
    # imported here, since a plan starts nothing and subprocess costs it some milliseconds
    from leptonctl.deploying.detached import start_detached

    return start_detached([sys.executable, "-P", "-m", SERVER_MODULE, *launch.arguments], log)


def _not_listening(launch: Launch, refused: OSError) -> Exception:
    place = f"{launch.host}:{launch.port}"
    if in_use(refused):
        hint = "choose another port under `platform:` of the environment, or stop the process that listens on this one"
        return fail("port-in-use", "The port is in use", f"Another process listens on {place}.", hint=hint)
    hint = "use an address of this host and a port above 1023 under `platform:` of the environment"
    return fail("cannot-listen", "The server cannot listen on its address", f"{place}: {refused.strerror or refused}.", hint=hint)


def _not_started(log: Path, why: str, start: int) -> Exception:
    lines = _tail(log, start).strip().splitlines()[-1:]
    last = f" Its last line: {lines[0]}" if lines else ""
    return fail("server-not-started", "The server did not start", f"The server process was started, but {why}.{last}", hint=f"read {log}")


def _tail(log: Path, start: int) -> str:
    """The end of the log, of what follows the offset `start`."""
    with suppress(OSError):
        return log.read_bytes()[start:][-LOG_TAIL:].decode("utf-8", "replace")
    return ""
