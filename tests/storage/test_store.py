"""The store over a folder: whole after any kill, first record wins, lost artifacts are noticed."""

import fcntl
import functools
import hashlib
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leptonctl.core.diagnostic import Failure
from leptonctl.core.values import Json, Result
from leptonctl.storage.durable import ensure_dot_folder
from leptonctl.storage.folder import FolderObjects
from leptonctl.storage.lease import is_held, take
from leptonctl.storage.objects import open_objects
from leptonctl.storage.store import Store, open_store
from leptonctl.testing import check_store

KEY = "sha256:" + "ab" * 32


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store("store", tmp_path)


def result(artifacts: dict[str, str], *, key: str = KEY, seconds: float = 1.5) -> Result:
    outputs: dict[str, Json] = {"metrics": {"f1": 0.5}, "text": "grün\u2028"}
    return Result(key=key, op="train", artifacts=artifacts, outputs=outputs, provenance={"by": "anna"}, seconds=seconds)


def test_the_folder_back_end_conforms(tmp_path: Path) -> None:
    check_store(functools.partial(FolderObjects, root=tmp_path / "deep" / "store"), rounds=5)


def test_opening_and_reading_write_nothing(tmp_path: Path) -> None:
    store = open_store(".leptonctl/store", tmp_path)
    assert store.get_result(KEY) is None
    assert store.head("prod") is None
    assert store.lineage("p") is None
    assert store.leases() == {}
    assert not any((list(store.artifacts()), list(store.all_results()), store.servers("prod"), store.deployments("prod")))
    assert list(tmp_path.iterdir()) == []


def test_the_dot_folder_is_ignored_by_git_from_the_first_write(tmp_path: Path) -> None:
    open_store(".leptonctl/store", tmp_path).put_artifact(b"x")
    ignore = tmp_path / ".leptonctl" / ".gitignore"
    assert ignore.read_text() == "*\n"
    assert ignore.stat().st_mtime_ns <= (tmp_path / ".leptonctl" / "store").stat().st_mtime_ns
    ignore.write_text("")  # its writer was killed between making and filling it
    ensure_dot_folder(tmp_path)
    assert ignore.read_text() == "*\n"
    ignore.write_text("*\n!note.md\n")
    ensure_dot_folder(tmp_path)
    assert ignore.read_text() == "*\n!note.md\n"


def test_a_remote_store_is_not_available_yet(tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        open_objects("s3://bucket/prefix", tmp_path)
    assert caught.value.diagnostics[0].id == "not-available"
    assert caught.value.exit_code == 3


def test_artifacts_are_checked_against_their_digest(store: Store, tmp_path: Path) -> None:
    digest = store.put_artifact(b"weights")
    assert digest == "sha256:" + hashlib.sha256(b"weights").hexdigest()
    assert store.put_artifact(b"weights") == digest
    assert store.get_artifact(digest) == b"weights"
    assert [(d, size) for d, size, _ in store.artifacts()] == [(digest, 7)]
    (tmp_path / "store" / "artifacts" / digest[7:9] / digest[7:]).write_bytes(b"w3ights")
    with pytest.raises(ValueError, match="damaged"):
        store.get_artifact(digest)
    store.delete_artifact(digest)
    assert not store.has_artifact(digest)
    with pytest.raises(KeyError):
        store.get_artifact(digest)


def test_a_result_comes_back_as_it_was(store: Store) -> None:
    made = result({"model.skops": store.put_artifact(b"m")})
    assert store.put_result(made, "model/a@v1") == made
    assert store.get_result(KEY) == made
    assert store.results([KEY, "sha256:" + "00" * 32]) == {KEY: made}
    assert [(r.result, r.address, r.number) for r in store.all_results()] == [(made, "model/a@v1", 1)]


def test_the_first_record_of_a_key_wins(store: Store) -> None:
    first = result({"m": store.put_artifact(b"first")})
    second = result({"m": store.put_artifact(b"second")}, seconds=9.0)
    assert store.put_result(first, "model/a@v1") == first
    assert store.put_result(second, "model/b@v1") == first


def test_a_result_without_its_artifacts_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="before its artifacts"):
        store.put_result(result({"m": "sha256:" + "00" * 32}), "model/a@v1")
    assert store.get_result(KEY) is None


def test_a_lost_artifact_makes_room_for_a_second_record(store: Store) -> None:
    first = result({"m": store.put_artifact(b"first"), "n": store.put_artifact(b"both")})
    second = result({"m": store.put_artifact(b"second"), "n": store.put_artifact(b"both")})
    store.put_result(first, "model/a@v1")
    store.delete_artifact(first.artifacts["m"])
    assert store.get_result(KEY) is None
    assert store.put_result(second, "model/a@v1") == second
    assert store.get_result(KEY) == second
    assert store.put_artifact(b"first")  # it turns up again: the newest whole record stays in force
    assert store.get_result(KEY) == second
    assert sorted(r.number for r in store.all_results()) == [1, 2]
    store.delete_artifact(second.artifacts["m"])
    assert store.get_result(KEY) == first


