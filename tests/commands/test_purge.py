"""A person's rows are found in everything that was made of them, removed for good, and not made again from the same file."""

import hashlib
import io
import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from leptonctl.commands.rows.holders import Holder, Holding
from leptonctl.core.contract import id_mark
from leptonctl.core.frozen import replace
from leptonctl.core.result import Tombstone
from tests import projects
from tests.test_output_schemas import problems

ROWS = projects.points(rows=80).splitlines()[1:]
GONE = 17
EXTREME = "99.4375"
MODELS = {
    "near": "{algorithm: knn, params: {n_neighbors: 1}}",
    "kinds": "{preprocess: [{columns: categorical, use: one_hot}, {columns: numeric, use: standard_scaler}]}",
    "plain": "{features: [x, y]}",
}


def table(without: int | None = None) -> str:
    """Rows with an id, and one of them with a category and an extreme that it has alone."""
    lines = ["person,town,x,y,side"]
    rows = [f"{EXTREME},{row.partition(',')[2]}" if number == GONE else row for number, row in enumerate(ROWS)]
    for number, row in enumerate(rows):
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
    result = projects.run("apply", "--yes", cwd=root)
    assert result.returncode == 0, result.stdout + result.stderr
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
            text = frame.write_csv() if "__id__" not in frame.columns else frame.drop("__id__").write_csv()
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
        result = projects.run(*words, cwd=root)
        assert (result.returncode, "usage" in result.stderr) == (1, True), result.stderr
    assert "unknown-address" in projects.run("purge", "points@nothing", cwd=root).stderr
    assert "unknown-dataset" in projects.run("purge", "--id", "x", "--dataset", "poinst", cwd=root).stderr


def test_a_row_is_found_removed_and_not_made_again(root: Path) -> None:
    row, mark = f"person-{GONE}", id_mark(f"person-{GONE}", None)
    assert holds(root, mark, "Zwergenhausen")
    assert {path.partition("/")[0] for path, data in store(root).items() if EXTREME.encode() in data} == {"artifacts", "results"}
    answer = projects.run("purge", "--id", row, "--json", cwd=root)
    assert answer.returncode == 1, "consent is needed"
    assert holds(root, mark, "Zwergenhausen")
    checkpoint = root / ".leptonctl" / "checkpoints" / ("ab" * 32)
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"what a killed step has learned of the row")

    result = projects.run("purge", "--id", row, "--yes", "--json", "--reason", "erasure request 5", cwd=root)
    report = json.loads(result.stdout)
    assert (result.returncode, report["done"]) == (0, True), result.stderr
    assert not checkpoint.exists()
    assert problems("purge", report) == []
    assert report["rows"] == {"dataset/points@first": 1}
    found = {(holder["address"], holder["artifact"]): holder["holds"] for holder in report["holders"]}
    assert found["dataset/points@first", "train.parquet"] == "the rows themselves"
    assert found["dataset/points@first", "profile.json"] == "the profile of the training rows: values at their quantiles, and counts"
    assert found["model/near@v1", "model.onnx"] == "the training rows"
    assert found["model/kinds@v1", "model.onnx"] == "the categories of the training rows"
    assert ("model/plain@v1", "model.onnx") not in found
    assert ("dataset/points@first", "test.parquet") not in found, "it is a training row"
    assert ("model/plain@v1", "golden.json") not in found, "golden rows are evaluation rows"
    assert report["learned"] == ["model/plain@v1"]
    assert report["sources"] == ["data/points.csv"]
    assert row not in result.stdout
    assert "Zwergenhausen" in (root / "data" / "points.csv").read_text(encoding="utf-8"), "data files are never edited"

    # read back: nothing in the store holds the row
    assert holds(root, mark, "Zwergenhausen") == []
    assert all(row.encode() not in data for data in store(root).values())
    # nor does a record: the profile of the snapshot held the largest x
    (record,) = report["records"]
    assert (record["address"], record["holds"]) == ("dataset/points@first", "the smallest and largest values of x, y")
    assert [path for path, data in store(root).items() if EXTREME.encode() in data] == []

    # what was purged is neither lost nor damaged, and a tombstone is not a foreign file
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
    assert [path for path, data in store(root).items() if b'"min":0' in data]
    report = json.loads(projects.run("purge", "points@first", "--yes", "--json", cwd=root).stdout)
    assert report["done"]
    assert report["subject"] == "dataset/points@first"
    assert not [path for path, data in store(root).items() if data[:4] == b"PAR1"]
    # the brother: the smallest value is another row's
    assert [path for path, data in store(root).items() if b'"min":0' in data] == []
    again = json.loads(projects.run("purge", "points@first", "--yes", "--json", cwd=root).stdout)
    assert (again["holders"], again["records"]) == ([], [])
    text = projects.run("plan", cwd=root)
    assert text.returncode == 1
    assert "error[purged]" in text.stdout + text.stderr


