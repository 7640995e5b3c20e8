"""The requirements of the conformance suites: each raises AssertionError when it is not met."""

import time
from collections.abc import Callable


def require(condition: bool, requirement: str) -> None:
    """Raises AssertionError, naming the requirement, unless the condition holds."""
    if not condition:
        raise not_met(requirement)


def require_raises(kind: type[Exception], requirement: str, function: Callable[..., object], *arguments: object) -> None:
    """Raises AssertionError unless the call raises this kind of exception."""
    try:
        function(*arguments)
    except kind:
        return
    except Exception as other:
        raise not_met(f"{requirement} ({kind.__name__}, not {type(other).__name__}: {other})") from other
    raise not_met(f"{requirement} ({kind.__name__})")


def within(seconds: float, condition: Callable[[], bool], requirement: str) -> None:
    """Raises AssertionError unless the condition becomes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        require(time.monotonic() < deadline, f"{requirement} (within {seconds} s)")
        time.sleep(0.02)


def not_met(requirement: str) -> AssertionError:
    """The error of a requirement, for the caller to raise."""
    return AssertionError(f"not met: {requirement}")