def test_a_rebuild_of_equal_bytes_needs_no_second_record(store: Store) -> None:
    first = result({"m": store.put_artifact(b"first")})
    store.put_result(first, "model/a@v1")
    store.delete_artifact(first.artifacts["m"])
    store.put_artifact(b"first")
    assert store.put_result(result({"m": first.artifacts["m"]}, seconds=9.0), "model/a@v1") == first
    assert [r.number for r in store.all_results()] == [1]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"{}", b'{"format_version": "1"}'])
def test_a_broken_record_is_a_failure_with_a_way_out(store: Store, tmp_path: Path, data: bytes) -> None:
    store.put_result(result({}), "model/a@v1")
    (tmp_path / "store" / "results" / KEY[7:]).write_bytes(data)
    with pytest.raises(Failure) as caught:
        store.get_result(KEY)
    assert caught.value.diagnostics[0].id == "corrupt-record"
    assert KEY[7:] in caught.value.diagnostics[0].hint


def test_a_record_of_a_newer_format_is_not_misread(store: Store, tmp_path: Path) -> None:
    store.put_result(result({}), "model/a@v1")
    (tmp_path / "store" / "results" / KEY[7:]).write_bytes(b'{"format_version": "2"}')
    with pytest.raises(Failure) as caught:
        store.get_result(KEY)
    assert caught.value.diagnostics[0].id == "newer-format"


def test_what_is_not_json_is_never_recorded(store: Store) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        store.put_result(result({}, seconds=float("nan")), "model/a@v1")
    assert list(store.all_results()) == []


def test_marks_keep_the_first(store: Store) -> None:
    assert store.check_key("k/1", "aa")
    assert store.check_key("k/1", "aa")
    assert not store.check_key("k/1", "bb")
    assert store.check_key("..", "cc")
    assert store.lineage("mail") is None
    assert store.mark_lineage("mail", "one") == "one"
    assert store.mark_lineage("mail", "two") == "one"
    assert store.lineage("mail") == "one"


def test_history_is_followed_back_to_the_first(store: Store) -> None:
    previous: Json = None
    for serial in range(1, 5):
        assert store.append_history(serial, f"id{serial}", {"serial": serial, "previous": previous})
        previous = {"serial": serial, "id": f"id{serial}"}
    assert not store.append_history(4, "id4", {"serial": 4, "previous": None})
    assert [r["serial"] for r in store.history((4, "id4"))] == [4, 3, 2, 1]
    assert list(store.history(None)) == []
    assert list(store.history((4, "other"))) == []


def test_the_head_moves_by_compare_and_swap(store: Store) -> None:
    assert store.put_deployment("prod", 1, {"deployment": 1})
    assert not store.put_deployment("prod", 1, {"deployment": 9})
    assert store.put_deployment("prod", 12, {"deployment": 12})
    assert store.deployment("prod", 1) == {"format_version": "1", "deployment": 1}
    assert store.deployment("prod", 3) is None
    assert store.move_head("prod", {"deployment": 1, "serial": 1}, None)
    assert not store.move_head("prod", {"deployment": 12, "serial": 2}, None)
    head = store.head("prod")
    assert head is not None
    assert store.move_head("prod", {"deployment": 12, "serial": 2}, head[1])
    assert not store.move_head("prod", {"deployment": 1, "serial": 3}, head[1])
    store.stage("prod", {"deployment": 12})
    assert store.staged("prod") == {"format_version": "1", "deployment": 12}
    assert store.staged("dev") is None
    assert store.deployments("prod") == [1, 12]


def test_servers_come_and_go(store: Store) -> None:
    store.put_server("prod", "b", {"id": "b", "heartbeat": 1})
    store.put_server("prod", "a", {"id": "a"})
    store.put_server("prod", "b", {"id": "b", "heartbeat": 2})
    assert [(s["id"], s.get("heartbeat")) for s in store.servers("prod")] == [("a", None), ("b", 2)]
    store.remove_server("prod", "b")
    store.remove_server("prod", "b")
    assert [s["id"] for s in store.servers("prod")] == ["a"]


def test_leases_name_their_owner(store: Store) -> None:
    lease = store.step_lease(KEY, {"pid": 7})
    assert lease is not None
    with lease:
        assert store.step_lease(KEY, {"pid": 8}) is None
        assert store.leases() == {f"step/{KEY[7:]}": {"pid": 7}}
        assert store.leases("environment") == {}
        assert store.break_lease(f"step/{KEY[7:]}")
        assert not lease.renew()
        assert store.leases() == {}


