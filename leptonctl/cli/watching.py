"""Commands that go on until Ctrl-C, or until nobody reads their output any more. Both are their usual end: exit 0."""

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
    """Look again and again, and yield what differs from the last in its essence; `always`: everything. Ends with the reader."""
    before: object = None
    first = True
    while True:
        value = look()
        now = essence(value)
        if first or always or now != before:
            yield value
        first, before = False, now
        if not pause(seconds):
            return


def pause(seconds: float) -> bool:
    """Wait. False at once when standard output is a pipe that is no longer read: nothing would be written to find that out."""
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
    """Whether standard output is the null device: it becomes that after a write to a pipe that is no longer read."""
    output = _output()
    return output is not None and os.path.samestat(os.fstat(output), Path(os.devnull).stat())


_WAS_NULL = _is_null()
