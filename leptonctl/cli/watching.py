"""Commands that run until Ctrl-C, or until nobody reads their output. Both are a normal end: exit 0."""

import os
import select
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
CLEAR = "\x1b[H\x1b[2J"
"""Moves a terminal's cursor to the upper left corner and clears the screen."""


@contextmanager
def until_interrupted() -> Iterator[None]:
    """End the block quietly on Ctrl-C."""
    with suppress(KeyboardInterrupt):
        yield


def changing(look: Callable[[], T], essence: Callable[[T], object], seconds: float, *, always: bool) -> Iterator[T]:
    """Look again and again, and yield each value whose essence differs from the last; `always`: every value. Ends with the reader."""
    before: object = object()  # equal to no essence
    while True:
        value = look()
        now = essence(value)
        if always or now != before:
            yield value
        before = now
        if not pause(seconds):
            return


def pause(seconds: float) -> bool:
    """Wait. False at once when standard output is a pipe that is no longer read, which a command that writes nothing would not notice."""
    output = _output()
    if output is None or not stat.S_ISFIFO(os.fstat(output).st_mode):
        time.sleep(seconds)
        return _WAS_NULL or not _is_null()
    poller = select.poll()
    poller.register(output, select.POLLERR)
    return not poller.poll(seconds * 1000)


def _output() -> int | None:
    try:
        return sys.stdout.fileno()
    except (OSError, ValueError):
        return None


def _is_null() -> bool:
    """Whether standard output is the null device, which `terminal.write` makes it after a write to a pipe that is no longer read."""
    output = _output()
    return output is not None and os.path.samestat(os.fstat(output), Path(os.devnull).stat())


_WAS_NULL = _is_null()
