"""Content digests and header columns of data files, with a cache keyed by the result of `stat`. Writes nothing but that cache.

A file is read again only when its size, mtime, ctime or inode has changed. An entry is not cached when its file was changed
within the clock's resolution before it was read: the file could change again unnoticed.
"""

import contextlib
import errno
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TypedDict

from leptonctl.core.canonical import digest as canonical_digest
from leptonctl.core.codec import BadRecord, decode, plain
from leptonctl.core.frozen import replace
from leptonctl.spi.learning import ProviderError, Source, SourceOptions

CLOCK_RESOLUTION_NS = 2_000_000_000
BUFFER_BYTES = 1 << 20
FORMAT = 1


class _Entry(TypedDict, total=False):
    """What is known of a file with this `stat`: its digest, and its columns by the source and the options that read them."""

    stat: list[int]
    digest: str
    columns: dict[str, list[str]]


class _Cache(TypedDict):
    format: int
    files: dict[str, _Entry]


class Digests:
    """The cached digests and columns. `read` counts the files whose bytes were read, `headers` the headers read. Not thread-safe."""

    def __init__(self, cache_file: Path) -> None:
        self._file = cache_file
        self._cached: dict[str, _Entry] = _load(cache_file)
        self._new: dict[str, _Entry] = {}
        self._buffer: bytearray | None = None
        self.read = 0
        self.headers = 0

    def digest(self, path: Path) -> str:
        """`sha256:<hex>` of the raw bytes. Raises ProviderError when there is no such file or it cannot be read."""
        before = stat_of(path)
        entry = self._entry(str(path), before)
        if "digest" in entry:
            return entry["digest"]
        self.read += 1
        self._buffer = self._buffer or bytearray(BUFFER_BYTES)
        digest = digest_of(path, self._buffer)
        self._add(path, before, {"digest": digest})
        return digest

    def columns(self, path: Path, source: Source, options: SourceOptions) -> list[str]:
        """The file's column names, as `source.columns` gives them."""
        before = stat_of(path)
        key = header_key(source.name, replace(options, missing_values=None))
        headers = self._entry(str(path), before).get("columns", {})
        if key in headers:
            return list(headers[key])
        self.headers += 1
        names = source.columns(path, options)
        self._add(path, before, {"columns": {**headers, key: names}})
        return names

    def recall(self, path: str, now: list[int], header: str) -> tuple[str, list[str]] | None:
        """The digest and the columns of a file whose `stat_of` is `now`; None when its bytes have to be read."""
        entry = self._entry(path, now)
        columns = entry.get("columns", {}).get(header)
        return (entry["digest"], columns) if columns is not None and "digest" in entry else None

    def find_moved(self, missing: Path, candidates: Iterable[Path]) -> Path | None:
        """The first of the candidates with the bytes that a missing file had; None when there is none or its bytes are not known."""
        known = self._cached.get(str(missing), {})
        if "stat" not in known or "digest" not in known:
            return None
        size, digest = known["stat"][0], known["digest"]
        with contextlib.suppress(ProviderError, OSError):
            return next((path for path in candidates if path.stat().st_size == size and self.digest(path) == digest), None)
        return None

    def save(self) -> None:
        """Write the new entries to the cache, keeping those of other processes. A cache that cannot be written is not an error."""
        if not self._new:
            return
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            content = json.dumps({"format": FORMAT, "files": {**_load(self._file), **self._new}})
            import tempfile  # needed for new entries only

            handle, name = tempfile.mkstemp(dir=self._file.parent, prefix=f".{self._file.name}.")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(content)
                Path(name).replace(self._file)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            self._cached.update(self._new)
            self._new = {}

    def _entry(self, path: str, now: list[int]) -> _Entry:
        for table in (self._new, self._cached):
            entry = table.get(path)
            if entry is not None and entry.get("stat") == now:
                return entry
        return {}

    def _add(self, path: Path, before: list[int], parts: _Entry) -> None:
        """Add to an entry, unless the file changed while it was read or within the clock's resolution before."""
        _, modified, changed, _ = before
        if before == stat_of(path) and time.time_ns() - max(modified, changed) > CLOCK_RESOLUTION_NS:
            self._new[str(path)] = {**self._entry(str(path), before), "stat": before, **parts}


@cache
def header_key(source: str, options: SourceOptions) -> str:
    """A key for one way to read a header. Markers of missing values do not affect it: pass None for them."""
    return canonical_digest([source, plain(options)])


def digest_of(path: Path, buffer: bytearray | None = None) -> str:
    """`sha256:<hex>` of a file's raw bytes, read through one buffer."""
    view = memoryview(buffer if buffer is not None else bytearray(BUFFER_BYTES))
    hasher = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(view):
                hasher.update(view[:count])
    except OSError as problem:
        raise _unreadable(path, problem) from problem
    return f"sha256:{hasher.hexdigest()}"


def stat_of(path: Path) -> list[int]:
    """Size, mtime, ctime and inode. Raises ProviderError when there is no such file."""
    try:
        info = path.stat()
    except (OSError, ValueError) as problem:
        raise _unreadable(path, problem) from problem
    if not stat.S_ISREG(info.st_mode):
        raise ProviderError(
            "A data source is not a file",
            detail=f'"{path.name}" is {"a folder without data files" if stat.S_ISDIR(info.st_mode) else "a device"}.',
            hint="name a file, or a folder that holds data files",
            id="not-a-file",
            file=str(path),
        )
    return _marks(info)


