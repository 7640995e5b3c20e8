"""Objects in a local folder: durable, safe for any number of processes on one machine. Knows nothing of the contents.

Only a plain file is an object (`plain_file`). Folders may be links, so that a part of a store can be on another disk.

Besides the objects it has `.temporary` (files being written), `.locks` (stripes of the compare-and-swap) and `.leases`.
"""

import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

from leptonctl.core.frozen import Frozen
from leptonctl.core.values import Json
from leptonctl.spi.storage import ObjectEntry, StorageError, StoreBackend
from leptonctl.storage.durable import fsync_folder, hold_lock, link_new, move_into_place, sweep, write_temporary
from leptonctl.storage.folder_lease import FolderLease, is_held, take
from leptonctl.storage.folder_walk import walk
from leptonctl.storage.plain_file import CHUNK, etag_of, is_plain_file, open_file, read_all, stat_target

STRIPES = 4096
# the resolution of the coarsest modification times; how far an etag's time advances when the machine's clock was set back
GRAIN_NS = 2_000_000_000


class FolderObjects(Frozen):
    """Objects below `root`, which the first write creates."""

    root: Path

    def get(self, path: str) -> tuple[bytes, str] | None:
        with self._refusals("Reading", path):
            handle = open_file(self._text(path))
            if handle is None:
                return None
            try:
                # an open file is one version: writers replace files and never write into them
                info = os.fstat(handle)
                return (read_all(handle, info.st_size), etag_of(info)) if stat.S_ISREG(info.st_mode) else None
            finally:
                os.close(handle)

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        contents: dict[str, bytes] = {}
        for path in paths:
            try:
                handle = open_file(self._text(path))
                if handle is None:
                    continue
                try:
                    info = os.fstat(handle)
                    if stat.S_ISREG(info.st_mode):
                        contents[path] = read_all(handle, info.st_size)
                finally:
                    os.close(handle)
            except OSError as reason:
                raise self._refusal("Reading", path, reason) from reason
        return contents

    def create(self, path: str, data: bytes) -> bool:
        return self.write(path, (data,))

    def create_many(self, objects: Mapping[str, bytes]) -> set[str]:
        created: set[str] = set()
        folders: set[Path] = set()
        for path, data in objects.items():
            with self._writing(path) as file:
                if self._link_new(path, file, (data,)):
                    created.add(path)
                folders.add(file.parent)
        for folder in folders:
            with self._refusals("Writing", str(folder.relative_to(self.root))):
                # also for names that existed: their writer may not have synced the folder yet, and the caller relies on the name
                fsync_folder(folder)
        return created

    def replace(self, path: str, data: bytes, etag: str | None) -> str | None:
        with self._writing(path) as file, self._lock(path):
            before = stat_target(file)
            if (None if before is None else etag_of(before)) != etag:
                return None
            return self._replace(file, data, before)

    def put(self, path: str, data: bytes) -> None:
        with self._writing(path) as file, self._lock(path):
            self._replace(file, data, stat_target(file))

    def delete(self, path: str) -> None:
        with self._writing(path) as file, self._lock(path), suppress(FileNotFoundError, NotADirectoryError):
            file.unlink()
            fsync_folder(file.parent)

    def read(self, path: str) -> Iterator[bytes] | None:
        with self._refusals("Reading", path):
            handle = open_file(self._text(path))
            if handle is None:
                return None
            if stat.S_ISREG(os.fstat(handle).st_mode):
                return _Chunks(handle, self, path)
            os.close(handle)
            return None

    def write(self, path: str, chunks: Iterable[bytes]) -> bool:
        with self._writing(path) as file:
            created = self._link_new(path, file, chunks)
            fsync_folder(file.parent)
            return created

    def present(self, paths: Iterable[str]) -> set[str]:
        return {path for path in paths if is_plain_file(self._text(path))}

    def list(self, prefix: str) -> list[str]:
        with self._refusals("Listing", prefix or "all"):
            return sorted(path for path, _ in walk(self.root, prefix and _check_path(prefix)))

    def entries(self, prefix: str) -> Iterator[ObjectEntry]:
        with self._refusals("Listing", prefix or "all"):
            for path, entry in walk(self.root, prefix and _check_path(prefix)):
                with suppress(FileNotFoundError):  # deleted since it was listed
                    info = entry.stat()
                    yield ObjectEntry(path=path, size=info.st_size, modified=info.st_mtime)

    def lease(self, name: str, owner: dict[str, Json], ttl_s: float) -> FolderLease | None:
        """A lease held by a lock on a file, which the system frees when its holder dies: `ttl_s` is not needed here."""
        del ttl_s
        with self._writing(name):
            return take(self._leases / _check_path(name), owner)

    def leases(self, prefix: str) -> dict[str, dict[str, Json]]:
        with self._refusals("Listing", f"leases {prefix}"):
            folder = f".leases/{_check_path(prefix)}" if prefix else ".leases"
            names = sorted(path.removeprefix(".leases/") for path, _ in walk(self.root, folder))
            return {name: _owner(self._leases / name) for name in names if is_held(self._leases / name)}

    def break_lease(self, name: str) -> bool:
        path = self._leases / _check_path(name)
        with self._refusals("Breaking the lease", name):
            held = is_held(path)
            path.unlink(missing_ok=True)
            return held

    def describe(self) -> str:
        return str(self.root)

    @property
    def _temporary(self) -> Path:
        return self.root / ".temporary"

    @property
    def _leases(self) -> Path:
        return self.root / ".leases"

    def _text(self, path: str) -> str:
        return f"{self.root}{os.sep}{_check_path(path)}"

    def _lock(self, path: str) -> AbstractContextManager[None]:
        # a server may hang while it writes its heartbeat: only writers below the same top folder share its lock
        stripe = int.from_bytes(sha256(path.encode()).digest()[:2]) % STRIPES
        return hold_lock(self.root / ".locks" / f"{path.partition('/')[0]}-{stripe:03x}")

    @contextmanager
    def _writing(self, path: str) -> Iterator[Path]:
        """The file of a path that is about to be written."""
        file = self.root / _check_path(path)
        with self._refusals("Writing", path):
            _sweep_once(self._temporary)
            yield file

    @contextmanager
    def _refusals(self, act: str, path: str) -> Iterator[None]:
        """Turns an OSError inside into a StorageError."""
        try:
            yield
        except OSError as reason:
            raise self._refusal(act, path, reason) from reason

    def _refusal(self, act: str, path: str, reason: OSError) -> StorageError:
        return StorageError(f"{act} {path} in {self.root}: {reason.strerror or reason}.", HINTS.get(reason.errno or 0, HINT))

    def _link_new(self, path: str, file: Path, chunks: Iterable[bytes]) -> bool:
        return link_new(file, chunks, self._temporary, lambda: self._lock(path))

    def _replace(self, file: Path, data: bytes, before: os.stat_result | None) -> str:
        """Replace a file under its lock. Its modification time always grows, so that no etag occurs twice."""
        temporary = write_temporary(self._temporary, (data,))
        if before is not None and temporary.stat().st_mtime_ns <= before.st_mtime_ns:
            os.utime(temporary, ns=(before.st_mtime_ns + GRAIN_NS,) * 2)
        etag = etag_of(temporary.stat())
        move_into_place(temporary, file)
        fsync_folder(file.parent)
        return etag


