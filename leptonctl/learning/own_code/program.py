"""Runs a program of the user: in a folder of its own, with listed variables, until it ends or is stopped."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from leptonctl.core.frozen import Frozen
from leptonctl.learning.inputs import Limits
from leptonctl.learning.own_code.lines import Printout
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import THREAD_VARIABLES

SUPERVISOR = Path(__file__).with_name("supervise.py")
MISSING_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
GRACE_S = 10.0
FROM_SIGNAL = 128


class RunFolders(Frozen):
    """The folders of a run: `work` is where the program runs."""

    top: Path

    @property
    def work(self) -> Path:
        return self.top / "work"


@contextlib.contextmanager
def new_folders() -> Iterator[RunFolders]:
    """Empty folders, which are removed afterwards."""
    top = Path(tempfile.mkdtemp(prefix="leptonctl-command-"))
    try:
        for name in ("work", "home", "tmp"):
            (top / name).mkdir()
        yield RunFolders(top=top)
    finally:
        shutil.rmtree(top, ignore_errors=True)


def variables(place: RunFolders, seed: int, own: Mapping[str, str]) -> dict[str, str]:
    """The variables of the program: only PATH comes from the caller, with the folder of this Python first."""
    path = os.environ.get("PATH", os.defpath)
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{path}",
        "HOME": str(place.top / "home"),
        "TMPDIR": str(place.top / "tmp"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        **dict.fromkeys(THREAD_VARIABLES, "1"),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        **own,
        "LEPTON_SEED": str(seed),
    }


def run_program(run: Sequence[str], place: RunFolders, environment: Mapping[str, str], limits: Limits, printout: Printout) -> None:
    """Run it to its end. Raises ProviderError (command-failed, command-stopped) with its last lines unless it ends with 0."""
    _find(run[0], place, environment)
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(SUPERVISOR), str(place.top), str(limits.memory or 0), *run],
        cwd=place.work, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    streams = {"stdout": process.stdout, "stderr": process.stderr}
    readers = [threading.Thread(target=printout.read, args=pair, daemon=True) for pair in streams.items()]
    stopped = False
    try:
        for reader in readers:
            reader.start()
        try:
            process.wait(limits.seconds)
        except subprocess.TimeoutExpired:
            stopped = True
    finally:
        _end(process)
        for reader in readers:
            reader.join(GRACE_S)
    if stopped:
        raise _stop_error(limits, printout)
    if process.returncode:
        raise _exit_error(process.returncode, limits, printout)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the supervisor's input, at whose end it kills everything that the program started."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _find(program: str, place: RunFolders, environment: Mapping[str, str]) -> None:
    path = str(place.work / program) if "/" in program else program
    if shutil.which(path, path=environment["PATH"]) is None:
        here = "among its files, as one that may be executed" if "/" in program else "on the PATH"
        words = f"[{', '.join(map(json.dumps, program.split()))}]"
        raise ProviderError(
            "The program of a command is not there",
            detail=f"There is no {program} {here}.",
            hint=f"write each word by itself: `run: {words}`, and what follows it after that"
            if program.split()[1:]
            else "install it where versions are built, or correct `run:`",
            id="command-failed",
        )


def _stop_error(limits: Limits, printout: Printout) -> ProviderError:
    return ProviderError(
        "A command was stopped",
        detail="\n".join([f"It had not ended after {limits.seconds:g} s.", *printout.last]),
        hint="raise `limits: {seconds: …}`, or let it do less",
        id="command-failed",
    )


def _exit_error(code: int, limits: Limits, printout: Printout) -> ProviderError:
    how = f"It ended with exit code {code}."
    if code > FROM_SIGNAL and code - FROM_SIGNAL in {*map(int, signal.Signals)}:
        how = f"It was ended by signal {signal.Signals(code - FROM_SIGNAL).name}."
    memory = f" A process of it may have {limits.memory / 2**20:,.0f} MiB." if limits.memory else ""
    hint = "only the files under `files:` are there, and none of your variables but PATH; all that it wrote is in .leptonctl/logs"
    return ProviderError(
        "A command failed",
        detail="\n".join([how + memory, *printout.last]),
        hint=_not_installed(printout.last) or hint,
        id="command-failed",
    )


def _not_installed(lines: Sequence[str]) -> str:
    """The hint for a Python program that lacks a module; "" where it lacks none."""
    match = next((m for line in lines if (m := MISSING_MODULE.search(line))), None)
    if match is None:
        return ""
    module = match[1].partition(".")[0]
    return f"install it where versions are built: `pip install {module}`; a module of your own belongs under `files:`"
