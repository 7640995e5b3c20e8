"""Versions that continue from another one, from the plan to the gate, the proof, `gc` and `purge`: what was learned before stays learned."""

import json
import re
from pathlib import Path

import pytest

from tests import projects
from tests.commands.test_gc import age, artifacts

MODEL = """\
kind: Model
name: line
dataset: points@old
task: classification
preprocess: [{columns: numeric, use: standard_scaler}]
algorithm: sgd
evaluate: {metrics: [accuracy, log_loss]}
versions:
  v1: {}
  v2: {warm_start: v1, dataset: points@all}
  v3: {warm_start: {version: v2, refit: true}, dataset: points@all, evaluate: {cross_validation: 3}}
  fresh: {dataset: points@all}
  new: {dataset: points@new}
"""
DATA = """\
kind: Dataset
name: points
target: side
id: row
split: {test: 0.25, seed: 3}
versions:
  old: {source: data/points.csv}
  all: {append: [{version: old}, {file: data/new.csv}]}
  new: {source: data/new.csv}
"""


def rows(first: int, count: int, seed: int) -> str:
    header, *lines = projects.points(count, seed).splitlines()
    return "\n".join([f"row,{header}", *(f"r{first + number},{line}" for number, line in enumerate(lines))]) + "\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """v1, two versions that continue from it, and one that starts from the beginning; all of them are built."""
    root = projects.tiny_project(tmp_path_factory.mktemp("warm"), {}, {})
    (root / "data.yaml").write_text(DATA, encoding="utf-8")
    (root / "data" / "points.csv").write_text(rows(0, 120, 1), encoding="utf-8")
    (root / "data" / "new.csv").write_text(rows(120, 60, 2), encoding="utf-8")
    (root / "model-line.yaml").write_text(MODEL, encoding="utf-8")
    result = projects.run("apply", "--yes", cwd=root)
    assert result.returncode == 0, result.stdout + result.stderr
    return root


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    return projects.copy_of(built, tmp_path / "project")


def environment(version: str) -> str:
    return f"kind: Environment\nname: dev\nplatform: {{type: server, port: {projects.free_port()}}}\nmodels: {{line: {version}}}\n"


def result(root: Path, version: str, step: str) -> dict:
    """The outputs of a step of a version."""
    shown = projects.state_of(root)["current"][f"model/line@{version}"]["steps"][step]["key"]
    return dict(projects.result_of(root, shown).outputs)


def test_a_second_plan_has_nothing_to_do_with_and_without_the_cache(built: Path, root: Path) -> None:
    for folder in (built, built, root):
        plan = json.loads(projects.run("plan", "--json", cwd=folder).stdout)
        assert not plan["changes"], plan["changes"]
        assert not plan["diagnostics"]


def test_rows_that_a_version_before_learned_do_not_count(root: Path) -> None:
    marks = [{line.split(",")[0] for line in (root / "data" / f"{name}.csv").read_text().splitlines()[1:]} for name in ("points", "new")]
    assert not marks[0] & marks[1]
    warm, fresh = (result(root, version, "evaluate") for version in ("v2", "fresh"))
    # a random split puts rows among the test rows of all that were training rows of the old ones
    assert warm["rows"] < fresh["rows"] == 45
    assert f"of 45 evaluation rows without {45 - warm['rows']} that the versions before were trained on" in warm["evaluation"]["notes"]
    # the version after it has learned no less
    assert result(root, "v3", "evaluate")["rows"] == warm["rows"]
    assert [len(result(root, version, "train").get("learned", [])) for version in ("v1", "v2", "v3")] == [0, 1, 2]


def test_folds_are_scored_on_rows_that_are_new(root: Path) -> None:
    # v2 was trained on all of these training rows
    folds = result(root, "v3", "cross_validate")
    assert folds["metrics"] == {}
    assert all("not scored" in note for note in folds["evaluation"]["notes"])


def test_a_gate_compares_on_rows_that_nobody_before_learned(root: Path) -> None:
    first, second = "v2", "fresh"
    (root / "environment.yaml").write_text(environment(first) + "gates: {accuracy: {max_drop: 1.0}}\n", encoding="utf-8")
    try:
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
        projects.edit(root / "environment.yaml", f"line: {first}", f"line: {second}")
        outcome = projects.run("apply", "--yes", "--json", cwd=root)
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr
        (key,) = {one["key"] for one in projects.events(outcome.stdout) if one["type"] == "step_finished" and one["op"] == "compare"}
        comparison = projects.result_of(root, key)
        learned = 45 - result(root, "v2", "evaluate")["rows"]
        assert comparison.outputs["rows"] == 45 - learned
        assert comparison.outputs["excluded_by"] == {"bound": learned, "candidate": 0}
        proof = projects.run("verify", f"line@{second}", cwd=root)
        assert proof.returncode == 0, proof.stdout
    finally:
        projects.stop_servers(root)


def test_a_rebuild_gives_the_same_bytes_and_says_which_row_has_changed(root: Path) -> None:
    assert projects.run("pin", cwd=root).returncode == 0
    file = root / "data" / "new.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[20] = "r139,0.001," + lines[20].split(",", 2)[2]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    proof = projects.run("verify", "line@v3", "--rebuild", "--json", cwd=root)
    assert proof.returncode == 1
    report = json.loads(proof.stdout)
    assert report["rebuild"]["verdict"] == "identical"
    assert report["rebuild"]["reasons"][1:] == ["model/line@v2, whose training it continues, is used as recorded"]
    details = {check["what"]: check["detail"] for check in report["checks"] if not check["ok"]}
    assert details == {"data": "data/new.csv:21: rows that it was not built from: 1, rows that are gone: 1"}


def test_without_a_pin_a_changed_row_is_why_it_is_not_built(root: Path) -> None:
    file = root / "data" / "points.csv"
    file.write_text(file.read_text(encoding="utf-8") + "r999,1.0,2.0,above\n", encoding="utf-8")
    proof = projects.run("verify", "line@v1", "--rebuild", cwd=root)
    assert proof.returncode == 1
    assert "error[not-built]" in proof.stderr
    assert "its data have changed: data/points.csv:122: rows that it was not built from: 1, rows that are gone: 0" in proof.stderr


def test_what_it_goes_on_from_is_shown_and_compared(root: Path) -> None:
    shown = json.loads(projects.run("show", "line@v3", "--json", cwd=root).stdout)["version"]
    written = {one["path"]: (one["value"], one["line"]) for one in shown["parameters"]}
    assert written["warm_start.version"] == ("v2", 11)
    assert written["warm_start.refit"][0] is True
    counted = sum(one["rows"] for one in shown["evaluation"]["calibration"]["bins"])
    assert counted == shown["data"]["evaluated"] == result(root, "v3", "evaluate")["rows"]
    fields = {one["path"]: one["b"] for one in json.loads(projects.run("diff", "line@v1", "line@v2", "--json", cwd=root).stdout)["fields"]}
    assert fields["warm_start.version"] == "v1"
    both = json.loads(projects.run("diff", "line@fresh", "line@v2", "--json", cwd=root).stdout)
    assert both["flips"]["rows"] == counted


def test_an_edit_of_the_first_version_is_the_reason_why_the_next_ones_are_built_again(root: Path) -> None:
    projects.edit(root / "model-line.yaml", "v1: {}", "v1: {params: {alpha: 0.01}}")
    plan = json.loads(projects.run("plan", "--json", cwd=root).stdout)
    changes = {change["address"]: change for change in plan["changes"]}
    assert changes.keys() == {f"model/line@{version}" for version in ("v1", "v2", "v3")}
    assert [because["line"] for because in changes["model/line@v2"]["because"]] == [10]


def test_gc_keeps_what_a_version_goes_on_from(root: Path) -> None:
    keys = projects.state_of(root)["current"]["model/line@v1"]["steps"]
    needed = {*projects.result_of(root, keys["train"]["key"]).artifacts.values()}
    (root / "environment.yaml").write_text(environment("v3"), encoding="utf-8")
    try:
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
        # the deployment of v3 keeps what it continues from, though nothing declares that any more
        text = (root / "model-line.yaml").read_text(encoding="utf-8")
        (root / "model-line.yaml").write_text(re.sub(r"  v\d: .*\n", "", text), encoding="utf-8")
        projects.edit(root / "environment.yaml", "line: v3", "line: fresh")
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
        age(root)
        report = json.loads(projects.run("gc", "--yes", "--json", cwd=root).stdout)
        assert needed <= artifacts(root), report
        # another that nothing continues from: the metrics' own needs are gone
        assert report["freed"] > 0
    finally:
        projects.stop_servers(root)


@pytest.fixture(scope="module")
def retired(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """v3 was bound; now another version is, and of v3 and those that it continues from no line is left."""
    root = projects.copy_of(built, tmp_path_factory.mktemp("retired") / "project")
    (root / "environment.yaml").write_text(environment("v3").replace("server,", "server, run: elsewhere,"), encoding="utf-8")
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    text = (root / "model-line.yaml").read_text(encoding="utf-8")
    (root / "model-line.yaml").write_text(re.sub(r"  v\d: .*\n", "", text), encoding="utf-8")
    projects.edit(root / "environment.yaml", "line: v3", "line: fresh")
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    return root


@pytest.mark.parametrize("left", ["", "v1", "v2"])
def test_a_rollback_writes_back_the_versions_that_one_goes_on_from(retired: Path, tmp_path: Path, left: str) -> None:
    root = projects.copy_of(retired, tmp_path / "project")
    if left:
        # of those before, some are declared again, or still
        lines = [line for line in MODEL.splitlines() if line.startswith("  v1") or (left == "v2" and line.startswith("  v2"))]
        projects.edit(root / "model-line.yaml", "versions:\n", "versions:\n" + "\n".join(lines) + "\n")
    offered = json.loads(projects.run("history", "--json", cwd=root).stdout)["way_back"]
    assert (offered["binding"], offered["version"]) == ("dev/line", "v3")
    result = projects.run("rollback", "dev", "--yes", "--json", cwd=root)
    assert result.returncode == 0, result.stdout + result.stderr
    assert (projects.finished(result)["trained"], projects.served(root, "dev")["models"][0]["version"]) == (0, "v3")
    written = re.findall(r"^  (v\d): (.*)$", (root / "model-line.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    assert {version for version, _ in written} == {"v1", "v2", "v3"}
    assert not json.loads(projects.run("plan", "--json", cwd=root).stdout)["summary"]["update"]


def test_a_rollback_is_refused_where_a_version_before_is_another_now(retired: Path, tmp_path: Path) -> None:
    root = projects.copy_of(retired, tmp_path / "project")
    projects.edit(root / "model-line.yaml", "versions:\n", "versions:\n  v1: {params: {alpha: 0.01}}\n")
    assert json.loads(projects.run("history", "--json", cwd=root).stdout)["way_back"] is None
    refused = projects.run("rollback", "dev", "--yes", cwd=root)
    assert (refused.returncode, "error[recipe-changed]" in refused.stderr) == (1, True), refused.stderr
    assert "continues the training of line@v2, which continues the training of line@v1, which now has another recipe" in refused.stderr
    assert "to declare it as it was: model-line.yaml:9: remove `params.alpha` (now 0.01)" in refused.stderr


def test_the_lines_that_keep_a_version_are_those_of_the_versions_before_too(retired: Path, tmp_path: Path) -> None:
    root = projects.copy_of(retired, tmp_path / "project")
    (root / "model-line.yaml").write_text(MODEL, encoding="utf-8")
    projects.edit(root / "environment.yaml", "line: fresh", "line: v3")
    projects.edit(root / "environment.yaml", "name: dev", "name: dev\nprotected: true")
    for words in (("pin",), ("apply", "--yes")):
        result = projects.run(*words, cwd=root)
        assert result.returncode == 0, result.stdout + result.stderr
    edits = {
        "  v1: {}": ("  v1: {params: {alpha: 0.01}}", "model-line.yaml:9: remove `params.alpha` (now 0.01)"),
        # the brother: the key of the version before stands in no line of the version itself either
        "  v3: {warm_start: {version: v2, refit: true}, ": (
            "  v3: {",
            'write `warm_start: {"version": "v2", "refit": true}` (now left out)',
        ),
    }
    for line, (edited, keep) in edits.items():
        projects.edit(root / "model-line.yaml", line, edited)
        refused = projects.run("plan", cwd=root).stderr
        projects.edit(root / "model-line.yaml", edited, line)
        assert "error[sealed-version]" in refused
        assert keep in refused
        assert "sha256" not in refused


def test_a_purge_of_the_old_rows_names_the_versions_that_learned_them(root: Path) -> None:
    report = json.loads(projects.run("purge", "points@old", "--yes", "--json", cwd=root).stdout)
    learned = {*report["learned"], *(holder["address"] for holder in report["holders"])}
    # the last one starts from the beginning, and on rows that have the old ones among them
    assert {f"model/line@{version}" for version in ("v1", "v2", "v3", "fresh")} <= learned
    assert "model/line@new" not in learned


def test_columns_that_differ_are_told_before_the_training(root: Path) -> None:
    text = (root / "data" / "new.csv").read_text(encoding="utf-8").splitlines()
    header, *lines = text
    words = [",".join([(cells := line.split(","))[0], "low" if float(cells[1]) < 5 else "high", *cells[2:]]) for line in lines]
    (root / "data" / "words.csv").write_text("\n".join([header, *words]) + "\n", encoding="utf-8")
    projects.edit(root / "data.yaml", "  old: {source", "  words: {source: data/words.csv}\n  old: {source")
    (root / "model-line.yaml").write_text(MODEL + "  v4: {warm_start: v1, dataset: points@words}\n", encoding="utf-8")
    result = projects.run("build", "model/line@v4", cwd=root)
    assert result.returncode == 1
    assert "error[warm-start-mismatch]" in result.stdout + result.stderr
    assert "the column x is number for the version before, string here" in result.stdout + result.stderr
    assert "--> model-line.yaml:14" in result.stdout + result.stderr
