"""Where a long step keeps how far it is, in a file below `.leptonctl` under its key: after a kill the next worker goes on from there.

The file goes with the step's end. It is of use only to the same step with the same libraries on the same kind of processor, and only when
the same user has written it; anything else, and what a crash has damaged, counts as absent, and that is said.
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
"""How long a step runs before it keeps anything, and how often it does then."""
SPARING = 50
"""How many times as long as a checkpoint takes the next one waits at least: so they cost a step two in a hundred of its time."""
VARIABLE = "LEPTONCTL_CHECKPOINT_S"
LEFT_OVER_S = 7 * 86_400.0
SEAL_BYTES = 32
KEY_LENGTH = 64
GOES_ON = "goes on from where an earlier run was stopped"
DAMAGED = "what an earlier run has kept is damaged: begins anew"
OTHER_LIBRARIES = "what an earlier run has kept is of other libraries or another processor: begins anew"
OTHER_USER = "what an earlier run has kept was written by another user: begins anew"


class FileCheckpoint:
    """The checkpoint of one step (`spi.learning.Checkpoint`). `tell` gets what a person should know of it."""

    def __init__(self, project: Path, key: str, every_s: float | None = None, tell: Callable[[str], None] = lambda _: None) -> None:
        self._key = layout.bare(key)
        self._path = project / DOT_FOLDER / FOLDER / self._key
        self._tell = tell
        self._every_s = self._declared_s() if every_s is None else every_s
        self._next = time.monotonic() + self._every_s
        self._asked = 0.0

    def _declared_s(self) -> float:
        text = os.environ.get(VARIABLE, "")
        try:
            seconds = float(text or EVERY_S)
        except ValueError:
            seconds = math.nan
        if seconds >= 0 and math.isfinite(seconds):
            return seconds
        self._tell(f"{VARIABLE} is no number of seconds: {EVERY_S:.0f} are used")
        return EVERY_S

    def load(self) -> bytes | None:
        """What was kept last; None when there is nothing of use."""
        try:
            with self._path.open("rb") as file:
                owner, data = os.fstat(file.fileno()).st_uid, file.read()
        except OSError:
            return None
        where, seal, kept = data[:SEAL_BYTES], data[SEAL_BYTES : 2 * SEAL_BYTES], data[2 * SEAL_BYTES :]
        here = _here()
        refusal = DAMAGED if seal != self._seal(where, kept) else OTHER_LIBRARIES if where != here else None
        refusal = OTHER_USER if owner != os.geteuid() else refusal
        self._tell(refusal or GOES_ON)
        return None if refusal else kept

    def is_due(self) -> bool:
        """Whether it is time to keep how far the step is."""
        self._asked = time.monotonic()
        return self._asked >= self._next

    def save(self, data: bytes) -> None:
        """Keep this in place of what was kept before. A disk that refuses it costs the checkpoint, not the step."""
        here = _here()
        with suppress(OSError):
            make_folder(self._path.parent)
            sweep(self._path.parent, LEFT_OVER_S)
            move_into_place(write_temporary(self._path.parent, [here, self._seal(here, data), data]), self._path)
        now = time.monotonic()
        self._next = now + max(self._every_s, SPARING * (now - self._asked))

    def discard(self) -> None:
        """Remove it: the step has ended."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _seal(self, where: bytes, data: bytes) -> bytes:
        """What ties bytes to their step, and shows that they are whole."""
        return hashlib.sha256(b"\n".join([self._key.encode(), where, data])).digest()


def _here() -> bytes:
    """The libraries and the processor that bytes are computed with."""
    here = provenance()
    return hashlib.sha256(digest([here.get("versions"), here.get("cpu")]).encode()).digest()


def sweep_checkpoints(project: Path, is_done: Callable[[str], bool] | None = None) -> int:
    """Remove the checkpoints of steps that have been done elsewhere since, and old ones of steps that nobody does any more; their number.

    is_done: step key -> whether it has a result. None: all go, also of steps that are running.
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
