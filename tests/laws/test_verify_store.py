"""`verify --store`: every byte of a store is checked. Whatever is changed, cut or removed is named, and nothing else is affected."""

import json
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from leptonctl.commands.session import Session
from leptonctl.commands.verify_store import verify_store
from leptonctl.core import layout, state, store_records
from leptonctl.core.codec import Record, encode
from leptonctl.core.deployment import Deployment, Head, ServerRecord
from leptonctl.core.result import Result, Tombstone
from leptonctl.storage.audit import ARTIFACT, KINDS, Progress
from leptonctl.storage.folder import STORE
from leptonctl.storage.pointers import Note
from leptonctl.storage.store import Store
from tests import projects
from tests.storage.places import Place, bind
from tests.test_output_schemas import problems as schema_problems

SPARE = {"server", "key mark", "condemned", "reference", "tombstone"}
WORDS = [ARTIFACT, *(kind.label for kind in KINDS)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project that has bound two versions one after the other, whose server has ended. No test changes it for good."""
    root = projects.tiny_project(tmp_path_factory.mktemp("verify"))
    try:
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
        projects.edit(root / "environment-dev.yaml", "line: v1", "line: v2")
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
    finally:
        projects.stop_servers(root)
    objects = STORE.open(".leptonctl/store", root)
    Store(objects=objects).check_key("k1", "a mark")
    build = store_records.Reference(keys=("sha256:" + "0" * 64,), until=9e9, seconds=60.0)
    objects.put(layout.reference(projects.recorded(root).lineage, "a-build"), encode(build))
    objects.put(layout.tombstone("0" * 64), encode(Tombstone(subject="dataset/points@old", at="2026-11-25T12:00:00Z", by="ada")))
    objects.put(layout.condemned_mark("0" * 64), encode(store_records.Condemned(phase="spared", nonce="n")))
    yield root


def store_of(root: Path) -> Path:
    return root / ".leptonctl" / "store"


def files(root: Path) -> list[str]:
    """The paths of all objects in the store."""
    found = (file.relative_to(store_of(root)).as_posix() for file in store_of(root).rglob("*") if file.is_file())
    return sorted(path for path in found if not path.startswith("."))


def word(path: str) -> str:
    return ARTIFACT if layout.artifact_digest(path) else next(kind.label for kind in KINDS if kind.pattern.fullmatch(path))


def named(root: Path) -> dict[str, str]:
    """What is wrong: path -> damage."""
    report = verify_store(Session.open(root))
    assert schema_problems("verify_store", report) == []
    found = {str(p["path"]): str(p["damage"]) for p in report["problems"]}  # type: ignore[union-attr, call-overload, index]
    assert report["ok"] is (not found)
    return found


def write(file: Path, data: bytes) -> None:
    file.unlink(missing_ok=True)
    file.write_bytes(data)


def test_every_record_of_a_store_is_of_a_kind() -> None:
    """A new record type in a store needs a line in KINDS, or it is taken for a foreign file."""
    checked = {
        kind
        for module in (state, store_records)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Record) and kind.__struct_config__.tag_field == "format_version" and kind.checksum
    }
    assert {kind.record for kind in KINDS} == checked | {Result, Tombstone, Deployment, Head, ServerRecord, state.State}


def test_a_sound_store_has_no_problem(whole: Path) -> None:
    assert {word(path) for path in files(whole)} == set(WORDS), "every kind of object is in this store"
    verified = projects.run("verify", "--store", "--json", cwd=whole)
    report = json.loads(verified.stdout)
    assert (verified.returncode, report["ok"], report["problems"], report["foreign"]) == (0, True, [], [])
    assert report["artifacts"] + report["records"] == len(files(whole))
    assert "as they were written" in projects.run("verify", "--store", cwd=whole).stdout


@pytest.mark.parametrize("how", ["a bit at the start", "a bit in the middle", "a bit at the end", "truncated", "emptied", "lengthened"])
def test_any_changed_file_is_named(how: str, whole: Path) -> None:
    for path in files(whole):
        file = store_of(whole) / path
        before = file.read_bytes()
        at = {"a bit at the start": 0, "a bit in the middle": len(before) // 2, "a bit at the end": len(before) - 1}.get(how)
        if at is not None:
            changed = before[:at] + bytes([before[at] ^ 1]) + before[at + 1 :]
        else:
            changed = {"truncated": before[: len(before) // 2], "emptied": b"", "lengthened": before + b"\n"}[how]
        write(file, changed)
        try:
            assert named(whole) == {path: "damaged"}, path
        finally:
            write(file, before)


def test_any_missing_file_is_named(whole: Path) -> None:
    """But what nothing names: a server's record, a mark (it is written again), a reference, the recipe of what is not current any more."""
    recipes = {layout.recipe(pointer.declaration) for pointer in projects.recorded(whole).current.values()}
    spare = {path for path in files(whole) if word(path) in SPARE or (word(path) == "recipe" and path not in recipes)}
    assert len(spare) == 6
    for path in files(whole):
        file = store_of(whole) / path
        before = file.read_bytes()
        file.unlink()
        try:
            assert named(whole) == ({} if path in spare else {path: "missing"}), path
        finally:
            write(file, before)


def test_a_record_under_another_name_is_named(whole: Path) -> None:
    """Each is a valid record, with its own checksum."""
    for kind in ("result", "history", "deployment"):
        one, other = [path for path in files(whole) if word(path) == kind][:2]
        before = (store_of(whole) / one).read_bytes()
        write(store_of(whole) / one, (store_of(whole) / other).read_bytes())
        assert named(whole) == {one: "damaged"}
        write(store_of(whole) / one, before)
    # the brothers: every two recipes, and the head of another environment
    recipes = [path for path in files(whole) if word(path) == "recipe"]
    for one, other in pairwise(recipes):
        before = (store_of(whole) / one).read_bytes()
        write(store_of(whole) / one, (store_of(whole) / other).read_bytes())
        assert named(whole) == {one: "damaged"}
        said = projects.run("verify", "--store", cwd=whole) if one == recipes[0] else None
        assert said is None or one in said.stdout
        write(store_of(whole) / one, before)
    head = next(path for path in files(whole) if word(path) == "head")
    copy = store_of(whole) / head.replace("/dev/", "/prod/")
    copy.parent.mkdir()
    shutil.copy(store_of(whole) / head, copy)
    assert named(whole)[copy.relative_to(store_of(whole)).as_posix()] == "damaged"
    shutil.rmtree(copy.parent)
    server = next(path for path in files(whole) if word(path) == "server")
    shutil.copy(store_of(whole) / server, store_of(whole) / f"{server}-2")
    assert named(whole) == {f"{server}-2": "damaged"}
    (store_of(whole) / f"{server}-2").unlink()


@pytest.mark.parametrize("kind", WORDS)
def test_damage_ends_no_command_with_a_bug(kind: str, whole: Path) -> None:
    path = next(path for path in files(whole) if word(path) == kind)
    file = store_of(whole) / path
    before = file.read_bytes()
    write(file, before.replace(b":", b";", 1) if kind != ARTIFACT else before[:-1])
    try:
        verified = projects.run("verify", "--store", cwd=whole)
        assert verified.returncode == 1
        assert path in verified.stdout and "mend:" in verified.stdout
        for words in (("plan",), ("status",), ("history",), ("show",)):
            done = projects.run(*words, cwd=whole)
            assert done.returncode in {0, 1}, done.stdout + done.stderr
            assert done.returncode == 0 or path in done.stdout + done.stderr or kind in {"identity", "owner"}, done.stderr
    finally:
        write(file, before)


def test_what_is_affected_is_named_and_the_command_mends_it(whole: Path) -> None:
    key = str(projects.recorded(whole).current["model/line@v1"].key("evaluate"))
    model = str(projects.recorded(whole).current["model/line@v2"].artifact)
    record, artifact = (projects.stored(whole, path) for path in (layout.result(key), layout.artifact(model)))
    result, graph = record.read_bytes(), artifact.read_bytes()
    write(artifact, graph[:-1] + b"?")
    record.unlink()
    found = json.loads(projects.run("verify", "--store", "--json", cwd=whole).stdout)["problems"]
    by_kind = {problem["kind"]: problem for problem in found}
    assert by_kind["result"]["addresses"] == ["model/line@v1"]
    assert by_kind["result"]["mend"] == "leptonctl apply --only model/line@v1 --yes"
    assert by_kind["artifact"]["addresses"] == ["environment/dev/line", "model/line@v2"]
    assert (
        by_kind["artifact"]["mend"]
        == f"remove {layout.artifact(model)} from the store, then run `leptonctl apply --only model/line@v2 --yes`"
    )
    artifact.unlink()
    try:
        mended = projects.run("apply", "--only", "line@v1", "--only", "line@v2", "--yes", cwd=whole)
        assert mended.returncode == 0, mended.stdout + mended.stderr
        assert artifact.read_bytes() == graph
        assert json.loads(record.read_bytes())["outputs"] == json.loads(result)["outputs"]
        assert named(whole) == {}
    finally:
        projects.stop_servers(whole)


def test_the_commands_that_are_named_mend_all_artifacts_and_results(whole: Path, tmp_path: Path) -> None:
    """Followed to the letter: also for what is bound, whose binding builds nothing, and for the checks, which nothing but a binding writes."""
    root = projects.copy_of(whole, tmp_path / "copy")
    lost = [path for path in files(root) if path.startswith((f"{layout.ARTIFACTS}/", f"{layout.RESULTS}/"))]
    for number, path in enumerate(lost):
        file = store_of(root) / path
        write(file, file.read_bytes()[:-1])
        if number % 2:
            file.unlink()
    try:
        for _ in range(3):  # what an artifact is needed for is seen when the records of results are there again
            found = json.loads(projects.run("verify", "--store", "--json", cwd=root).stdout)["problems"]
            mends = {re.fullmatch(r"(?:remove (\S+) from the store, then run `)?leptonctl (.+?)`?", p["mend"]) for p in found}
            commands = {mend[2] for mend in mends if mend is not None}
            for path in {mend[1] for mend in mends if mend is not None and mend[1]}:
                (store_of(root) / path).unlink()
            for command in sorted(commands):
                done = projects.run(*command.split(), cwd=root)
                assert done.returncode == 0, command + done.stdout + done.stderr
        assert named(root) == {}
        assert set(lost) <= set(files(root))
    finally:
        projects.stop_servers(root)


def test_what_is_not_ours_is_listed_and_no_problem(whole: Path) -> None:
    stray = ("artifacts/Thumbs.db", "results/x~", "projects/foo/bar", "notes.txt", f"artifacts/{'A' * 64}")
    for path in stray:
        file = store_of(whole) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"junk")
    (store_of(whole) / "results" / "loop").symlink_to("loop")
    try:
        report = verify_store(Session.open(whole))
        assert (report["ok"], report["foreign"]) == (True, sorted(stray))
        assert "notes.txt" not in projects.run("verify", "--store", cwd=whole).stdout
        assert "notes.txt" in projects.run("verify", "--store", "-v", cwd=whole).stdout
    finally:
        for path in (*stray, "results/loop"):
            (store_of(whole) / path).unlink()
        shutil.rmtree(store_of(whole) / "projects" / "foo")


