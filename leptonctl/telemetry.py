"""Loads onnxruntime so that it sends no reports, and leaves the environment of the process as it was (ADR 0011)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH = "ORT_DISABLE_TELEMETRY"


@contextmanager
def without_telemetry() -> Iterator[None]:
    """Import onnxruntime inside. From 1.31 on it reads when it is loaded whether to report every session to its vendor.

    A value that is already set is kept.
    """
    if SWITCH in os.environ:
        yield
        return
    os.environ[SWITCH] = "1"
    try:
        yield
    finally:
        os.environ.pop(SWITCH, None)
