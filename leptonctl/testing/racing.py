"""What the suites of back ends share: requirements as AssertionError, and processes that race each other."""

import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

PROCESSES = 8
CHILD = "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); run, *arguments = pickle.load(sys.stdin.buffer); run(*arguments)"


def require(holds: bool, what: str) -> None:
    """AssertionError unless it holds."""
    if not holds:
        msg = f"not kept: {what}"
        raise AssertionError(msg)


def require_raises(kind: type[Exception], what: str, act: Callable[..., object], *arguments: object) -> None:
    """AssertionError unless the call raises this kind of exception."""
    try:
        act(*arguments)
    except kind:
        return
    except Exception as other:
        msg = f"not kept: {what} ({kind.__name__}, not {type(other).__name__}: {other})"
        raise AssertionError(msg) from other
    msg = f"not kept: {what} ({kind.__name__})"
    raise AssertionError(msg)


def within(seconds: float, holds: Callable[[], bool], what: str) -> None:
    """AssertionError unless it comes to hold in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        require(time.monotonic() < deadline, f"{what} (within {seconds} s)")
        time.sleep(0.02)


def spawn(run: Callable[..., None], *arguments: object) -> subprocess.Popen[bytes]:
    """A fresh process that makes one call. Everything must survive pickling."""
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE)
    if child.stdin is not None:
        child.stdin.write(pickle.dumps(sys.path) + pickle.dumps((run, *arguments)))
        child.stdin.close()
    return child


def at_once(calls: list[tuple[Any, ...]]) -> None:
    """Make the calls in a process each, all at the same time. AssertionError when one fails."""
    children = [spawn(*call) for call in calls]
    codes = [child.wait() for child in children]
    require(codes == [0] * len(calls), f"no process fails: {codes}")
