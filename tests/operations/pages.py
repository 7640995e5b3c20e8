"""The commands of a page, run in its order in a project that has the page's names; what an incident is caused and judged with."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests import projects
from tests.e2e.clones import until
from tests.test_docs import page

RUNBOOK = page("docs/runbook.md")
FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
PLACES = {"store": "/srv/lepton/store", "port": "8080"}
HAS_NAMESPACES = subprocess.run(["unshare", "-rmu", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0
"""Whether a process of this user may mount something, or have another host name, in namespaces of its own."""
Done = subprocess.CompletedProcess[str]


def shell(command: str, root: Path, path: str = PATH) -> Done:
    """A line of the page in a shell."""
    variables = projects.environment(PATH=path)
    return subprocess.run(["sh", "-c", command], cwd=root, env=variables, capture_output=True, text=True, timeout=120, check=False)


class Commands:
    """The commands of a section, to be run in its order; at the end none may be left."""

    def __init__(self, text: str) -> None:
        self.left: list[str] = [line for block in FENCE.findall(text) for line in block.splitlines()]
        self.last: tuple[str, int] = ("", 0)

    def next(self, **swap: str) -> str:
        """The next command of the page, with the page's placeholders replaced."""
        return swapped(self.left.pop(0), swap)

    def run(self, root: Path, code: int = 0, *, path: str = PATH, **swap: str) -> str:
        """What the next command of the page prints. It must end with this exit code."""
        command = self.next(**swap)
        name, *words = shlex.split(command)
        is_plain = name == "leptonctl" and not re.search(r"[|$]", command)
        done = projects.run(*words, cwd=root) if is_plain else shell(command, root, path)
        assert done.returncode == code, f"{command}\n{done.stdout}{done.stderr}"
        self.last = (command, done.returncode)
        return done.stdout + done.stderr

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is None:
            assert self.left == [], "the test does not run these commands of the page"


class Steps(Commands):
    """The commands of a section of the runbook; at the end the section's own end must hold."""

    def __init__(self, number: int) -> None:
        (self.text,) = re.findall(rf"^## {number}\. .+?(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)
        super().__init__(self.text)
        (rows,) = re.findall(rf"^\| (.*) \| \[{number}\]", RUNBOOK, re.MULTILINE)
        self.symptoms = re.findall(r"`([^`]+)`", rows)

    def seen(self, output: str) -> None:
        """What the page says that one sees must be in the output."""
        assert any(symptom in output for symptom in self.symptoms), output

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        super().__exit__(kind, error, traceback)
        if error is None:
            assert re.findall(r"^It is over when `(.+?)` exits 0", self.text, re.MULTILINE) == [self.last[0]]
            assert self.last[1] == 0


def swapped(command: str, swap: Mapping[str, str]) -> str:
    """A command of the page in which what is in capitals, and paths and ports of the page, are replaced. Each must occur, and none may be left."""
    for name, value in swap.items():
        assert PLACES.get(name, name) in command, command
        command = command.replace(PLACES.get(name, name), value)
    assert not re.search(r"\b[A-Z]{3,}\b|/srv/|8080", command), command
    return command


def apply(root: Path, code: int = 0) -> str:
    done = projects.run("apply", "--yes", cwd=root)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def bind(root: Path, version: str) -> None:
    """Declare another version for prod, in a commit."""
    file = root / "environment-prod.yaml"
    file.write_text(re.sub(r"spam-filter: v\d", f"spam-filter: {version}", file.read_text(encoding="utf-8")), encoding="utf-8")
    projects.commit(root, f"Serve {version}")


def serves(root: Path) -> str:
    """The version that a request to prod is answered by."""
    (model,) = projects.status_record(projects.served(root, "prod")["url"]).models.values()
    return model.version


def server_of(root: Path) -> int:
    """The pid of this folder's server."""
    (pid,) = (pid for pid, command in projects.processes(root).items() if "leptonctl.deploying.serve" in command)
    return pid


def kill(pid: int, root: Path) -> None:
    os.kill(pid, signal.SIGKILL)
    until(lambda: pid not in projects.processes(root))


def output(*words: str, root: Path) -> str:
    done = projects.run(*words, cwd=root)
    return done.stdout + done.stderr
