"""Objects in a folder: complete after any kill, durable in the right order, and foreign files are ignored."""

import fcntl
import functools
import hashlib
import itertools
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from leptonctl.spi.storage import StorageError
from leptonctl.storage import durable
from leptonctl.storage.durable import ensure_dot_folder
from leptonctl.storage.folder import FolderObjects
from leptonctl.storage.folder_lease import is_held, take
from leptonctl.testing import check_store


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    return FolderObjects(root=tmp_path / "store")


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def test_the_folder_back_end_conforms(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file where the folder should be")
    check_store(
        functools.partial(FolderObjects, root=tmp_path / "deep" / "store"),
        refusing=functools.partial(FolderObjects, root=tmp_path / "file"),
        rounds=5,
    )


def test_reading_writes_nothing(objects: FolderObjects, tmp_path: Path) -> None:
    assert objects.get("a") is None
    assert objects.read("a") is None
    assert (objects.get_many(["a"]), objects.present(["a"]), objects.list(""), list(objects.entries("")), objects.leases("")) == (
        {}, set(), [], [], {},
    )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_modes_follow_the_umask(objects: FolderObjects, mask: int, mode: int) -> None:
    with umask(mask):
        objects.create("results/one", b"1")
        objects.put("head", b"2")
        objects.put("another", b"2")
        objects.write("artifacts/two", [b"3"])
        with objects.lease("step/one", {}, 5.0) or pytest.fail("free"):
            files = [path for path in objects.root.rglob("*") if path.is_file()]
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {mode}
            assert len(files) > 4
        folders = [path for path in objects.root.rglob("*") if path.is_dir()]
        assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o777 & ~mask}


