"""Shared by the conformance suites: requirements that raise AssertionError, and processes that race each other."""

import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

PROCESSES = 8
CHILD = "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); run, *arguments = pickle.load(sys.stdin.buffer); run(*arguments)"


def require(condition: bool, requirement: str) -> None:
    """Raises AssertionError, naming the requirement, unless the condition holds."""
    if not condition:
        msg = f"not met: {requirement}"
        raise AssertionError(msg)


def require_raises(kind: type[Exception], requirement: str, function: Callable[..., object], *arguments: object) -> None:
    """Raises AssertionError unless the call raises this kind of exception."""
    try:
        function(*arguments)
    except kind:
        return
    except Exception as other:
        msg = f"not met: {requirement} ({kind.__name__}, not {type(other).__name__}: {other})"
        raise AssertionError(msg) from other
    msg = f"not met: {requirement} ({kind.__name__})"
    raise AssertionError(msg)


def within(seconds: float, condition: Callable[[], bool], requirement: str) -> None:
    """Raises AssertionError unless the condition becomes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        require(time.monotonic() < deadline, f"{requirement} (within {seconds} s)")
        time.sleep(0.02)


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