def test_the_rows_of_a_version_go_from_every_version_that_has_them_too(tmp_path: Path) -> None:
    """In versions that append it, that read its file and others, and under another name (brothers); other rows stay."""
    models = {
        "near": {"v1": "{dataset: points@more, algorithm: knn}", "v2": "{dataset: elsewhere@both, algorithm: knn}",
                 "v3": "{dataset: points@new, algorithm: knn}"},
        "plain": {"v1": "{dataset: points@more}"},
    }  # fmt: skip
    root = projects.tiny_project(tmp_path, models, environments={})
    header, *lines = table().splitlines()
    for name, part in (("points", lines[:50]), ("new", lines[50:])):
        (root / "data" / f"{name}.csv").write_text("\n".join([header, *part]) + "\n", encoding="utf-8")
    more = "  new: {source: data/new.csv}\n  more: {append: [{version: first}, {version: new}]}\n"
    other = "---\nkind: Dataset\nname: elsewhere\ntarget: side\nsplit: {seed: 9}\nversions:\n  both: {source: [data/new.csv, data/points.csv]}\n"
    (root / "data.yaml").write_text((root / "data.yaml").read_text(encoding="utf-8") + more + other, encoding="utf-8")
    for name in models:
        projects.edit(root / f"model-{name}.yaml", "preprocess: [{columns: numeric, use: standard_scaler}]\n", "features: [x, y]\n")
    built = projects.run("apply", "--yes", cwd=root)
    assert built.returncode == 0, built.stdout + built.stderr
    old = {line.split(",")[3] for line in lines[:50]} - {line.split(",")[3] for line in lines[50:]}
    assert len(rows_with(root, old)) == 6

    # the file is read, and of which rows is not known
    projects.edit(root / "data.yaml", "  first: {source", "  never: {source: data/points.csv, split: {seed: 3}}\n  first: {source")
    unknown = json.loads(projects.run("purge", "points@never", "--json", cwd=root).stdout)
    assert (unknown["holders"], unknown["cannot_tell"]) == ([], ["dataset/elsewhere@both", "dataset/points@first", "dataset/points@more"])

    result = projects.run("purge", "points@first", "--yes", "--json", cwd=root)
    report = json.loads(result.stdout)
    assert (result.returncode, problems("purge", report)) == (0, []), result.stderr
    assert report["rows"] == {"dataset/points@more": 50, "dataset/elsewhere@both": 50}
    found = {(holder["address"], holder["artifact"]) for holder in report["holders"]}
    assert {("model/near@v1", "model.onnx"), ("model/near@v2", "model.onnx"), ("dataset/points@more", "train.parquet")} <= found
    assert not {address for address, _ in found} & {"dataset/points@new", "model/near@v3"}
    assert (report["learned"], report["cannot_tell"]) == (["model/plain@v1"], [])
    assert rows_with(root, old) == []
    refused = projects.run("plan", "--json", cwd=root)
    assert "purged" in {d["id"] for d in json.loads(refused.stdout)["diagnostics"]}
    # without the rows the versions are built again
    (root / "data" / "points.csv").write_text("\n".join([header, *(f"p{line}" for line in lines[50:])]) + "\n", encoding="utf-8")
    assert projects.run("plan", cwd=root).returncode == 0


def rows_with(root: Path, cells: set[str]) -> list[str]:
    """The snapshots in the store that hold one of these values of y."""
    found = []
    for path, data in store(root).items():
        if data[:4] == b"PAR1":
            values = {f"{value:.3f}" for value in pl.read_parquet(io.BytesIO(data))["y"].to_list()}
            found += [path] if values & cells else []
    return found


