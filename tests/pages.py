"""The commands of a page of the documentation, run in its order as a reader runs them."""

import os
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests import projects

FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
PLACES = {"store": "/srv/lepton/store", "port": "8080"}
Done = subprocess.CompletedProcess[str]


def commands(block: str) -> list[str]:
    """The commands of a shell block: a line each, with the lines of a here-document, of an open quote and after a backslash."""
    found: list[str] = []
    lines = iter(block.splitlines())
    for line in lines:
        command = line
        while not _is_whole(command):
            command += "\n" + next(lines)
        found.append(command)
    return [command for command in found if command.strip()]


def _is_whole(command: str) -> bool:
    if document := re.search(r"<<'(\w+)'", command):
        return command.endswith(f"\n{document[1]}")
    try:
        shlex.split(command)
    except ValueError:  # a quote is open, or the line ends with a backslash
        return False
    return True


def carry_out(command: str, root: Path, variables: Mapping[str, str]) -> Done:
    """A command of a page: `leptonctl` alone without a new interpreter, `curl -s` without curl, which not every machine has, else in a shell."""
    if re.match(r"leptonctl ", command) and not re.search(r"[|$;&<>]", command):
        return projects.command(shlex.split(command)[1:], cwd=root, variables=variables)
    if re.match(r"curl -s ", command):
        return subprocess.CompletedProcess(command, 0, fetched(command), "")
    return _in_shell(command, root, variables)


def shell(command: str, root: Path, path: str = PATH) -> Done:
    """A line of a page in a shell."""
    return _in_shell(command, root, projects.environment(PATH=path))


def _in_shell(command: str, root: Path, variables: Mapping[str, str]) -> Done:
    return subprocess.run(["sh", "-c", command], cwd=root, env=variables, capture_output=True, text=True, timeout=120, check=False)


def fetched(command: str) -> str:
    """What `curl -s URL [-d BODY]` of a page prints."""
    words = shlex.split(command)
    assert words[:2] == ["curl", "-s"]
    data = words[words.index("-d") + 1].encode() if "-d" in words else None
    headers = dict(re.findall(r"^([\w-]+): (.+)$", "\n".join(words), re.MULTILINE))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(words[2], data, headers), timeout=10) as answer:
        return answer.read().decode()


class Commands:
    """The commands of a section, to be run in its order; at the end none may be left."""

    def __init__(self, text: str) -> None:
        self.left: list[str] = [command for block in FENCE.findall(text) for command in commands(block)]
        self.last: tuple[str, int] = ("", 0)

    def next(self, **swap: str) -> str:
        """The next command of the page, with the page's placeholders replaced."""
        return swapped(self.left.pop(0), swap)

    def run(self, root: Path, code: int = 0, *, path: str = PATH, **swap: str) -> str:
        """What the next command of the page prints. It must end with this exit code."""
        command = self.next(**swap)
        done = carry_out(command, root, projects.environment(PATH=path))
        assert done.returncode == code, f"{command}\n{done.stdout}{done.stderr}"
        self.last = (command, done.returncode)
        return done.stdout + done.stderr

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is None:
            assert self.left == [], "the test does not run these commands of the page"


def swapped(command: str, swap: Mapping[str, str]) -> str:
    """A command of the page in which what is in capitals, and paths and ports of the page, are replaced. Each must occur, and none may be left."""
    for name, value in swap.items():
        assert PLACES.get(name, name) in command, command
        command = command.replace(PLACES.get(name, name), value)
    assert not re.search(r"\b[A-Z]{3,}\b|/srv/|8080", command), command
    return command
