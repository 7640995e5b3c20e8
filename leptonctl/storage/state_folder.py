"""The state as one file of a folder, `state.json`, with the one before it as `state.json.backup`."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leptonctl.core.diagnostic import fail
from leptonctl.core.values import Json
from leptonctl.storage.durable import locked, replace_file, sweep
from leptonctl.storage.state import check_next, decode, encode


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderState:
    """Safe for any number of processes on one machine: a write compares the revision under a lock, then renames."""

    folder: Path

    def read(self) -> dict[str, Any] | None:
        data = self._bytes()
        return None if data is None else decode(data, str(self._file))

    def swap(self, expected_revision: int | None, new: Mapping[str, Json]) -> bool:
        check_next(expected_revision, new)
        data = encode(new)
        try:
            with locked(self.folder / ".lock"):
                before = self._bytes()
                found = None if before is None else decode(before, str(self._file))["revision"]
                if found != expected_revision:
                    return False
                sweep(self._temporary)
                if before is not None:
                    replace_file(self._backup, before, self._temporary)
                replace_file(self._file, data, self._temporary)
        except OSError as reason:
            raise fail(
                "state-failed",
                "The state could not be written",
                f"Writing {self._file}: {reason.strerror or reason}.",
                hint="check free space and permissions of the state folder, then run the same command again",
            ) from reason
        return True

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

    def _bytes(self) -> bytes | None:
        """None only where there never was a state: writes replace the file, no moment is without one."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return self._read(self._file)
        if not self._backup.exists():
            return None
        raise fail(
            "lost-state",
            "The state is missing",
            f"{self._file} is gone, but a copy of an earlier state lies beside it: something else has removed it.",
            hint=f"put it back: cp {self._backup} {self._file}",
        )

    def _read(self, file: Path) -> bytes:
        try:
            return file.read_bytes()
        except (PermissionError, IsADirectoryError) as reason:
            raise fail(
                "corrupt-state",
                "The state cannot be read",
                f"{file}: {reason.strerror}.",
                hint=f"make {file} a file that you can read",
            ) from reason