def test_an_id_that_was_hashed_with_a_key_is_found_with_it(tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path, environments={})
    (root / "data" / "points.csv").write_text(table(), encoding="utf-8")
    privacy = "privacy: {hash: [town], drop: [person], key: {secret: {env: PURGE_KEY}}, key_id: k}\n"
    projects.edit(root / "data.yaml", "target: side\n", f"target: side\nid: person\n{privacy}")
    built = projects.run("apply", "--yes", "--only", "points@first", cwd=root, PURGE_KEY="secret")
    assert built.returncode == 0, built.stdout + built.stderr
    answer = ("purge", "--id", f"person-{GONE}", "--dataset", "points", "--yes", "--json")
    assert "missing-secret" in projects.run(*answer, cwd=root).stdout
    other = projects.run(*answer, cwd=root, PURGE_KEY="another")
    assert (other.returncode, "wrong-key" in other.stdout) == (1, True), "with another key, nothing is known"
    report = json.loads(projects.run(*answer, cwd=root, PURGE_KEY="secret").stdout)
    assert {(h["address"], h["op"]) for h in report["holders"]} == {("dataset/points@first", "prepare")}
    held = {h["artifact"].partition(".")[0] for h in report["holders"]}
    assert held in ({"train", "profile"}, {"test"}), "a row is on one side"
    assert report["done"]

    # what is recorded names the row by its keyed mark: without the key nobody can try likely ids
    assert id_mark(f"person-{GONE}", b"secret").hex()[:16] in report["subject"]
    records = b"".join(data for path, data in store(root).items() if "artifacts/" not in path)
    for digest in unkeyed(f"person-{GONE}"):
        assert digest not in records

    # rows under a key that nothing declares any more are not said to be absent
    projects.edit(root / "data.yaml", "key_id: k}", "key_id: k2}")
    unsearched = projects.run("purge", "--id", "person-1", cwd=root, PURGE_KEY="another")
    assert unsearched.returncode == 1
    assert 'key id "k" cannot be searched with this key' in unsearched.stderr


def unkeyed(text: str) -> list[bytes]:
    """The first 16 digits of every hash of the text that needs no key."""
    plain = [hashlib.new(name, text.encode()).hexdigest()[:16] for name in ("sha256", "sha1", "md5", "sha512", "blake2b")]
    return [digest.encode() for digest in (*plain, id_mark(text, None).hex()[:16])]


def test_without_a_key_no_record_has_a_hash_of_the_id(root: Path) -> None:
    report = json.loads(projects.run("purge", "--id", "person-3", "--yes", "--json", cwd=root).stdout)
    assert report["done"]
    records = [data for path, data in store(root).items() if not path.startswith("artifacts/")]
    assert any(report["subject"].encode() in data for data in records), "the history and the tombstones name the purge"
    history = projects.run("history", "--json", cwd=root).stdout
    assert report["subject"] in history
    for digest in unkeyed("person-3"):
        assert all(digest not in data for data in records)
        assert digest.decode() not in history + json.dumps(report)


SPLITS = {
    "random": "split: {test: 0.25, seed: 1}\n",
    "by id": "split: {test: 0.25, by: person}\n",
    "test file": "test: {source: data/later.csv}\n",
}


