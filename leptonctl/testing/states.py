"""The conformance suite of state back ends."""

import json
import secrets
from collections.abc import Callable
from typing import Any

from leptonctl.spi.storage import Stamp, StateCorrupt, StateStore
from leptonctl.testing.racing import PROCESSES, at_once
from leptonctl.testing.requirements import require, require_raises

TEXT = "grün, 緑, \u2028"


def check_state(open_state: Callable[[], StateStore], *, spoil: Callable[[], None] | None = None, rounds: int = 20) -> None:
    """Check a state back end: one object, consecutive revisions, no update lost among processes. Raises AssertionError.

    `open_state` opens the same storage, empty at first, on every call, and can be pickled. `spoil` makes the state unreadable: that
    must never be mistaken for "no state".
    """
    state = open_state()
    _check_one_process(state)
    require(open_state().read() == state.read(), "a state store that is opened again reads the same state")
    initial = state.read()
    at_once([(_swap_states, open_state, rounds)] * PROCESSES)
    _check_count(open_state(), 0 if initial is None else initial[1].revision, PROCESSES * rounds)
    require(bool(state.describe()), "a state store says where it is")
    if spoil is not None:
        spoil()
        require_raises(StateCorrupt, "an unreadable state is reported", state.read)
        for expected in (None, Stamp(revision=1, write="a")):
            require_raises(StateCorrupt, "an unreadable state is not overwritten", _swap, state, expected, 2 if expected else 1)


def _check_one_process(state: StateStore) -> None:
    require(state.read() is None, "a new state store has no state")
    require(not _swap(state, Stamp(revision=3, write="x"), 4), "a swap that expects a state is refused while there is no state")
    require(state.read() is None, "a refused swap writes nothing")
    first = Stamp(revision=1, write="first")
    require(state.swap(None, _data(first, text=TEXT), first), "the first state is written")
    require(state.read() == (_data(first, text=TEXT), first), "a state and its stamp are read back unchanged")
    require(not _swap(state, None, 1), "an existing state is not created again")
    second = Stamp(revision=2, write="second")
    require(state.swap(first, _data(second), second), "the expected state is replaced")
    require(not _swap(state, first, 2), "a swap that expects an old revision is refused")
    require(not _swap(state, Stamp(revision=2, write="other"), 3), "a swap that expects another write of the same revision is refused")
    require(not _swap(state, Stamp(revision=2, write=""), 3), "an empty write differs from every other")
    require(state.read() == (_data(second), second), "a refused swap writes nothing")
    for revision in (1, 2, 4):
        require_raises(ValueError, "revisions are consecutive", _swap, state, second, revision)
    third = Stamp(revision=3, write="third")
    require_raises(ValueError, "a stamp must agree with the data", state.swap, second, _data(second), third)
    require(state.read() == (_data(second), second), "a wrong call writes nothing")


def _check_count(state: StateStore, before: int, swaps: int) -> None:
    last = state.read()
    require(last is not None, "the state still exists")
    if last is not None:
        count = json.loads(last[0])["count"]
        require(last[1].revision == before + swaps and count == swaps, f"no update is lost: {last[1]}, {count}")


def _swap_states(open_state: Callable[[], StateStore], rounds: int) -> None:
    store = open_state()
    for _ in range(rounds):
        while True:
            current = store.read()
            require(current is not None, "a state that is being replaced is never absent")
            if current is None:
                return
            value = json.loads(current[0])
            require(current[1] == Stamp(revision=value["revision"], write=value["write"]), "a reader sees one complete write")
            require(all(n == value["revision"] for n in value.get("padding", [])), "a reader sees one complete write")
            stamp = Stamp(revision=current[1].revision + 1, write=secrets.token_hex(4))
            if store.swap(current[1], _data(stamp, count=value.get("count", 0) + 1, padding=[stamp.revision] * 5000), stamp):
                break


def _swap(state: StateStore, expected: Stamp | None, revision: int) -> bool:
    stamp = Stamp(revision=revision, write=secrets.token_hex(4))
    return state.swap(expected, _data(stamp), stamp)


def _data(stamp: Stamp, **fields: Any) -> bytes:
    return json.dumps({"format_version": "1", "revision": stamp.revision, "write": stamp.write, **fields}, ensure_ascii=False).encode()
