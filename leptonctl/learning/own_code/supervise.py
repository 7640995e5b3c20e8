"""Runs a program and kills everything that it started: once it has ended, or once the process that started this one has.

`python -I -S supervise.py FOLDER MEMORY PROGRAM [ARGUMENT …]`, with a pipe as standard input to which nothing is ever written: its end
means that the program is no longer wanted. FOLDER is then removed. MEMORY: bytes of address space for each process, 0 for no limit.
Imports the standard library alone.
"""

import contextlib
import ctypes
import os
import resource
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

SUBREAPER, DEATH_SIGNAL = 36, 1
"""Of prctl(2)."""
NOT_STARTED = 127


def main(folder: str, memory: int, program: list[str]) -> int:
    # orphaned descendants become children of this process, even those in a session of their own
    _prctl(SUBREAPER, 1)
    child = os.fork()
    if child == 0:
        _become(program, memory)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    unwanted = threading.Event()
    end = threading.Thread(target=_end_with_owner, args=(folder, child, unwanted), daemon=True)
    end.start()
    code = os.waitstatus_to_exitcode(_wait_for(child))
    end_children()
    if unwanted.is_set():
        end.join()
    return code if code >= 0 else 128 - code


def end_children() -> None:
    """Kill every child until none is left: those of a killed process become children of this one."""
    while True:
        for child in children():
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def children() -> list[int]:
    """The processes whose parent is this one."""
    processes, own = [], str(os.getpid())
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1] == own:
                processes.append(int(folder.name))
    return processes


def _become(program: list[str], memory: int) -> None:
    """Be the program, in a group of its own."""
    owner = os.getppid()
    os.setpgid(0, 0)
    _prctl(DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != owner:
        os._exit(NOT_STARTED)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    try:
        os.execvp(program[0], program)  # noqa: S606  it is what the user wrote
    except OSError as problem:
        os.write(2, f"{program[0]}: {problem.strerror}\n".encode())
        os._exit(NOT_STARTED)


def _wait_for(child: int) -> int:
    while True:
        process, status = os.waitpid(-1, 0)
        if process == child:
            return status


def _end_with_owner(folder: str, child: int, unwanted: threading.Event) -> None:
    os.read(0, 1)
    unwanted.set()
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    # the other thread kills and awaits the rest
    while children():
        time.sleep(0.01)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(NOT_STARTED)


def _prctl(option: int, value: int) -> None:
    # only Linux has it; elsewhere the group alone is ended
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
