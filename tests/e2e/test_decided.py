"""A version with a threshold from plan to purge: what is bound, served, returned to, verified, rebuilt and freed is its final package."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import projects
from tests.test_output_schemas import problems

MODELS = {"line": {"plain": "{}", "low": "{threshold: 0.2}", "best": "{threshold: {metric: f1}, calibrate: {cross_validation: 2}}"}}
PROD = "environment-prod.yaml"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = projects.tiny_project(tmp_path_factory.mktemp("decided"), MODELS, {"prod": "models: {line: low}"})
    done = projects.run("build", "--json", cwd=root)
    last = projects.finished(done)
    # the two that decide read one training and one export; the third makes the same
    assert (last["ok"], last["trained"], last["exported"], last["decided"], last["evaluated"]) == (True, 1, 1, 2, 3), done.stdout
    assert [problem for event in projects.events(done.stdout) for problem in problems("apply_event", event)] == []
    return root


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "project"
    shutil.copytree(built, root)
    projects.new_ports(root)
    yield root
    projects.stop_servers(root)


def run(root: Path, *arguments: str, code: int = 0) -> str:
    done = projects.run(*arguments, cwd=root)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def shown(root: Path, *arguments: str, schema: str = "") -> dict:
    found = json.loads(run(root, *arguments, "--json"))
    assert problems(schema or arguments[0], found) == []
    return found


def apply(root: Path) -> dict:
    return projects.finished(projects.run("apply", "--yes", "--json", cwd=root))


def work(root: Path) -> list[str]:
    """The steps that a plan would do, beside what is cached."""
    plan = shown(root, "plan")
    return [f"{step['op']} {change['address']}" for change in plan["changes"] for step in change["steps"] if not step["cached"]]


def bind(root: Path, before: str, after: str) -> None:
    projects.edit(root / PROD, f"line: {before}", f"line: {after}")


def answers(root: Path) -> list[tuple[str, float]]:
    """The label and the probability of `below`, along a line across the border of the classes."""
    url = projects.served(root, "prod")["url"] + "/v2/models/line"
    inputs = {"x": [5.0] * 9, "y": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]}
    body = {"inputs": [{"name": name, "shape": [9], "datatype": "FP32", "data": data} for name, data in inputs.items()]}
    outputs = {one["name"]: one["data"] for one in projects.ask(f"{url}/infer", body)["outputs"]}
    return list(zip(outputs["label"], outputs["probabilities"][1::2], strict=True))


def parameters(root: Path) -> dict:
    return projects.ask(projects.served(root, "prod")["url"] + "/v2/models/line")["parameters"]


def threshold(root: Path) -> tuple[float | None, bool]:
    """The threshold that the server names, and whether its labels follow it."""
    named = parameters(root).get("threshold")
    limit = 0.5 if named is None else named
    return named, all((label == "below") == (probability >= limit) for label, probability in answers(root))


def test_a_threshold_is_served_switched_edited_and_returned_to_without_training(root: Path) -> None:
    assert work(root) == ["bind environment/prod/line"]
    apply(root)
    assert threshold(root) == (0.2, True)
    assert {probability for _, probability in answers(root) if 0.2 <= probability < 0.5}, "some rows lie between the thresholds"
    first = answers(root)
    bind(root, "low", "plain")
    assert work(root) == ["bind environment/prod/line"]
    # a gate on flips compares the final packages
    projects.edit(root / PROD, "models:", "gates: {flips: {max: 0.01}}\nmodels:")
    held = projects.run("apply", "--yes", "--json", cwd=root)
    assert (held.returncode, projects.finished(held)["compared"], projects.finished(held)["bound"]) == (6, 1, 0), held.stdout
    assert threshold(root) == (0.2, True)
    projects.edit(root / PROD, "gates: {flips: {max: 0.01}}\n", "")
    apply(root)
    assert threshold(root) == (None, True)
    assert [probability for _, probability in answers(root)] == [probability for _, probability in first]
    bind(root, "plain", "best")
    apply(root)
    assert threshold(root)[1]
    assert parameters(root)["calibration"] == "sigmoid"
    assert parameters(root)["positive"] == "below"
    # an edit of a threshold decides and evaluates again, and says which line it was
    projects.edit(root / "model-line.yaml", "metric: f1", "recall: {min: 1.0}")
    plan = shown(root, "plan")
    assert work(root) == ["decide model/line@best", "evaluate model/line@best", "bind environment/prod/line"]
    (change,) = [one for one in plan["changes"] if one["address"] == "model/line@best"]
    assert {one["path"].partition(".")[0] for one in change["because"]} == {"threshold"}
    done = apply(root)
    assert (done["trained"], done["exported"], done["decided"], done["evaluated"], done["bound"]) == (0, 0, 1, 1, 1)
    # a rollback writes the line back, decides nothing again, and answers as before
    projects.edit(root / PROD, "line: best", "line: low")
    back = apply(root)
    assert (back["decided"], back["bound"], answers(root)) == (0, 1, first)
    assert json.loads(run(root, "rollback", "prod", "--yes", "--json").splitlines()[-1])["bound"] == 1
    assert "line: best" in (root / PROD).read_text(encoding="utf-8")
    run(root, "status", "--check")
    run(root, "gc", "--yes")
    run(root, "verify", "--store")
    assert work(root) == []


def test_a_version_whose_lines_are_gone_returns_with_its_threshold(root: Path) -> None:
    apply(root)
    first = answers(root)
    bind(root, "low", "best")
    apply(root)
    projects.edit(root / "model-line.yaml", "  low: {threshold: 0.2}\n", "")
    apply(root)
    run(root, "rollback", "prod", "--yes")
    assert "threshold: 0.2" in (root / "model-line.yaml").read_text(encoding="utf-8")
    assert answers(root) == first


def test_the_final_package_is_what_is_verified_shown_compared_and_predicted(root: Path) -> None:
    proof = shown(root, "verify", "line@best")
    assert {"decide model.onnx", "golden rows", "metrics", "package"} <= {check["what"] for check in proof["checks"]}
    story = shown(root, "show", "line@best")["version"]
    assert story["decision"]["objective"] == "best f1"
    assert story["package"] == proof["package"]
    assert story["artifacts"]["model.onnx"] == proof["artifact"]
    assert "decide" in [step["name"] for step in story["steps"]]
    declared = run(root, "show", "line@low")
    assert "the label is below from 0.2 on (as declared)" in declared
    board = shown(root, "leaderboard", "line")
    assert {row["version"]: (row["decision"] or {}).get("threshold") for row in board["rows"]}["low"] == 0.2
    assert len({row["package"] for row in board["rows"]}) == 3
    both = shown(root, "diff", "line@plain", "line@low")
    assert [field["path"] for field in both["fields"]] == ["threshold"]
    assert (both["decision"]["a"], both["decision"]["b"]["threshold"]) == (None, 0.2)
    assert both["flips"]["changed"] > 0
    (root / "rows.csv").write_text("x,y\n5,6\n5,5.5\n5,4\n", encoding="utf-8")
    plain, low = (run(root, "predict", f"line@{name}", "--input", "rows.csv") for name in ("plain", "low"))
    assert plain.count("below") < low.count("below")


def test_a_damaged_decision_is_built_again_and_a_purged_one_is_named_with_what_it_serves(root: Path) -> None:
    apply(root)
    package = projects.recorded(root).current["environment/prod/line"]
    key = package.steps["decide"].key
    graph = projects.result_of(root, key).artifacts["model.onnx"]
    assert package.artifact == graph
    next((root / ".leptonctl" / "store").rglob(f"*{graph.removeprefix('sha256:')[4:]}")).unlink()
    run(root, "verify", "--store", code=1)
    done = apply(root)
    assert (done["decided"], done["trained"]) == (1, 0)
    run(root, "verify", "--store")
    # with the rows, what was made of them goes, and it is said what serves it
    report = shown(root, "purge", "points@first", "--yes")
    held = {(one["address"], one["op"], one["artifact"]): one for one in report["holders"]}
    assert held["model/line@low", "decide", "golden.json"]["bound"] == ["environment/prod/line"]
    assert ("model/line@low", "decide", "manifest.json") not in held


def test_a_lost_state_is_rebuilt_with_the_final_package_bound(root: Path) -> None:
    apply(root)
    first, before = answers(root), projects.recorded(root).current["environment/prod/line"]
    shutil.rmtree(projects.state_file(root).parent)
    run(root, "state", "adopt", "--yes")
    after = projects.recorded(root).current["environment/prod/line"]
    assert (after.package, after.artifact, after.steps["decide"].key) == (before.package, before.artifact, before.steps["decide"].key)
    apply(root)
    assert answers(root) == first
    bind(root, "low", "plain")
    apply(root)
    assert threshold(root) == (None, True)


def test_what_only_the_data_disproves_is_reported_at_the_key_of_the_model(root: Path) -> None:
    edits = {"plain: {}": "plain: {sample_weight: weight}", "threshold: 0.2": "class_weight: {left: 2}"}
    for before, after in edits.items():
        projects.edit(root / "model-line.yaml", before, after)
    rows = projects.points().splitlines()
    table = "\n".join([f"{rows[0]},weight", *(f"{row},{-1 if place % 2 else 1}" for place, row in enumerate(rows[1:]))])
    (root / "data" / "points.csv").write_text(table + "\n", encoding="utf-8")
    projects.edit(root / "data.yaml", "target: side\n", "target: side\ncolumns: {weight: {type: number}}\n")
    done = projects.run("build", "--json", cwd=root)
    failed = {event["diagnostic"]["id"]: event["diagnostic"] for event in projects.events(done.stdout) if event["type"] == "step_failed"}
    lines = (root / "model-line.yaml").read_text(encoding="utf-8").splitlines()
    places = {id_: (one["file"], lines[one["line"] - 1][one["column"] - 1 :]) for id_, one in failed.items()}
    assert places == {
        "bad-sample-weight": ("model-line.yaml", "weight}"), "unknown-class-weight": ("model-line.yaml", "{left: 2}}"),
    }  # fmt: skip