def test_without_hard_links_a_name_is_still_created_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on exFAT and some network file systems. Processes without links share a lock."""

    def link(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    objects = FolderObjects(root=tmp_path)
    assert objects.create("a/b", b"one")
    assert not objects.create("a/b", b"two")
    assert objects.create_many({"a/b": b"two", "a/c": b"three"}) == {"a/c"}
    assert objects.get_many(["a/b", "a/c"]) == {"a/b": b"one", "a/c": b"three"}
    assert os.listdir(tmp_path / ".temporary") == []


def test_two_processes_without_hard_links_do_not_both_create_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = FolderObjects(root=tmp_path)

    def link(_: Path, path: Path) -> None:
        # the other one finishes while this one finds out that there are no links
        path.write_bytes(b"theirs")
        raise PermissionError(1, "Operation not permitted")

    objects.create("a/x", b"")
    monkeypatch.setattr(os, "link", link)
    assert not objects.create("a/b", b"ours")
    assert (objects.get("a/b") or (b"",))[0] == b"theirs"


def test_what_is_not_an_object_is_absent(objects: FolderObjects) -> None:
    objects.create("results/good", b"1")
    results = objects.root / "results"
    (results / "folder").mkdir()
    (results / "loop").symlink_to("loop")
    (results / "round").symlink_to("../results")
    (results / "nowhere").symlink_to("gone")
    (results / "equal").symlink_to("good")
    (results / "endless").symlink_to("/dev/zero")
    os.mkfifo(results / "pipe")
    (results / ".nfs0001").write_bytes(b"")
    names = ["folder", "loop", "round", "nowhere", "equal", "endless", "pipe"]
    stray = [f"results/{name}" for name in names]
    assert objects.list("results") == objects.list("") == ["results/good"]
    assert [entry.path for entry in objects.entries("")] == ["results/good"]
    assert objects.present([*stray, "results/good"]) == {"results/good"}
    assert objects.get_many([*stray, "results/good"]) == {"results/good": b"1"}
    assert [objects.get(path) for path in stray] == [None] * len(stray)
    assert [objects.read(path) for path in stray] == [None] * len(stray)


@pytest.mark.parametrize("target", ["good", "/dev/zero", "gone"])
def test_a_write_replaces_a_link_and_not_what_it_leads_to(objects: FolderObjects, target: str) -> None:
    objects.create("heads/good", b"1")
    link = objects.root / "heads" / "one"
    link.symlink_to(target)
    assert objects.replace("heads/one", b"2", "1-2-3") is None, "for a reader there was nothing"
    etag = objects.replace("heads/one", b"2", None)
    assert objects.get("heads/one") == (b"2", etag)
    assert not link.is_symlink()
    assert (objects.get("heads/good") or ())[0] == b"1"


def test_a_file_larger_than_memory_is_named_and_not_read(objects: FolderObjects) -> None:
    """A hole costs nothing on the disk."""
    objects.create("artifacts/one", b"1")
    with (objects.root / "artifacts" / "one").open("r+b") as file:
        file.truncate(1 << 42)
    for read in (objects.get, lambda path: objects.get_many([path])):
        with pytest.raises(StorageError, match="artifacts/one"):
            read("artifacts/one")


def test_a_part_of_a_store_may_be_on_another_disk(objects: FolderObjects, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    objects.create("results/one", b"1")
    (objects.root / "artifacts").symlink_to(other)
    objects.create("artifacts/a", b"2")
    assert objects.list("") == ["artifacts/a", "results/one"]
    assert objects.list("artifacts") == ["artifacts/a"]
    assert objects.present(["artifacts/a"]) == {"artifacts/a"}
    assert (objects.get("artifacts/a") or ())[0] == b"2"


def test_circular_links_are_not_followed_forever(objects: FolderObjects) -> None:
    objects.create("a/b/c/one", b"1")
    (objects.root / "a" / "b" / "c" / "up").symlink_to(objects.root / "a")
    (objects.root / "a" / "b" / "c" / "top").symlink_to(objects.root)
    assert objects.list("") == objects.list("a") == ["a/b/c/one"]


def test_an_unreadable_object_is_reported(objects: FolderObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    objects.create("results/one", b"1")
    real = os.open

    def refuse(path: str, *arguments: int) -> int:
        if str(path).endswith("one"):
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments)

    monkeypatch.setattr(os, "open", refuse)
    for act in (lambda: objects.get("results/one"), lambda: objects.get_many(["results/one"]), lambda: objects.read("results/one")):
        with pytest.raises(StorageError, match=r"Reading results/one in .*: Permission denied") as refused:
            act()
        assert refused.value.hint


def test_a_full_disk_is_reported_and_leaves_nothing(objects: FolderObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    objects.put("head", b"before")

    def write(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "write", write)
        for act in (lambda: objects.create("a", b"1"), lambda: objects.put("head", b"2"), lambda: objects.create_many({"b": b"3"})):
            with pytest.raises(StorageError, match="No space left") as refused:
                act()
            assert "free some space" in refused.value.hint
    assert objects.list("") == ["head"]
    assert (objects.get("head") or (b"",))[0] == b"before"
    assert os.listdir(objects.root / ".temporary") == []


def test_bytes_are_durable_before_their_name(objects: FolderObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    objects.put("results/before", b"")  # makes the folders
    objects.put("artifacts/before", b"")
    seen: list[str] = []

    def watch(name: str) -> None:
        real = getattr(os, name)

        def called(*given: object, **named: object) -> object:
            folder_ = name == "fsync" and os.path.isdir(f"/proc/self/fd/{given[0]}")
            seen.append("fsync folder" if folder_ else name)
            return real(*given, **named)

        monkeypatch.setattr(os, name, called)

    for name in ("fsync", "link", "replace"):
        watch(name)
    objects.create("results/one", b"1")
    assert seen == ["fsync", "link", "fsync folder"]
    seen.clear()
    objects.create("results/one", b"1")
    assert seen == ["fsync folder"]
    seen.clear()
    objects.put("results/before", b"2")
    assert seen == ["fsync", "replace", "fsync folder"]
    seen.clear()
    objects.create_many({"artifacts/a": b"1", "artifacts/b": b"2", "artifacts/c": b"3"})
    assert seen == ["fsync", "link"] * 3 + ["fsync folder"]


def test_an_etag_does_not_repeat_when_the_clock_is_set_back(objects: FolderObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([2 * 10**18, 19 * 10**17, 19 * 10**17, 19 * 10**17])
    monkeypatch.setattr(durable, "_now", lambda: next(moments))
    etags = [objects.replace("head", b"A", None)]
    for data in (b"B", b"A", b"B"):
        etags.append(objects.replace("head", data, etags[-1]))
    assert None not in etags
    assert len(set(etags)) == 4
    stamps = [int(str(etag).partition("-")[0], 16) for etag in etags]
    assert stamps == sorted(set(stamps))
    assert all(objects.replace("head", b"C", etag) is None for etag in etags[:-1])


def test_a_file_is_stamped_by_a_clock_that_always_advances(objects: FolderObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's clock is constant for milliseconds: an object that is deleted and created again would have its old etag."""
    moments = iter(range(2 * 10**18, 2 * 10**18 + 10))
    monkeypatch.setattr(durable, "_now", lambda: next(moments))
    for number in range(3):
        objects.create("a", b"1")
        assert (objects.root / "a").stat().st_mtime_ns == 2 * 10**18 + number
        objects.delete("a")


