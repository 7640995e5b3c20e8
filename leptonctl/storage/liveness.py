"""Whether a recorded process still lives: asked of this machine where it can be, else watched by its beat. Compares no two clocks."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from leptonctl.core.state import Owner
from leptonctl.storage.owner import boot_id, is_alive


@dataclass(slots=True, kw_only=True)
class Liveness:
    """What one reader has seen of others' beats, and since when (seconds of its own monotonic clock).

    `memory`: a file that carries what was seen from one command to the next within one boot, so that a holder on another
    machine that has died is known as dead a term after the first command that met it.
    """

    memory: Path | None = None
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)
    _loaded: bool = False

    def alive(self, name: str, owner: Owner, beat: int, term_s: float) -> bool:
        """Whether the holder called `name` lives: False when its process is gone, or its beat stood still for the term."""
        here = is_alive(owner)
        if here is not None:
            return here
        self._load()
        before = self._seen.get(name)
        now = self.clock()
        if before is None or before[0] != beat or before[1] > now:
            self._seen[name] = (beat, now)
            self._save()
            return True
        return now - before[1] < term_s

    def _load(self) -> None:
        if self._loaded or self.memory is None:
            return
        self._loaded = True
        with suppress(OSError, ValueError, TypeError, AttributeError):
            stored = json.loads(self.memory.read_bytes())
            # a monotonic clock means nothing after a restart of the machine
            if stored["boot"] == boot_id():
                self._seen = {str(name): (int(beat), float(since)) for name, (beat, since) in stored["seen"].items()}

    def _save(self) -> None:
        if self.memory is None:
            return
        with suppress(OSError):
            self.memory.parent.mkdir(parents=True, exist_ok=True)
            self.memory.write_text(json.dumps({"boot": boot_id(), "seen": self._seen}), encoding="utf-8")
