"""What every back end of store and state must keep, as one call each. They raise AssertionError.

A factory opens the same, at first empty, storage on every call. It must survive pickling (a top-level function or a
`functools.partial` of one), since the suites race several processes against each other.
"""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from leptonctl.storage.objects import Lease, Objects
from leptonctl.storage.state import StateStore

PROCESSES = 8
CHILD = "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); run, *given = pickle.load(sys.stdin.buffer); run(*given)"
BYTES = bytes(range(256)) * 4096
CLOCKS_APART_S = 600.0


def check_store(open_objects: Callable[[], Objects], *, rounds: int = 20) -> None:
    """A back end of the store: whole objects, create-if-absent, compare-and-swap and leases, alone and among processes."""
    objects = open_objects()
    _check_objects(objects)
    _check_swaps(objects)
    _check_listing(objects)
    _check_reopened(open_objects)
    _check_leases(objects, open_objects)
    _check_creating_at_once(objects, open_objects, rounds)
    _check_swapping_at_once(objects, open_objects, rounds)
    _check_leasing_at_once(open_objects, rounds)


def check_state(open_state: Callable[[], StateStore], *, rounds: int = 20) -> None:
    """A back end of the state: one object, each revision following the one before, no update lost among processes."""
    state = open_state()
    _require(state.read() is None, "a new state store has no state")
    _require(not state.swap(3, _state(4)), "nothing can be expected where no state is")
    _require(state.swap(None, _state(1, text="grün, 緑, \u2028")), "the first state is written")
    _require(state.read() == _state(1, text="grün, 緑, \u2028"), "a state is read as it was written")
    _require(not state.swap(None, _state(1)), "a state that exists is not made again")
    _require(state.swap(1, _state(2)), "the expected revision is replaced")
    _require(not state.swap(1, _state(2, text="late")), "a revision that moved is not replaced")
    for expected, wrong in ((2, 2), (2, 4), (2, "3")):
        _require_raises(ValueError, "revisions follow each other", state.swap, expected, {**_state(3), "revision": wrong})
    _require(open_state().read() == _state(2), "another process reads the same state")
    _at_once([(_swap_states, open_state, rounds)] * PROCESSES)
    last = open_state().read() or {}
    _require(last.get("revision") == last.get("count") == 2 + PROCESSES * rounds, f"no update is lost: {last}")
    _require(bool(state.describe()), "a state store says where it is")


# --- store: one process --------------------------------------------------------------------------------------------


def _check_objects(objects: Objects) -> None:
    _require(objects.get("a/b") is None, "an absent object is None")
    _require(not objects.exists("a/b"), "an absent object does not exist")
    _require(objects.size("a/b") is None, "an absent object has no size")
    _require(objects.create("a/b", b"one"), "an absent object is created")
    _require(not objects.create("a/b", b"two"), "an object is created once")
    _require(_bytes(objects, "a/b") == b"one", "the first creation stands")
    _require(objects.exists("a/b") and objects.size("a/b") == len(b"one"), "an object has its size")
    _require(not objects.exists("a") and objects.get("a") is None, "a folder of objects is not an object")
    for name, data in (("empty", b""), ("large", BYTES)):
        _require(objects.create(f"kinds/{name}", data) and _bytes(objects, f"kinds/{name}") == data, f"{name} bytes come back")
    objects.put("a/b", b"three")
    objects.put("new/by-put", b"four")
    _require(_bytes(objects, "a/b") == b"three" and _bytes(objects, "new/by-put") == b"four", "put writes over and anew")
    _require(objects.get_many(["a/b", "no", "new/by-put"]) == {"a/b": b"three", "new/by-put": b"four"}, "get_many gives what exists")
    _require(objects.get_many(["kinds/large", "kinds/empty"]) == {"kinds/large": BYTES, "kinds/empty": b""}, "get_many gives all bytes")
    _require(objects.present(["a/b", "no", "a"]) == {"a/b"}, "present names what exists")
    objects.delete("a/b")
    objects.delete("a/b")
    _require(not objects.exists("a/b") and objects.create("a/b", b"again"), "a deleted name is free")
    for path in ("", "/a", "a/", "a//b", "../a", "a/../b", ".a", "a/.b"):
        _require_raises(ValueError, f"{path!r} is no path", objects.create, path, b"")
    _require(bool(objects.describe()), "a back end says where it is")


