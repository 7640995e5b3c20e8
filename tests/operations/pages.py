"""The commands of a page, run in its order in a project that has the page's names; what an incident is caused and judged with."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests import projects
from tests.e2e.clones import until
from tests.test_docs import page

RUNBOOK = page("docs/runbook.md")
FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
Done = subprocess.CompletedProcess[str]


def shell(command: str, root: Path) -> Done:
    """A line of the page in a shell."""
    variables = projects.environment(PATH=PATH)
    return subprocess.run(["sh", "-c", command], cwd=root, env=variables, capture_output=True, text=True, timeout=120, check=False)


class Steps:
    """The commands of a section, to be run in its order; at the end all must have been run, and the section's own end must hold."""

    def __init__(self, number: int) -> None:
        heading = re.search(rf"^## {number}\. .+$", RUNBOOK, re.MULTILINE)
        assert heading is not None
        self.text = RUNBOOK[heading.end() :].partition("\n## ")[0]
        self.left = [line for block in FENCE.findall(self.text) for line in block.splitlines()]
        (rows,) = re.findall(rf"^\| (.*) \| \[{number}\]", RUNBOOK, re.MULTILINE)
        self.symptoms = re.findall(r"`([^`]+)`", rows)
        self.last: tuple[str, int] = ("", 0)

    def command(self, **placeholders: str) -> str:
        """The next command of the page."""
        command: str = self.left.pop(0)
        for name, value in placeholders.items():
            assert name in command, command
            command = command.replace(name, value)
        assert not re.search(r"\b(SERVER|LOCK|PID|ARTIFACT)\b", command), command
        return command

    def run(self, root: Path, code: int = 0, **placeholders: str) -> str:
        """What the next command of the page prints. It must end with this exit code."""
        command = self.command(**placeholders)
        name, *words = shlex.split(command)
        done = projects.run(*words, cwd=root) if name == "leptonctl" and "|" not in words else shell(command, root)
        assert done.returncode == code, f"{command}\n{done.stdout}{done.stderr}"
        self.last = (command, done.returncode)
        return done.stdout + done.stderr

    def seen(self, output: str) -> None:
        """What the page says that one sees must be in the output."""
        assert any(symptom in output for symptom in self.symptoms), output

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is None:
            assert self.left == [], "the test does not run these commands of the page"
            assert re.findall(r"^It is over when `(.+?)` exits 0", self.text, re.MULTILINE) == [self.last[0]]
            assert self.last[1] == 0


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
