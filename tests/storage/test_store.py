"""The store over a folder: complete after any kill, the first record wins, lost artifacts are noticed, damage affects nothing else."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.codec import encode, with_checksum
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import replace
from leptonctl.core.result import Result, Tombstone
from leptonctl.core.state import Owner
from leptonctl.core.store_records import Recipe
from leptonctl.core.values import Json
from leptonctl.spi.learning import ProviderError
from leptonctl.storage.batch import ArtifactBatch
from leptonctl.storage.folder import STORE
from leptonctl.storage.open import open_store
from leptonctl.storage.records import BadRecordAt
from leptonctl.storage.store import Store, StoredResult

KEY = "sha256:" + "ab" * 32
OTHER = "sha256:" + "cd" * 32
ABSENT = "sha256:" + "00" * 32
SOAK = bool(os.environ.get("LEPTONCTL_SOAK"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store("store", tmp_path, {"": STORE})


def result(artifacts: dict[str, str], *, key: str = KEY, seconds: float = 1.5) -> Result:
    outputs: dict[str, Json] = {"metrics": {"f1": 0.5}, "text": "grün\u2028"}
    return Result(
        key=key, op="train", artifacts=artifacts, outputs=outputs, provenance={"by": "anna"}, seconds=seconds, address="model/a@v1"
    )


def test_opening_and_reading_write_nothing(tmp_path: Path) -> None:
    store = open_store(".leptonctl/store", tmp_path, {"": STORE})
    assert store.results([KEY]).get(KEY) is None
    assert store.leases() == {}
    assert store.recipes([KEY]) == {}
    assert not any((list(store.artifacts()), list(store.all_results()), store.present([KEY])))
    assert list(tmp_path.iterdir()) == []


# --- artifacts


def test_a_folder_with_an_artifacts_name_is_refused_by_name(store: Store, tmp_path: Path) -> None:
    digest = store.put_artifact(b"weights")
    file = tmp_path / "store" / layout.artifact(digest)
    file.unlink()
    file.mkdir()
    assert store.present([digest]) == frozenset()
    with pytest.raises(Failure) as refused:
        store.put_artifact(b"weights")
    assert refused.value.diagnostics[0].id == "store-failed"
    assert layout.artifact(digest) in refused.value.diagnostics[0].detail


@pytest.mark.parametrize("target", ["in a circle", "/dev/zero", "an equal file"])
def test_a_link_with_an_artifacts_name_is_not_an_artifact(store: Store, tmp_path: Path, target: str) -> None:
    """To no reader; what it leads to may change, be elsewhere, or have no end. The bytes take its place when they are stored again."""
    digest = store.put_artifact(b"weights")
    file = tmp_path / "store" / layout.artifact(digest)
    file.rename(tmp_path / "equal")
    file.symlink_to({"in a circle": file.name, "an equal file": tmp_path / "equal"}.get(target, target))
    assert (store.present([digest]), store.is_sound(digest), list(store.artifacts())) == (frozenset(), False, [])
    with pytest.raises(KeyError):
        store.get_artifact(digest)
    assert store.put_artifact(b"weights") == digest
    assert (file.is_symlink(), store.get_artifact(digest)) == (False, b"weights")


def test_artifacts_are_checked_against_their_digest(store: Store, tmp_path: Path) -> None:
    digest = store.put_artifact(b"weights")
    assert digest == "sha256:" + hashlib.sha256(b"weights").hexdigest()
    assert store.put_artifact(b"weights") == digest
    assert store.get_artifact(digest) == b"weights"
    assert [(a.digest, a.size) for a in store.artifacts()] == [(digest, 7)]
    file = tmp_path / "store" / "artifacts" / digest[7:]
    file.write_bytes(b"w3ights")
    with pytest.raises(ValueError, match="damaged"):
        store.get_artifact(digest)
    store.objects.delete(layout.artifact(digest))
    assert store.present([digest, ABSENT]) == set()
    with pytest.raises(KeyError):
        store.get_artifact(digest)


def test_a_damaged_artifact_is_repaired_by_building_it_again(store: Store, tmp_path: Path) -> None:
    digest = store.put_artifact(b"weights")
    (tmp_path / "store" / "artifacts" / digest[7:]).write_bytes(b"w3ights")
    assert store.put_artifact(b"weights") == digest
    assert store.get_artifact(digest) == b"weights"


def test_many_artifacts_are_put_in_their_order(store: Store) -> None:
    contents = [b"a", b"b", b"a", b""]
    digests = store.put_artifacts(contents)
    assert [store.get_artifact(digest) for digest in digests] == contents
    assert len(list(store.artifacts())) == 3
    assert store.put_artifacts([]) == []


def test_a_batch_stores_when_it_is_flushed(store: Store) -> None:
    batch = ArtifactBatch(store=store)
    old = store.put_artifact(b"old")
    digest = batch.put_artifact(b"new")
    assert batch.get_artifact(digest) == b"new"
    assert batch.get_artifact(old) == b"old"
    assert store.present([digest]) == set()
    batch.flush()
    assert store.get_artifact(digest) == batch.get_artifact(digest) == b"new"
    store.objects.delete(layout.artifact(digest))
    for gone in (ABSENT, digest):  # the batch keeps nothing that it has stored
        with pytest.raises(KeyError):
            batch.get_artifact(gone)


# --- results


def test_a_result_is_read_back_as_it_was(store: Store) -> None:
    whole = result({"model.skops": store.put_artifact(b"m")})
    assert store.put_result(whole) == whole
    assert store.results([KEY]).get(KEY) == whole
    assert store.results([KEY, ABSENT]) == {KEY: whole}
    assert list(store.all_results()) == [StoredResult(result=whole, number=1)]


def test_the_first_record_of_a_key_wins(store: Store) -> None:
    first = result({"m": store.put_artifact(b"first")})
    second = result({"m": store.put_artifact(b"second")}, seconds=9.0)
    assert store.put_result(first) == first
    assert store.put_result(second) == first


def test_a_result_without_its_artifacts_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="before its artifacts"):
        store.put_result(result({"m": ABSENT}))
    assert store.results([KEY]).get(KEY) is None


def test_a_lost_artifact_makes_room_for_a_second_record(store: Store) -> None:
    first = result({"m": store.put_artifact(b"first"), "n": store.put_artifact(b"both")})
    second = result({"m": store.put_artifact(b"second"), "n": store.put_artifact(b"both")})
    store.put_result(first)
    store.objects.delete(layout.artifact(first.artifacts["m"]))
    assert store.results([KEY]).get(KEY) is None
    assert store.put_result(second) == second
    assert store.results([KEY]).get(KEY) == second
    assert store.put_artifact(b"first")  # it is back: the newest complete record stays in force
    assert store.results([KEY]).get(KEY) == second
    assert sorted(r.number for r in store.all_results() if isinstance(r, StoredResult)) == [1, 2]
    store.objects.delete(layout.artifact(second.artifacts["m"]))
    assert store.results([KEY]).get(KEY) == first


def test_a_rebuild_of_equal_bytes_needs_no_second_record(store: Store) -> None:
    first = result({"m": store.put_artifact(b"first")})
    store.put_result(first)
    store.objects.delete(layout.artifact(first.artifacts["m"]))
    store.put_artifact(b"first")
    assert store.put_result(result({"m": first.artifacts["m"]}, seconds=9.0)) == first
    assert len(list(store.all_results())) == 1


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b"{}", b'{"format_version": "1"}', b'{"format_version":"1","key":"k","op":"t","artifacts":null}',
     b"\xff\xfe", b"[" * 100_000, encode(result({}, key=OTHER))],
)  # fmt: skip
def test_a_damaged_record_fails_only_its_readers(store: Store, tmp_path: Path, data: bytes) -> None:
    store.put_result(result({}))
    whole = store.put_result(result({}, key=OTHER))
    (tmp_path / "store" / "results" / KEY[7:]).write_bytes(data)
    for act in (lambda: store.results([KEY]).get(KEY), lambda: store.results([OTHER, KEY]), lambda: store.put_result(result({}))):
        with pytest.raises(Failure) as caught:
            act()
        (problem,) = caught.value.diagnostics
        assert problem.id == "corrupt-record"
        assert f"results/{KEY[7:]}" in problem.detail
        assert KEY[7:] in problem.hint
    assert store.results([OTHER]).get(OTHER) == whole
    found = store.find([KEY, OTHER, ABSENT])
    assert found.results == {OTHER: whole}
    assert list(found.damaged) == [KEY]
    listed = list(store.all_results())
    assert [r.path for r in listed if isinstance(r, BadRecordAt)] == [f"results/{KEY[7:]}"]
    assert [r.result for r in listed if isinstance(r, StoredResult)] == [whole]


def test_a_damaged_later_record_is_not_ignored(store: Store, tmp_path: Path) -> None:
    first = result({"m": store.put_artifact(b"first")})
    store.put_result(first)
    store.objects.delete(layout.artifact(first.artifacts["m"]))
    store.put_result(result({"m": store.put_artifact(b"second")}))
    (tmp_path / "store" / "results" / f"{KEY[7:]}.2").write_bytes(b"{")
    store.put_artifact(b"first")
    with pytest.raises(BadRecordAt):
        store.results([KEY]).get(KEY)
    assert (store.find([KEY]).results, list(store.find([KEY]).damaged)) == ({}, [KEY])


def test_a_record_of_a_newer_format_is_not_misread(store: Store, tmp_path: Path) -> None:
    store.put_result(result({}))
    (tmp_path / "store" / "results" / KEY[7:]).write_bytes(b'{"format_version": "2"}')
    with pytest.raises(Failure) as caught:
        store.results([KEY]).get(KEY)
    assert caught.value.diagnostics[0].id == "newer-format"


def test_a_later_release_may_add_fields(store: Store, tmp_path: Path) -> None:
    whole = store.put_result(result({}))
    file = tmp_path / "store" / "results" / KEY[7:]
    record = {**json.loads(file.read_bytes()), "signature": {"by": "x"}}
    del record["checksum"]
    file.write_bytes(with_checksum(json.dumps(record).encode()))
    assert store.results([KEY]).get(KEY) == whole


@pytest.fixture
def stray(store: Store, tmp_path: Path) -> Iterator[list[Path]]:
    """Foreign files and folders in the store."""
    store.put_result(result({"m": store.put_artifact(b"m")}))
    made = []
    for folder in ("results", "artifacts", "recipes"):
        place = tmp_path / "store" / folder
        place.mkdir(exist_ok=True)
        for name in ("Thumbs.db", ".DS_Store", f"{KEY[7:]}~", "readme.txt", "x" * 64, "AB" * 32, "sub/file"):
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_bytes(b"junk")
            made.append(place / name)
        (place / "loop").symlink_to("loop")
        (place / "up").symlink_to("..")
    yield made
    assert all(file.read_bytes() == b"junk" for file in made)


def test_stray_files_are_ignored(store: Store, stray: list[Path]) -> None:
    assert [r.result.key for r in store.all_results() if isinstance(r, StoredResult)] == [KEY]
    assert len(list(store.all_results())) == 1
    assert [a.digest for a in store.artifacts()] == ["sha256:" + hashlib.sha256(b"m").hexdigest()]
    assert set(store.results([KEY, ABSENT])) == {KEY}


@pytest.mark.parametrize("kind", ["folder", "link", "loop", "device"])
def test_something_else_in_place_of_a_record_is_reported(store: Store, tmp_path: Path, kind: str) -> None:
    place = tmp_path / "store" / "results" / KEY[7:]
    place.parent.mkdir(parents=True)
    if kind == "folder":
        place.mkdir()
    else:
        place.symlink_to({"loop": place.name, "device": "/dev/zero"}.get(kind, "gone"))
    assert store.results([KEY]).get(KEY) is None
    with pytest.raises(Failure) as caught:
        store.put_result(result({}))
    assert caught.value.diagnostics[0].id == "corrupt-record"
    assert f"results/{KEY[7:]}" in caught.value.diagnostics[0].hint


@pytest.mark.parametrize("wrong", [{"seconds": float("nan")}, {"outputs": {"f1": float("inf")}}, {"provenance": {"x": [float("nan")]}}])
def test_what_is_not_json_is_never_recorded(store: Store, wrong: dict) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        store.put_result(Result(**{"key": KEY, "op": "train", **wrong}))
    assert list(store.all_results()) == []


# --- recipes, marks, leases


def test_recipes_are_stored_under_their_declaration(store: Store) -> None:
    one, two = (Recipe(address=f"model/m@v{n}", recipe={"algorithm": "mlp", "n": n}, notes={"text": "grün"}) for n in (1, 2))
    store.put_recipes({KEY: one})
    store.put_recipes({KEY: two, OTHER: two})
    assert store.recipes([KEY, OTHER, ABSENT]) == {KEY: replace(one, declaration=KEY), OTHER: replace(two, declaration=OTHER)}


def test_a_recipe_under_another_name_is_named(store: Store, tmp_path: Path) -> None:
    store.put_recipes({KEY: Recipe(address="model/m@v1", recipe={}), OTHER: Recipe(address="model/m@v2", recipe={})})
    folder = tmp_path / "store" / "recipes"
    (folder / KEY[7:]).write_bytes((folder / OTHER[7:]).read_bytes())
    with pytest.raises(BadRecordAt) as caught:
        store.recipes([KEY])
    assert caught.value.path == f"recipes/{KEY[7:]}"
    # nor is the mark of one key that of another
    assert store.check_key("k1", "a")
    assert store.check_key("k2", "b")
    keys = tmp_path / "store" / "keys"
    (keys / "k1").write_bytes((keys / "k2").read_bytes())
    with pytest.raises(BadRecordAt):
        store.is_key("k1", "a")


def test_a_damaged_recipe_is_named(store: Store, tmp_path: Path) -> None:
    store.put_recipes({KEY: Recipe(address="model/m@v1", recipe={})})
    (tmp_path / "store" / "recipes" / KEY[7:]).write_bytes(b"{}")
    with pytest.raises(BadRecordAt) as caught:
        store.recipes([KEY])
    assert caught.value.path == f"recipes/{KEY[7:]}"


def test_the_first_mark_of_a_key_wins(store: Store) -> None:
    assert store.check_key("k/1", "aa")
    assert store.check_key("k/1", "aa")
    assert not store.check_key("k/1", "bb")
    assert store.check_key("..", "cc")


def test_leases_name_their_owner(store: Store) -> None:
    me, you = Owner(user="anna", pid=7), Owner(user="ben", pid=8)
    lease = store.step_lease(KEY, me)
    assert lease is not None
    with lease:
        assert store.step_lease(KEY, you) is None
        assert store.leases() == {f"step/{KEY[7:]}": me}
        assert store.leases("environment") == {}
        assert store.break_lease(f"step/{KEY[7:]}")
        assert not lease.renew()
        assert store.leases() == {}


def test_a_lease_whose_owner_cannot_be_read_is_still_held(store: Store, tmp_path: Path) -> None:
    with store.step_lease(KEY, Owner(user="anna")) or pytest.fail("free"):
        (tmp_path / "store" / ".leases" / "step" / KEY[7:]).write_bytes(b'{"user": 3}')
        assert store.leases() == {f"step/{KEY[7:]}": Owner()}


# --- refusals, kills and speed


def test_a_medium_that_refuses_is_a_clear_failure(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file in place of the folder")
    store = open_store("store", tmp_path, {"": STORE})
    for act in (lambda: store.put_artifact(b"x"), lambda: store.put_result(result({})), lambda: store.step_lease(KEY, Owner())):
        with pytest.raises(Failure) as caught:
            act()
        (problem,) = caught.value.diagnostics
        assert problem.id == "store-failed"
        assert str(tmp_path) in problem.detail
        assert problem.hint


WRITER = """
import sys
from pathlib import Path
from leptonctl.core.frozen import replace
from leptonctl.core.result import Result, Tombstone
from leptonctl.storage.folder import STORE
from leptonctl.storage.open import open_store

