"""Whether a holder lives: from its process where that can be seen, otherwise from its beat, timed by the reader's own clock."""

import itertools
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from leptonctl.core.codec import convert
from leptonctl.core.frozen import replace
from leptonctl.core.state import Owner
from leptonctl.storage import liveness as module
from leptonctl.storage.liveness import MOST_SIGHTS, Liveness
from leptonctl.storage.owner import current_owner

TERM = 60.0
ME = current_owner("leptonctl apply", None)
ELSEWHERE = replace(ME, host="another-host")
CONTAINER = replace(ME, namespace="pid:[1]")


@dataclass(slots=True)
class Clock:
    time: float = 1000.0

    def __call__(self) -> float:
        return self.time


def dead() -> Owner:
    """A process of this machine that has ended."""
    code = "from leptonctl.core.codec import encode; from leptonctl.storage.owner import current_owner; import sys\n"
    code += "sys.stdout.buffer.write(encode(current_owner('leptonctl apply', None)))"
    return convert(json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout), Owner)


def test_a_death_on_this_machine_is_seen_at_once() -> None:
    assert not Liveness().alive("a", dead(), 7, TERM)


@pytest.mark.parametrize("owner", [ELSEWHERE, CONTAINER, ME, Owner()], ids=["elsewhere", "container", "stopped here", "nobody"])
def test_a_holder_whose_beat_stops_for_the_term_is_dead(owner: Owner) -> None:
    """Even if its process exists: it was stopped or hangs, and the fence refuses what it still tries."""
    clock = Clock()
    liveness = Liveness(clock=clock)
    assert liveness.alive("a", owner, 3, TERM)
    clock.time += TERM - 1
    assert liveness.alive("a", owner, 3, TERM)
    assert liveness.alive("a", owner, 4, TERM)  # it beats: the term begins again
    clock.time += TERM - 1
    assert liveness.alive("a", owner, 4, TERM)
    clock.time += 1
    assert not liveness.alive("a", owner, 4, TERM)
    assert liveness.alive("a", owner, 5, TERM)


def test_every_order_of_reads_and_beats_within_three_terms() -> None:
    """Dead exactly when the last read that saw a new beat was at least a term ago."""
    for steps in itertools.product([("look", 20.0), ("look", 40.0), ("beat", 0.0)], repeat=5):
        clock, beat = Clock(), 0
        liveness = Liveness(clock=clock)
        seen: tuple[int, float] | None = None
        for what, seconds in steps:
            clock.time += seconds
            if what == "beat":
                beat += 1
                continue
            if seen is None or seen[0] != beat:
                seen = (beat, clock.time)
            assert liveness.alive("a", ELSEWHERE, beat, TERM) == (clock.time - seen[1] < TERM)


def test_holders_are_watched_independently() -> None:
    clock = Clock()
    liveness = Liveness(clock=clock)
    assert liveness.alive("a", ELSEWHERE, 1, TERM)
    clock.time += TERM
    assert liveness.alive("b", ELSEWHERE, 1, TERM)
    assert not liveness.alive("a", ELSEWHERE, 1, TERM)


def test_beats_are_remembered_from_one_command_to_the_next(tmp_path: Path) -> None:
    clock, memory = Clock(), tmp_path / "cache" / "seen.json"
    for name in ("claim/a", "claim/b"):
        assert Liveness(memory=memory, clock=clock).alive(name, ELSEWHERE, 3, TERM)
    clock.time += TERM
    assert not Liveness(memory=memory, clock=clock).alive("claim/a", ELSEWHERE, 3, TERM)
    assert Liveness(memory=memory, clock=clock).alive("claim/b", ELSEWHERE, 4, TERM)
    assert Liveness(clock=clock).alive("claim/a", ELSEWHERE, 3, TERM)
    assert [file.name for file in memory.parent.iterdir()] == ["seen.json"]


def test_concurrent_readers_share_a_memory(tmp_path: Path) -> None:
    """What one reader has seen is kept when another one writes later."""
    clock, memory = Clock(), tmp_path / "seen.json"
    claims, servers = (Liveness(memory=memory, clock=clock) for _ in range(2))
    assert claims.alive("claim/a", ELSEWHERE, 3, TERM)
    assert servers.alive("server/a", ELSEWHERE, 3, TERM)
    assert claims.alive("claim/b", ELSEWHERE, 3, TERM)
    clock.time += TERM
    later = Liveness(memory=memory, clock=clock)
    assert [later.alive(name, ELSEWHERE, 3, TERM) for name in ("claim/a", "server/a", "claim/b")] == [False] * 3


def test_a_memory_of_another_boot_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, memory = Clock(), tmp_path / "seen.json"
    assert Liveness(memory=memory, clock=clock).alive("a", ELSEWHERE, 3, TERM)
    clock.time += TERM
    monkeypatch.setattr(module, "boot_id", lambda: "the next one")
    assert Liveness(memory=memory, clock=clock).alive("a", ELSEWHERE, 3, TERM)


def test_times_in_the_future_of_the_clock_are_ignored(tmp_path: Path) -> None:
    clock, memory = Clock(), tmp_path / "seen.json"
    assert Liveness(memory=memory, clock=clock).alive("a", ELSEWHERE, 3, TERM)
    clock.time = 10.0
    assert Liveness(memory=memory, clock=clock).alive("a", ELSEWHERE, 3, TERM)
    clock.time += TERM
    assert not Liveness(memory=memory, clock=clock).alive("a", ELSEWHERE, 3, TERM)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"boot": 3}', b'{"format_version":"1","boot":"x","seen":{"a":[1,2]}}'])
def test_a_memory_that_cannot_be_read_is_created_again(tmp_path: Path, data: bytes) -> None:
    clock, memory = Clock(), tmp_path / "seen.json"
    memory.write_bytes(data)
    assert Liveness(memory=memory, clock=clock).alive("a", ELSEWHERE, 3, TERM)
    clock.time += TERM
    assert not Liveness(memory=memory, clock=clock).alive("a", ELSEWHERE, 3, TERM)


def test_a_memory_that_cannot_be_written_is_not_needed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert Liveness(memory=tmp_path / "file" / "seen.json").alive("a", ELSEWHERE, 3, TERM)


def test_a_memory_does_not_grow_without_bound(tmp_path: Path) -> None:
    clock, memory = Clock(), tmp_path / "seen.json"
    liveness = Liveness(clock=clock)
    for number in range(MOST_SIGHTS + 50):
        clock.time += 1
        liveness.alive(f"claim/{number}", ELSEWHERE, 0, TERM)
    liveness.memory = memory
    clock.time += 1
    liveness.alive("claim/last", ELSEWHERE, 0, TERM)
    names = json.loads(memory.read_bytes())["seen"]
    assert len(names) == MOST_SIGHTS
    assert "claim/last" in names
    assert "claim/0" not in names
