"""The conformance suite of store back ends."""

import os
import signal
import time
from collections.abc import Callable, Iterator

from leptonctl.spi.storage import Lease, Objects, StorageError
from leptonctl.testing.racing import PROCESSES, at_once, spawn
from leptonctl.testing.requirements import not_met, require, require_raises, within

BYTES = bytes(range(256)) * 16384
CLOCKS_APART_S = 600.0
BAD_PATHS = ("", "/a", "a/", "a//b", "../a", "a/../b", ".a", "a/.b", "a\0b")


def check_store(open_objects: Callable[[], Objects], *, refusing: Callable[[], Objects] | None = None, rounds: int = 20) -> None:
    """Check a store back end: whole objects, create-if-absent, compare-and-swap, streams and leases, in one process and among several.

    `open_objects` opens the same storage, empty at first, on every call. Several processes call it, so it must be picklable (a
    top-level function or a `functools.partial` of one). `refusing` opens one whose medium refuses every write. Raises AssertionError.
    """
    objects = open_objects()
    _check_objects(objects)
    _check_paths(objects)
    _check_many(objects)
    _check_streams(objects)
    _check_swaps(objects)
    _check_listing(objects)
    _check_reopened(open_objects)
    _check_leases(objects, open_objects)
    if refusing is not None:
        _check_refusals(refusing())
    _check_creating_at_once(objects, open_objects, rounds)
    _check_swapping_at_once(objects, open_objects, rounds)
    _check_reading_at_once(objects, open_objects, rounds)
    at_once([(_work_exclusively, open_objects, rounds)] * PROCESSES)


# --- one process ---------------------------------------------------------------------------------------------------


def _check_objects(objects: Objects) -> None:
    require(objects.get("a/b") is None, "an absent object is None")
    require(objects.create("a/b", b"one"), "an absent object is created")
    require(not objects.create("a/b", b"two"), "an object is created once")
    require(_bytes(objects, "a/b") == b"one", "an object keeps its first content")
    require(objects.get("a") is None and objects.read("a") is None, "a folder of objects is not an object")
    for name, data in (("empty", b""), ("large", BYTES)):
        require(objects.create(f"kinds/{name}", data) and _bytes(objects, f"kinds/{name}") == data, f"{name} bytes come back")
    objects.put("a/b", b"three")
    objects.put("new/by-put", b"four")
    require(_bytes(objects, "a/b") == b"three" and _bytes(objects, "new/by-put") == b"four", "put overwrites and creates")
    objects.delete("a/b")
    objects.delete("a/b")
    objects.delete("never/was")
    require(objects.get("a/b") is None and objects.create("a/b", b"again"), "a deleted path can be created again")
    require(bool(objects.describe()), "a back end describes where it is")


def _check_paths(objects: Objects) -> None:
    for path in BAD_PATHS:
        for verb, call in (
            ("get", lambda path=path: objects.get(path)),
            ("get_many", lambda path=path: objects.get_many([path])),
            ("create", lambda path=path: objects.create(path, b"")),
            ("create_many", lambda path=path: objects.create_many({path: b""})),
            ("replace", lambda path=path: objects.replace(path, b"", None)),
            ("put", lambda path=path: objects.put(path, b"")),
            ("delete", lambda path=path: objects.delete(path)),
            ("read", lambda path=path: objects.read(path)),
            ("write", lambda path=path: objects.write(path, [b""])),
            ("present", lambda path=path: objects.present([path])),
            ("lease", lambda path=path: objects.lease(path, {}, 5.0)),
        ):
            require_raises(ValueError, f"{verb} refuses the path {path!r}", call)
    require_raises(ValueError, "a listing cannot leave the store", objects.list, "../a")


def _check_many(objects: Objects) -> None:
    objects.create("many/there", b"before")
    created = objects.create_many({"many/one": b"1", "many/there": b"after", "more/two": BYTES})
    require(created == {"many/one", "more/two"}, "create_many returns the paths that it created")
    require(objects.create_many({}) == set(), "create_many of nothing creates nothing")
    paths = ["many/one", "many/there", "more/two", "many/no", "many"]
    existing = {"many/one": b"1", "many/there": b"before", "more/two": BYTES}
    require(objects.get_many(paths) == existing, "get_many returns the existing objects, whole")
    require(objects.get_many([]) == {}, "get_many of nothing is empty")
    require(objects.present(paths) == {"many/one", "many/there", "more/two"}, "present returns the existing paths")
    require(objects.present([]) == set(), "present of nothing is empty")