@pytest.mark.parametrize("split", SPLITS)
def test_what_does_not_hold_the_row_can_be_built_again(tmp_path: Path, split: str) -> None:
    tree = "{algorithm: decision_tree, features: [town, x], params: {max_depth: 1}, preprocess: [{columns: categorical, use: one_hot}]}"
    root = projects.tiny_project(tmp_path, {"near": {"v1": MODELS["near"]}, "tree": {"v1": tree}}, environments={})
    projects.edit(root / "data.yaml", "target: side\n", f"target: side\nid: person\n{SPLITS[split]}")
    projects.edit(root / "model-near.yaml", "preprocess: [{columns: numeric, use: standard_scaler}]\n", "features: [x, y]\n")
    projects.edit(root / "model-tree.yaml", "preprocess: [{columns: numeric, use: standard_scaler}]\n", "")
    lines = table().splitlines()
    if split == "test file":
        (root / "data" / "later.csv").write_text("\n".join([lines[0], *lines[61:]]) + "\n", encoding="utf-8")
        lines = lines[:61]
    (root / "data" / "points.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    built = projects.run("apply", "--yes", cwd=root)
    assert built.returncode == 0, built.stdout + built.stderr

    for side, other in (("train", "test"), ("test", "train")):
        person, file = person_of(root, side), "later" if (split, side) == ("test file", "test") else "points"
        report = json.loads(projects.run("purge", "--id", person, "--yes", "--json", cwd=root).stdout)
        artifacts = {holder["artifact"] for holder in report["holders"]}
        assert report["done"]
        assert f"{side}.parquet" in artifacts
        assert not {f"{other}.parquet", f"{other}.rows"} & artifacts
        assert report["sources"] == [f"data/{file}.csv"]
        assert ("model.onnx" in artifacts) == (side == "train"), artifacts
        assert side == "test" or "golden.json" not in artifacts
        path = root / "data" / f"{file}.csv"
        rest = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(f"{person},")]
        path.write_text("\n".join(rest) + "\n", encoding="utf-8")
        planned, applied = projects.run("plan", cwd=root), projects.run("apply", "--yes", cwd=root)
        assert (planned.returncode, applied.returncode) == (0, 0), planned.stdout + applied.stdout + applied.stderr
        assert holds(root, id_mark(person, None), f"{person},") == []
        assert projects.run("verify", "--store", cwd=root).returncode == 0

        # asked again, nothing that can be searched holds it
        again = projects.run("purge", "--id", person, "--yes", cwd=root)
        assert again.returncode == 0
        assert "Nothing in the store that can be searched holds this row" in again.stdout
        assert "Not searched" not in again.stdout, "what earlier builds read is recorded"


def person_of(root: Path, side: str) -> str:
    """The first person on one side of the snapshot in use."""
    shown = json.loads(projects.run("show", "points@first", "--json", cwd=root).stdout)
    key = shown["current"]["dataset/points@first"]["steps"]["prepare"]["key"]
    digest = shown["results"][key]["artifacts"][f"{side}.parquet"].removeprefix("sha256:")
    marks = pl.read_parquet(root / ".leptonctl" / "store" / "artifacts" / digest)["__id__"].to_list()
    return next(f"person-{number}" for number in range(len(ROWS)) if number != GONE and id_mark(f"person-{number}", None) == marks[0])


def test_a_category_that_others_have_too_is_not_the_rows_own(root: Path) -> None:
    """Berlin and Bonn are everybody's; the largest x is one person's."""
    models = {"kinds": {"v1": MODELS["kinds"], "v2": MODELS["kinds"].replace("standard_scaler", "min_max_scaler")}}
    for name, versions in models.items():
        projects.edit(
            root / f"model-{name}.yaml", "  v1:", "".join(f"  {v}: {text}\n" for v, text in versions.items() if v != "v1") + "  v1:"
        )
    assert projects.run("apply", "--yes", "--only", "kinds@v2", cwd=root).returncode == 0

    def lines(person: str) -> list[str]:
        return [line for line in projects.run("purge", "--id", person, cwd=root).stdout.splitlines() if "model.onnx" in line]

    plain = lines(person_of(root, "train"))
    assert plain
    assert all("near@v1" in line for line in plain), "knn keeps every row, and nothing else keeps this one"
    own = {line.split()[0].removeprefix("model/") for line in lines(f"person-{GONE}")}
    assert own == {"near@v1", "kinds@v1", "kinds@v2"}
    (extreme,) = [line for line in lines(f"person-{GONE}") if "kinds@v2" in line]
    assert "the smallest and largest values" in extreme


def test_a_damaged_snapshot_is_reported_as_not_searched(root: Path) -> None:
    for path, data in store(root).items():
        if data[:4] == b"PAR1":
            (root / ".leptonctl" / "store" / path).write_bytes(data[:-9] + b"x" * 9)
    report = json.loads(projects.run("purge", "--id", "person-1", "--json", "--yes", cwd=root).stdout)
    assert (report["holders"], report["cannot_tell"][:1]) == ([], ["dataset/points@first"])


