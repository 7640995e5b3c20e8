"""Leases as locks on files, which the system frees however the holder dies. Never waits for another holder."""

import fcntl
import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from leptonctl.core.values import Json
from leptonctl.storage.durable import open_lock

# `is_held` takes the lock for a moment: try again before reporting that the lease is held
TRIES, PAUSE_S = 4, 0.002


class FolderLease:
    """A lease held by this process. Releasing it removes the file, so that the next holder can create it."""

    def __init__(self, path: Path, handle: int) -> None:
        self._path, self._handle = path, handle

    def renew(self) -> bool:
        return self._handle >= 0 and _is_at(self._handle, self._path)

    def release(self) -> None:
        if self._handle < 0:
            return
        # remove it before unlocking: the next one to get the lock notices that its file was removed, and starts again
        if self.renew():
            self._path.unlink(missing_ok=True)
        os.close(self._handle)
        self._handle = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


def take(path: Path, owner: dict[str, Json]) -> FolderLease | None:
    """Take the lease of a file; None when another process holds it."""
    tries = 0
    while True:
        handle = open_lock(path)
        if not _lock(handle, fcntl.LOCK_EX):
            os.close(handle)
            tries += 1
            if tries == TRIES:
                return None
            time.sleep(PAUSE_S)
        elif _is_at(handle, path):
            lease = FolderLease(path, handle)
            try:
                _write(handle, json.dumps(owner, ensure_ascii=False).encode())
            except BaseException:
                lease.release()
                raise
            return lease
        else:
            os.close(handle)


def _write(handle: int, data: bytes) -> None:
    os.pwrite(handle, data, 0)
    os.ftruncate(handle, len(data))


def is_held(path: Path) -> bool:
    """Whether a living process holds the lease of a file."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        return not _lock(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)


def _lock(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(handle: int, path: Path) -> bool:
    """Whether the open file still has that name: the last holder may have removed it before we got its lock."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
