"""The calls of a project that edit the YAML or prove a version: typed results of the schemas of their commands, and the same files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from leptonctl import Failure, Model, Project
from leptonctl.core import layout
from leptonctl.library.reports import Report
from tests import projects
from tests.e2e.test_imported import boosted, forest
from tests.library.conftest import Applied
from tests.test_output_schemas import problems


def texts(root: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in root.rglob("*.yaml") if not file.name.startswith("environment")}


def test_a_model_is_imported_as_the_command_imports_it(copy: Path, tmp_path: Path) -> None:
    forest(copy)
    other = projects.copy_of(copy, tmp_path / "other")
    report = Project.load(copy).import_model(copy / "vendor" / "forest.onnx", "line", "v3")
    assert (report.address, report.created, report.classes, report.inputs[0].columns) == ("model/line@v3", False, ("above", "below"), 2)
    assert problems("import", report.to_json()) == []
    assert projects.run("import", "vendor/forest.onnx", "--model", "line", "--version", "v3", cwd=other).stdout == f"{report}\n"
    assert texts(copy) == texts(other)


def test_data_are_pinned_once_and_a_changed_file_is_a_finding(copy: Path) -> None:
    project = Project.load(copy)
    pins = project.pin("points@first")
    assert [(pin.address, pin.file) for pin in pins.pinned] == [("dataset/points@first", "data.yaml")]
    assert pins.pinned[0].digest in (copy / "data.yaml").read_text(encoding="utf-8")
    assert (project.pin().pinned, project.pin().diagnostics, problems("pin", pins.to_json())) == ((), (), [])
    with (copy / "data" / "points.csv").open("a", encoding="utf-8") as file:
        file.write("1,2,above\n")
    again = project.pin()
    assert [(found.id, found.severity, found.file) for found in again.diagnostics] == [("pinned-already", "warning", "data.yaml")]


def test_new_data_get_both_versions_and_a_plan_and_nothing_is_written_for_bad_ones(copy: Path) -> None:
    project = Project.load(copy)
    rows = (copy / "data" / "points.csv").read_text(encoding="utf-8").splitlines()
    (copy / "data" / "more.csv").write_text("\n".join([rows[0], *rows[1:41]]) + "\n", encoding="utf-8")
    (copy / "data" / "bad.csv").write_text("x,side\n1,above\n", encoding="utf-8")
    before = texts(copy)
    with pytest.raises(Failure) as refused:
        project.update("line", copy / "data" / "bad.csv")
    assert (bool(refused.value.diagnostics[0].hint), texts(copy)) == (True, before)
    updated = project.update("line", copy / "data" / "more.csv", version="v3", dataset_version="second")
    assert (updated.version, updated.dataset_version, sum(updated.rows.values())) == ("v3", "second", 40)
    assert {change.address for change in updated.plan.changes} >= {"model/line@v3"}
    assert problems("update", updated.to_json()) == []
    assert updated.diff in str(updated)


def test_a_version_is_verified_and_a_damaged_one_is_an_answer(copy: Path) -> None:
    project = Project.load(copy)
    proof = project.verify("line@v1")
    assert (proof.ok, proof.address, proof.rebuild, all(check.ok for check in proof.checks)) == (True, "model/line@v1", None, True)
    assert problems("verify", proof.to_json()) == []
    assert str(proof).startswith("✓ verified")
    graph = copy / ".leptonctl" / "store" / layout.artifact(str(proof.artifact))
    graph.chmod(0o644)
    graph.write_bytes(b"other")
    damaged = project.verify("line@v1")
    assert (damaged.ok, [check.ok for check in damaged.checks].count(False) > 0) == (False, True)


def test_a_winner_is_adopted_and_what_has_no_search_is_refused(copy: Path) -> None:
    projects.edit(copy / "model-line.yaml", "  v2:", "  v3: {search: {parameters: {C: [0.01, 9]}, cross_validation: 2}}\n  v2:")
    project = Project.load(copy)
    project.build("line@v3")
    adopted = project.adopt("line@v3", into="v4")
    assert (adopted.address, adopted.searched, adopted.in_place, set(adopted.chosen)) == ("model/line@v4", "model/line@v3", False, {"C"})
    assert problems("adopt", adopted.to_json()) == []
    assert f"v4: {{params: {{C: {adopted.chosen['C']}}}}}" in texts(copy)["model-line.yaml"]
    with pytest.raises(Failure, match="no-search"):
        project.adopt("line@v2")


def test_what_import_takes_is_uploaded_with_its_options_and_declared_once(copy: Path) -> None:
    """A booster's own file needs its classes; without them it is not declared."""
    boosted(copy)
    line, before = Model(name="line", project=copy), texts(copy)
    with pytest.raises(Failure) as refused:
        line.upload_model(copy / "vendor" / "trees.json")
    assert (refused.value.diagnostics[0].id, texts(copy)) == ("import-classes", before)
    version = line.upload_model(copy / "vendor" / "trees.json", classes=("above", "below"))
    assert line.upload_model(copy / "vendor" / "trees.json", classes=["above", "below"]).name == version.name
    assert "{import: vendor/trees.json, classes: [above, below]}" in texts(copy)["model-line.yaml"]
    assert set(version.metrics) >= {"accuracy"}


CALLS: dict[str, Callable[[Project], Report]] = {
    "pin": lambda project: project.pin(),
    "verify": lambda project: project.verify("line@v1"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_result_shows_in_a_notebook_and_is_read_only(name: str, built: Applied, tmp_path: Path) -> None:
    report = CALLS[name](Project.load(projects.copy_of(built.root, tmp_path / "project")))
    assert report._repr_html_().startswith("<pre")
    with pytest.raises(AttributeError):
        report.ok = False  # type: ignore[attr-defined]