def _marks(info: os.stat_result) -> list[int]:
    return [info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino]


def inside(root: Path, relative: str, roots: Sequence[str] = ()) -> Path:
    """The file that `relative` names, links resolved. Raises `outside-project` unless it is in the project or below one of `roots`."""
    return DataFiles(root, roots).file(relative)


class DataFiles:
    """Looks up the data files of one project. Each folder is resolved once, however many files it holds."""

    def __init__(self, root: Path, roots: Sequence[str] = ()) -> None:
        self._root, self._roots = root, roots
        self._folders: dict[str, Path] = {}
        self._plain_folders: dict[str, str | None] = {}

    def file(self, relative: str) -> Path:
        """As `inside`."""
        try:
            path = self._resolve(relative)
            allowed = [self._folder(entry) for entry in self._roots]
            home = self._folder("")
        except (OSError, ValueError) as problem:
            raise ProviderError(
                "A path names no file",
                detail=f"{relative!r} does not lead to a file.",
                hint="write a path relative to the project folder",
                id="missing-file",
            ) from problem
        if any(path.is_relative_to(entry) for entry in allowed):
            return path
        if not _is_plain(relative) or not path.is_relative_to(home):
            raise ProviderError(
                "A path leaves the project folder",
                detail=f'"{relative}" is outside the project folder, or is not written as a path inside it.',
                hint="move the file into the project, or add its folder to `roots:` in the project file",
                id="outside-project",
            )
        return path

    def direct(self, relative: str) -> tuple[str, list[int]] | None:
        """The path of a file in the project, and its `stat_of`; None for anything unusual, such as a link, which `file` has to check.

        Fast for ten thousand files: one system call each, and no Path.
        """
        folder, _, name = relative.rpartition("/")
        if name in ("", ".", "..") or relative[0] == "/":
            return None
        if folder not in self._plain_folders:
            self._plain_folders[folder] = self._plain_folder(folder)
        parent = self._plain_folders[folder]
        if parent is None:
            return None
        try:
            info = os.lstat(parent + name)
        except (OSError, ValueError):
            return None
        return (parent + name, _marks(info)) if stat.S_ISREG(info.st_mode) else None

    def _plain_folder(self, folder: str) -> str | None:
        """A folder of the project with a trailing slash; None if its path is not a plain one, or a link leads out of the project."""
        try:
            path, home, *_ = [self._folder(entry) for entry in (folder, "", *self._roots)]
        except (OSError, ValueError):
            return None
        return f"{path}/" if _is_plain(folder) and path != Path("/") and path.is_relative_to(home) else None

    def folder(self, relative: str) -> Path:
        """The folder that `relative` names, links resolved. Raises `outside-project` as `file` does."""
        return self.file(relative) if relative else self._folder("")

    def is_folder(self, relative: str) -> bool:
        """Whether there is a folder of this name, inside the project or not."""
        with contextlib.suppress(OSError, ValueError):
            return (self._root / relative).is_dir()
        return False

    def _resolve(self, relative: str) -> Path:
        folder, _, name = relative.rpartition("/")
        # a plain name in its folder can lead elsewhere only as a link; any other path is resolved as a whole
        if name in ("", ".", "..") or "\0" in name or not _is_plain(relative):
            return _real_path(self._root / relative)
        path = self._folder(folder) / name
        return _real_path(path) if path.is_symlink() else path

    def _folder(self, relative: str) -> Path:
        if relative not in self._folders:
            self._folders[relative] = _real_path(self._root / relative)
        return self._folders[relative]


def _real_path(path: Path) -> Path:
    """Where a path leads, all links resolved. OSError for a cycle of links, which `Path.resolve` reports only before Python 3.13."""
    target = Path(os.path.realpath(path))
    if any(part.is_symlink() for part in (target, *target.parents)):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return target


def _is_plain(relative: str) -> bool:
    """Whether it is written as a path inside the project folder."""
    return not relative.startswith("/") and ".." not in relative.split("/")


def _unreadable(path: Path, problem: Exception) -> ProviderError:
    if isinstance(problem, FileNotFoundError | NotADirectoryError | ValueError):
        siblings: list[str] = []
        with contextlib.suppress(OSError, ValueError):
            siblings = sorted(p.name for p in path.parent.iterdir() if p.is_file())
        similar = get_close_matches(path.name, siblings, n=1)
        return ProviderError(
            "A data file does not exist",
            detail=f'There is no file "{path.name}" in {path.parent.name or "the folder"}.',
            hint=f'did you mean "{similar[0]}"?' if similar else "paths are relative to the project folder",
            id="missing-file",
            file=str(path),
        )
    reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else "it cannot be read"
    return ProviderError(
        "A data file cannot be read",
        detail=f"{path.name}: {reason}.",
        hint="check that the file exists, is complete and readable",
        id="unreadable-file",
        file=str(path),
    )


def _load(cache_file: Path) -> dict[str, _Entry]:
    """The entries of a cache; none where it is not one of this format."""
    try:
        content = decode(cache_file.read_bytes(), _Cache)
    except (OSError, BadRecord):
        return {}
    return content["files"] if content["format"] == FORMAT else {}
