"""`id:` names the rows of a dataset: never a feature, present, unique, kept as a hash, and passed over in requests."""

import json
from pathlib import Path

import pytest

from leptonctl.core.contract import id_mark
from leptonctl.learning.preparing.identity import ROW_MARK
from leptonctl.learning.tables.prepared import decode_cells
from tests import projects

ROWS = projects.points().splitlines()[1:]


def project(folder: Path, ids: list[str], *, dataset: str = "id: key\n", header: str = "key") -> Path:
    root = projects.tiny_project(folder, environments={})
    lines = [f"{header},x,y,side", *(f"{text},{row}" for text, row in zip(ids, ROWS, strict=True))]
    (root / "data" / "points.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    projects.edit(root / "data.yaml", "target: side\n", f"target: side\n{dataset}")
    return root


def names() -> list[str]:
    return [f"person-{number}" for number in range(len(ROWS))]


def failure(root: Path) -> dict:
    process = projects.run("build", "--json", cwd=root)
    assert process.returncode == 1, process.stdout
    return next(event["diagnostic"] for event in projects.events(process.stdout) if event["type"] == "step_failed")


def test_an_id_is_no_feature_and_its_hash_is_kept(tmp_path: Path) -> None:
    root = project(tmp_path, names())
    process = projects.run("apply", "--yes", "--only", "line@v1", cwd=root)
    assert process.returncode == 0, process.stdout + process.stderr
    state = projects.state_of(root)
    digest = state["current"]["model/line@v1"]["digest"]
    artifacts = state["results"][digest]["artifacts"]
    manifest = json.loads(projects.stored(root, f"artifacts/{artifacts['manifest.json'].removeprefix('sha256:')}").read_bytes())
    assert ([column["name"] for column in manifest["columns"]], manifest["id"]) == (["x", "y"], "key")
    kept = []
    for step in projects.recorded(root).current["dataset/points@first"].steps.values():
        for name, artifact in projects.result_of(root, step.key).artifacts.items():
            if not name.endswith(".parquet"):
                continue
            frame = decode_cells(projects.stored(root, f"artifacts/{artifact.removeprefix('sha256:')}").read_bytes())
            kept += frame[ROW_MARK].to_list()
    assert sorted(kept) == sorted(id_mark(name, None) for name in names())
    everything = b"".join(path.read_bytes() for path in (root / ".leptonctl" / "store").rglob("*") if path.is_file())
    assert b"person-" not in everything
    # a file with the ids, or without them, is predicted alike; the ids lead
    with_ids = projects.run("predict", "line@v1", "--input", "data/points.csv", cwd=root)
    (root / "plain.csv").write_text("\n".join(["x,y,side", *ROWS]) + "\n", encoding="utf-8")
    without = projects.run("predict", "line@v1", "--input", "plain.csv", cwd=root)
    assert (with_ids.returncode, without.returncode) == (0, 0), with_ids.stderr + without.stderr
    rows = [line.partition(",") for line in with_ids.stdout.splitlines()]
    assert [name for name, _, _ in rows] == ["key", *names()]
    assert [rest for _, _, rest in rows] == without.stdout.splitlines()


def test_an_id_that_names_two_rows_is_refused_with_both_lines(tmp_path: Path) -> None:
    ids = names()
    ids[5] = ids[1]
    problem = failure(project(tmp_path, ids))
    assert (problem["id"], problem["file"], problem["line"]) == ("duplicate-id", "data.yaml", 4)
    assert "data/points.csv:3 and data/points.csv:7" in problem["detail"]
    assert "person-" not in problem["detail"]


@pytest.mark.parametrize(
    ("ids", "id", "said"),
    [
        (["", *names()[1:]], "data-contract", "line 2"),
        ([f"{number}.5" for number in range(len(ROWS))], "id-type", "numbers"),
    ],
)
def test_an_id_that_is_missing_or_no_name_is_refused(tmp_path: Path, ids: list[str], id: str, said: str) -> None:
    problem = failure(project(tmp_path, ids))
    assert problem["id"] == id
    assert said in problem["detail"]


@pytest.mark.parametrize(
    ("dataset", "id", "column"), [("id: nothing\n", "unknown-column", 5), ("id: side\n", "id-is-target", 5)], ids=["unknown", "target"]
)
def test_a_wrong_id_is_reported_at_the_yaml(tmp_path: Path, dataset: str, id: str, column: int) -> None:
    process = projects.run("validate", "--json", cwd=project(tmp_path, names(), dataset=dataset))
    (problem,) = json.loads(process.stdout)["diagnostics"]
    assert (problem["id"], problem["file"], problem["line"], problem["column"]) == (id, "data.yaml", 4, column)


def test_ids_of_a_dataset_with_a_key_are_hashed_with_it() -> None:
    assert id_mark("anna", None) != id_mark("anna", b"k") != id_mark("anna", b"l")


def test_an_id_moves_no_key_of_datasets_without_one(tmp_path: Path) -> None:
    before = json.loads(projects.run("plan", "--json", cwd=project(tmp_path / "a", names(), dataset="")).stdout)
    root = project(tmp_path / "b", names(), dataset="")
    (root / "data.yaml").write_text((root / "data.yaml").read_text() + "  second: {source: data/points.csv, id: key}\n")
    after = json.loads(projects.run("plan", "--json", cwd=root).stdout)
    digests = {change["address"]: change["after"] for change in after["changes"]}
    assert {address: digests[address] for address in (c["address"] for c in before["changes"])} == {
        change["address"]: change["after"] for change in before["changes"]
    }
    assert digests["dataset/points@first"] != digests["dataset/points@second"]
