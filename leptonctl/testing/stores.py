"""What every back end of the store must keep, as one call. It raises AssertionError."""

import os
import signal
import time
from collections.abc import Callable, Iterator

from leptonctl.spi.storage import Lease, Objects, StorageError
from leptonctl.testing.racing import PROCESSES, at_once, require, require_raises, spawn, within

BYTES = bytes(range(256)) * 16384
CLOCKS_APART_S = 600.0
BAD_PATHS = ("", "/a", "a/", "a//b", "../a", "a/../b", ".a", "a/.b", "a\0b")


def check_store(open_objects: Callable[[], Objects], *, refusing: Callable[[], Objects] | None = None, rounds: int = 20) -> None:
    """A back end of the store: whole objects, create-if-absent, compare-and-swap, streams and leases, alone and among processes.

    `open_objects` opens the same, at first empty, storage on every call. It must survive pickling (a top-level function or a
    `functools.partial` of one), since processes race each other. `refusing` opens one whose medium refuses every write.
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
    at_once([(_work_alone, open_objects, rounds)] * PROCESSES)


# --- one process ---------------------------------------------------------------------------------------------------


def _check_objects(objects: Objects) -> None:
    require(objects.get("a/b") is None, "an absent object is None")
    require(objects.create("a/b", b"one"), "an absent object is created")
    require(not objects.create("a/b", b"two"), "an object is created once")
    require(_bytes(objects, "a/b") == b"one", "the first creation stands")
    require(objects.get("a") is None and objects.read("a") is None, "a folder of objects is not an object")
    for name, data in (("empty", b""), ("large", BYTES)):
        require(objects.create(f"kinds/{name}", data) and _bytes(objects, f"kinds/{name}") == data, f"{name} bytes come back")
    objects.put("a/b", b"three")
    objects.put("new/by-put", b"four")
    require(_bytes(objects, "a/b") == b"three" and _bytes(objects, "new/by-put") == b"four", "put writes over and anew")
    objects.delete("a/b")
    objects.delete("a/b")
    objects.delete("never/was")
    require(objects.get("a/b") is None and objects.create("a/b", b"again"), "a deleted name is free")
    require(bool(objects.describe()), "a back end says where it is")


def _check_paths(objects: Objects) -> None:
    for path in BAD_PATHS:
        for what, act in (
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
            require_raises(ValueError, f"{path!r} is not a path to {what}", act)
    require_raises(ValueError, "a listing stays inside", objects.list, "../a")


def _check_many(objects: Objects) -> None:
    objects.create("many/there", b"before")
    created = objects.create_many({"many/one": b"1", "many/there": b"after", "more/two": BYTES})
    require(created == {"many/one", "more/two"}, "create_many names what it created")
    require(objects.create_many({}) == set(), "nothing is created of nothing")
    paths = ["many/one", "many/there", "more/two", "many/no", "many"]
    require(objects.get_many(paths) == {"many/one": b"1", "many/there": b"before", "more/two": BYTES}, "get_many gives what exists, whole")
    require(objects.get_many([]) == {}, "nothing is asked for nothing")
    require(objects.present(paths) == {"many/one", "many/there", "more/two"}, "present names what exists")
    require(objects.present([]) == set(), "nothing is present of nothing")


def _check_streams(objects: Objects) -> None:
    require(objects.read("stream/no") is None, "an absent object is not read")
    require(objects.write("stream/one", iter([b"a" * 70_000, b"", b"b", BYTES])), "an object is written from chunks")
    require(b"".join(objects.read("stream/one") or ()) == b"a" * 70_000 + b"b" + BYTES, "chunks come back in order, whole")
    require(not objects.write("stream/one", [b"two"]), "an object is written once")
    require(objects.write("stream/empty", []) and list(objects.read("stream/empty") or (b"x",)) in ([], [b""]), "no chunk is no bytes")
    require_raises(RuntimeError, "what chunks raise is raised", objects.write, "stream/half", _broken())
    require(objects.get("stream/half") is None, "chunks that raise leave nothing")
    require(objects.write("stream/half", [b"whole"]), "what was not written can be")
    chunks = objects.read("stream/one")
    objects.put("stream/one", b"new")
    require(b"".join(chunks or ()) in (b"a" * 70_000 + b"b" + BYTES, b"new"), "a stream is of one version")


def _broken() -> Iterator[bytes]:
    yield b"half"
    msg = "the source ended"
    raise RuntimeError(msg)


def _check_swaps(objects: Objects) -> None:
    first = objects.replace("cas/x", b"A", None)
    require(first is not None, "an absent object is replaced where it must be absent")
    require(objects.replace("cas/x", b"B", None) is None, "an object that is there is not replaced where it must be absent")
    require(objects.get("cas/x") == (b"A", first), "replace gives the etag that get gives")
    second = objects.replace("cas/x", b"B", first)
    require(second is not None and second != first, "an etag moves with the object")
    require(objects.replace("cas/x", b"C", first) is None, "an old etag is refused")
    require(_bytes(objects, "cas/x") == b"B", "what is refused writes nothing")
    third = objects.replace("cas/x", b"A", second)
    require(third is not None and third != first, "an etag does not come back when the bytes do")
    require(objects.replace("cas/x", b"C", first) is None, "an old etag is refused though the bytes are the same")
    objects.put("cas/x", b"A")
    require(objects.replace("cas/x", b"C", third) is None, "put moves the etag")
    objects.delete("cas/x")
    require(objects.replace("cas/x", b"C", third) is None and objects.get("cas/x") is None, "a deleted object has no etag")
    objects.create("cas/x", b"A")
    require(objects.replace("cas/x", b"C", third) is None, "an etag does not come back when the object does")


def _check_listing(objects: Objects) -> None:
    for path in ("list/b/2", "list/b/1", "list/a", "list/bc"):
        objects.put(path, b"12345")
    require(objects.list("list") == ["list/a", "list/b/1", "list/b/2", "list/bc"], "a listing is whole and sorted")
    require(objects.list("list/b") == ["list/b/1", "list/b/2"], "a listing is of a folder, not of a beginning")
    require(objects.list("nowhere") == [] and objects.list("list/a/x") == [], "a listing of nothing is empty")
    require(set(objects.list("list")) < set(objects.list("")), "a listing of all has all")
    entries = {entry.path: entry for entry in objects.entries("list/b")}
    require(sorted(entries) == objects.list("list/b"), "entries are those of the listing")
    recent = all(abs(entry.modified - time.time()) < CLOCKS_APART_S for entry in entries.values())
    require(recent and all(entry.size == len(b"12345") for entry in entries.values()), "entries have size and time")


def _check_reopened(open_objects: Callable[[], Objects]) -> None:
    before, after = open_objects(), open_objects()
    require(before.list("") == after.list("") != [], "what was written is there when opened again")
    found = before.get("list/a")
    require(found is not None and found == after.get("list/a"), "an etag is the object's, not the opener's")


def _check_leases(objects: Objects, open_objects: Callable[[], Objects]) -> None:
    with _taken(objects, "group/one") as lease:
        require(lease.renew(), "a held lease is renewed")
        require(open_objects().lease("group/one", {"pid": 2}, 5.0) is None, "a held lease is not given twice")
        held = {"group/one": {"pid": os.getpid()}}
        require(objects.leases("group") == objects.leases("") == open_objects().leases("") == held, "held leases are listed with owners")
        require(objects.leases("other") == {}, "a listing of leases is of a folder")
    lease.release()
    require(not lease.renew(), "a lease given up is not renewed")
    require(objects.leases("") == {} and not objects.break_lease("group/one"), "there is nothing to break where nobody holds")
    with _taken(objects, "group/one") as broken:
        require(objects.break_lease("group/one") and not broken.renew(), "a broken lease is not renewed")
        with _taken(objects, "group/one"):
            broken.release()
            require(objects.lease("group/one", {}, 5.0) is None, "who lost a lease does not free the next holder's")
    require(not any(path.startswith("group") for path in objects.list("")), "leases are not objects")
    _check_dead_holder(objects, open_objects)


def _check_dead_holder(objects: Objects, open_objects: Callable[[], Objects]) -> None:
    holder = spawn(_hold_lease, open_objects)
    try:
        within(20.0, lambda: "group/dead" in objects.leases("group"), "another process takes a lease")
        require(objects.lease("group/dead", {}, 2.0) is None, "a lease of another process is held")
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    within(20.0, lambda: _try_lease(objects, "group/dead"), "the lease of a killed process is free again")


def _check_refusals(objects: Objects) -> None:
    for what, act in (
        ("create", lambda: objects.create("a/b", b"")),
        ("create_many", lambda: objects.create_many({"a/b": b""})),
        ("replace", lambda: objects.replace("a/b", b"", None)),
        ("put", lambda: objects.put("a/b", b"")),
        ("write", lambda: objects.write("a/b", [b""])),
        ("lease", lambda: objects.lease("a/b", {}, 5.0)),
    ):
        require_raises(StorageError, f"what the medium refuses to {what} is said", act)


# --- many processes ------------------------------------------------------------------------------------------------


def _check_creating_at_once(objects: Objects, open_objects: Callable[[], Objects], rounds: int) -> None:
    at_once([(_create_all, open_objects, number, rounds) for number in range(PROCESSES)])
    for turn in range(rounds):
        winners = [number for number in range(PROCESSES) if objects.get(f"won/{turn}/{number}") is not None]
        require(len(winners) == 1, f"one of many creators wins, not {winners}")
        require(_bytes(objects, f"race/{turn}") == _payload(winners[0]), "the winner's bytes stand, whole")


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
            found = objects.get("counter")
            require(found is not None, "an object that is replaced is never absent")
            if found is not None and objects.replace("counter", str(int(found[0]) + 1).encode(), found[1]) is not None:
                break


def _check_reading_at_once(objects: Objects, open_objects: Callable[[], Objects], rounds: int) -> None:
    objects.put("torn", _payload(0))
    writers = [(_write_over, open_objects, number, rounds) for number in range(2)]
    at_once([*writers, *[(_read_whole, open_objects, rounds)] * 2])


def _write_over(open_objects: Callable[[], Objects], number: int, rounds: int) -> None:
    objects = open_objects()
    for _ in range(rounds):
        objects.put("torn", _payload(number))


def _read_whole(open_objects: Callable[[], Objects], rounds: int) -> None:
    objects = open_objects()
    whole = {_payload(0), _payload(1)}
    for _ in range(rounds):
        for data in (_bytes(objects, "torn"), objects.get_many(["torn"]).get("torn"), b"".join(objects.read("torn") or ())):
            require(data in whole, "a reader sees one write, whole")


def _work_alone(open_objects: Callable[[], Objects], rounds: int) -> None:
    objects = open_objects()
    for _ in range(rounds):
        while (lease := objects.lease("group/alone", {"pid": os.getpid()}, 30.0)) is None:
            time.sleep(0.001)
        with lease:
            require(objects.create("inside", b""), "one process at a time holds a lease")
            objects.delete("inside")


def _hold_lease(open_objects: Callable[[], Objects]) -> None:
    with _taken(open_objects(), "group/dead", ttl_s=2.0) as lease:
        while lease.renew():
            time.sleep(0.2)


# --- means ---------------------------------------------------------------------------------------------------------


def _payload(number: int) -> bytes:
    return f"{number:08d}".encode() * 16384


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
