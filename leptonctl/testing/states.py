"""What every back end of the state must keep, as one call. It raises AssertionError."""

import json
import secrets
from collections.abc import Callable
from typing import Any

from leptonctl.spi.storage import Stamp, StateCorrupt, StateStore
from leptonctl.testing.racing import PROCESSES, at_once, require, require_raises

TEXT = "grün, 緑, \u2028"


def check_state(open_state: Callable[[], StateStore], *, spoil: Callable[[], None] | None = None, rounds: int = 20) -> None:
    """A back end of the state: one object, each revision following the one before, no update lost among processes.

    `open_state` opens the same, at first empty, storage on every call, and survives pickling. `spoil` makes what is there
    unreadable: that must never be taken for "no state".
    """
    state = open_state()
    _check_alone(state)
    require(open_state().read() == state.read(), "another opener reads the same state")
    before = state.read()
    at_once([(_swap_states, open_state, rounds)] * PROCESSES)
    _check_count(open_state(), 0 if before is None else before[1].revision, PROCESSES * rounds)
    require(bool(state.describe()), "a state store says where it is")
    if spoil is not None:
        spoil()
        require_raises(StateCorrupt, "what is there and is not a state is said", state.read)
        for expected in (None, Stamp(revision=1, write="a")):
            require_raises(StateCorrupt, "what is not a state is not written over", _swap, state, expected, 2 if expected else 1)


def _check_alone(state: StateStore) -> None:
    require(state.read() is None, "a new state store has no state")
    require(not _swap(state, Stamp(revision=3, write="x"), 4), "nothing can be expected where no state is")
    require(state.read() is None, "what is refused writes nothing")
    first = Stamp(revision=1, write="first")
    require(state.swap(None, _data(first, text=TEXT), first), "the first state is written")
    require(state.read() == (_data(first, text=TEXT), first), "a state and its stamp are read as they were written")
    require(not _swap(state, None, 1), "a state that exists is not made again")
    second = Stamp(revision=2, write="second")
    require(state.swap(first, _data(second), second), "the expected state is replaced")
    require(not _swap(state, first, 2), "a revision that moved is not replaced")
    require(not _swap(state, Stamp(revision=2, write="other"), 3), "another writing of the same revision is not replaced")
    require(not _swap(state, Stamp(revision=2, write=""), 3), "no writing at all is another writing")
    require(state.read() == (_data(second), second), "what is refused writes nothing")
    for revision in (1, 2, 4):
        require_raises(ValueError, "revisions follow each other", _swap, state, second, revision)
    third = Stamp(revision=3, write="third")
    require_raises(ValueError, "a stamp is what the data say", state.swap, second, _data(second), third)
    require(state.read() == (_data(second), second), "a mistake writes nothing")


def _check_count(state: StateStore, before: int, swaps: int) -> None:
    last = state.read()
    require(last is not None, "a state stays")
    if last is not None:
        found = json.loads(last[0])
        require(last[1].revision == before + swaps and found["count"] == swaps, f"no update is lost: {last[1]}, {found['count']}")


def _swap_states(open_state: Callable[[], StateStore], rounds: int) -> None:
    store = open_state()
    for _ in range(rounds):
        while True:
            found = store.read()
            require(found is not None, "a state that is replaced is never absent")
            if found is None:
                return
            value = json.loads(found[0])
            require(found[1] == Stamp(revision=value["revision"], write=value["write"]), "a reader sees one write, whole")
            require(all(n == value["revision"] for n in value.get("padding", [])), "a reader sees one write, whole")
            stamp = Stamp(revision=found[1].revision + 1, write=secrets.token_hex(4))
            if store.swap(found[1], _data(stamp, count=value.get("count", 0) + 1, padding=[stamp.revision] * 5000), stamp):
                break


def _swap(state: StateStore, expected: Stamp | None, revision: int) -> bool:
    stamp = Stamp(revision=revision, write=secrets.token_hex(4))
    return state.swap(expected, _data(stamp), stamp)


def _data(stamp: Stamp, **more: Any) -> bytes:
    return json.dumps({"format_version": "1", "revision": stamp.revision, "write": stamp.write, **more}, ensure_ascii=False).encode()
