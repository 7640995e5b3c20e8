"""A person's rows are found in everything that was made of them, removed for good, and not made again from the same file."""

import io
import json
from pathlib import Path

import polars as pl
import pytest

from leptonctl.core.contract import id_mark
from tests import projects
from tests.test_output_schemas import problems

ROWS = projects.points(rows=80).splitlines()[1:]
GONE = 17
MODELS = {
    "near": "{algorithm: knn, params: {n_neighbors: 1}}",
    "kinds": "{preprocess: [{columns: categorical, use: one_hot}, {columns: numeric, use: standard_scaler}]}",
    "plain": "{features: [x, y]}",
}


def table(without: int | None = None) -> str:
    """Rows with an id, and a category that one of them has alone."""
    lines = ["person,town,x,y,side"]
    for number, row in enumerate(ROWS):
        if number != without:
            lines.append(f"person-{number},{'Zwergenhausen' if number == GONE else 'Berlin' if number % 2 else 'Bonn'},{row}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def root(applied: Path, tmp_path: Path) -> Path:
    return projects.copy_of(applied, tmp_path / "project")


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = {name: {"v1": rest} for name, rest in MODELS.items()}
    folder = tmp_path_factory.mktemp("purge")
    root = projects.tiny_project(folder, models, environments={})
    (root / "data" / "points.csv").write_text(table(), encoding="utf-8")
    # the row is a training row: it would be learned
    projects.edit(root / "data.yaml", "target: side\n", "target: side\nid: person\nsplit: {test: 0.25, seed: 1}\n")
    for name in ("near", "plain"):
        projects.edit(root / f"model-{name}.yaml", "preprocess: [{columns: numeric, use: standard_scaler}]\n", "features: [x, y]\n")
    done = projects.run("apply", "--yes", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def store(root: Path) -> dict[str, bytes]:
    folder = root / ".leptonctl" / "store"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def holds(root: Path, mark: bytes, category: str) -> list[str]:
    """The files of the store that hold the row: its mark in a snapshot, or its category anywhere."""
    found = []
    for path, data in store(root).items():
        if data[:4] == b"PAR1":
            frame = pl.read_parquet(io.BytesIO(data))
            text = frame.write_csv() if "__id__" not in frame.columns else frame.drop("__id__", "__row__").write_csv()
            marked = "__id__" in frame.columns and mark in frame["__id__"].to_list()
            found += [path] if marked or category in text else []
        elif category.encode() in data or f"person-{GONE}".encode() in data:
            found.append(path)
        elif data[:2] == b"PK" and category.encode() in unzipped(data):
            found.append(path)
    return found


def unzipped(data: bytes) -> bytes:
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return b"".join(archive.read(name) for name in archive.namelist())


def test_what_cannot_be_told_or_found_is_said(root: Path) -> None:
    nobody = json.loads(projects.run("purge", "--id", "person-999", "--json", cwd=root).stdout)
    assert (nobody["holders"], nobody["done"]) == ([], False)
    assert nobody["unreachable"]
    for words in (("purge",), ("purge", "points@first", "--id", "x")):
        done = projects.run(*words, cwd=root)
        assert (done.returncode, "usage" in done.stderr) == (1, True), done.stderr
    assert "unknown-address" in projects.run("purge", "points@nothing", cwd=root).stderr
    assert "unknown-dataset" in projects.run("purge", "--id", "x", "--dataset", "poinst", cwd=root).stderr


def test_a_row_is_found_removed_and_not_made_again(root: Path) -> None:
    row, mark = f"person-{GONE}", id_mark(f"person-{GONE}", None)
    assert holds(root, mark, "Zwergenhausen")
    asked = projects.run("purge", "--id", row, "--json", cwd=root)
    assert asked.returncode == 1, "consent is needed"
    assert holds(root, mark, "Zwergenhausen")

    done = projects.run("purge", "--id", row, "--yes", "--json", "--reason", "erasure request 5", cwd=root)
    report = json.loads(done.stdout)
    assert (done.returncode, report["done"]) == (0, True), done.stderr
    assert problems("purge", report) == []
    found = {(holder["address"], holder["artifact"]): holder["holds"] for holder in report["holders"]}
    assert found["dataset/points@first", "train.parquet"] == "the rows themselves"
    assert found["model/near@v1", "model.onnx"] == "the training rows"
    assert found["model/kinds@v1", "model.onnx"] == "the categories of the training rows"
    assert ("model/plain@v1", "model.onnx") not in found
    assert found["model/plain@v1", "golden.json"] == "evaluation rows with their answers"
    assert report["learned"] == ["model/plain@v1"]
    assert report["sources"] == ["data/points.csv"]
    assert row not in done.stdout
    assert "Zwergenhausen" in (root / "data" / "points.csv").read_text(encoding="utf-8"), "data files are never edited"

    # read back: nothing in the store holds the row
    assert holds(root, mark, "Zwergenhausen") == []
    assert all(row.encode() not in data for data in store(root).values())

    # what was purged is neither lost nor damaged, and a tombstone is no foreign file
    audit = projects.run("verify", "--store", "--json", cwd=root)
    assert audit.returncode == 0, audit.stdout
    assert "tombstones/" not in audit.stdout

    # the history says who and why, but not whom
    history = json.loads(projects.run("history", "--json", cwd=root).stdout)
    entry = next(entry for entry in history["entries"] if entry["command"] == "purge")
    assert "erasure request 5" in entry["reason"]
    assert row not in json.dumps(history)

    # nothing makes it again from the same file, whatever asks
    planned = projects.run("plan", "--json", cwd=root)
    assert {d["id"] for d in json.loads(planned.stdout)["diagnostics"]} == {"purged"}, planned.stdout[:800]
    assert projects.run("apply", "--yes", cwd=root).returncode == 1
    assert projects.run("build", cwd=root).returncode == 1
    assert holds(root, mark, "Zwergenhausen") == []

    # without the row, all is built again
    (root / "data" / "points.csv").write_text(table(without=GONE), encoding="utf-8")
    applied = projects.run("apply", "--yes", cwd=root)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert holds(root, mark, "Zwergenhausen") == []


def test_a_whole_version_is_purged(root: Path) -> None:
    report = json.loads(projects.run("purge", "points@first", "--yes", "--json", cwd=root).stdout)
    assert report["done"]
    assert report["subject"] == "dataset/points@first"
    assert not [path for path, data in store(root).items() if data[:4] == b"PAR1"]
    text = projects.run("plan", cwd=root)
    assert text.returncode == 1
    assert "error[purged]" in text.stdout + text.stderr


def test_an_id_that_was_hashed_with_a_key_is_found_with_it(tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path, environments={})
    (root / "data" / "points.csv").write_text(table(), encoding="utf-8")
    privacy = "privacy: {hash: [town], drop: [person], key: {secret: {env: PURGE_KEY}}, key_id: k}\n"
    projects.edit(root / "data.yaml", "target: side\n", f"target: side\nid: person\n{privacy}")
    built = projects.run("apply", "--yes", "--only", "points@first", cwd=root, PURGE_KEY="secret")
    assert built.returncode == 0, built.stdout + built.stderr
    asked = ("purge", "--id", f"person-{GONE}", "--dataset", "points", "--yes", "--json")
    assert "missing-secret" in projects.run(*asked, cwd=root).stdout
    assert json.loads(projects.run(*asked, cwd=root, PURGE_KEY="another").stdout)["holders"] == []
    report = json.loads(projects.run(*asked, cwd=root, PURGE_KEY="secret").stdout)
    assert {(h["address"], h["op"]) for h in report["holders"]} == {("dataset/points@first", "prepare")}
    assert {"train.parquet", "test.parquet"} <= {h["artifact"] for h in report["holders"]}
    assert report["done"]


def test_a_damaged_snapshot_is_said_to_be_untold(root: Path) -> None:
    for path, data in store(root).items():
        if data[:4] == b"PAR1":
            (root / ".leptonctl" / "store" / path).write_bytes(data[:-9] + b"x" * 9)
    report = json.loads(projects.run("purge", "--id", "person-1", "--json", "--yes", cwd=root).stdout)
    assert (report["holders"], report["cannot_tell"][:1]) == ([], ["dataset/points@first"])
