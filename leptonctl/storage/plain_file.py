"""Reads plain files only: a link, device, pipe or folder under a file's name counts as absent. Links are not followed."""

import errno
import os
import stat
from pathlib import Path

CHUNK = 1 << 20
# what is read whole has to fit into memory; a sparse file can have any size
MOST_BYTES = 1 << 32
ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO})


def open_file(file: str) -> int | None:
    """A handle for reading; None when there is nothing that could be a plain file: the caller checks its mode."""
    try:
        # non-blocking, because the path may turn out to be a pipe
        return os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as reason:
        if reason.errno in ABSENT:
            return None
        raise


def read_all(handle: int, size: int) -> bytes:
    """All bytes of an open file of this size. Takes half the time of a file object, which matters for thousands of records."""
    if size > MOST_BYTES:
        raise OSError(errno.EFBIG, f"it has {size} bytes, and at most {MOST_BYTES} are read at once")
    data = os.read(handle, size + 1)
    if len(data) == size:
        return data
    # a large file takes several calls, and one that another program writes into may end elsewhere
    parts = [data]
    while data := os.read(handle, CHUNK):
        parts.append(data)
    return b"".join(parts)


def is_plain_file(file: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(file).st_mode)  # without the cost of a Path
    except OSError:
        return False


def stat_target(file: Path) -> os.stat_result | None:
    """The status of what a write would replace; None for nothing and for a link. The etag of a folder or a pipe matches no reader's."""
    try:
        info = file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None if stat.S_ISLNK(info.st_mode) else info


def etag_of(info: os.stat_result) -> str:
    return f"{info.st_mtime_ns:x}-{info.st_ino:x}-{info.st_size:x}"