def test_a_lease_file_that_its_last_holder_removed_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last holder gives up between our opening of the file and our lock."""
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


def test_leftovers_are_not_listed_and_swept_after_a_day(tmp_path: Path) -> None:
    temporary = tmp_path / "store" / ".temporary"
    temporary.mkdir(parents=True)
    for name, age in (("old", 90_000), ("young", 80_000)):
        (temporary / name).write_bytes(b"half")
        os.utime(temporary / name, (time.time() - age,) * 2)
    store = open_store("store", tmp_path)
    store.put_artifact(b"x")
    assert [path.name for path in temporary.iterdir()] == ["young"]
    assert len(store.objects.list("")) == 1


def test_bytes_are_durable_before_their_name(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.objects.put("results/before", b"")  # makes the folders
    seen: list[str] = []

    def watch(name: str) -> None:
        real = getattr(os, name)

        def called(*given: object, **named: object) -> object:
            folder = name == "fsync" and os.path.isdir(f"/proc/self/fd/{given[0]}")
            seen.append("fsync folder" if folder else name)
            return real(*given, **named)

        monkeypatch.setattr(os, name, called)

    for name in ("fsync", "link", "replace"):
        watch(name)
    store.objects.create("results/one", b"1")
    assert seen == ["fsync", "link", "fsync folder"]
    seen.clear()
    store.objects.create("results/one", b"1")
    assert seen == ["fsync folder"]
    seen.clear()
    store.objects.put("results/before", b"2")
    assert seen == ["fsync", "replace", "fsync folder"]


def test_a_folder_that_cannot_be_written_is_a_clear_failure(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file stands where the folder should")
    with pytest.raises(Failure) as caught:
        open_store("store", tmp_path).put_artifact(b"x")
    assert caught.value.diagnostics[0].id == "store-failed"


WRITER = """
import sys
from pathlib import Path
from leptonctl.core.values import Result
from leptonctl.storage.store import open_store

store, run = open_store("store", Path(sys.argv[1])), int(sys.argv[2])
print("ready", flush=True)
for number in range(10**6):
    name = f"{run:064x}"[:-8] + f"{number:08x}"
    digest = store.put_artifact(name.encode() * 2000)
    result = Result(key=name, op="train", artifacts={"m": digest}, outputs={}, provenance={}, seconds=0.0)
    store.put_result(result, "model/a@v1")
    print(name, flush=True)
    store.objects.put("servers/prod/one", name.encode() * 50_000)
"""


def test_a_holder_that_hangs_is_named_as_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a server that hangs while it writes its heartbeat is in nobody's way, whatever its lock hashes to."""
    monkeypatch.setattr("leptonctl.storage.durable.LOCK_S", 0.1)
    objects = FolderObjects(root=tmp_path)
    staged = "deployments/prod/staged"
    hangs = next(path for n in itertools.count() if _stripe(path := f"servers/prod/{n}") == _stripe(staged))
    with objects._lock(hangs):
        objects.put(staged, b"{}")
        with pytest.raises(Failure) as caught:
            objects.put(hangs, b"{}")
    (problem,) = caught.value.diagnostics
    assert problem.id == "store-failed"
    assert "another process has held its lock" in problem.detail
    objects.put(hangs, b"{}")


def _stripe(path: str) -> bytes:
    """The bits of its hash that a path's lock is chosen by, one way or another: the last twelve of the first two bytes."""
    first, second = hashlib.sha256(path.encode()).digest()[:2]
    return bytes([first % 16, second])


def test_a_killed_writer_leaves_everything_whole_or_absent(tmp_path: Path) -> None:
    chance = random.Random(20240601)
    done: list[str] = []
    store = open_store("store", tmp_path)
    for run in range(0, 50, 2):
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(run + n)], stdout=subprocess.PIPE, text=True) for n in (0, 1)
        ]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.0, 0.06))
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            told = writer.communicate()[0]
            assert writer.returncode == -signal.SIGKILL
            done += [line for line in told.split("\n")[:-1] if line]
        beat = store.objects.get("servers/prod/one")
        assert beat is None or len(beat[0]) == 3_200_000
    recorded = {r.result.key: r.result for r in store.all_results()}
    assert set(done) <= set(recorded)
    assert len(done) > 50
    for key, found in recorded.items():
        assert store.get_artifact(found.artifacts["m"]) == key.encode() * 2000
    for digest, _, _ in store.artifacts():
        store.get_artifact(digest)  # raises when a byte is missing


def test_ten_thousand_results_are_looked_up_quickly(tmp_path: Path) -> None:
    store = open_store("store", tmp_path)
    digest = store.put_artifact(b"m")
    versions: Json = {"python": "3.11.9", "numpy": "2.4.6", "scikit-learn": "1.9.1", "onnx": "1.23.2"}
    folder = tmp_path / "store" / "results"
    folder.mkdir()
    keys = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(10_000)]
    first = Result(
        key=keys[0],
        op="evaluate",
        artifacts={"m": digest},
        outputs={"metrics": {"f1": 0.0}},
        provenance={"by": "anna", "versions": versions},
        seconds=0.1,
    )
    store.put_result(first, "model/a@v1")
    template = (folder / keys[0]).read_text()
    for number, key in enumerate(keys):  # laid down as `put_result` would, less ten thousand fsyncs
        (folder / key).write_text(template.replace(keys[0], key).replace('"f1":0.0', f'"f1":{number / 1e4}'))
    started = time.process_time()
    found = store.results([f"sha256:{key}" for key in keys] + ["sha256:" + "00" * 32])
    seconds = time.process_time() - started
    print(f"\n10,000 results: {seconds * 1e3:.0f} ms")
    assert len(found) == 10_000
    assert found[f"sha256:{keys[77]}"].outputs == {"metrics": {"f1": 0.0077}}
    assert seconds < 5