def test_it_needs_the_project_document_alone(whole: Path, tmp_path: Path) -> None:
    """No data, no valid YAML beside it, no state: another machine that reaches the store."""
    away = tmp_path / "away"
    away.mkdir()
    (away / "leptonctl.yaml").write_text(f"kind: Project\nname: tiny\nformat: 1\nstore: {store_of(whole)}\n", encoding="utf-8")
    (away / "model.yaml").write_text("kind: Model\nname: 7\nversions: {v1: {algorithm: none}}\n", encoding="utf-8")
    verified = projects.run("verify", "--store", cwd=away)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "There is no state here" in verified.stdout
    oldest = next(path for path in files(whole) if word(path) == "history")
    before = (store_of(whole) / oldest).read_bytes()
    (store_of(whole) / oldest).unlink()
    assert named(away) == {oldest: "missing"}
    write(store_of(whole) / oldest, before)


def test_a_store_in_which_nothing_was_applied_yet_is_sound(whole: Path, tmp_path: Path) -> None:
    """Only an apply gives a store its identity. What is there is checked; (brother) with a lineage the identity has to be there."""
    store = tmp_path / "store"
    shutil.copytree(store_of(whole), store, ignore=shutil.ignore_patterns("projects", "lineages", "identity", ".locks"))
    (tmp_path / "leptonctl.yaml").write_text("kind: Project\nname: tiny\nformat: 1\nstore: store\n", encoding="utf-8")
    assert named(tmp_path) == {}
    artifact = min((store / "artifacts").iterdir())
    before = artifact.read_bytes()
    write(artifact, before[:-1])
    assert named(tmp_path) == {f"artifacts/{artifact.name}": "damaged"}
    write(artifact, before)
    shutil.copytree(store_of(whole) / "projects", store / "projects", ignore=shutil.ignore_patterns("servers"))
    assert named(tmp_path)["identity"] == "missing"