def test_a_bound_model_that_learned_none_of_the_rows_stays_bound(tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path, {"near": {"v1": MODELS["near"]}}, environments={"dev": "models: {near: v1}"})
    projects.edit(root / "environment-dev.yaml", "type: server,", "type: server, run: elsewhere,")
    (root / "data" / "points.csv").write_text(table(), encoding="utf-8")
    projects.edit(root / "data.yaml", "target: side\n", "target: side\nid: person\nsplit: {test: 0.25, by: person}\n")
    projects.edit(root / "model-near.yaml", "preprocess: [{columns: numeric, use: standard_scaler}]\n", "features: [x, y]\n")
    built = projects.run("apply", "--yes", cwd=root)
    assert built.returncode == 0, built.stdout + built.stderr
    learned, tested = person_of(root, "train"), person_of(root, "test")
    for person, bound in ((tested, {"golden.json"}), (learned, {"model.onnx", "model.skops"})):
        answer = projects.run("purge", "--id", person, "--json", "--yes", cwd=root)
        holders = json.loads(answer.stdout)["holders"]
        assert {h["artifact"] for h in holders if h["bound"]} <= bound
        planned = projects.run("plan", "--json", cwd=root)
        assert planned.returncode == 1, "with the row in the file, nothing is in place"
        assert {d["id"] for d in json.loads(planned.stdout)["diagnostics"]} == {"purged"}
        # without the row it is built and bound again
        path = root / "data" / "points.csv"
        rest = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(f"{person},")]
        path.write_text("\n".join(rest) + "\n", encoding="utf-8")
        applied = projects.run("apply", "--yes", cwd=root)
        assert applied.returncode == 0, applied.stdout + applied.stderr
    assert {h["artifact"] for h in holders if h["bound"]} == {"model.onnx", "model.skops"}

    text = projects.run("purge", "--id", person_of(root, "train"), "--yes", cwd=root).stdout
    assert "Bound to what was removed: environment/dev/near" in text
    assert "do not restart it" in text
    assert "`leptonctl rollback dev`" in text
    assert text.count("Out of reach") == 1
    assert "would be removed" not in text


def returned(root: Path, before: Mapping[str, bytes]) -> list[str]:
    """Put back every artifact that is missing, as from a backup of the store: their paths."""
    missing = sorted(path for path in before.keys() - store(root).keys() if path.startswith("artifacts/"))
    for path in missing:
        (root / ".leptonctl" / "store" / path).write_bytes(before[path])
    return missing


@pytest.mark.parametrize("way", [("gc", "--yes"), ("purge", "--id", f"person-{GONE}", "--yes")])
def test_what_comes_back_from_a_backup_stays_purged(root: Path, way: tuple[str, ...]) -> None:
    before = store(root)
    purged = projects.run("purge", "--id", f"person-{GONE}", "--yes", cwd=root)
    assert purged.returncode == 0, purged.stderr
    paths = returned(root, before)
    assert paths
    # it is named, with the command that removes it
    audit = projects.run("verify", "--store", "--json", cwd=root)
    report = json.loads(audit.stdout)
    assert audit.returncode == 1
    assert [p["path"] for p in report["problems"]] == paths
    assert {(p["damage"], p["mend"]) for p in report["problems"]} == {("purged", "leptonctl gc --yes")}
    assert "dataset/points" not in report["problems"][0]["detail"]
    # nothing uses it
    planned = json.loads(projects.run("plan", "--json", cwd=root).stdout)
    assert {d["id"] for d in planned["diagnostics"]} == {"purged"}
    assert projects.run("verify", "near@v1", cwd=root).returncode != 0
    assert projects.run("predict", "near@v1", "data/points.csv", cwd=root).returncode != 0
    # gone again, and the tombstones stay
    result = projects.run(*way, cwd=root)
    assert result.returncode == 0, result.stderr
    assert not store(root).keys() & {*paths}
    assert projects.run("verify", "--store", cwd=root).returncode == 0
    assert {d["id"] for d in json.loads(projects.run("plan", "--json", cwd=root).stdout)["diagnostics"]} == {"purged"}