def _check_streams(objects: Objects) -> None:
    require(objects.read("stream/no") is None, "reading an absent object returns None")
    require(objects.write("stream/one", iter([b"a" * 70_000, b"", b"b", BYTES])), "an object is written from chunks")
    require(b"".join(objects.read("stream/one") or ()) == b"a" * 70_000 + b"b" + BYTES, "chunks come back complete and in order")
    require(not objects.write("stream/one", [b"two"]), "an object is written once")
    require(objects.write("stream/empty", []), "an object is written from no chunks")
    require(list(objects.read("stream/empty") or (b"x",)) in ([], [b""]), "an object of no chunks is empty")
    require_raises(RuntimeError, "an exception of the chunks is raised", objects.write, "stream/half", _failing_chunks())
    require(objects.get("stream/half") is None, "a failed write leaves nothing")
    require(objects.write("stream/half", [b"whole"]), "an object can be written after a failed write")
    chunks = objects.read("stream/one")
    objects.put("stream/one", b"new")
    require(b"".join(chunks or ()) in (b"a" * 70_000 + b"b" + BYTES, b"new"), "a stream is of one version")


def _failing_chunks() -> Iterator[bytes]:
    yield b"half"
    msg = "the source ended"
    raise RuntimeError(msg)


def _check_swaps(objects: Objects) -> None:
    first = objects.replace("cas/x", b"A", None)
    require(first is not None, "replace without an etag creates an absent object")
    require(objects.replace("cas/x", b"B", None) is None, "replace without an etag refuses an existing object")
    require(objects.get("cas/x") == (b"A", first), "replace returns the etag that get returns")
    second = objects.replace("cas/x", b"B", first)
    require(second is not None and second != first, "an etag changes with the object")
    require(objects.replace("cas/x", b"C", first) is None, "an old etag is refused")
    require(_bytes(objects, "cas/x") == b"B", "a refused replace writes nothing")
    third = objects.replace("cas/x", b"A", second)
    require(third is not None and third != first, "equal bytes written again get a new etag")
    require(objects.replace("cas/x", b"C", first) is None, "an old etag is refused even when the bytes are the same")
    objects.put("cas/x", b"A")
    require(objects.replace("cas/x", b"C", third) is None, "put changes the etag")
    objects.delete("cas/x")
    require(objects.replace("cas/x", b"C", third) is None and objects.get("cas/x") is None, "a deleted object has no etag")
    objects.create("cas/x", b"A")
    require(objects.replace("cas/x", b"C", third) is None, "an object that is created again gets a new etag")


def _check_listing(objects: Objects) -> None:
    for path in ("list/b/2", "list/b/1", "list/a", "list/bc"):
        objects.put(path, b"12345")
    require(objects.list("list") == ["list/a", "list/b/1", "list/b/2", "list/bc"], "a listing is complete and sorted")
    require(objects.list("list/b") == ["list/b/1", "list/b/2"], "a listing is of a folder, not of a prefix")
    require(objects.list("nowhere") == [] and objects.list("list/a/x") == [], "a listing of nothing is empty")
    require(set(objects.list("list")) < set(objects.list("")), "a listing of the root has everything")
    entries = {entry.path: entry for entry in objects.entries("list/b")}
    require(sorted(entries) == objects.list("list/b"), "entries have the paths of the listing")
    recent = all(abs(entry.modified - time.time()) < CLOCKS_APART_S for entry in entries.values())
    require(recent and all(entry.size == len(b"12345") for entry in entries.values()), "entries have size and time")


def _check_reopened(open_objects: Callable[[], Objects]) -> None:
    one, other = open_objects(), open_objects()
    require(one.list("") == other.list("") != [], "objects exist when the storage is opened again")
    entry = one.get("list/a")
    require(entry is not None and entry == other.get("list/a"), "an etag does not depend on who opened the storage")


def _check_leases(objects: Objects, open_objects: Callable[[], Objects]) -> None:
    with _acquire(objects, "group/one") as lease:
        require(lease.renew(), "a held lease can be renewed")
        require(open_objects().lease("group/one", {"pid": 2}, 5.0) is None, "a held lease is not granted again")
        owners = {"group/one": {"pid": os.getpid()}}
        require(
            objects.leases("group") == objects.leases("") == open_objects().leases("") == owners, "held leases are listed with their owners"
        )
        require(objects.leases("other") == {}, "a listing of leases is of a folder")
    lease.release()
    require(not lease.renew(), "a released lease cannot be renewed")
    require(objects.leases("") == {} and not objects.break_lease("group/one"), "a lease without a holder cannot be broken")
    with _acquire(objects, "group/one") as broken:
        require(objects.break_lease("group/one") and not broken.renew(), "a broken lease cannot be renewed")
        with _acquire(objects, "group/one"):
            broken.release()
            require(objects.lease("group/one", {}, 5.0) is None, "releasing a lost lease does not release the next holder's")
    require(not any(path.startswith("group") for path in objects.list("")), "leases are not objects")
    _check_dead_holder(objects, open_objects)


