"""Whether a recorded process still lives: a beat seen unchanged for a term is the end of anybody. Compares no two clocks (protocols 4)."""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from leptonctl.core.codec import BadRecord, Record, decode, encode
from leptonctl.core.state import Owner
from leptonctl.storage.owner import boot_id, is_alive

KEPT = 1000


class Sight(Record):
    """A beat, and when this machine first saw it (seconds of its monotonic clock)."""

    beat: int
    since: float


class Sights(Record, tag_field="format_version", tag="1"):
    """What the commands of one machine have seen within one boot: a monotonic clock means nothing after the next."""

    boot: str | None
    seen: Mapping[str, Sight] = {}


@dataclass(slots=True, kw_only=True)
class Liveness:
    """What one reader has seen of others' beats.

    `memory`: a file that carries it from one command to the next, so that a holder on another machine that has died is known as
    dead a term after the first command that met it. It may be lost; then the term begins again.
    """

    memory: Path | None = None
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, Sight] = field(default_factory=dict)
    _loaded: bool = False

    def alive(self, name: str, owner: Owner, beat: int, term_s: float) -> bool:
        """Whether the holder called `name` lives. False at once when its process is known to be gone, and when its beat stood
        still for the term: it died where we cannot look, or was stopped, and whatever it still tries is refused by the fence.
        """
        if is_alive(owner) is False:
            return False
        self._load()
        before = self._seen.get(name)
        moment = self.clock()
        if before is None or before.beat != beat or before.since > moment:
            self._seen[name] = Sight(beat=beat, since=moment)
            self._save()
            return True
        return moment - before.since < term_s

    def _load(self) -> None:
        if self._loaded or self.memory is None:
            return
        self._loaded = True
        self._seen.update(_read(self.memory))

    def _save(self) -> None:
        if self.memory is None:
            return
        # what others have seen meanwhile stays: claims, locks and servers are each asked after by a reader of their own
        newest = sorted({**_read(self.memory), **self._seen}.items(), key=lambda item: item[1].since)[-KEPT:]
        written = self.memory.with_name(f"{self.memory.name}.{os.getpid()}")
        with suppress(OSError):
            self.memory.parent.mkdir(parents=True, exist_ok=True)
            written.write_bytes(encode(Sights(boot=boot_id(), seen=dict(newest))))
            written.replace(self.memory)


def beats_file(cache: Path) -> Path:
    """The memory of all commands of a project, in its folder for what may be lost."""
    return cache / "beats.json"


def _read(memory: Path) -> Mapping[str, Sight]:
    with suppress(OSError, BadRecord):
        sights = decode(memory.read_bytes(), Sights)
        if sights.boot == boot_id():
            return sights.seen
    return {}