@pytest.mark.parametrize("way", ["absent", "empty", "another"])
def test_a_store_that_is_not_mounted_is_said_to_be_the_wrong_one(way: str, whole: Path, tmp_path: Path) -> None:
    """As a plan says it, and not that everything in it is missing."""
    root = projects.copy_of(whole, tmp_path / "project")
    shutil.rmtree(store_of(root))
    if way == "empty":
        store_of(root).mkdir()
    if way == "another":
        other = projects.tiny_project(tmp_path / "other", environments={})
        assert projects.run("apply", "--yes", "--only", "points@first", cwd=other).returncode == 0
        shutil.copytree(store_of(other), store_of(root))
    planned, checked = (projects.run(*words, "--json", cwd=root) for words in (("plan",), ("verify", "--store")))
    found = [json.loads(done.stdout)["diagnostics"][0] for done in (planned, checked)]
    assert [one["id"] for one in found] == ["wrong-store", "wrong-store"]
    assert found[0]["detail"] == found[1]["detail"]
    assert checked.returncode == planned.returncode == 1
    if way == "empty":
        # without a state nothing tells: but nothing is said to be as it was written
        shutil.rmtree(projects.state_file(root).parent)
        text = projects.run("verify", "--store", cwd=root).stdout
        assert "is it mounted?" in text
        assert "as they were written" not in text


def test_a_store_that_was_only_begun_is_sound(tmp_path: Path) -> None:
    place = Place(folder=tmp_path)
    place.pointers.begin()
    (tmp_path / "leptonctl.yaml").write_text("kind: Project\nname: toy\nformat: 1\nstate: state\nstore: store\n", encoding="utf-8")
    assert named(tmp_path) == {}
    place.pointers.move(bind("d"), Note())
    assert named(tmp_path) == {}


@pytest.mark.parametrize("words", [(), ("line@v1", "--store"), ("--store", "--rebuild")])
def test_a_version_or_the_store(words: tuple[str, ...], whole: Path) -> None:
    refused = projects.run("verify", *words, cwd=whole)
    assert (refused.returncode, "error[usage]" in refused.stderr) == (1, True)


def test_progress_is_reported_about_once_a_second() -> None:
    reports: list[int] = []
    progress = Progress(artifacts=2, bytes=30, report=lambda p: reports.append(p.read), _next=0.0)
    for _ in range(3):
        progress.add(10)
    assert reports == [10]
