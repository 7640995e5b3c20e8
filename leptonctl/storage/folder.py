"""Objects in a local folder. Durable, safe for any number of processes on one machine; knows nothing of what it holds.

Beside the objects it keeps `.temporary` (files being written), `.locks` (stripes of the compare-and-swap) and `.leases`.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from time import time_ns

from leptonctl.core.diagnostic import fail
from leptonctl.core.values import Json
from leptonctl.storage.durable import fsync_folder, link_new, locked, make_folder, sweep, write_temporary
from leptonctl.storage.lease import FolderLease, is_held, take
from leptonctl.storage.objects import Entry

STRIPES = 4096
CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderObjects:
    """Objects below `root`, which is made at the first write."""

    root: Path

    def get(self, path: str) -> tuple[bytes, str] | None:
        try:
            with self._file(path).open("rb", buffering=0) as file:
                # one open file is one version: writers replace files, they never write into them
                return file.readall(), _etag(os.fstat(file.fileno()))
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        root = f"{self.root}{os.sep}"
        for path in paths:
            try:
                handle = os.open(root + _checked(path), os.O_RDONLY)
            except (FileNotFoundError, NotADirectoryError):
                continue
            try:
                found[path] = _rest(handle)
            finally:
                os.close(handle)
        return found

    def create(self, path: str, data: bytes) -> bool:
        with self._writing(path) as file:
            return link_new(file, data, self._temporary)

    def replace(self, path: str, data: bytes, etag: str | None) -> str | None:
        with self._writing(path) as file, self._lock(path):
            before = _stat(file)
            if (None if before is None else _etag(before)) != etag:
                return None
            return self._write(file, data, before)

    def put(self, path: str, data: bytes) -> None:
        with self._writing(path) as file, self._lock(path):
            self._write(file, data, _stat(file))

    def delete(self, path: str) -> None:
        with self._writing(path) as file, self._lock(path), suppress(FileNotFoundError, NotADirectoryError):
            file.unlink()
            fsync_folder(file.parent)

    def exists(self, path: str) -> bool:
        return self._file(path).is_file()

    def present(self, paths: Iterable[str]) -> set[str]:
        root = f"{self.root}{os.sep}"
        return {path for path in paths if os.path.isfile(root + _checked(path))}  # noqa: PTH113  a Path costs more than the question

    def size(self, path: str) -> int | None:
        found = _stat(self._file(path))
        return None if found is None else found.st_size

    def list(self, prefix: str) -> list[str]:
        return sorted(path for path, _ in self._walk(prefix))

    def entries(self, prefix: str) -> Iterator[Entry]:
        for path, entry in self._walk(prefix):
            with suppress(FileNotFoundError):  # deleted since it was listed
                found = entry.stat()
                yield Entry(path=path, size=found.st_size, modified=found.st_mtime)

    def lease(self, name: str, owner: dict[str, Json], ttl_s: float) -> FolderLease | None:
        """Held by a lock on a file, which the system frees the moment its holder dies: `ttl_s` is not needed here."""
        del ttl_s
        with self._writing(name):
            return take(self._leases / _checked(name), owner)

    def lease_owner(self, name: str) -> dict[str, Json] | None:
        path = self._leases / _checked(name)
        return _owner(path) if is_held(path) else None

    def leases(self, prefix: str) -> dict[str, dict[str, Json]]:
        names = (path.removeprefix(".leases/") for path, _ in self._walk(f".leases/{prefix}".rstrip("/")))
        owners = {name: self.lease_owner(name) for name in sorted(names)}
        return {name: owner for name, owner in owners.items() if owner is not None}

    def break_lease(self, name: str) -> bool:
        path = self._leases / _checked(name)
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

    def _file(self, path: str) -> Path:
        return self.root / _checked(path)

    def _lock(self, path: str) -> AbstractContextManager[None]:
        # a server may hang while it writes its heartbeat: nobody but its own kind waits for the same lock
        stripe = int.from_bytes(sha256(path.encode()).digest()[:2]) % STRIPES
        return locked(self.root / ".locks" / f"{path.partition('/')[0]}-{stripe:03x}")

    @contextmanager
    def _writing(self, path: str) -> Iterator[Path]:
        """The file of a path that is about to be written; what the system refuses becomes one clear failure."""
        file = self._file(path)
        try:
            _sweep_once(self._temporary)
            yield file
        except OSError as reason:
            raise fail(
                "store-failed",
                "The store could not be written",
                f"Writing {path} in {self.root}: {reason.strerror or reason}.",
                hint="check free space and permissions of the store folder, then run the same command again",
            ) from reason

    def _write(self, file: Path, data: bytes, before: os.stat_result | None) -> str:
        """Replace a file under its lock. The modification time only grows, so that an etag never comes back."""
        written = write_temporary(self._temporary, data)
        try:
            stamp = time_ns() if before is None else max(time_ns(), before.st_mtime_ns + 1)
            os.utime(written, ns=(stamp, stamp))
            etag = _etag(written.stat())
            make_folder(file.parent)
            written.replace(file)
        except BaseException:
            written.unlink(missing_ok=True)
            raise
        fsync_folder(file.parent)
        return etag

    def _walk(self, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """All files below a folder. Names that start with a dot are ours, not objects (but a walk may start in one)."""
        start = f"{prefix}/" if prefix else ""
        try:
            with os.scandir(self.root / prefix) as scan:
                found = list(scan)
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in found:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from self._walk(start + entry.name)
            else:
                yield start + entry.name, entry


@cache
def _sweep_once(folder: Path) -> None:
    """Once a process and folder is enough for leftovers of a day."""
    sweep(folder)


def _checked(path: str) -> str:
    """Refuses what would leave the folder or meet our own files."""
    if not path or path[0] in "./" or path[-1] == "/" or "/." in path or "//" in path or "\0" in path:
        msg = f"not an object path: {path!r}"
        raise ValueError(msg)
    return path


def _rest(handle: int) -> bytes:
    """All bytes of an open file. Half the time of a file object, which counts when records come in thousands."""
    data = os.read(handle, CHUNK)
    if len(data) < CHUNK:
        return data
    parts = [data]
    while data := os.read(handle, CHUNK):
        parts.append(data)
    return b"".join(parts)


def _stat(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _etag(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns:x}-{found.st_ino:x}-{found.st_size:x}"


def _owner(path: Path) -> dict[str, Json]:
    """The owner written in a lease file; empty while its holder is writing it."""
    try:
        owner = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}
