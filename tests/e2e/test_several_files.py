"""A version of several files: lists, folders, globs and what is appended, through plan, build, pin, verify, purge and hostile folders."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import projects
from tests.test_output_schemas import problems as schema_problems

MODEL = """\
---
kind: Model
name: m
dataset: d@v
task: classification
algorithm: decision_tree
versions: {v1: {}}
"""


def project(root: Path, versions: str, more: str = "", model: str = "") -> Path:
    (root / "data" / "in").mkdir(parents=True)
    text = f"kind: Project\nname: several\n---\nkind: Dataset\nname: d\ntarget: y\n{more}versions:\n{versions}"
    (root / "leptonctl.yaml").write_text(text + model, encoding="utf-8")
    return root


def rows(seed: int, count: int = 30, *, columns: str = "a,b,y", separator: str = ",", point: str = ".") -> str:
    generator = random.Random(seed)
    lines = [columns.replace(",", separator)]
    for _ in range(count):
        cells = {"a": f"{generator.random():.3f}", "b": f"{generator.random():.3f}"}
        cells["y"] = "y" if cells["a"] > "0.5" else "n"
        lines.append(separator.join(cells.get(name, "0").replace(".", point) for name in columns.split(",")))
    return "\n".join(lines) + "\n"


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        (root / "data" / "in" / f"{name}.csv").write_text(text, encoding="utf-8")


def plan(root: Path) -> dict:
    done = projects.run("plan", "--json", cwd=root)
    assert done.returncode in (0, 1, 3), done.stderr
    return json.loads(done.stdout)


def prepare_key(root: Path, version: str = "v") -> str:
    return next(c["after"] for c in plan(root)["changes"] if c["address"] == f"dataset/d@{version}")


def errors(root: Path) -> list[dict]:
    return [d for d in json.loads(projects.run("validate", "--json", cwd=root).stdout)["diagnostics"] if d["severity"] == "error"]


def test_lists_globs_and_folders_of_the_same_files_are_the_same_rows(tmp_path: Path) -> None:
    versions = """\
  listed: {source: [data/in/q.csv, data/in/p.csv]}
  glob: {source: "data/in/?.csv"}
  deep: {source: "**/[pq].csv"}
  folder: {source: data/in}
  v: {source: data/in/p.csv, append: [{file: data/in/q.csv}]}
