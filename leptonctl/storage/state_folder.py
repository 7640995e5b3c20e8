"""The state as the file `state.json` of a folder, with the previous one as `state.json.backup`."""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from leptonctl.core.codec import BadRecord, Record, decode
from leptonctl.core.frozen import Frozen
from leptonctl.spi.storage import Stamp, StateBackend, StateCorrupt, StorageError
from leptonctl.storage.durable import NO_HARD_LINKS, fsync_folder, hold_lock, move_into_place, sweep, write_temporary
from leptonctl.storage.folder import HINT, HINTS


class StampFields(Record):
    """The fields that a swap compares, present in every format of the state."""

    format_version: str
    revision: int
    write: str = ""


class FolderState(Frozen):
    """Safe for any number of processes on one machine: a write compares the stamp under a lock, then renames."""

    folder: Path

    def read(self) -> tuple[bytes, Stamp] | None:
        data = self._bytes()
        return None if data is None else (data, self._stamp(data))

    def swap(self, expected: Stamp | None, data: bytes, stamp: Stamp) -> bool:
        if _stamp_of(data) != stamp or (expected is not None and stamp.revision != expected.revision + 1):
            msg = f"the bytes must have the stamp {stamp}, and a revision one above that of {expected}"
            raise ValueError(msg)
        with self._refusals(), hold_lock(self.folder / ".lock"):
            before = self._bytes()
            if (None if before is None else self._stamp(before)) != expected:
                return False
            sweep(self._temporary)
            temporary = write_temporary(self._temporary, (data,))
            try:
                if before is not None:
                    self._back_up(before)
                move_into_place(temporary, self._file)
            finally:
                temporary.unlink(missing_ok=True)
            fsync_folder(self.folder)
            return True

    def set_aside(self) -> str:
        """Rename the state and its backup to names that nothing reads. Only `state restore` and `state adopt` call this."""
        aside_paths = []
        with self._refusals(), hold_lock(self.folder / ".lock"):
            for file in (self._file, self._backup):
                if os.path.lexists(file):
                    aside = file.with_name(f"{file.name}.aside-{time.time_ns():x}")
                    file.rename(aside)
                    aside_paths.append(str(aside))
            fsync_folder(self.folder)
        return " and ".join(aside_paths)

    def describe(self) -> str:
        return str(self._file)

    @property
    def _file(self) -> Path:
        return self.folder / "state.json"

    @property
    def _backup(self) -> Path:
        return self.folder / "state.json.backup"

    @property
    def _temporary(self) -> Path:
        return self.folder / ".temporary"

    def _back_up(self, before: bytes) -> None:
        """Keep the state that is about to be replaced, as a hard link: its bytes are durable already."""
        link = self._temporary / f"backup-{os.getpid()}"
        link.unlink(missing_ok=True)
        try:
            os.link(self._file, link)
        except OSError as refused:
            if refused.errno not in NO_HARD_LINKS:
                raise
            link = write_temporary(self._temporary, (before,))
        move_into_place(link, self._backup)
        # a rename between two names of the same file does nothing, and leaves the first name
        link.unlink(missing_ok=True)

    def _bytes(self) -> bytes | None:
        """The state's bytes; None only if there never was a state, since writes replace the file in one move."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return self._read(self._file)
        if not self._backup.exists():
            return None
        raise StateCorrupt(
            f"{self._file} is missing, but the copy of an earlier state is still there: another program has removed it.",
            f"restore it: cp {self._backup} {self._file}",
            missing=True,
        )

    def _read(self, file: Path) -> bytes:
        try:
            if not stat.S_ISREG(file.stat().st_mode):
                raise StateCorrupt(f"{file} is not a file.", f"make {file} a file that you can read")
            return file.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise
        except OSError as reason:
            raise StateCorrupt(f"{file}: {reason.strerror}.", f"make {file} a file that you can read") from reason

    def _stamp(self, data: bytes) -> Stamp:
        try:
            return _stamp_of(data)
        except BadRecord as problem:
            raise StateCorrupt(
                f"{self._file} exists, but it is not a state of leptonctl ({problem}). It is not treated as missing,"
                " and nothing was changed.",
                f"restore the previous copy: cp {self._backup} {self._file} (results are in the store and are not built again)",
            ) from problem

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as reason:
            detail = f"Writing {self._file}: {reason.strerror or reason}."
            raise StorageError(detail, HINTS.get(reason.errno or 0, HINT).replace("store", "state")) from reason


STATE = StateBackend(
    scheme="", description="a folder, relative to the project's or absolute", open=lambda uri, project: FolderState(folder=project / uri)
)


def _stamp_of(data: bytes) -> Stamp:
    """The stamp of a state's bytes. Raises BadRecord."""
    fields = decode(data, StampFields)
    return Stamp(revision=fields.revision, write=fields.write)