def _check_swaps(objects: Objects) -> None:
    first = objects.replace("cas/x", b"A", None)
    _require(first is not None, "an absent object is replaced where it must be absent")
    _require(objects.replace("cas/x", b"B", None) is None, "an object that is there is not replaced where it must be absent")
    _require(objects.get("cas/x") == (b"A", first), "replace gives the etag that get gives")
    second = objects.replace("cas/x", b"B", first)
    _require(second is not None and second != first, "an etag moves with the object")
    _require(objects.replace("cas/x", b"C", first) is None, "an old etag is refused")
    third = objects.replace("cas/x", b"A", second)
    _require(third is not None and third != first, "an etag does not come back when the bytes do")
    _require(objects.replace("cas/x", b"C", first) is None, "an old etag is refused though the bytes are the same")
    objects.put("cas/x", b"A")
    _require(objects.replace("cas/x", b"C", third) is None, "put moves the etag")
    objects.delete("cas/x")
    _require(objects.replace("cas/x", b"C", third) is None, "a deleted object has no etag")


def _check_listing(objects: Objects) -> None:
    for path in ("list/b/2", "list/b/1", "list/a", "list/bc"):
        objects.put(path, b"12345")
    _require(objects.list("list") == ["list/a", "list/b/1", "list/b/2", "list/bc"], "a listing is whole and sorted")
    _require(objects.list("list/b") == ["list/b/1", "list/b/2"], "a listing is of a folder, not of a beginning")
    _require(objects.list("nowhere") == [], "a listing of nothing is empty")
    _require(set(objects.list("list")) < set(objects.list("")), "a listing of all has all")
    entries = {entry.path: entry for entry in objects.entries("list/b")}
    _require(sorted(entries) == objects.list("list/b"), "entries are those of the listing")
    _require(all(e.size == len(b"12345") and _is_recent(e.modified) for e in entries.values()), "entries have size and time")


def _check_reopened(open_objects: Callable[[], Objects]) -> None:
    before, after = open_objects(), open_objects()
    _require(before.list("") == after.list("") != [], "what was written is there when opened again")
    found = before.get("list/a")
    _require(found is not None and found == after.get("list/a"), "an etag is the object's, not the opener's")


def _check_leases(objects: Objects, open_objects: Callable[[], Objects]) -> None:
    lease = objects.lease("group/one", {"pid": 1}, 5.0)
    _require(lease is not None, "a free lease is taken")
    if lease is None:
        return
    with lease:
        _require(lease.renew(), "a held lease is renewed")
        _require(open_objects().lease("group/one", {"pid": 2}, 5.0) is None, "a held lease is not given twice")
        _require(open_objects().lease_owner("group/one") == {"pid": 1}, "a held lease names its owner")
        _require(objects.leases("group") == objects.leases("") == {"group/one": {"pid": 1}}, "held leases are listed")
    lease.release()
    _require(objects.lease_owner("group/one") is None and objects.leases("") == {}, "a lease given up is free")
    _require(not objects.break_lease("group/one"), "there is nothing to break where nobody holds")
    with _taken(objects, "group/one") as broken:
        _require(objects.break_lease("group/one") and not broken.renew(), "a broken lease is not renewed")
        with _taken(objects, "group/one"):
            broken.release()
            _require(objects.lease("group/one", {}, 5.0) is None, "who lost a lease does not free the next holder's")
    _require(not any(path.startswith("group") for path in objects.list("")), "leases are no objects")
    _check_dead_holder(objects, open_objects)


def _check_dead_holder(objects: Objects, open_objects: Callable[[], Objects]) -> None:
    holder = _spawn(_hold_lease, open_objects)
    try:
        _within(20.0, lambda: objects.lease_owner("group/dead") is not None, "another process takes a lease")
        _require(objects.lease("group/dead", {}, 2.0) is None, "a lease of another process is held")
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    _within(20.0, lambda: _try_lease(objects, "group/dead"), "the lease of a killed process is free again")


# --- store: many processes -----------------------------------------------------------------------------------------


