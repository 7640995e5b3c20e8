"""The commands of the runbook, run in its order in a project that has the page's names; what an incident is caused and judged with."""

import os
import re
import signal
import subprocess
from pathlib import Path
from types import TracebackType

from tests import projects
from tests.e2e.clones import until
from tests.pages import FENCE, PATH, PLACES, Commands, Done, shell, swapped
from tests.test_docs import page

__all__ = [
    "FENCE", "HAS_NAMESPACES", "PATH", "PLACES", "RUNBOOK", "Commands", "Done", "Steps",
    "apply", "bind", "kill", "output", "server_of", "serves", "shell", "swapped",
]  # fmt: skip

RUNBOOK = page("docs/runbook.md")
HAS_NAMESPACES = subprocess.run(["unshare", "-rmu", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0
"""Whether a process of this user may mount something, or have another host name, in namespaces of its own."""


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