STORE = StoreBackend(
    scheme="", description="a folder, relative to the project's or absolute", open=lambda uri, project: FolderObjects(root=project / uri)
)

HINT = "check the store folder and its permissions, then run the same command again"
HINTS = {
    errno.ENOSPC: "free some space on the disk of the store, then run the same command again",
    errno.EDQUOT: "free some space or raise the quota on the disk of the store, then run the same command again",
    errno.EROFS: "mount the store for writing, then run the same command again",
    errno.ETIMEDOUT: "end or continue the process that holds the lock, then run the same command again",
    errno.EFBIG: "remove this file, then run the same command again: what is still needed is built again",
    errno.EIO: "check the disk or mount of the store, then run the same command again",
}


class _Chunks:
    """The bytes of an open file, once. The file is closed at its end or with the last reference to this object."""

    def __init__(self, handle: int, objects: FolderObjects, path: str) -> None:
        self._handle, self._objects, self._path = handle, objects, path

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._handle < 0:
            raise StopIteration
        with self._objects._refusals("Reading", self._path):  # noqa: SLF001 - part of the same class
            data = os.read(self._handle, CHUNK)
        if not data:
            self.close()
            raise StopIteration
        return data

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    __del__ = close


@cache
def _sweep_once(folder: Path) -> None:
    # once per process and folder is enough: leftovers are removed only after a day
    sweep(folder)


def _check_path(path: str) -> str:
    """The path unchanged. Raises ValueError for a path that leaves the folder or is reserved for the store itself."""
    if not path or path[0] in "./" or path[-1] == "/" or "/." in path or "//" in path or "\0" in path:
        msg = f"not an object path: {path!r}"
        raise ValueError(msg)
    return path


def _owner(path: Path) -> dict[str, Json]:
    """The owner recorded in a lease file; empty while its holder is writing it."""
    try:
        owner = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}
