"""`--only` through the command line: the named addresses, their prerequisites and nothing else; also lost bytes and mixed tasks."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.codec import decode
from leptonctl.core.result import Result
from tests import projects

TWO = {"line": {"v1": "{}"}, "curve": {"v1": "{params: {C: 0.5}}"}}
Tiny = Callable[..., Path]


def applied(root: Path, *more: str) -> dict:
    result = projects.run("apply", "--yes", "--json", *more, cwd=root)
    assert result.returncode == 0, result.stdout + result.stderr
    return projects.finished(result)


def pending(root: Path, *more: str) -> dict[str, str]:
    shown = projects.run("plan", "--json", *more, cwd=root)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    return {change["address"]: change["action"] for change in json.loads(shown.stdout)["changes"]}


def test_a_binding_of_an_undeclared_environment_is_removed_alone(tiny: Tiny) -> None:
    root = tiny(models=TWO, environments={"dev": "models: {line: v1, curve: v1}"})
    applied(root)
    (root / "environment-dev.yaml").unlink()
    assert applied(root, "--only", "environment/dev/line")["bound"] == 1
    # the environment still serves its other bindings, and its record stays for the next apply
    assert [m["name"] for m in projects.served(root, "dev")["models"]] == ["curve"]
    assert pending(root) == {"environment/dev": "remove", "environment/dev/curve": "remove"}
    applied(root)
    assert pending(root) == {}
    assert projects.environment_of(root, "dev").destroyed
    assert json.loads(projects.run("status", "--json", cwd=root).stdout)["environments"] == []
    assert projects.processes(root) == {}


def test_a_model_selects_its_data_and_no_other_model(tiny: Tiny) -> None:
    root = tiny(models=TWO, environments={})
    assert pending(root, "--only", "line@v1") == {"dataset/points@first": "create", "model/line@v1": "create"}
    result = applied(root, "--only", "line")
    assert (result["prepared"], result["trained"]) == (1, 1)
    assert pending(root) == {"model/curve@v1": "create"}


def test_an_ambiguous_name_is_refused(tiny: Tiny) -> None:
    root = tiny(models=TWO, environments={"line": "models: {line: v1}"})
    plan = projects.run("plan", "--only", "line", cwd=root)
    assert plan.returncode == 1
    assert "error[ambiguous-address]" in plan.stderr
    assert "line can mean environment/line or model/line" in plan.stderr
    assert "write environment/line" in plan.stderr
    unknown = projects.run("plan", "--only", "lime@v1", cwd=root)
    assert unknown.returncode == 1
    assert "error[unknown-address]" in unknown.stderr
    assert pending(root, "--only", "line@v1") == {"dataset/points@first": "create", "model/line@v1": "create"}


def test_lost_artifacts_are_built_again(tiny: Tiny) -> None:
    root = tiny(models={"line": {"v1": "{}"}}, environments={})
    applied(root)
    key = projects.recorded(root).current["dataset/points@first"].key("prepare")
    for digest in projects.result_of(root, key or "").artifacts.values():
        projects.stored(root, layout.artifact(digest)).unlink()
    # nothing needs the rows, so nothing runs for them
    assert pending(root) == {}
    projects.edit(root / "model-line.yaml", "versions:", "evaluate: {metrics: [f1]}\nversions:")
    assert pending(root) == {"dataset/points@first": "update", "model/line@v1": "update"}
    result = applied(root)
    assert (result["prepared"], result["trained"], result["evaluated"]) == (1, 0, 1)
    for folder in (layout.ARTIFACTS, layout.RESULTS, layout.RECIPES):
        shutil.rmtree(projects.stored(root, folder))
    result = applied(root)
    assert (result["prepared"], result["trained"], result["exported"], result["evaluated"]) == (1, 1, 1, 1)
    assert pending(root) == {}


def test_a_missing_store_is_not_created_again(tiny: Tiny) -> None:
    """Neither is one that is not mounted, where the next apply would train everything."""
    root = tiny(models={"line": {"v1": "{}"}}, environments={})
    applied(root)
    shutil.rmtree(projects.stored(root, ""))
    for command in (["plan"], ["apply", "--yes"], ["build"], ["show"], ["history"], ["gc", "--yes"]):
        result = projects.run(*command, cwd=root)
        assert result.returncode == 1, (command, result.stdout, result.stderr)
        assert "error[wrong-store]" in result.stderr
        assert "mount" in result.stderr
    assert not projects.stored(root, "").exists()


@pytest.fixture
def both_tasks(tiny: Tiny) -> Path:
    """One dataset whose number is learned by a regression and, as five classes, by a classification."""
    root = tiny(models={"line": {"v1": "{}"}}, environments={})
    rows = "".join(f"{i % 7},{i % 11},{i % 5}\n" for i in range(100))
    (root / "data" / "points.csv").write_text("x,y,side\n" + rows)
    model = (root / "model-line.yaml").read_text()
    slope = model.replace("name: line", "name: slope").replace("classification", "regression").replace("logistic_regression", "ridge")
    (root / "model-slope.yaml").write_text(slope)
    return root


def test_a_classification_and_a_regression_on_one_dataset(both_tasks: Path) -> None:
    result = applied(both_tasks)
    assert (result["prepared"], result["trained"]) == (2, 2)
    assert pending(both_tasks) == {}
    results = [decode(file.read_bytes(), Result) for file in projects.stored(both_tasks, layout.RESULTS).iterdir()]
    rows = {r.address: r.outputs["rows_digest"]["test"] for r in results if r.op == "prepare"}
    assert set(rows) == {"dataset/points@first", "model/slope@v1"}
    assert len(set(rows.values())) == 2
    # and later steps still find its rows
    projects.edit(both_tasks / "model-slope.yaml", "versions:", "evaluate: {metrics: [r2]}\nversions:")
    result = applied(both_tasks)
    assert (result["prepared"], result["trained"], result["evaluated"]) == (0, 0, 1)
    verified = projects.run("verify", "slope@v1", cwd=both_tasks)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_of_what_was_not_asked_for_nothing_is_said(tiny: Tiny) -> None:
    root = tiny(models=TWO, environments={"dev": "models: {line: v1}"})
    applied(root)
    projects.edit(root / "model-curve.yaml", "C: 0.5", "C: 0.25")
    for words in (("plan",), ("apply", "--yes")):
        result = projects.run(*words, "--only", "model/line@v1", cwd=root)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "Nothing to do for model/line@v1." in result.stdout
        assert "everything" not in result.stdout
    again = projects.run("promote", "line", "dev", "dev", "--yes", cwd=root)
    assert (again.returncode, "Nothing to do for environment/dev/line." in again.stdout) == (0, True), again.stdout + again.stderr
    assert pending(root) == {"model/curve@v1": "update"}
    applied(root)
    assert "Nothing to do: everything declared is in place." in projects.run("plan", cwd=root).stdout
