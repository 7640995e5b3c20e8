"""Writes what a command edits or is asked to write: whole or not at all, keeping the mode of a file that was there."""

import os
import shutil
from pathlib import Path

from leptonctl.core.diagnostic import fail


def write_text(file: Path, text: str) -> None:
    """Replace the content of a file atomically. Failure when the file cannot be written."""
    try:
        _replace(file, text)
    except OSError as refused:
        raise fail(
            "cannot-write",
            "A file cannot be written",
            f"{file}: {refused.strerror or refused}",
            hint="name a file in a folder that exists and may be written, and check that there is space",
        ) from refused


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
