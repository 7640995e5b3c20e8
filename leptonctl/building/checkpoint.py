"""Where a long step keeps how far it is, in a file below `.leptonctl` under its key: after a kill the next worker goes on from there.

The file goes with the step's end. It is of use only to the same step with the same libraries on the same kind of processor; anything
else, and what a crash has damaged, counts as absent.
"""

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from leptonctl.building.provenance import provenance
from leptonctl.core import layout
from leptonctl.core.canonical import digest
from leptonctl.storage.durable import DOT_FOLDER, make_folder, move_into_place, sweep, write_temporary

FOLDER = "checkpoints"
EVERY_S = 60.0
"""How long a step runs before it keeps anything, and how often it does then."""
VARIABLE = "LEPTONCTL_CHECKPOINT_S"
LEFT_OVER_S = 7 * 86_400.0
SEAL_BYTES = 32


class FileCheckpoint:
    """The checkpoint of one step (`spi.learning.Checkpoint`)."""

    def __init__(self, project: Path, key: str, every_s: float | None = None) -> None:
        self._path = project / DOT_FOLDER / FOLDER / layout.bare(key)
        self._every_s = float(os.environ.get(VARIABLE, EVERY_S)) if every_s is None else every_s
        self._last = time.monotonic()

    def load(self) -> bytes | None:
        """What was kept last; None when there is nothing of use."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return None
        seal, kept = data[:SEAL_BYTES], data[SEAL_BYTES:]
        return kept if seal == _seal(kept) else None

    def is_due(self) -> bool:
        """Whether it is time to keep how far the step is."""
        return time.monotonic() - self._last >= self._every_s

    def save(self, data: bytes) -> None:
        """Keep this in place of what was kept before. A disk that refuses it costs the checkpoint, not the step."""
        with suppress(OSError):
            make_folder(self._path.parent)
            sweep(self._path.parent, LEFT_OVER_S)
            move_into_place(write_temporary(self._path.parent, [_seal(data), data]), self._path)
        self._last = time.monotonic()

    def discard(self) -> None:
        """Remove it: the step has ended."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _seal(data: bytes) -> bytes:
    """What ties bytes to the libraries and the processor that they were computed with."""
    here = provenance()
    return hashlib.sha256(digest([here.get("versions"), here.get("cpu")]).encode() + data).digest()
