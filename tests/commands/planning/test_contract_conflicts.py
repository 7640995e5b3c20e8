"""A plan reports, at its line, a declaration that prepared rows rule out; before the rows are prepared it reports nothing."""

from pathlib import Path

import pytest

from tests import projects

YAML = """\
kind: Project
name: p
format: 1
---
kind: Dataset
name: d
target: y
split: {stratify: true}  # as of a classification, so that the rows are prepared without one
versions:
  one: {source: d.csv}
---
kind: Model
name: m
dataset: d@one
task: classification
preprocess: [{columns: [town], use: one_hot}]
algorithm: decision_tree
versions:
  v1: {}
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("prepared") / "project"
    root.mkdir()
    lines = [f"{('Ulm', 'Bonn')[n % 2]},{n * 7 % 11},{('benign', 'malignant')[n % 3 == 0]}" for n in range(60)]
    (root / "d.csv").write_text("town,x,y\n" + "\n".join(lines) + "\n", encoding="utf-8")
    (root / "leptonctl.yaml").write_text(YAML, encoding="utf-8")
    done = projects.run("build", "d@one", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


WRONG = {
    "positive": ("{evaluate: {positive: Malignant}}", "unknown-class", 29, ("benign, malignant", "write malignant")),
    "unencoded": ("{preprocess: []}", "unencoded-column", 20, ("town has strings, but decision_tree", "use: one_hot")),
    "weight": ("{class_weight: {bening: 5}}", "unknown-class-weight", 23, ("names bening", '"benign"')),
    "searched": (
        "{search: {method: grid, parameters: {max_depth: [2, 3]}, positive: 1}}",
        "unknown-class",
        74,
        ("`search.positive` is '1'", "benign"),
    ),
    "imputed": ("{preprocess: [{columns: [x, town], use: imputer}]}", "wrong-column-type", 31, ("town has strings", "one_hot")),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_prepared_rows_refute_is_said_by_the_plan(prepared: Path, tmp_path: Path, wrong: str) -> None:
    lines, id_, column, words = WRONG[wrong]
    root = projects.copy_of(prepared, tmp_path / "project")
    projects.edit(root / "leptonctl.yaml", "  v1: {}", f"  v1: {lines}")
    done = projects.run("plan", cwd=root)
    text = " ".join((done.stdout + done.stderr).split())
    assert (done.returncode, f"error[{id_}]" in text, f"leptonctl.yaml:19:{column}" in text) == (1, True, True), text
    assert [word for word in words if word not in text] == []
    # the brother: nobody knows it of a file that was not read
    (root / "d.csv").write_text((root / "d.csv").read_text(encoding="utf-8") + "Ulm,3,benign\n", encoding="utf-8")
    assert f"error[{id_}]" not in projects.run("plan", cwd=root).stdout


@pytest.mark.parametrize(
    "right", ["{}", "{preprocess: [{columns: all, use: one_hot}], features: [town]}", "{preprocess: [], features: [x]}"]
)
def test_what_they_do_not_refute_is_planned(prepared: Path, tmp_path: Path, right: str) -> None:
    root = projects.copy_of(prepared, tmp_path / "project")
    projects.edit(root / "leptonctl.yaml", "  v1: {}", f"  v1: {right}")
    done = projects.run("plan", cwd=root)
    assert (done.returncode, "error[" in done.stdout) == (0, False), done.stdout + done.stderr
