"""Writes project files that a command edits: whole or not at all, keeping their mode."""

import os
import shutil
import tempfile
from pathlib import Path


def write_text(file: Path, text: str) -> None:
    """Replace the content of a file atomically."""
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
