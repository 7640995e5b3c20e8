"""Durable writes in a local folder: after a crash at any moment a file is whole or absent. Knows nothing of the contents."""

import errno
import fcntl
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from leptonctl.core.diagnostic import fail

DOT_FOLDER, LOGS = ".leptonctl", "logs"
"""The folder of a project for what leptonctl writes by itself, and in it that for logs."""
DAY_S = 86_400.0
LOCK_S = 30.0
LOCK_POLL_S = 0.001
NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})

_numbers = itertools.count()


def ensure_dot_folder(root: Path) -> Path:
    """The project's `.leptonctl` folder, created when missing. Its `.gitignore` is written before anything else in it."""
    folder = root / DOT_FOLDER
    try:
        make_folder(folder)
    except OSError as refused:
        raise fail(
            "cannot-write",
            "A file cannot be written",
            f"{folder}: {refused.strerror or refused}",
            hint="make it a folder that you can write to, and check that the disk has space",
        ) from refused
    return folder


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents, durably. A `.leptonctl` among them gets its `.gitignore` first."""
    dot = next((p for p in (folder, *folder.parents) if p.name == DOT_FOLDER), None)
    if dot is not None:
        _make(dot)
        _ignore_all(dot)
    _make(folder)


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_temporary(folder: Path, chunks: Iterable[bytes]) -> Path:
    """A new file in `folder` with durable bytes, under a temporary name that no reader looks for."""
    path = folder / f"{os.getpid()}-{time.time_ns():x}-{next(_numbers)}"
    handle = _create(path)
    try:
        for chunk in chunks:
            view = memoryview(chunk)
            while view:
                view = view[os.write(handle, view) :]
        # the kernel's own timestamps advance only every few milliseconds, too coarse to tell two files apart
        modified = _now()
        os.utime(handle, ns=(modified, modified))
        os.fsync(handle)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    return path


def move_into_place(temporary: Path, path: Path) -> None:
    """Rename a temporary file to its final name, replacing any file there. Durable once the folder is."""
    try:
        try:
            temporary.replace(path)
        except FileNotFoundError:
            make_folder(path.parent)
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def link_new(path: Path, chunks: Iterable[bytes], temporary: Path, lock: Callable[[], AbstractContextManager[None]]) -> bool:
    """Put bytes under a name that must be free; False when it is taken. Durable once the folder is.

    Linking is atomic and never overwrites. On a file system without hard links the name is checked under `lock` instead, which
    all writers of this name take.
    """
    if path.exists():
        return False
    file = write_temporary(temporary, chunks)
    try:
        try:
            os.link(file, path)
        except FileNotFoundError:
            make_folder(path.parent)
            os.link(file, path)
    except FileExistsError:
        return False
    except OSError as refused:
        if refused.errno not in NO_HARD_LINKS:
            raise
        with lock():
            if path.exists():
                return False
            move_into_place(file, path)
    finally:
        file.unlink(missing_ok=True)
    return True


def sweep(folder: Path, older_than_s: float = DAY_S, prefix: str = "") -> None:
    """Remove old files that crashed writers left in a folder of temporary files."""
    limit = time.time() - older_than_s
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.name.startswith(prefix) and entry.stat(follow_symlinks=False).st_mtime < limit:
                    Path(entry.path).unlink()


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a lock file, which stays. The death of its holder frees it; TimeoutError when a holder hangs."""
    handle = open_lock(path)
    try:
        _flock(handle)
        yield
    finally:
        os.close(handle)


def open_lock(path: Path) -> int:
    """A handle of a lock file, created when missing, with permissions from the umask as for all files."""
    flags = os.O_RDWR | os.O_CREAT
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        make_folder(path.parent)
        return os.open(path, flags, 0o666)


def _now() -> int:
    return time.time_ns()


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        make_folder(path.parent)
        return os.open(path, flags, 0o666)


def _flock(handle: int) -> None:
    """Lock an open file. Writers hold a lock for milliseconds; after LOCK_S its holder must be suspended, and TimeoutError is raised."""
    deadline = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, f"another process has held its lock for {LOCK_S:g} s without progress") from None
            time.sleep(LOCK_POLL_S)
        else:
            return


def _make(folder: Path) -> None:
    if folder.is_dir():
        return
    _make(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir()
    fsync_folder(folder.parent)


def _ignore_all(dot: Path) -> None:
    """Write the `.gitignore`, but not by `write_temporary`: a temporary file must not be the first thing in the folder."""
    handle = os.open(dot / ".gitignore", os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        # an empty file is new, or its first writer was killed; all writers write the same bytes
        if os.fstat(handle).st_size == 0:
            os.write(handle, b"*\n")
            os.fsync(handle)
            fsync_folder(dot)
    finally:
        os.close(handle)
