"""Whether a recorded process still lives: it counts as dead when its beat stays unchanged for a term on the reader's own clock.

Never compares the clocks of two machines (protocols 4).
"""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from leptonctl.core.codec import BadRecord, Record, decode, encode
from leptonctl.core.state import Owner
from leptonctl.storage.owner import boot_id, is_alive

MOST_SIGHTS = 1000


class Sight(Record):
    """A beat, and when this machine first saw it (seconds of its monotonic clock). `moved`: it had seen an earlier beat."""

    beat: int
    since: float
    moved: bool = False


class Sights(Record, tag_field="format_version", tag="1"):
    """The beats seen by the commands of one machine during one boot: a monotonic clock means nothing after the next boot."""

    boot: str | None
    seen: Mapping[str, Sight] = {}


@dataclass(slots=True, kw_only=True)
class Liveness:
    """The beats that one reader has seen.

    `memory`: a file that passes them from one command to the next, so that a dead holder on another machine is recognised a term
    after the first command that saw its beat. If the file is lost, the term begins again.
    """

    memory: Path | None = None
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, Sight] = field(default_factory=dict)
    _loaded: bool = False

    def alive(self, name: str, owner: Owner, beat: int, term_s: float) -> bool:
        """Whether the holder called `name` lives. False when its process is known to be gone, or when its beat has not changed for
        the term: then it died where we cannot check, or it is suspended and the fence refuses its writes.
        """
        if is_alive(owner) is False:
            return False
        self._load()
        sight = self._seen.get(name)
        now = self.clock()
        if sight is None or sight.beat != beat or sight.since > now:
            self._seen[name] = Sight(beat=beat, since=now, moved=sight is not None and sight.beat != beat)
            self._save()
            return True
        return now - sight.since < term_s

    def stillness(self, name: str) -> tuple[float, bool]:
        """For how many seconds the beat of `name` has been seen unchanged, and whether it was seen to move before."""
        sight = self._seen.get(name)
        return (max(0.0, self.clock() - sight.since), sight.moved) if sight is not None else (0.0, False)

    def _load(self) -> None:
        if self._loaded or self.memory is None:
            return
        self._loaded = True
        self._seen.update(_read(self.memory))

    def _save(self) -> None:
        if self.memory is None:
            return
        # keep what others saved in the meantime: claims, locks and servers have separate readers
        newest = sorted({**_read(self.memory), **self._seen}.items(), key=lambda item: item[1].since)[-MOST_SIGHTS:]
        temporary = self.memory.with_name(f"{self.memory.name}.{os.getpid()}")
        with suppress(OSError):
            self.memory.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(encode(Sights(boot=boot_id(), seen=dict(newest))))
            temporary.replace(self.memory)


def beats_file(cache: Path) -> Path:
    """The file in a project's cache folder where all its commands remember beats."""
    return cache / "beats.json"


def _read(memory: Path) -> Mapping[str, Sight]:
    with suppress(OSError, BadRecord):
        sights = decode(memory.read_bytes(), Sights)
        if sights.boot == boot_id():
            return sights.seen
    return {}
