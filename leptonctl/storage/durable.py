"""Durable writes in a local folder: whole or absent after a crash at any instant. Knows nothing of what is written."""

import errno
import fcntl
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from leptonctl.core.diagnostic import fail

DOT_FOLDER = ".leptonctl"
DAY_S = 86_400.0
LOCK_S = 30.0
LOCK_POLL_S = 0.001
NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})

_numbers = itertools.count()


def ensure_dot_folder(root: Path) -> Path:
    """The project's `.leptonctl` folder, made when missing. Its `.gitignore` is written before anything else in it."""
    folder = root / DOT_FOLDER
    try:
        make_folder(folder)
    except OSError as refused:
        raise fail(
            "cannot-write",
            "A file cannot be written",
            f"{folder}: {refused.strerror or refused}",
            hint="make it a folder that you can write, and check that there is space",
        ) from refused
    return folder


def make_folder(folder: Path) -> None:
    """Make a folder and its missing parents, durably. A `.leptonctl` on the way gets its `.gitignore` first."""
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
    """A new file in `folder` whose bytes are durable. It has no name yet that anybody looks for."""
    path = folder / f"{os.getpid()}-{time.time_ns():x}-{next(_numbers)}"
    handle = _create(path)
    try:
        for chunk in chunks:
            view = memoryview(chunk)
            while view:
                view = view[os.write(handle, view) :]
        # the kernel's own stamps stand still for milliseconds: two files could not be told apart by them
        moment = _now()
        os.utime(handle, ns=(moment, moment))
        os.fsync(handle)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    return path


def move_into_place(written: Path, path: Path) -> None:
    """Give a temporary file its name, over what has it now. Durable once the folder is."""
    try:
        try:
            written.replace(path)
        except FileNotFoundError:
            make_folder(path.parent)
            written.replace(path)
    except BaseException:
        written.unlink(missing_ok=True)
        raise


def link_new(path: Path, chunks: Iterable[bytes], temporary: Path, lock: Callable[[], AbstractContextManager[None]]) -> bool:
    """Put bytes under a name that must be free; False when it is taken. Durable once the folder is.

    Linking is atomic and never clobbers. Where the file system has no hard links the same is done by looking under `lock`, which
    all who write this name there come to.
    """
    if path.exists():
        return False
    written = write_temporary(temporary, chunks)
    try:
        try:
            os.link(written, path)
        except FileNotFoundError:
            make_folder(path.parent)
            os.link(written, path)
    except FileExistsError:
        return False
    except OSError as refused:
        if refused.errno not in NO_HARD_LINKS:
            raise
        with lock():
            if path.exists():
                return False
            move_into_place(written, path)
    finally:
        written.unlink(missing_ok=True)
    return True


def sweep(folder: Path, older_than_s: float = DAY_S, prefix: str = "") -> None:
    """Remove files nobody has written for a while: what crashed writers left in a folder of temporary files."""
    limit = time.time() - older_than_s
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.name.startswith(prefix) and entry.stat(follow_symlinks=False).st_mtime < limit:
                    Path(entry.path).unlink()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the exclusive lock of a lock file, which stays. Freed by the death of its holder; OSError when one hangs with it."""
    handle = open_lock(path)
    try:
        _flock(handle)
        yield
    finally:
        os.close(handle)


def open_lock(path: Path) -> int:
    """A handle of a lock file, made when missing. Who may write follows the umask, here as everywhere."""
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
    """Writers hold a lock for milliseconds: one that is held for long has a holder that was stopped, and no death will free it."""
    deadline = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, f"another process has held its lock for {LOCK_S:g} s and does not go on") from None
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
    """Not by `write_temporary`: the temporary file must not be the first thing in the folder."""
    handle = os.open(dot / ".gitignore", os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        # empty: it is new, or its first writer was killed; two writers write the same
        if os.fstat(handle).st_size == 0:
            os.write(handle, b"*\n")
            os.fsync(handle)
            fsync_folder(dot)
    finally:
        os.close(handle)
