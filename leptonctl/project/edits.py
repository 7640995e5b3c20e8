"""Writes files for commands: whole or not at all, keeping the mode of an existing file."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from leptonctl.core.diagnostic import fail
from leptonctl.storage.durable import DOT_FOLDER, fsync_folder

LEFT_OVER_S = 3600.0


def write_text(file: Path, text: str) -> None:
    """Replace the content of a file atomically. Raises Failure: cannot-write."""
    with writing(file):
        _replace(file, text)


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """The path of an empty file to write, which takes the place of `file` when the block ends, and is removed when it fails.

    Raises Failure: cannot-write.
    """
    with writing(file), _replacement(file) as temporary:
        yield temporary


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError inside into Failure: cannot-write, with the path."""
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
    with _replacement(file) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        out.write(text)


@contextmanager
def _replacement(file: Path) -> Iterator[Path]:
    import tempfile  # a plan writes nothing

    # a link stays, and the file that it leads to is edited
    file = Path(os.path.realpath(file))
    handle, name = tempfile.mkstemp(dir=_temporary_folder(file), prefix=f"{file.name}.")
    os.close(handle)
    try:
        yield Path(name)
        _sync(name)
        if file.exists():
            shutil.copymode(file, name)
        else:
            Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(file)
        fsync_folder(file.parent)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _sync(name: str) -> None:
    handle = os.open(name, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _temporary_folder(file: Path) -> Path:
    """Where a file is written before it takes its place: in `.leptonctl`, so that a kill leaves nothing among the user's files.

    The folder of the file itself if there is no writable `.leptonctl`, or it is on another device. Leftovers of a kill are removed
    after an hour.
    """
    dot_folder = next((folder / DOT_FOLDER for folder in file.parents if (folder / DOT_FOLDER).is_dir()), None)
    if dot_folder is None or dot_folder.stat().st_dev != file.parent.stat().st_dev:
        return file.parent
    edits = dot_folder / "edits"
    with suppress(OSError):
        edits.mkdir(exist_ok=True)
    if not (edits.is_dir() and os.access(edits, os.W_OK | os.X_OK)):
        return file.parent
    for entry in edits.iterdir():
        with suppress(FileNotFoundError):
            if entry.stat().st_mtime < time.time() - LEFT_OVER_S:
                entry.unlink()
    return edits


def _umask() -> int:
    """The mask of new files. Without /proc it can only be read by setting it for a moment, for all threads."""
    with suppress(OSError, ValueError, StopIteration), open("/proc/self/status", encoding="ascii", errors="replace") as lines:  # noqa: PTH123
        return next(int(line.split()[1], 8) for line in lines if line.startswith("Umask:"))
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
