"""Processes that race each other, for the conformance suites."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from leptonctl.testing.requirements import require

PROCESSES = 8
CHILD = "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); run, *arguments = pickle.load(sys.stdin.buffer); run(*arguments)"


def spawn(run: Callable[..., None], *arguments: object) -> subprocess.Popen[bytes]:
    """Start a fresh process that makes one call. The function and its arguments are pickled."""
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE)
    if child.stdin is not None:
        child.stdin.write(pickle.dumps(sys.path) + pickle.dumps((run, *arguments)))
        child.stdin.close()
    return child


def at_once(calls: list[tuple[Any, ...]]) -> None:
    """Make each call in its own process, all at the same time. Raises AssertionError when one fails."""
    children = [spawn(*call) for call in calls]
    codes = [child.wait() for child in children]
    require(codes == [0] * len(calls), f"no process fails: {codes}")