def test_a_server_does_not_load_what_came_back(tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path, {"near": {"v1": MODELS["near"]}}, environments={"dev": "models: {near: v1}"})
    projects.edit(root / "model-near.yaml", "preprocess: [{columns: numeric, use: standard_scaler}]\n", "")
    try:
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
        before = store(root)
        assert projects.run("purge", "points@first", "--yes", cwd=root).returncode == 0
        assert returned(root, before)
        refused = projects.run("server", "restart", "dev", cwd=root)
        assert (refused.returncode, "was purged on" in refused.stderr) == (1, True), refused.stderr
    finally:
        projects.stop_servers(root)
    # nor when it starts by itself
    served = projects.start("serve", "dev", cwd=root)
    try:
        assert served.stderr is not None
        lines = iter(served.stderr.readline, "")
        assert any("was purged, and its bytes came back" in line for line in lines)
    finally:
        served.terminate()
        served.communicate(timeout=30)


def test_the_next_step_that_is_printed_works_in_a_protected_environment(tmp_path: Path) -> None:
    settings = {"prod": "protected: true\nrequire_commit: true\nmodels: {near: v1, plain: v1}"}
    root = projects.tiny_project(tmp_path, {name: {"v1": MODELS[name]} for name in ("near", "plain")}, environments=settings)
    projects.edit(root / "environment-prod.yaml", "type: server,", "type: server, run: elsewhere,")
    (root / "data" / "points.csv").write_text(table(), encoding="utf-8")
    projects.edit(root / "data.yaml", "target: side\n", "target: side\nid: person\nsplit: {test: 0.25, by: person}\n")
    for name in ("near", "plain"):
        projects.edit(root / f"model-{name}.yaml", "preprocess: [{columns: numeric, use: standard_scaler}]\n", "features: [x, y]\n")
    (root / ".gitignore").write_text(".leptonctl/\n", encoding="utf-8")

    def committed() -> None:
        for words in (("init", "-q"), ("add", "."), ("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "x")):
            subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)

    assert projects.run("pin", cwd=root).returncode == 0
    committed()
    first = projects.run("apply", "--yes", cwd=root)
    assert first.returncode == 0, first.stdout + first.stderr
    person = person_of(root, "train")
    text = projects.run("purge", "--id", person, "--yes", cwd=root).stdout
    (step,) = [line for line in text.splitlines() if line.startswith("Remove the rows from the file")]
    path = root / "data" / "points.csv"
    rest = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(f"{person},")]
    path.write_text("\n".join(rest) + "\n", encoding="utf-8")
    assert "remove its `digest:`" in step
    declared = root / "data.yaml"
    declared.write_text(re.sub(r', digest: "[^"]*"', "", declared.read_text(encoding="utf-8")), encoding="utf-8")
    commands = [words for words in re.findall(r"`leptonctl ([^`]*)`", step) if not words.startswith("rollback")]
    assert commands == ["pin", "apply --yes"]
    for words in commands:
        if words.startswith("apply"):
            committed()
        result = projects.run(*words.split(), cwd=root)
        assert result.returncode == 0, result.stdout + result.stderr
    # the version is sealed again, as it is now: also the one that had learned the row and holds none of it
    assert projects.run("plan", cwd=root).returncode == 0
    for name in ("near", "plain"):
        file = root / f"model-{name}.yaml"
        before = file.read_text(encoding="utf-8")
        file.write_text(before.replace("[x, y]", "[x]"), encoding="utf-8")
        refused = projects.run("plan", cwd=root)
        assert (refused.returncode, "sealed-version" in refused.stderr + refused.stdout) == (3, True), refused.stdout
        file.write_text(before, encoding="utf-8")


def test_snapshots_go_last() -> None:
    """By them a purge that was interrupted finds the rest again."""
    holders = [
        Holder(address=f"{op}/a@v1", op=op, name="x", digest=digest, holds="rows", certain=digest != "2")
        for op, digest in (("prepare", "1"), ("train", "2"), ("prepare", "3"), ("export", "4"))
    ]
    holding = Holding(snapshots=frozenset(), holders=tuple(holders), learned=frozenset(), unclear=frozenset())
    graves = holding.tombstones(Tombstone(at="2026-01-01", by="anna", subject="row"))
    assert [*graves] == ["2", "4", "1", "3"]
    assert [digest for digest, grave in graves.items() if not grave.refused] == ["2"]
    # and of the snapshots last those that say which rows it is about
    assert [*replace(holding, naming=frozenset("1")).tombstones(Tombstone(at="2026-01-01", by="anna", subject="row"))][-1] == "1"