def _check_dead_holder(objects: Objects, open_objects: Callable[[], Objects]) -> None:
    holder = spawn(_hold_lease, open_objects)
    try:
        within(20.0, lambda: "group/dead" in objects.leases("group"), "another process acquires a lease")
        require(objects.lease("group/dead", {}, 2.0) is None, "a lease of another process is held")
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    within(20.0, lambda: _try_lease(objects, "group/dead"), "the lease of a killed process becomes free")


def _check_refusals(objects: Objects) -> None:
    for verb, call in (
        ("create", lambda: objects.create("a/b", b"")),
        ("create_many", lambda: objects.create_many({"a/b": b""})),
        ("replace", lambda: objects.replace("a/b", b"", None)),
        ("put", lambda: objects.put("a/b", b"")),
        ("write", lambda: objects.write("a/b", [b""])),
        ("lease", lambda: objects.lease("a/b", {}, 5.0)),
    ):
        require_raises(StorageError, f"{verb} reports that the medium refuses it", call)


# --- many processes ------------------------------------------------------------------------------------------------


def _check_creating_at_once(objects: Objects, open_objects: Callable[[], Objects], rounds: int) -> None:
    at_once([(_create_all, open_objects, number, rounds) for number in range(PROCESSES)])
    for turn in range(rounds):
        winners = [number for number in range(PROCESSES) if objects.get(f"won/{turn}/{number}") is not None]
        require(len(winners) == 1, f"one of many creators wins, not {winners}")
        require(_bytes(objects, f"race/{turn}") == _payload(winners[0]), "the winner's bytes are stored, whole")


def _create_all(open_objects: Callable[[], Objects], number: int, rounds: int) -> None:
    objects = open_objects()
    for turn in range(rounds):
        path = f"race/{turn}"
        if objects.create(path, _payload(number)) if turn % 2 else objects.create_many({path: _payload(number)}):
            objects.put(f"won/{turn}/{number}", b"")


def _check_swapping_at_once(objects: Objects, open_objects: Callable[[], Objects], rounds: int) -> None:
    objects.put("counter", b"0")
    at_once([(_count_up, open_objects, rounds)] * PROCESSES)
    require(_bytes(objects, "counter") == str(PROCESSES * rounds).encode(), "no update is lost")


def _count_up(open_objects: Callable[[], Objects], rounds: int) -> None:
    objects = open_objects()
    for _ in range(rounds):
        while True:
            entry = objects.get("counter")
            require(entry is not None, "an object that is being replaced is never absent")
            if entry is not None and objects.replace("counter", str(int(entry[0]) + 1).encode(), entry[1]) is not None:
                break


def _check_reading_at_once(objects: Objects, open_objects: Callable[[], Objects], rounds: int) -> None:
    objects.put("torn", _payload(0))
    writers = [(_overwrite, open_objects, number, rounds) for number in range(2)]
    at_once([*writers, *[(_read_whole, open_objects, rounds)] * 2])


def _overwrite(open_objects: Callable[[], Objects], number: int, rounds: int) -> None:
    objects = open_objects()
    for _ in range(rounds):
        objects.put("torn", _payload(number))


def _read_whole(open_objects: Callable[[], Objects], rounds: int) -> None:
    objects = open_objects()
    payloads = {_payload(0), _payload(1)}
    for _ in range(rounds):
        for data in (_bytes(objects, "torn"), objects.get_many(["torn"]).get("torn"), b"".join(objects.read("torn") or ())):
            require(data in payloads, "a reader sees one complete write")


def _work_exclusively(open_objects: Callable[[], Objects], rounds: int) -> None:
    objects = open_objects()
    for _ in range(rounds):
        while (lease := objects.lease("group/alone", {"pid": os.getpid()}, 30.0)) is None:
            time.sleep(0.001)
        with lease:
            require(objects.create("inside", b""), "one process at a time holds a lease")
            objects.delete("inside")


def _hold_lease(open_objects: Callable[[], Objects]) -> None:
    with _acquire(open_objects(), "group/dead", ttl_s=2.0) as lease:
        while lease.renew():
            time.sleep(0.2)


# --- helpers -------------------------------------------------------------------------------------------------------


def _payload(number: int) -> bytes:
    return f"{number:08d}".encode() * 16384


def _bytes(objects: Objects, path: str) -> bytes | None:
    entry = objects.get(path)
    return None if entry is None else entry[0]


def _acquire(objects: Objects, name: str, ttl_s: float = 5.0) -> Lease:
    lease = objects.lease(name, {"pid": os.getpid()}, ttl_s)
    if lease is None:
        raise not_met(f"the free lease {name} can be acquired")
    return lease


def _try_lease(objects: Objects, name: str) -> bool:
    lease = objects.lease(name, {}, 2.0)
    if lease is not None:
        lease.release()
    return lease is not None
