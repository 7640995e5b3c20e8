"""Two "machines": two clones of one project whose state and store lie outside both, and servers started in them by hand."""

import contextlib
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests import projects


def shared(built: Path, folder: Path) -> tuple[Path, Path]:
    """Two clones of a built project, `folder/first` and `folder/second`, whose state and store lie in `folder/shared`."""
    first = clone(built, folder / "first")
    projects.new_ports(first)
    shutil.copytree(built / ".leptonctl" / "store", folder / "shared" / "store")
    with (first / "leptonctl.yaml").open("a", encoding="utf-8") as file:
        file.write(f"state: {folder}/shared/state\nstore: {folder}/shared/store\n")
    return first, clone(first, folder / "second")


def clone(of: Path, target: Path) -> Path:
    """Another checkout of a project."""
    shutil.copytree(of, target, ignore=shutil.ignore_patterns(".leptonctl"))
    return target


@contextlib.contextmanager
def serving(root: Path, *arguments: str, environment: str = "prod") -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`leptonctl serve` in the foreground, by default on a port of its own: its address and its process."""
    port = [] if "--port" in arguments else ["--port", str(projects.free_port())]
    process = projects.start("serve", environment, *port, *arguments, cwd=root)
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        printed = process.stdout.readline()
        found = re.search(r"serving \S+ at (https?://\S+) as \S+\n", printed)
        assert found is not None, printed or process.stderr.read()
        yield found[1], process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=20)


def until(holds: Callable[[], bool], timeout: float = 20) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.02)


def until_serves(url: str, deployment: int) -> None:
    """Wait until a server has a deployment in force."""
    until(lambda: projects.status_record(url).deployment == deployment)