def _check_creating_at_once(objects: Objects, open_objects: Callable[[], Objects], rounds: int) -> None:
    _at_once([(_create_all, open_objects, number, rounds) for number in range(PROCESSES)])
    for turn in range(rounds):
        winners = [number for number in range(PROCESSES) if objects.exists(f"won/{turn}/{number}")]
        _require(len(winners) == 1, f"one of many creators wins, not {winners}")
        _require(_bytes(objects, f"race/{turn}") == _payload(winners[0]), "the winner's bytes stand, whole")


def _check_swapping_at_once(objects: Objects, open_objects: Callable[[], Objects], rounds: int) -> None:
    objects.put("counter", b"0")
    _at_once([(_count_up, open_objects, rounds)] * PROCESSES)
    _require(_bytes(objects, "counter") == str(PROCESSES * rounds).encode(), "no update is lost")


def _check_leasing_at_once(open_objects: Callable[[], Objects], rounds: int) -> None:
    _at_once([(_work_alone, open_objects, rounds)] * PROCESSES)


def _create_all(open_objects: Callable[[], Objects], number: int, rounds: int) -> None:
    objects = open_objects()
    for turn in range(rounds):
        if objects.create(f"race/{turn}", _payload(number)):
            objects.put(f"won/{turn}/{number}", b"")


def _count_up(open_objects: Callable[[], Objects], rounds: int) -> None:
    objects = open_objects()
    for _ in range(rounds):
        while True:
            found = objects.get("counter")
            _require(found is not None, "an object that is replaced is never absent")
            if found is not None and objects.replace("counter", str(int(found[0]) + 1).encode(), found[1]) is not None:
                break


def _work_alone(open_objects: Callable[[], Objects], rounds: int) -> None:
    objects = open_objects()
    for _ in range(rounds):
        while (lease := objects.lease("group/alone", {"pid": os.getpid()}, 30.0)) is None:
            time.sleep(0.001)
        with lease:
            _require(objects.create("inside", b""), "one process at a time holds a lease")
            objects.delete("inside")


def _swap_states(open_state: Callable[[], StateStore], rounds: int) -> None:
    store = open_state()
    for _ in range(rounds):
        while True:
            revision = (store.read() or {}).get("revision", 0)
            if store.swap(revision, _state(revision + 1)):
                break


def _hold_lease(open_objects: Callable[[], Objects]) -> None:
    with _taken(open_objects(), "group/dead", ttl_s=2.0) as lease:
        while lease.renew():
            time.sleep(0.2)


def _state(revision: int, **more: Any) -> dict[str, Any]:
    return {"format_version": "1", "revision": revision, "count": revision, **more}


def _payload(number: int) -> bytes:
    return f"{number:08d}".encode() * 4096


# --- means ---------------------------------------------------------------------------------------------------------


def _require(holds: bool, what: str) -> None:
    if not holds:
        msg = f"not kept: {what}"
        raise AssertionError(msg)


def _require_raises(kind: type[Exception], what: str, act: Callable[..., object], *given: object) -> None:
    try:
        act(*given)
    except kind:
        return
    msg = f"not kept: {what} ({kind.__name__})"
    raise AssertionError(msg)


def _within(seconds: float, holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        _require(time.monotonic() < deadline, f"{what} (within {seconds} s)")
        time.sleep(0.02)


def _is_recent(moment: float) -> bool:
    return abs(moment - time.time()) < CLOCKS_APART_S


def _bytes(objects: Objects, path: str) -> bytes | None:
    found = objects.get(path)
    return None if found is None else found[0]


def _taken(objects: Objects, name: str, ttl_s: float = 5.0) -> Lease:
    lease = objects.lease(name, {"pid": os.getpid()}, ttl_s)
    if lease is None:
        msg = f"not kept: the free lease {name} is taken"
        raise AssertionError(msg)
    return lease


def _try_lease(objects: Objects, name: str) -> bool:
    lease = objects.lease(name, {}, 2.0)
    if lease is not None:
        lease.release()
    return lease is not None


def _spawn(run: Callable[..., None], *given: object) -> subprocess.Popen[bytes]:
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE)
    if child.stdin is not None:
        child.stdin.write(pickle.dumps(sys.path) + pickle.dumps((run, *given)))
        child.stdin.close()
    return child


def _at_once(calls: list[tuple[Any, ...]]) -> None:
    children = [_spawn(*call) for call in calls]
    codes = [child.wait() for child in children]
    _require(codes == [0] * len(calls), f"no process fails: {codes}")
