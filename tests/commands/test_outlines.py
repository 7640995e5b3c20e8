"""A plan is the same, byte for byte, whatever the cache of outlines holds: after any edit, damaged, of another release, unwritable."""

import ctypes
import json
import os
import pickle
import random
import shutil
import signal
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leptonctl.commands.planning.line import plan_project
from leptonctl.commands.session import Session
from leptonctl.commands.validate import validate
from leptonctl.core.codec import plain
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import replace
from leptonctl.core.node_records import recipe_of
from leptonctl.core.state import Pointer, StepPointer
from leptonctl.kinds.dataset.version import Dataset
from leptonctl.kinds.model import restore
from leptonctl.kinds.model.version import Model
from leptonctl.language.load import documents_of
from leptonctl.project import outlines
from leptonctl.storage.pointers import Note
from leptonctl.views.plan_json import plan_to_json
from tests import projects

FILES = {
    "leptonctl.yaml": """\
kind: Project
name: outlines
format: 1
vars: {strength: 0.5, seed: 3}
ignore: [nothing.yaml]
---
kind: Dataset
name: points
target: side
columns: {x: {type: number, min: 0}}
split: {seed: 1}
versions:
  first: {source: points.csv}
  second: {source: more.csv}
---
kind: Dataset
name: only
target: x
versions:
  it: {source: points.csv}
---
kind: Environment
name: dev
platform: {type: server, host: 127.0.0.1, port: 1}
models: {a: v1, t: v2}
gates: {accuracy: {min: 0.5}}
""",
    "models/a.yaml": """\
kind: Model
name: a
dataset: points@first
task: classification
preprocess: [{columns: [x], use: standard_scaler}]
algorithm: logistic_regression
params: {C: 1.0}
evaluate: {metrics: [f1], cross_validation: 3, positive: 1}
versions:
  v1: {}
  v2: {params: {C: 0.5}, dataset: points@second}
---
kind: Model
name: b
dataset: points@second
task: classification
algorithm: decision_tree
versions: {v1: {description: One}, v2: {params: {max_depth: 3}}}
""",
    "models/t.yaml": """\
kind: Model
name: t
dataset: points@first
task: classification
algorithm: logistic_regression
versions: {v1: {threshold: 0.4, class_weight: balanced}, v2: {params: {C: "{{ vars.strength }}"}, calibrate: {}}}
""",
    "models/k.yaml": """\
kind: Model
name: k
dataset: kept@one
task: classification
features: [x]
algorithm: logistic_regression
versions: {v1: {}, v2: {dataset: kept@two}}
""",
    "data.yaml": """\
kind: Dataset
name: kept
target: side
columns: {x: {type: number, min: 0, max: 9}}
checks: [{rule: "x >= 0", severity: warn}]
versions:
  one: {source: points.csv, encoding: utf-8}
  two: {source: more.csv, split: {seed: "{{ vars.seed }}"}}
  three: {source: more.csv, test: {source: points.csv}, split: null}
---
kind: Dataset
name: unread
target: side
versions: {it: {source: more.csv}}
""",
    "models/s.yaml": "kind: Model\nname: s\ndataset: only\ntask: regression\nalgorithm: ridge\nversions: {v1: {params: {alpha: 2}}}\n",
}
TABLES = {"points.csv": projects.points(), "more.csv": projects.points(seed=2)}
EDITS = (
    ("models/a.yaml", "C: 1.0", "C: 2.0"),
    ("models/a.yaml", "kind: Model\nname: a", "# a comment\nkind: Model\nname: a"),
    ("models/a.yaml", "positive: 1", "positive: true"),
    ("models/a.yaml", "columns: [x]", "columns: [nowhere]"),
    ("models/a.yaml", "name: b", "name: t"),
    ("models/a.yaml", "v1: {description: One}", "v1: {algorithm: mlp, params: {}}"),
    ("models/a.yaml", "v1: {description: One}", "v1: {nonsense: One}"),
    ("models/t.yaml", "v1: {", 'v1: {params: {C: "{{ vars.strength * 2 }}"}, '),
    ("models/t.yaml", "v1: {", 'v1: {params: {C: "{{ vars.nowhere }}"}, '),
    ("models/t.yaml", "threshold: 0.4", "threshold: {metric: f1}"),
    ("models/t.yaml", "threshold: 0.4", "threshold: {metric: log_loss}"),
    ("models/t.yaml", "class_weight: balanced", "sample_weight: x"),
    ("models/t.yaml", "kind: Model", "apiVersion: v1\nkind: Model"),
    ("models/s.yaml", "alpha: 2", "alpha: [2"),
    ("models/s.yaml", "dataset: only", "dataset: only@it"),
    ("leptonctl.yaml", "strength: 0.5", "strength: 0.7"),
    ("leptonctl.yaml", "min: 0}", "min: 1}"),
    ("leptonctl.yaml", "{seed: 1}", "{seed: 2}"),
    ("leptonctl.yaml", "  it: {source: points.csv}", "  it: {source: points.csv}\n  too: {source: more.csv}"),
    ("leptonctl.yaml", "name: only", "name: others"),
    ("leptonctl.yaml", "a: v1", "a: v2"),
    ("leptonctl.yaml", "[nothing.yaml]", "[s.yaml]"),
    ("leptonctl.yaml", "seed: 3", "seed: 4"),
    ("data.yaml", "max: 9", "max: 8"),
    ("data.yaml", "severity: warn", "severity: fail"),
    ("data.yaml", "{x: {", "{nowhere: {type: string}, x: {"),
    ("data.yaml", "target: side\ncolumns", "target: x\ncolumns"),
    ("data.yaml", "one: {source: points.csv,", "one: {source: [points.csv, more.csv],"),
    ("data.yaml", "one: {source: points.csv,", 'one: {source: "*.csv",'),
    ("data.yaml", "one: {source: points.csv,", 'one: {source: points.csv, digest: "sha256:' + "0" * 64 + '",'),
    ("data.yaml", "two: {source", "two: {append: [{version: one}], source"),
    ("data.yaml", "two: {source: more.csv", "two: {source: gone.csv"),
    ("data.yaml", "name: unread", "name: kept"),
    ("data.yaml", "name: kept", "name: lost"),
    ("data.yaml", "encoding: utf-8", 'delimiter: ";"'),
    ("models/k.yaml", "classification", "regression"),
    ("models/k.yaml", "kept@one", "unread"),
    ("models/k.yaml", "features: [x]", "features: [side]"),
    ("points.csv", "x,", "z,"),
    ("more.csv", "above\n", "below\n"),
    ("more.csv", "x,", "z,"),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    for name, text in {**FILES, **TABLES}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def record(root: Path) -> None:
    """The pointers that an apply would leave, without results: a plan then says what the edits have moved."""
    session = Session.open(root)
    nodes = session.declarations.built.values()
    session.store.put_recipes({node.declaration: recipe_of(node) for node in nodes})
    session.pointers.begin()
    steps = {node.address: {s.name: StepPointer(op=s.op, key=s.key or s.spec) for s in node.steps} for node in nodes}
    pointers = {n.address: Pointer(digest=n.digest, declaration=n.declaration, steps=steps[n.address]) for n in nodes}
    session.pointers.move(lambda state: state.move(pointers), Note())


def cache_of(root: Path) -> Path:
    return root / ".leptonctl" / "cache" / "outlines"


def answers(root: Path) -> list[str]:
    """What plan and validate print, as bytes would differ."""

    def printed(answer: Callable[[], Any]) -> str:
        try:
            return json.dumps(plain(answer()), sort_keys=True)
        except Failure as failure:
            return json.dumps([failure.exit_code, plain(failure.diagnostics)])

    session = Session.open(root)
    return [printed(lambda: plan_to_json(plan_project(session).plan)), printed(lambda: validate(session))]


def without_cache(root: Path, answer: Callable[[Path], Any]) -> Any:
    """The answer without outlines; those that are there stay."""
    if not cache_of(root).exists():
        return answer(root)
    cached = cache_of(root).replace(root / "kept")  # written again, it would not be believed
    found = answer(root)
    cached.replace(cache_of(root))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_after_any_edits_a_plan_is_what_it_is_without_the_cache(root: Path, seed: int) -> None:
    chance = random.Random(seed)
    record(root)
    for _ in range(12):
        file, one, other = chance.choice(EDITS)
        text = (root / file).read_text()
        (root / file).write_text(text.replace(other, one) if other in text else text.replace(one, other))
        expected = without_cache(root, answers)
        assert [answers(root), answers(root)] == [expected, expected], (file, one, other)


def test_each_edit_and_its_opposite(root: Path) -> None:
    record(root)
    unmoved = answers(root)
    assert json.loads(unmoved[0])["summary"]["create"] == 3  # the environment and its two bindings
    restored = 0
    for file, one, other in EDITS:
        text = (root / file).read_text()
        assert one in text
        (root / file).write_text(text.replace(one, other))
        restored += len(Session.open(root).reading.restored)
        assert answers(root) == without_cache(root, answers), (file, one, other)
        (root / file).write_text(text)
        restored += len(Session.open(root).reading.restored)
        assert answers(root) == unmoved, (file, one, other)
    assert restored > 2 * len(EDITS)  # the cache was of use


def test_what_is_restored_equals_what_the_files_give(root: Path) -> None:
    def declared(root: Path) -> list[Any]:
        session = Session.open(root)
        declarations = session.declarations
        models = {
            name: {f: getattr(model, f) for f in Model.__struct_fields__ if f not in ("restore_node", "declared", "dataset")}
            | {f: getattr(model.declared, f) for f in type(model.declared).__struct_fields__ if f not in ("outline", "document")}
            for name, model in declarations.of("Model").items()
        }
        data = {
            name: {f: getattr(dataset, f) for f in Dataset.__struct_fields__ if f not in ("recalled", "declared")}
            | {f: getattr(dataset.declared, f) for f in type(dataset.declared).__struct_fields__ if f not in ("outline", "document")}
            for name, dataset in declarations.of("Dataset").items()
        }
        documents = [(d.kind, d.name, d.file, d.value, d.keys, d.values) for d in (*session.documents, *session.reading.checked[0])]
        return [dict(declarations.built), models, data, documents, len(session.reading.restored)]

    fresh = declared(root)
    restored = declared(root)
    assert (fresh.pop(), restored.pop()) == (0, 5)
    assert restored == fresh
    assert pickle.loads(pickle.dumps(restored[0]["model/t@v2"].recipe)) == fresh[0]["model/t@v2"].recipe
    assert repr(restored[0]["model/t@v2"].recipe) == repr(fresh[0]["model/t@v2"].recipe)


def test_a_plan_reads_only_what_has_changed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def counted(file: str, *more: Any) -> Any:
        read.append(file)
        return documents_of(file, *more)

    monkeypatch.setattr(restore, "documents_of", counted)
    text = (root / "leptonctl.yaml").read_text()
    (root / "leptonctl.yaml").write_text(text[: text.index("---\nkind: Environment")])  # a binding that moves reads its version
    record(root)
    unmoved = answers(root)
    assert (answers(root), read) == (unmoved, [])
    # where a model moves, the notices of its data ask what the other models learn from
    projects.edit(root / "models/a.yaml", "C: 1.0", "C: 2.0")
    moved = json.loads(answers(root)[0])
    assert [change["address"] for change in moved["changes"]] == ["dataset/points@first", "model/a@v1"]  # nothing was built
    assert read == []


def test_a_cache_that_cannot_be_used_is_as_none(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = answers(root)
    data, times = cache_of(root).read_bytes(), cache_of(root).stat()

    def files_of(content: bytes) -> int:
        cache_of(root).write_bytes(content)
        os.utime(cache_of(root), ns=(times.st_atime_ns, times.st_mtime_ns))
        return len(outlines.read_outlines(cache_of(root)).files)

    assert files_of(data) == 5
    for place in range(0, len(data), len(data) // 20):
        assert files_of(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]) == 0
        assert files_of(data[:place]) == 0
    assert answers(root) == expected
    assert cache_of(root).read_bytes()[64:] == data[64:]  # written again
    monkeypatch.setattr(outlines, "__version__", "9.9")
    assert outlines.read_outlines(cache_of(root)).files == {}
    assert answers(root) == expected
    assert cache_of(root).read_bytes()[64:] == data[64:]
    assert outlines.read_outlines(cache_of(root)).files


def test_a_cache_that_came_with_the_checkout_is_not_believed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    answers(root)
    clone = tmp_path_factory.mktemp("clone") / "project"
    shutil.copytree(root, clone)  # with the times of all files
    assert cache_of(clone).stat().st_mtime_ns == cache_of(root).stat().st_mtime_ns
    assert outlines.read_outlines(cache_of(clone)).files == {}
    # in its own place, too, once another file has its name or another time
    data, now = cache_of(root).read_bytes(), cache_of(root).stat().st_mtime_ns
    os.utime(cache_of(root), ns=(now, now + 1))
    assert outlines.read_outlines(cache_of(root)).files == {}
    os.utime(cache_of(root), ns=(now, now))
    assert outlines.read_outlines(cache_of(root)).files
    (root / "planted").write_bytes(data)
    os.utime(root / "planted", ns=(now, now))
    (root / "planted").replace(cache_of(root))
    assert outlines.read_outlines(cache_of(root)).files == {}


@pytest.mark.parametrize("what", ["folder", "directory"])
def test_a_cache_that_cannot_be_written_is_no_error(root: Path, what: str) -> None:
    expected = answers(root)
    cache_of(root).unlink()
    if what == "directory":
        cache_of(root).mkdir()
    else:
        for name in cache_of(root).parent.iterdir():
            name.unlink()
        cache_of(root).parent.rmdir()
        cache_of(root).parent.write_text("")
    assert answers(root) == expected


def test_shapes_do_not_grow_with_the_edits(root: Path) -> None:
    for number in range(12):
        projects.edit(root / "leptonctl.yaml", f"{{seed: {number + 1}}}", f"{{seed: {number + 2}}}")
        answers(root)
    cached = outlines.read_outlines(cache_of(root))
    used = {one.shape for file in cached.files.values() for document in file.documents for one in document.versions}
    assert len(cached.shapes) <= 2 * len(used)


def test_commands_side_by_side_leave_a_whole_cache(root: Path) -> None:
    running = [projects.start("plan", "--json", cwd=root) for _ in range(3)]
    printed = {process.communicate()[0] for process in running}
    assert len(printed) == 1
    assert not [name for name in cache_of(root).parent.iterdir() if name.name.startswith(".outlines")]
    # one more reads it, and has nothing to add
    written = cache_of(root).stat().st_ino
    assert projects.start("plan", "--json", cwd=root).communicate()[0] in printed
    assert cache_of(root).stat().st_ino == written


def test_a_writer_that_is_killed_leaves_a_whole_cache_and_no_litter(root: Path) -> None:
    expected = answers(root)
    cached = outlines.read_outlines(cache_of(root))
    other = replace(cached, files={})
    for _ in range(10):
        began, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, b".")
            while True:
                outlines.write_outlines(cache_of(root), other)
                outlines.write_outlines(cache_of(root), cached)
        os.read(began, 1)
        written = cache_of(root).stat().st_ino
        while cache_of(root).stat().st_ino == written:
            os.sched_yield()  # it is in the middle of writing ever since
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(began)
        os.close(writer)
        assert outlines.read_outlines(cache_of(root)) in (cached, other)
    assert answers(root) == expected
    # what the killed ones left is removed once nobody can be writing it any more
    litter = cache_of(root).with_name(".outlines.1")
    litter.write_bytes(b"half")
    os.utime(litter, (0, 0))
    projects.edit(root / "leptonctl.yaml", "{seed: 1}", "{seed: 2}")
    answers(root)
    assert not litter.exists()


def test_a_project_that_may_only_be_read_is_planned_with_and_without_its_cache(root: Path) -> None:
    projects.edit(root / "leptonctl.yaml", "port: 1}", f"port: {projects.free_port()}}}")  # a low port is not for anyone
    record(root)
    expected = answers(root)
    held = outlines.read_outlines(cache_of(root)).files
    for cached in (True, False):
        if not cached:
            cache_of(root).unlink()
        folders = [folder for folder in (root, *root.rglob("*")) if folder.is_dir()]
        for folder in folders:
            folder.chmod(0o555)
        try:
            found = as_anyone(lambda: (answers(root), len(Session.open(root).reading.restored)))
            assert found == (expected, 5 if cached else 0)
        finally:
            for folder in folders:
                folder.chmod(0o755)
        assert outlines.read_outlines(cache_of(root)).files == (held if cached else {})


def as_anyone(answer: Callable[[], Any]) -> Any:
    """The answer in a process that may do no more than the modes of files allow, also where the tests run as root."""
    out, writer = os.pipe()
    child = os.fork()
    if child == 0:
        header, none = struct.pack("Ii", 0x20080522, 0), bytes(24)
        if os.geteuid() == 0 and ctypes.CDLL(None).capset(header, none) != 0:
            os._exit(1)
        with os.fdopen(writer, "wb") as file:
            pickle.dump(answer(), file)
        os._exit(0)
    os.close(writer)
    with os.fdopen(out, "rb") as file:
        data = file.read()
    assert os.waitpid(child, 0)[1] == 0
    return pickle.loads(data)


def test_what_a_command_has_let_go_is_read_again_but_not_what_a_part_lacks(root: Path) -> None:
    session = Session.open(root)
    declared, documents = dict(session.declarations.built), session.reading.checked[0]
    session.release()
    assert dict(session.declarations.built) == declared
    part = session.only_with(tuple(document for document in documents if document.name != "k"))
    built = dict(part.declarations.built)
    part.release()
    assert dict(part.declarations.built) == built
    assert declared.keys() - built.keys() == {"model/k@v1", "model/k@v2"}