def test_an_etag_does_not_repeat_where_files_are_stamped_to_the_second(objects: FolderObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.utime

    def coarse(path: object, *, ns: tuple[int, int]) -> None:
        real(path, ns=(ns[0] // 10**9 * 10**9,) * 2)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "utime", coarse)
    etags = [objects.replace("head", b"A", None)]
    for data in (b"B", b"A", b"B", b"A"):
        etags.append(objects.replace("head", data, etags[-1]))
    assert None not in etags
    assert len({str(etag).partition("-")[0] for etag in etags}) == 5


def test_a_stream_that_is_not_read_to_its_end_is_closed(objects: FolderObjects) -> None:
    objects.create("large", b"x" * 5_000_000)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        chunks = objects.read("large")
        assert chunks is not None
        assert len(next(chunks)) < 5_000_000
    del chunks
    assert len(os.listdir("/proc/self/fd")) == before


def test_no_verb_leaves_a_file_open(objects: FolderObjects) -> None:
    """A server follows a head for months."""

    def all_verbs() -> None:
        objects.create("a/one", b"1")
        objects.create_many({"a/two": b"2"})
        objects.put("a/one", b"3")
        found = objects.get("a/one")
        assert objects.get("a") is objects.read("a") is None
        assert objects.get_many(["a/one", "a/two", "a"]).keys() == {"a/one", "a/two"}
        objects.replace("a/one", b"4", found[1] if found else None)
        assert list(objects.read("a/one") or ()) == [b"4"]
        with objects.lease("step/one", {}, 5.0) or pytest.fail("free"):
            assert objects.lease("step/one", {}, 5.0) is None
            assert objects.leases("") == {"step/one": {}}
        assert objects.break_lease("step/one") is False
        objects.delete("a/one")
        ensure_dot_folder(objects.root)

    all_verbs()
    before = sorted(os.listdir("/proc/self/fd"))
    all_verbs()
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_a_stream_ends_once(objects: FolderObjects) -> None:
    objects.create("one", b"1")
    chunks = objects.read("one")
    assert chunks is not None
    assert [next(chunks, None) for _ in range(3)] == [b"1", None, None]


def test_a_path_below_an_object_is_absent(objects: FolderObjects) -> None:
    """Also to a compare-and-swap, which therefore writes nothing: an object is no folder."""
    objects.create("a", b"1")
    assert objects.get("a/b") is objects.read("a/b") is objects.replace("a/b", b"2", "an etag") is None
    objects.delete("a/b")
    with pytest.raises(StorageError, match=r"^Writing a/b in "):
        objects.put("a/b", b"2")
    assert objects.list("") == ["a"]


def test_a_refusal_names_what_was_tried(objects: FolderObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    objects.create_many({"a/one": b"1"})

    def refuse(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "scandir", refuse)
        for prefix, named in (("", "all"), ("a", "a")):
            for act in (lambda p=prefix: objects.list(p), lambda p=prefix: list(objects.entries(p))):
                with pytest.raises(StorageError, match=rf"^Listing {named} in .*: Input/output error\.$") as caught:
                    act()
                assert "disk or mount" in caught.value.hint
    # the names are written, but not known to be durable
    monkeypatch.setattr("leptonctl.storage.folder.fsync_folder", refuse)
    with pytest.raises(StorageError, match=r"^Writing a in .*: Input/output error\.$"):
        objects.create_many({"a/two": b"2"})


def test_leftovers_are_not_listed_and_are_removed_after_a_day(objects: FolderObjects) -> None:
    temporary = objects.root / ".temporary"
    temporary.mkdir(parents=True)
    for name, age in (("old", 90_000), ("young", 80_000)):
        (temporary / name).write_bytes(b"half")
        os.utime(temporary / name, (time.time() - age,) * 2)
    objects.create("one", b"1")
    assert [path.name for path in temporary.iterdir()] == ["young"]
    assert objects.list("") == ["one"]


def test_a_holder_that_hangs_is_named_as_the_reason_of_a_timeout(objects: FolderObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a server that hangs while it writes its heartbeat blocks no other writer, whatever its lock hashes to."""
    monkeypatch.setattr("leptonctl.storage.durable.LOCK_S", 0.1)
    head = "projects/p/deployments/prod/head"
    hangs = next(path for n in itertools.count() if _stripe(path := f"servers/prod/{n}") == _stripe(head))
    with objects._lock(hangs):
        objects.put(head, b"{}")
        with pytest.raises(StorageError, match="another process has held its lock") as caught:
            objects.put(hangs, b"{}")
        assert "lock" in caught.value.hint
    objects.put(hangs, b"{}")


def test_a_lock_is_taken_soon_after_it_is_free(objects: FolderObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its holder writes for milliseconds."""
    pauses: list[float] = []
    held = objects._lock("head")

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            held.__exit__(None, None, None)

    held.__enter__()
    monkeypatch.setattr(time, "sleep", sleep)
    objects.put("head", b"{}")
    assert len(pauses) == 3
    assert max(pauses) <= 0.01


def _stripe(path: str) -> bytes:
    """The bits of its hash that a path's lock is chosen by, one way or another: the last twelve of the first two bytes."""
    first, second = hashlib.sha256(path.encode()).digest()[:2]
    return bytes([first % 16, second])


def test_a_lease_file_that_its_last_holder_removed_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last holder releases the lease after the file is opened here and before it is locked."""
    path, real, calls = tmp_path / "lease", fcntl.flock, []

    def flock(handle: int, how: int) -> None:
        calls.append(how)
        if len(calls) == 1:
            path.unlink()
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    lease = take(path, {"pid": 1})
    assert lease is not None
    assert lease.renew()
    assert is_held(path)
    lease.release()


def test_looking_at_a_lease_does_not_keep_others_from_taking_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To see whether it is held, a reader takes its lock for a moment."""
    path = tmp_path / "lease"
    path.touch()
    with path.open() as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        monkeypatch.setattr(time, "sleep", lambda _seconds: fcntl.flock(reader, fcntl.LOCK_UN))
        lease = take(path, {"pid": 1})
    assert lease is not None
    lease.release()


def test_a_lease_that_stays_held_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    with take(tmp_path / "lease", {"pid": 1}) or pytest.fail("free"):
        monkeypatch.setattr(time, "sleep", pauses.append)
        assert take(tmp_path / "lease", {"pid": 2}) is None
    assert len(pauses) >= 1
    assert sum(pauses) < 0.1


def test_the_dot_folder_is_ignored_by_git_from_the_first_write(tmp_path: Path) -> None:
    FolderObjects(root=tmp_path / ".leptonctl" / "store").create("a", b"x")
    ignore = tmp_path / ".leptonctl" / ".gitignore"
    assert ignore.read_text() == "*\n"
    assert ignore.stat().st_mtime_ns <= (tmp_path / ".leptonctl" / "store").stat().st_mtime_ns
    ignore.write_text("")  # its writer was killed between making and filling it
    ensure_dot_folder(tmp_path)
    assert ignore.read_text() == "*\n"
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        real(handle)

    ignore.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        ensure_dot_folder(tmp_path)
    assert synced == [str(ignore), str(ignore.parent)], "a crash must not leave the folder without it"
    ignore.write_text("*\n!note.md\n")
    ensure_dot_folder(tmp_path)
    assert ignore.read_text() == "*\n!note.md\n"