store, run = open_store("store", Path(sys.argv[1]), {"": STORE}), int(sys.argv[2])
print("ready", flush=True)
for number in range(10**6):
    name = f"{run:064x}"[:-8] + f"{number:08x}"
    digest, other = store.put_artifacts([name.encode() * 2000, name.encode()])
    store.put_result(Result(key=name, op="train", artifacts={"m": digest, "n": other}, address="model/a@v1"))
    print(name, flush=True)
    store.objects.put("projects/p/servers/prod/one", name.encode() * 50_000)
"""


def test_a_killed_writer_leaves_everything_complete_or_absent(store: Store, tmp_path: Path) -> None:
    chance = random.Random(20240601)
    done: list[str] = []
    for run in range(0, 50 if SOAK else 20, 2):
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(run + n)], stdout=subprocess.PIPE, text=True) for n in (0, 1)
        ]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        # however busy the machine is, something has been recorded
        done.append(writers[0].stdout.readline().strip())
        time.sleep(chance.uniform(0.0, 0.06))
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            lines = writer.communicate()[0]
            assert writer.returncode == -signal.SIGKILL
            done += [line for line in lines.split("\n")[:-1] if line]
        beat = store.objects.get("projects/p/servers/prod/one")
        assert beat is None or len(beat[0]) == 3_200_000
    recorded = {r.result.key: r.result for r in store.all_results() if isinstance(r, StoredResult)}
    assert len(recorded) == len(list(store.all_results()))
    assert set(done) <= set(recorded)
    assert len(done) >= 10
    for key, found in recorded.items():
        assert store.get_artifact(found.artifacts["m"]) == key.encode() * 2000
        assert store.get_artifact(found.artifacts["n"]) == key.encode()
    for artifact in store.artifacts():
        store.get_artifact(artifact.digest)  # raises when a byte is missing


def test_ten_thousand_results_are_looked_up_quickly(store: Store, tmp_path: Path) -> None:
    digest = store.put_artifact(b"m")
    versions: Json = {"python": "3.11.9", "numpy": "2.4.6", "scikit-learn": "1.9.1", "onnx": "1.23.2"}
    folder = tmp_path / "store" / "results"
    folder.mkdir()
    keys = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(10_000)]
    for number, key in enumerate(keys):  # written as `put_result` does, without ten thousand fsyncs
        record = Result(
            key=f"sha256:{key}", op="evaluate", artifacts={"m": digest}, outputs={"metrics": {"f1": number / 1e4}},
            provenance={"by": "anna", "versions": versions}, seconds=0.1,
        )  # fmt: skip
        (folder / key).write_bytes(encode(record))
    started = time.process_time()
    found = store.results([f"sha256:{key}" for key in keys] + [ABSENT])
    seconds = time.process_time() - started
    print(f"\n10,000 results: {seconds * 1e3:.0f} ms")
    assert len(found) == 10_000
    assert found[f"sha256:{keys[77]}"].outputs == {"metrics": {"f1": 0.0077}}
    assert seconds < 5


def test_looking_up_many_results_takes_as_few_requests_as_one(store: Store) -> None:
    passes: list[str] = []

    class Counted(type(store.objects)):  # type: ignore[misc]
        def get_many(self, paths):
            passes.append("get_many")
            return super().get_many(paths)

        def present(self, paths):
            passes.append("present")
            return super().present(paths)

        def get(self, path):
            passes.append("get")
            return super().get(path)

    counted = Store(objects=Counted(inner=store.objects.inner))
    keys = [f"sha256:{n:064x}" for n in range(50)]
    for key in keys:
        store.put_result(result({"m": store.put_artifact(key.encode())}, key=key))
    for requested in (keys[:1], keys):
        passes.clear()
        assert len(counted.results(requested)) == len(requested)
        assert passes == ["get_many", "get_many", "present"]


# --- artifacts that were removed for good


def test_only_bytes_that_hold_the_rows_are_refused(store: Store) -> None:
    grave = Tombstone(at="2026-01-01", by="anna", subject="row of purge 1")
    rows, words = store.put_artifacts([b"rows", b"words"])
    store.put_result(result({"model.onnx": words}))
    store.purge({words: replace(grave, refused=False), rows: grave})
    assert store.present([rows, words]) == set()
    assert {*store.tombstones_of([rows, words])} == {rows, words}
    assert store.purged_results([KEY]) == {}, "it may be built again"
    with pytest.raises(ProviderError, match="purged") as refusal:
        store.put_artifact(b"rows")
    assert refusal.value.id == "purged"

    # made again without the rows, it is an artifact as any other: once it is missing, it is lost
    assert store.put_artifact(b"words") == words
    assert {*store.tombstones_of([rows, words])} == {rows}

    # a later purge that knows better refuses what an earlier one let through
    store.purge({words: replace(grave, refused=False)})
    store.purge({words: grave})
    assert store.purged_results([KEY])[KEY].subject == grave.subject
    with pytest.raises(ProviderError):
        store.put_artifact(b"words")
    store.purge({words: replace(grave, refused=False)})
    assert store.tombstones_of([words])[words].refused, "and never the other way round"
