"""The processes that commands start, workers of builds and servers, forked from processes that have imported what these need.

The imports take a worker a second and a server a quarter of one, and the tests start hundreds of them. A forked one runs its module from the
first line, with the name, variables and files that it would have. Real interpreters are started by commands of `projects.start`, by tests
that call the executor or the platform in their own process, by `verify --rebuild`, and where a test sets variables that an interpreter reads.
"""

import ctypes
import os
import runpy
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

if __name__ == "__main__":
    # run by its path
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.zygote import Child, Zygote, import_quietly, install_files, install_variables, modules_of, wait_for_order

if __name__ == "__main__":
    del sys.path[0]

AT_START = ("PYTHON", "LC_", "LANG", "OMP_", "OPENBLAS_", "MKL_", "BLIS_", "VECLIB_", "NUMEXPR_", "POLARS_", "_RJEM_")
"""The variables that an interpreter and the libraries read when they start."""
WORKER, SERVER = "leptonctl.building.worker", "leptonctl.deploying.serve"
OPTIONS = {WORKER: ("-P", "-u", "-X", "faulthandler"), SERVER: ("-P",)}
# importing these starts threads, which a fork would lose
THREADED = ("polars", "onnxruntime")
NEEDED = {
    WORKER: (
        ("core", "spi", "storage", "project", "providers", "building", "learning"),
        ("numpy", "scipy.special", "sklearn.ensemble", "sklearn.neural_network", "sklearn.svm", "onnx", "skl2onnx", "skops.io"),
    ),
    SERVER: (("core", "spi", "storage", "project", "serving"), ("numpy", "argparse", "uvicorn", "leptonctl.deploying.processes")),
}


def start(module: str, environment: Mapping[str, str]) -> Zygote:
    """The process that forks for a module. `environment`: what its children start with."""
    return Zygote([sys.executable, *OPTIONS[module], str(Path(__file__).resolve()), module], environment)


def connect(handles: Mapping[str, int]) -> None:
    """In a command: ask the zygote of a module for its processes from now on. Where no process may rename itself, interpreters are started."""
    if not set_command_line(None):
        return
    from leptonctl.building import slot
    from leptonctl.deploying import processes

    controls = {module: socket.socket(fileno=handle) for module, handle in handles.items()}
    for control in controls.values():
        control.set_inheritable(False)
    usual = {WORKER: at_start(slot.worker_environment()), SERVER: at_start(os.environ)}
    interpreter = processes.Detached

    def popen(command: Sequence[str], *, stdout, stderr, pass_fds: Sequence[int] = (), env: Mapping[str, str] | None = None, **how):
        module = module_of(command)
        variables = dict(os.environ if env is None else env)
        if module is None or at_start(variables) != usual[module]:
            return interpreter(command, stdout=stdout, stderr=stderr, pass_fds=pass_fds, env=env, **how)
        order = {"command": list(command), "cwd": os.getcwd(), "environment": variables, "numbers": [1, 2, *pass_fds]}
        return Child(controls[module], order, [stdout.fileno(), stderr.fileno(), *pass_fds])

    slot.subprocess = SimpleNamespace(Popen=popen, DEVNULL=subprocess.DEVNULL, TimeoutExpired=subprocess.TimeoutExpired)
    processes.Detached = popen


def module_of(command: Sequence[str]) -> str | None:
    """The module that a command runs, if it is one of ours with the options that we have for it."""
    for module, options in OPTIONS.items():
        words = [sys.executable, *options, "-m", module]
        if list(command[: len(words)]) == words:
            return module
    return None


def at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(AT_START)}


# --- in the process that forks -----------------------------------------------------------------------------------------------------------


def main() -> None:
    """Fork for each order that comes; in a child, run the module."""
    module, control = sys.argv[1], socket.socket(fileno=int(sys.argv[2]))
    packages, libraries = NEEDED[module]
    # runpy runs the module itself anew
    import_quietly([*libraries, *(name for name in modules_of(*packages) if name != module)], THREADED)
    if (received := wait_for_order(control)) is None:
        return
    order, files = received
    install_files(files, order["numbers"])
    install_variables(order)
    set_command_line(order["command"])
    draw_anew()
    sys.argv[1:] = order["command"][len(OPTIONS[module]) + 3 :]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def draw_anew() -> None:
    """Draw what an interpreter draws when it starts: a step that forgets its seed must not give the same rows in every process."""
    if numpy := sys.modules.get("numpy.random"):
        numpy.seed()


def set_command_line(words: Sequence[str] | None) -> bool:
    """Give this process the command line by which others know it. False where the system refuses that. None: ask only."""
    stat = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    field = {number: int(stat[number - 3]) for number in (26, 27, 28, 45, 46, 47, 48, 49, 50, 51)}
    libc = ctypes.CDLL(None)
    libc.sbrk.restype = ctypes.c_void_p
    if words is not None:
        line = b"".join(os.fsencode(word) + b"\0" for word in words)
        memory = ctypes.create_string_buffer(line, len(line))
        KEPT.append(memory)
        field[48], field[49] = ctypes.addressof(memory), ctypes.addressof(memory) + len(line)
    # struct prctl_mm_map; the auxiliary vector and the executable stay
    order = (26, 27, 45, 46, 47, 0, 28, 48, 49, 50, 51)
    layout = struct.pack("11QQII", *(field[number] if number else libc.sbrk(0) for number in order), 0, 0, 0xFFFFFFFF)
    return libc.prctl(PR_SET_MM, PR_SET_MM_MAP, layout, len(layout), 0) == 0


PR_SET_MM, PR_SET_MM_MAP = 35, 14
KEPT: list[object] = []
"""The memory of the command line, which the system reads."""


if __name__ == "__main__":
    main()
