"""Writes files for commands: whole or not at all, keeping the mode of an existing file."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leptonctl.core.diagnostic import fail


def write_text(file: Path, text: str) -> None:
    """Replace the content of a file atomically. Raises Failure: cannot-write."""
    with writing(file):
        _replace(file, text)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the system refuses inside is Failure: cannot-write, with the path."""
    try:
        yield
    except OSError as problem:
        raise fail(
            "cannot-write",
            "A file cannot be written",
            f"{path}: {problem.strerror or problem}",
            hint="name a file in an existing, writable folder, and check that there is space",
        ) from problem


def _replace(file: Path, text: str) -> None:
    import tempfile  # a plan writes nothing

    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        if file.exists():
            shutil.copymode(file, name)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
