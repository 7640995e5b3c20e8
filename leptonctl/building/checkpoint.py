"""The progress of a long step, saved in a file below `.leptonctl` under its key: after a kill the next worker resumes from there.

The file is removed when the step ends. Only the same step, with the same libraries on the same kind of processor, resumes from it, and
only if the same user wrote it. Any other file, or a damaged one, counts as absent, with a notice.
"""

import hashlib
import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from leptonctl.building.provenance import provenance
from leptonctl.core import layout
from leptonctl.core.canonical import digest
from leptonctl.storage.durable import DOT_FOLDER, make_folder, move_into_place, sweep, write_temporary

FOLDER = "checkpoints"
EVERY_S = 60.0
"""How long a step runs before its first checkpoint, and between checkpoints."""
PAUSE_FACTOR = 50
"""The next checkpoint is at least this many times as long away as the last one took, so that they cost at most 2 % of a step's time."""
VARIABLE = "LEPTONCTL_CHECKPOINT_S"
LEFT_OVER_S = 7 * 86_400.0
SEAL_BYTES = 32
KEY_LENGTH = 64
RESUMES = "resumes where an earlier run was stopped"
DAMAGED = "the checkpoint of an earlier run is damaged: starts over"
OTHER_LIBRARIES = "the checkpoint of an earlier run is from other libraries or another processor: starts over"
OTHER_USER = "the checkpoint of an earlier run was written by another user: starts over"


class FileCheckpoint:
    """The checkpoint of one step (`spi.learning.Checkpoint`). `notify` receives notices for people."""

    def __init__(self, project: Path, key: str, every_s: float | None = None, notify: Callable[[str], None] = lambda _: None) -> None:
        self._key = layout.bare(key)
        self._path = project / DOT_FOLDER / FOLDER / self._key
        self._notify = notify
        self._every_s = self._declared_s() if every_s is None else every_s
        self._next = time.monotonic() + self._every_s
        self._checked_at = 0.0

    def _declared_s(self) -> float:
        text = os.environ.get(VARIABLE, "")
        try:
            seconds = float(text or EVERY_S)
        except ValueError:
            seconds = math.nan
        if seconds >= 0 and math.isfinite(seconds):
            return seconds
        self._notify(f"{VARIABLE} is not a number of seconds: {EVERY_S:.0f} are used")
        return EVERY_S

    def load(self) -> bytes | None:
        """The bytes that were saved last; None when there are none to resume from."""
        try:
            with self._path.open("rb") as file:
                owner, data = os.fstat(file.fileno()).st_uid, file.read()
        except OSError:
            return None
        where, seal, body = data[:SEAL_BYTES], data[SEAL_BYTES : 2 * SEAL_BYTES], data[2 * SEAL_BYTES :]
        here = _here()
        refusal = DAMAGED if seal != self._seal(where, body) else OTHER_LIBRARIES if where != here else None
        refusal = OTHER_USER if owner != os.geteuid() else refusal
        self._notify(refusal or RESUMES)
        return None if refusal else body

    def is_due(self) -> bool:
        """Whether it is time for the next checkpoint."""
        self._checked_at = time.monotonic()
        return self._checked_at >= self._next

    def save(self, data: bytes) -> None:
        """Replace the checkpoint. If the disk refuses it, the step continues without one."""
        here = _here()
        with suppress(OSError):
            make_folder(self._path.parent)
            sweep(self._path.parent, LEFT_OVER_S)
            move_into_place(write_temporary(self._path.parent, [here, self._seal(here, data), data]), self._path)
        now = time.monotonic()
        self._next = now + max(self._every_s, PAUSE_FACTOR * (now - self._checked_at))

    def discard(self) -> None:
        """Remove the checkpoint of a step that has ended."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _seal(self, where: bytes, data: bytes) -> bytes:
        """A digest that ties the bytes to their step and shows damage."""
        return hashlib.sha256(b"\n".join([self._key.encode(), where, data])).digest()


def _here() -> bytes:
    """The libraries and the processor that bytes are computed with."""
    here = provenance()
    return hashlib.sha256(digest([here.get("versions"), here.get("cpu")]).encode()).digest()


def sweep_checkpoints(project: Path, is_done: Callable[[str], bool] | None = None) -> int:
    """Remove checkpoints that are old or of steps that have a result by now. Returns how many.

    is_done: step key -> whether it has a result. None: remove all, even those of running steps.
    """
    folder, oldest, removed = project / DOT_FOLDER / FOLDER, time.time() - LEFT_OVER_S, 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                is_old = entry.stat(follow_symlinks=False).st_mtime < oldest
                if is_old or is_done is None or (len(entry.name) == KEY_LENGTH and is_done(f"sha256:{entry.name}")):
                    Path(entry.path).unlink()
                    removed += 1
    return removed
