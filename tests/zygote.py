"""A process that has imported modules and only forks: its children start without the cost of these imports.

A child has a pid, a session, streams, a folder, variables and an exit code of its own, and ends as any process does. Orders go over a socket:
a message, and the child's open files. The last of these is a socket over which pid and exit code come back.
"""

import fcntl
import importlib
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

LARGEST = 1 << 20
FILES = 16
FREE = 200
"""Above the file descriptors that a test's process has open when it starts another one."""
END_S = 10.0
NO_ORDER = b"{}"


class Zygote:
    """Starts the process, and ends it. `handle`: the socket for orders, which other processes may inherit."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], pass_fds: Sequence[int] = ()) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno())], cwd="/", env=dict(environment),
                stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno(), *pass_fds], start_new_session=True,
            )  # fmt: skip

    @property
    def handle(self) -> int:
        return self.control.fileno()

    def close(self) -> None:
        """End the process that forks. Children that still run are not stopped, and may still have the socket."""
        with suppress(BrokenPipeError):
            self.control.send(NO_ORDER)
        self.control.close()
        self._process.wait(END_S)


class Child:
    """A child that a zygote was asked for, with what `subprocess.Popen` has of one. `files`: its standard streams, and more."""

    def __init__(self, control: socket.socket, order: Mapping[str, object], files: Iterable[int]) -> None:
        self.returncode: int | None = None
        self._answer, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(control, [json.dumps(order).encode()], [*files, theirs.fileno()])
        self.pid = self._receive()

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._answer], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(["a forked child"], timeout or 0.0)
            self.returncode = self._receive()
            self._answer.close()
        return self.returncode

    def kill(self) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _receive(self) -> int:
        message = self._answer.recv(LARGEST)
        assert message, "the process that forks has died: see its messages in the output of the tests"
        return json.loads(message)


# --- in the process that forks -----------------------------------------------------------------------------------------------------------


def import_quietly(names: Iterable[str], threaded: Iterable[str] = ()) -> None:
    """Import modules, less those that need one of `threaded`: a thread that starts while a module is imported would be missing in a child."""
    import gc

    sys.modules.update(dict.fromkeys(threaded))
    for name in names:
        with suppress(ModuleNotFoundError) if threaded else suppress():
            importlib.import_module(name)
    for name in threaded:
        del sys.modules[name]
    assert len(os.listdir("/proc/self/task")) == 1, "a module started a thread while it was imported: a fork would lose it"
    gc.freeze()


def modules_of(*packages: str) -> list[str]:
    """The modules in folders of leptonctl and in the folders below them."""
    import leptonctl

    top = Path(leptonctl.__file__).parent
    files = [file for package in packages for file in sorted((top / package).rglob("[a-z]*.py"))]
    return [".".join(("leptonctl", *file.relative_to(top).with_suffix("").parts)) for file in files]


def wait_for_order(control: socket.socket) -> tuple[dict, list[int]] | None:
    """Returns in every child with its order and its files, and in the process itself with None when the tests have ended."""
    running: dict[int, tuple[int, socket.socket]] = {}
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    with control, selector:
        while True:
            for key, _ in selector.select():
                if key.fd in running:
                    selector.unregister(key.fd)
                    _report_end(key.fd, *running.pop(key.fd))
                    continue
                message, files, _, _ = socket.recv_fds(control, LARGEST, FILES, socket.MSG_CMSG_CLOEXEC)
                if message in {b"", NO_ORDER}:
                    return None
                answer = socket.socket(fileno=files.pop())
                pid = os.fork()
                if pid == 0:
                    os.setsid()
                    # not before: who knows the pid may end its process group
                    _send(answer, os.getpid())
                    answer.close()
                    for handle, (_, other) in running.items():
                        os.close(handle)
                        other.close()
                    return json.loads(message), files
                for file in files:
                    os.close(file)
                handle = os.pidfd_open(pid)
                running[handle] = pid, answer
                selector.register(handle, selectors.EVENT_READ)


def _report_end(handle: int, pid: int, answer: socket.socket) -> None:
    os.close(handle)
    with answer:
        _send(answer, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _send(answer: socket.socket, number: int) -> None:
    with suppress(OSError):  # the caller may have ended
        answer.send(json.dumps(number).encode())


def install_files(files: Sequence[int], numbers: Sequence[int], keep: Sequence[int] = ()) -> None:
    """Give files the numbers that they had where they come from, and close all others but `keep`."""
    above = [fcntl.fcntl(file, fcntl.F_DUPFD, FREE) for file in files]
    for file in {*map(int, os.listdir("/proc/self/fd"))} - {0, 1, 2, *above, *keep}:
        with suppress(OSError):  # the one of the listing itself
            os.close(file)
    for file, number in zip(above, numbers, strict=True):
        os.dup2(file, number)
        os.close(file)


def install_variables(order: Mapping) -> None:
    """Set the folder and the variables of an order."""
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
