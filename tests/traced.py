"""A pytest plugin (`-p tests.traced`) that records which lines of the mutated files each test runs in its own process."""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import pytest

from tests.mutations import FILES

ROOT = Path(__file__).resolve().parent.parent
WATCHED = {str(ROOT / file): file for file in FILES}
lines: dict[str, dict[int, dict[str, float]]] = {file: {} for file in FILES}
"""File -> line -> the tests that run it, with their seconds."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Trace a test with its fixtures, in all threads that it starts."""
    found: set[tuple[str, int]] = set()

    def local(frame: FrameType, _event: str, _value: TracebackType | Any) -> Any:
        found.add((frame.f_code.co_filename, frame.f_lineno))
        return local

    def trace(frame: FrameType, event: str, value: Any) -> Any:
        return local(frame, event, value) if frame.f_code.co_filename in WATCHED else None

    started = time.monotonic()
    threading.settrace(trace)
    sys.settrace(trace)
    try:
        return (yield)
    finally:
        sys.settrace(None)
        threading.settrace(None)
        for file, line in found:
            lines[WATCHED[file]].setdefault(line, {})[item.nodeid] = time.monotonic() - started


def pytest_sessionfinish() -> None:
    tests = {file: {line: sorted(by, key=by.__getitem__) for line, by in of.items()} for file, of in lines.items()}
    Path(os.environ["MUTANTS_LINES"]).write_text(json.dumps(tests), encoding="utf-8")
