"""Runs the command line in its own process without the cost of a new interpreter: forked from one that has loaded the package.

A start costs 0.15 s of imports, and the tests start hundreds of commands. `Forks` keeps one process that has loaded what commands
load and only forks; each command runs in a child with a pid, streams, folder and variables of its own, and ends as any process does.
Tests of the interpreter's own start (imports, signals, PYTHON variables) start a new one.
"""

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

# what commands load; nothing that starts threads (numpy, polars, onnxruntime), which a fork would lose
PACKAGES = ("core", "spi", "language", "kinds", "storage", "project", "views", "commands", "cli", "providers", "building", "deploying")
LIBRARIES = ("yaml", "jsonschema", "jinja2", "subprocess", "socket", "urllib.request", "tempfile", "uuid")
LEARNING_COMMANDS = ("verify", "diff")
"""They load scikit-learn into the process of the command: a process of its own has loaded it, and forks for them."""
LEARNING = "learning"
LEARNING_LIBRARIES = ("numpy", "scipy.special", "sklearn.ensemble", "sklearn.neural_network", "sklearn.svm", "onnx", "skl2onnx", "skops.io")
THREADED = ("polars", "onnxruntime")
"""They start threads while they are imported, so they are left to the children."""
AT_START = ("PYTHON", "LC_", "LANG")
LARGEST = 1 << 20
KILLED_S = 10.0


class Forks:
    """Runs `leptonctl` in forked children. `environment` is what their interpreter starts with. `learning`: with scikit-learn loaded."""

    def __init__(self, environment: Mapping[str, str], *, learning: bool = False) -> None:
        self._environment = at_start(environment)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).resolve()), str(theirs.fileno()), *[LEARNING] * learning],
                cwd="/", env=dict(environment), stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip

    def serves(self, environment: Mapping[str, str]) -> bool:
        """Whether an interpreter that is started with these variables would be the same."""
        return at_start(environment) == self._environment

    def run(
        self, arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str], timeout: float, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """`leptonctl ARGUMENTS` as `subprocess.run` runs it, with its output captured and `text` as its input."""
        order = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "environment": dict(environment)}).encode()
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            stdin.write(text.encode())
            stdin.seek(0)
            answer, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with answer:
                with theirs:
                    streams = [stdin.fileno(), out.fileno(), err.fileno(), theirs.fileno()]
                    socket.send_fds(self._control, [order], streams)
                code = _exit_code(answer, arguments, timeout)
            return subprocess.CompletedProcess(["leptonctl", *arguments], code, _text(out), _text(err))

    def close(self) -> None:
        """End the process that forks. Children that still run are not stopped."""
        self._control.close()
        self._process.wait(KILLED_S)


def at_start(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that an interpreter reads when it starts."""
    return {name: value for name, value in environment.items() if name.startswith(AT_START)}


def _exit_code(answer: socket.socket, arguments: Sequence[str], timeout: float) -> int:
    """A child's exit code, once it has ended. It is killed when it takes too long or the test is interrupted."""
    pid = _receive(answer)
    try:
        answer.settimeout(timeout)
        return _receive(answer)
    except BaseException as early:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        answer.settimeout(KILLED_S)
        _receive(answer)
        if isinstance(early, TimeoutError):
            raise subprocess.TimeoutExpired(list(arguments), timeout) from None
        raise


def _receive(answer: socket.socket) -> int:
    message = answer.recv(LARGEST)
    assert message, "the process that forks has died: see its messages in the output of the tests"
    return json.loads(message)


def _text(stream) -> str:
    """What was written, with line ends as `text=True` reads them."""
    stream.seek(0)
    return stream.read().decode().replace("\r\n", "\n").replace("\r", "\n")


# --- in the process that forks -----------------------------------------------------------------------------------------------------------


def main() -> int:
    """Fork for each order that comes; in a child, carry it out."""
    sys.path[0] = ""
    preload(learning=sys.argv[2:] == [LEARNING])
    order = wait_for_order(socket.socket(fileno=int(sys.argv[1])))
    if order is None:
        return 0
    begin(order)
    from leptonctl.__main__ import main as run

    return run()


def preload(*, learning: bool = False) -> None:
    for name in (*LIBRARIES, *modules_of(*PACKAGES)):
        importlib.import_module(name)
    if learning:
        sys.modules.update(dict.fromkeys(THREADED))  # importing them is refused
        for name in (*LEARNING_LIBRARIES, *modules_of("learning")):
            with suppress(ModuleNotFoundError):
                importlib.import_module(name)
        for name in THREADED:
            del sys.modules[name]
    assert len(os.listdir("/proc/self/task")) == 1, "a module started a thread while it was imported: a fork would lose it"
    gc.freeze()


def modules_of(*packages: str) -> list[str]:
    """The modules in folders of leptonctl and in the folders below them."""
    import leptonctl

    top = Path(leptonctl.__file__).parent
    files = [file for package in packages for file in sorted((top / package).rglob("[a-z]*.py"))]
    return [".".join(("leptonctl", *file.relative_to(top).with_suffix("").parts)) for file in files]


def wait_for_order(control: socket.socket) -> dict | None:
    """Returns in every child with its order, and in the process itself with None when the tests have ended."""
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
                message, streams, _, _ = socket.recv_fds(control, LARGEST, 4, socket.MSG_CMSG_CLOEXEC)
                if not message:
                    return None
                pid = os.fork()
                if pid == 0:
                    _install_streams(streams, running)
                    return json.loads(message)
                handle, answer = os.pidfd_open(pid), socket.socket(fileno=streams.pop())
                running[handle] = pid, answer
                selector.register(handle, selectors.EVENT_READ)
                for stream in streams:
                    os.close(stream)
                _send(answer, pid)


def _install_streams(streams: Sequence[int], running: Mapping[int, tuple[int, socket.socket]]) -> None:
    """Install the order's streams in a child, and close what belongs to its parent."""
    for number, stream in enumerate(streams[:3]):
        os.dup2(stream, number)
    for stream in streams:
        os.close(stream)
    for handle, (_, answer) in running.items():
        os.close(handle)
        answer.close()


def _report_end(handle: int, pid: int, answer: socket.socket) -> None:
    os.close(handle)
    with answer:
        _send(answer, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _send(answer: socket.socket, number: int) -> None:
    with suppress(OSError):  # the caller may have ended
        answer.send(json.dumps(number).encode())


def begin(order: Mapping) -> None:
    """Give a child what a new interpreter starts with: process group, folder, variables, arguments and streams."""
    os.setpgid(0, 0)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    import leptonctl

    sys.argv = [str(Path(leptonctl.__file__).parent / "__main__.py"), *order["arguments"]]
    importlib.reload(leptonctl)  # it sets variables
    if numpy := sys.modules.get("numpy.random"):
        numpy.seed()  # as at the start of an interpreter: what forgets its seed must not draw the same numbers in every child
    encoding = sys.stdout.encoding
    sys.stdin = open(0, encoding=encoding, closefd=False)
    sys.stdout = open(1, "w", encoding=encoding, closefd=False)
    sys.stderr = open(2, "w", buffering=1, encoding=encoding, errors="backslashreplace", closefd=False)


if __name__ == "__main__":
    sys.exit(main())