"""
    root = project(tmp_path, versions, model=MODEL)
    # columns in another order are the same columns
    write(root, p=rows(1), q=rows(2, columns="y,b,a"))
    (root / "data" / "in" / "README.txt~").write_text("no data")
    (root / "data" / "in" / ".hidden.csv").write_text("x\n")
    digests = {c["address"]: c["after"] for c in plan(root)["changes"] if c["address"].startswith("dataset")}
    assert len(digests) == 5
    assert len(set(digests.values())) == 1
    done = projects.run("apply", "--yes", "--json", cwd=root)
    assert projects.finished(done)["prepared"] == 1
    shown = json.loads(projects.run("show", "d@glob", "--json", cwd=root).stdout)
    assert schema_problems("show", shown) == []
    assert sum(shown["dataset"]["rows"].values()) == 60
    assert shown["dataset"]["source"]["files"] == ["data/in/p.csv", "data/in/q.csv"]
    assert projects.run("verify", "m@v1", "--rebuild", cwd=root).returncode == 0
    # the same bytes under another name are other content; an edit of one file is another digest, with its line in the YAML
    write(root, q=rows(2, columns="y,b,a") + "n,0.5,0.1\n")
    change = next(c for c in plan(root)["changes"] if c["address"] == "dataset/d@folder")
    assert [(b["line"], b["path"]) for b in change["because"]] == [(11, "source.digest")]


def test_pin_holds_the_content_of_all_files(tmp_path: Path) -> None:
    root = project(tmp_path, '  v: {source: "data/in/*.csv"}\n  w: {append: [{version: v}, {file: data/more.csv}]}\n', model=MODEL)
    write(root, p=rows(1), q=rows(2))
    (root / "data" / "more.csv").write_text(rows(3), encoding="utf-8")
    assert projects.run("pin", cwd=root).returncode == 0
    text = (root / "leptonctl.yaml").read_text()
    assert text.count("digest: ") == 2
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    assert projects.run("plan", "--detailed-exitcode", cwd=root).returncode == 0
    # one file more is other content: a note, since nothing needs the files any more
    write(root, r=rows(4))
    (note,) = [d for d in plan(root)["drift"] if d["address"] == "dataset/d@v"]
    assert note["class"] == "note"
    # a step that needs them is refused, and so is a version that appends what has changed
    projects.edit(root / "leptonctl.yaml", "target: y\n", "target: y\nsplit: {test: 0.3}\n")
    assert {d["id"] for d in plan(root)["diagnostics"]} == {"source-changed"}
    (root / "data" / "in" / "r.csv").unlink()
    assert plan(root)["diagnostics"] == []


@pytest.mark.parametrize(
    ("versions", "files", "id_", "detail"),
    [
        ('  v: {source: "data/in/x*.csv"}\n', {}, "missing-file", "No file matches data/in/x*.csv."),
        ("  v: {source: data/in}\n", {}, "not-a-file", ""),
        ('  v: {source: "../*.csv"}\n', {}, "outside-project", ""),
        ("  v: {source: [data/in/p.csv, data/in/q.jsonl]}\n", {"p.csv": "a,y\n", "q.jsonl": "{}\n"}, "mixed-formats", "data/in/q.jsonl is jsonl"),
        ("  v: {source: data/in}\n", {"p.csv": "a,y\n", "q.parquet": "x"}, "mixed-formats", ""),
        ("  v: {source: [data/in/p.csv], append: [{file: data/in/p.csv}]}\n", {"p.csv": "a,y\n"}, "repeated-file", "data/in/p.csv is named more than once"),
        ("  v: {append: [{version: w}]}\n", {}, "unknown-dataset-version", ""),
        ("  v: {append: [{version: w}]}\n  w: {append: [{version: v}]}\n", {}, "append-circle", "appends itself"),
        ("  v: {source: [data/in/p.csv, data/in/nope.csv]}\n", {"p.csv": "a,y\n"}, "missing-file", 'There is no file "nope.csv"'),
        ("  v: {source: []}\n", {}, "too-few", ""),
        ("  v: {source: x.csv, append: [{version: v, file: x.csv}]}\n", {}, "too-many", ""),
    ],
)  # fmt: skip
def test_each_mistake_is_named_at_its_place(tmp_path: Path, versions: str, files: dict[str, str], id_: str, detail: str) -> None:
    root = project(tmp_path / "p", versions)
    for name, text in files.items():
        (root / "data" / "in" / name).write_text(text)
    found = errors(root)
    assert found, versions
    if id_ not in ("too-few", "too-many"):
        assert {d["id"] for d in found} == {id_}
    assert detail in found[0]["detail"]
    assert sorted({d["line"] for d in found}) == ([8, 9] if id_ == "append-circle" else [8])


@pytest.mark.parametrize(
    ("other", "id_", "words"),
    [
        (rows(2, columns="a,c,y"), "different-columns", 'Compared with data/in/p.csv, data/in/q.csv lacks "b" and has "c".'),
        ("a,b,y\n0.1,0.2,n\n0.1,x,n\n" + rows(2).partition("\n")[2], "data-contract", "1 cell is not a number (data/in/q.csv:3)"),
        ("a,b,y\n0.1,0.2,n\n0.1,0.2\n", "ragged-row", "line 3 of q.csv"),
    ],
)  # fmt: skip
def test_the_file_with_the_mistake_is_named(tmp_path: Path, other: str, id_: str, words: str) -> None:
    root = project(
        tmp_path, "  v: {source: [data/in/p.csv, data/in/q.csv]}\n", "columns: {b: {type: number}}\n" if "x,n" in other else "", MODEL
    )
    write(root, p=rows(1), q=other)
    failed = next(e for e in projects.events(projects.run("build", "--json", cwd=root).stdout) if e["type"] == "step_failed")
    assert failed["diagnostic"]["id"] == id_
    assert words in failed["diagnostic"]["detail"]


def test_an_appended_version_is_read_as_it_declares(tmp_path: Path) -> None:
    versions = '  old: {source: data/in/p.csv, delimiter: ";", decimal: ","}\n  v: {source: data/in/q.csv, append: [{version: old}]}\n'
    root = project(tmp_path, versions, "split: {test: 0.2, time: a}\n", MODEL)
    write(root, p=rows(1, separator=";", point=","), q=rows(2))
    whole = project(tmp_path / "whole", "  v: {source: data/in/p.csv}\n", "split: {test: 0.2, time: a}\n", MODEL)
    write(whole, p=rows(1) + rows(2).partition("\n")[2])
    digests = []
    for place in (root, whole):
        assert projects.run("build", "m@v1", cwd=place).returncode == 0
        shown = projects.run("show", "d@v", "--json", cwd=place)
        found = json.loads(shown.stdout)["dataset"]
        result = projects.result_of(place, found["prepared"]["key"])
        digests.append(result.outputs["rows_digest"])
    assert digests[0] == digests[1]
    # its options are part of the key
    before = prepare_key(root) if plan(root)["changes"] else None
    projects.edit(
        root / "leptonctl.yaml", 'decimal: ",", ' if 'decimal: ",", ' in (root / "leptonctl.yaml").read_text() else ', decimal: ","', ""
    )
    assert prepare_key(root) != before


def outside(root: Path) -> None:
    secret = root.parent / "secret.csv"
    secret.write_text("a,b,y\n1,2,n\n")
    (root / "data" / "in" / "link.csv").symlink_to(secret)


def folder_outside(root: Path) -> None:
    (root.parent / "elsewhere").mkdir()
    (root.parent / "elsewhere" / "x.csv").write_text("a,b,y\n1,2,n\n")
    (root / "data" / "in" / "deep").symlink_to(root.parent / "elsewhere")


def a_circle(root: Path) -> None:
    (root / "data" / "in" / "round").symlink_to(root / "data")


def a_pipe(root: Path) -> None:
    os.mkfifo(root / "data" / "in" / "pipe.csv")


@pytest.mark.parametrize(
    ("hostile", "refused"), [(outside, "outside-project"), (folder_outside, None), (a_circle, None), (a_pipe, None)], ids=lambda v: getattr(v, "__name__", "")
)  # fmt: skip
def test_a_glob_does_not_leave_the_project(tmp_path: Path, hostile: Callable[[Path], None], refused: str | None) -> None:
    root = project(tmp_path / "p", '  v: {source: "data/**/*.csv"}\n')
    write(root, p=rows(1))
    before = prepare_key(root)
    hostile(root)
    if refused is not None:
        (found,) = errors(root)
        assert found["id"] == refused
        assert "secret" not in found["detail"]
    else:
        assert prepare_key(root) == before


def test_a_glob_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from leptonctl.project import globs
    from leptonctl.spi.learning import ProviderError

    for place in range(30):
        (tmp_path / f"f{place}.csv").touch()
    assert len(globs.matching(tmp_path, "*.csv")) == 30
    monkeypatch.setattr(globs, "MOST_FILES", 20)
    with pytest.raises(ProviderError, match="too many files"):
        globs.matching(tmp_path, "*.csv")
    assert globs.matching(tmp_path, "f1*.csv") == [f"f{n}.csv" for n in (1, *range(10, 20))]
    monkeypatch.setattr(globs, "MOST_ENTRIES", 20)
    with pytest.raises(ProviderError, match="too many files"):
        globs.matching(tmp_path, "f1*.csv")


def test_purge_names_every_file_and_gc_keeps_what_is_needed(tmp_path: Path) -> None:
    root = project(tmp_path, "  v: {source: data/in}\n", "id: row\n", MODEL)
    write(root, p="row,a,y\n" + "".join(f"p{i},{i},{'ab'[i % 2]}\n" for i in range(30)))
    write(root, q="row,a,y\n" + "".join(f"q{i},{i},{'ab'[i % 2]}\n" for i in range(30)))
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    report = projects.run("purge", "--id", "q3", cwd=root).stdout
    assert "data/in/p.csv" in report
    assert "data/in/q.csv" in report
    projects.run("gc", "--yes", cwd=root)
    assert projects.run("verify", "m@v1", cwd=root).returncode == 0
    # an id in two files names both
    write(root, q="row,a,y\n" + "".join(f"{'p7' if i == 4 else f'q{i}'},{i},{'ab'[i % 2]}\n" for i in range(30)))
    failed = next(e for e in projects.events(projects.run("build", "--json", cwd=root).stdout) if e["type"] == "step_failed")
    assert "data/in/p.csv:9 and data/in/q.csv:6" in failed["diagnostic"]["detail"]
