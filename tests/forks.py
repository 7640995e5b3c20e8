"""Runs the command line in its own process without the cost of a new interpreter: forked from one that has loaded the package.

A start costs 0.15 s of imports, and the tests start hundreds of commands. `Forks` keeps one process that has loaded what commands
load and only forks; each command runs in a child with a pid, streams, folder and variables of its own, and ends as any process does.
Tests of the interpreter's own start (imports, signals, PYTHON variables) start a new one.
"""

import importlib
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

if __name__ == "__main__":
    # run by its path
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from leptonctl.building.slot import worker_environment
from tests import children
from tests.zygote import Child, Zygote, import_quietly, install_files, install_variables, modules_of, wait_for_order

# what commands load; nothing that starts threads (numpy, polars, onnxruntime), which a fork would lose
PACKAGES = ("core", "spi", "language", "kinds", "storage", "project", "views", "commands", "cli", "providers", "building", "deploying")
LIBRARIES = ("yaml", "jsonschema", "jinja2", "subprocess", "socket", "urllib.request", "tempfile", "uuid")
AT_START = ("PYTHON", "LC_", "LANG")
LEARNING = "learning"
LEARNING_COMMANDS = ("verify", "diff")
"""They import scikit-learn into the process of the command."""
KILLED_S = 10.0


class Forks:
    """Runs `leptonctl` in forked children. `environment` is what their interpreter starts with."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = at_start(environment)
        variables = {children.WORKER: {**worker_environment(), **at_start(environment)}, children.SERVER: environment}
        self._zygotes = {module: children.start(module, variables[module]) for module in children.OPTIONS}
        self._variables = environment
        self._commands: dict[str, Zygote] = {}

    def serves(self, environment: Mapping[str, str]) -> bool:
        """Whether an interpreter that is started with these variables would be the same."""
        return at_start(environment) == self._environment

    def run(
        self, arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str], timeout: float, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """`leptonctl ARGUMENTS` as `subprocess.run` runs it, with its output captured and `text` as its input."""
        order = {"arguments": list(arguments), "cwd": str(cwd), "environment": dict(environment)}
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            stdin.write(text.encode())
            stdin.seek(0)
            child = self.child(order, [stdin.fileno(), out.fileno(), err.fileno()])
            try:
                code = child.wait(timeout)
            except BaseException as early:
                child.kill()
                child.wait(KILLED_S)
                if isinstance(early, subprocess.TimeoutExpired):
                    raise subprocess.TimeoutExpired(list(arguments), timeout) from None
                raise
            return subprocess.CompletedProcess(["leptonctl", *arguments], code, _text(out), _text(err))

    def child(self, order: Mapping, files: Sequence[int]) -> Child:
        """The process of a command. `files`: its standard streams."""
        return Child(self._for(order["arguments"]).control, order, files)

    def _for(self, arguments: Sequence[str]) -> Zygote:
        """The process that has loaded what this command needs; started when it is first needed."""
        load = LEARNING if arguments and arguments[0] in LEARNING_COMMANDS else ""
        if load not in self._commands:
            handles = [zygote.handle for zygote in self._zygotes.values()]
            words = [sys.executable, str(Path(__file__).resolve()), load, *map(str, handles)]
            self._commands[load] = Zygote(words, self._variables, handles)
        return self._commands[load]

    def close(self) -> None:
        """End the processes that fork. Children that still run are not stopped."""
        for zygote in (*self._commands.values(), *self._zygotes.values()):
            zygote.close()


def at_start(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that an interpreter reads when it starts."""
    return {name: value for name, value in environment.items() if name.startswith(AT_START)}


def _text(stream) -> str:
    """What was written, with line ends as `text=True` reads them."""
    stream.seek(0)
    return stream.read().decode().replace("\r\n", "\n").replace("\r", "\n")


# --- in the process that forks -----------------------------------------------------------------------------------------------------------


def main() -> int:
    """Fork for each order that comes; in a child, carry it out."""
    handles = [int(handle) for handle in sys.argv[2:]]
    control = handles.pop()
    sys.path[0] = ""
    preload(learning=sys.argv[1] == LEARNING)
    if (received := wait_for_order(socket.socket(fileno=control))) is None:
        return 0
    order, files = received
    install_files(files, [0, 1, 2], handles)
    begin(order)
    children.draw_anew()
    children.connect(dict(zip(children.OPTIONS, handles, strict=True)))
    from leptonctl.__main__ import main as run

    return run()


def preload(*, learning: bool = False) -> None:
    import_quietly([*LIBRARIES, *modules_of(*PACKAGES)])
    if learning:
        import_quietly([*children.NEEDED[children.WORKER][1], *modules_of("learning")], children.THREADED)


def begin(order: Mapping) -> None:
    """Give a child what a new interpreter starts with: folder, variables, arguments and streams."""
    install_variables(order)
    import leptonctl

    sys.argv = [str(Path(leptonctl.__file__).parent / "__main__.py"), *order["arguments"]]
    importlib.reload(leptonctl)  # it sets variables
    encoding = sys.stdout.encoding
    sys.stdin = open(0, encoding=encoding, closefd=False)
    sys.stdout = open(1, "w", encoding=encoding, closefd=False)
    sys.stderr = open(2, "w", buffering=1, encoding=encoding, errors="backslashreplace", closefd=False)


if __name__ == "__main__":
    sys.exit(main())
