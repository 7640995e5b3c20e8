"""A return is never blocked (law 9): by data that is gone, a missing library, a worse version, a gate or a build under way. It trains nothing."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leptonctl.core import layout
from tests.projects import (
    ask,
    commit,
    deployments_of,
    edit,
    environment_of,
    events,
    finished,
    git,
    points,
    run,
    start,
    state_of,
    stop_servers,
    stored,
    tiny_project,
)

# v2 is better than v1 by far more than the gate lets a version drop
MODELS = {"line": {"v1": "{params: {C: 0.005}}", "v2": "{params: {C: 10.0}}"}}
GATED = "protected: true\nmodels: {line: v1}\ngates:\n  accuracy: {min: 0.5, max_drop: 0.01}\n  flips: {max: 1.0}"
LONG = "{algorithm: mlp, params: {hidden_layer_sizes: [100], max_iter: 1000000, n_iter_no_change: 1000000, tol: 0}}"
ROWS = {"inputs": [{"name": n, "datatype": "FP32", "shape": [3], "data": d} for n, d in (("x", [2.0, 5.0, 9.5]), ("y", [3.0, 4.9, 1.0]))]}
NOTHING_DONE = {"prepared": 0, "trained": 0, "exported": 0, "evaluated": 0, "cross_validated": 0, "compared": 0, "failed": 0, "skipped": 0}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the results of both versions: the tests are about binding, not training."""
    project = tiny_project(tmp_path_factory.mktemp("built"), MODELS)
    done = run("build", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    return project / ".leptonctl" / "store"


@pytest.fixture
def root(tmp_path: Path, built: Path) -> Iterator[Path]:
    """prod has served v1 and serves v2 now; both from commits."""
    project = tiny_project(tmp_path, MODELS, {"prod": GATED})
    shutil.copytree(built, project / ".leptonctl" / "store")
    assert run("pin", cwd=project).returncode == 0
    commit(project, "v1")
    first = run("apply", "--yes", "--json", cwd=project)
    assert first.returncode == 0, first.stdout + first.stderr
    project.with_name("first.json").write_text(json.dumps(answer(project)))
    edit(project / "environment-prod.yaml", "line: v1", "line: v2")
    commit(project, "v2")
    second = run("apply", "--yes", "--json", cwd=project)
    assert second.returncode == 0, second.stdout + second.stderr
    assert answer(project) != first_answer(project)
    yield project
    stop_servers(project)


def answer(root: Path) -> list:
    given = ask(f"{environment_of(root, 'prod').url}/v2/models/line/infer", ROWS)
    return [output["data"] for output in given["outputs"]]


def first_answer(root: Path) -> list:
    return json.loads(root.with_name("first.json").read_text())


def check_returned(root: Path, done) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    last = finished(done)
    assert {name: last[name] for name in NOTHING_DONE} == NOTHING_DONE
    assert last["bound"] == 1
    assert answer(root) == first_answer(root)
    assert state_of(root)["current"]["environment/prod/line"]["version"] == "v1"
    plan = run("plan", "--detailed-exitcode", cwd=root)
    assert plan.returncode == 0, plan.stdout + plan.stderr


def block(root: Path, *libraries: str) -> str:
    """A folder for PYTHONPATH in which these libraries cannot be imported."""
    folder = root.with_name("blocked")
    folder.mkdir()
    for name in libraries:
        (folder / f"{name}.py").write_text("raise ImportError('blocked')\n")
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


def test_a_rollback_succeeds_without_data_libraries_and_gates(root: Path) -> None:
    """v1 fails max_drop against v2, the data was overwritten, nothing of training can be imported."""
    (root / "data" / "points.csv").write_text("x,y,side\n1,2,above\n")
    blocked = block(root, "sklearn", "skl2onnx", "onnx", "skops", "polars", "scipy")
    began = time.monotonic()
    done = run("rollback", "prod", "--yes", "--json", cwd=root, PYTHONPATH=blocked)
    took = time.monotonic() - began
    check_returned(root, done)
    assert took < 5, took
    assert "line: v1" in (root / "environment-prod.yaml").read_text()


def test_a_return_needs_no_data(root: Path) -> None:
    (root / "data" / "points.csv").unlink()
    check_returned(root, run("rollback", "prod/line", "--yes", "--json", cwd=root))


def test_a_git_revert_is_a_return(root: Path) -> None:
    """The reverted commit had also made the gate stricter and the source file was changed after it: neither blocks the return."""
    edit(root / "environment-prod.yaml", "min: 0.5", "min: 0.99")
    git(root, "commit", "-qam", "Stricter")
    (root / "data" / "points.csv").write_text(points(seed=9))
    git(root, "revert", "--no-edit", "HEAD~1")
    assert "line: v1" in (root / "environment-prod.yaml").read_text()
    plan = run("plan", "--json", cwd=root)
    shown = json.loads(plan.stdout)
    assert shown["applyable"] is True
    assert [(c["address"], [s["op"] for s in c["steps"]]) for c in shown["changes"]] == [("environment/prod/line", ["bind"])]
    check_returned(root, run("apply", "--yes", "--json", cwd=root, PYTHONPATH=block(root, "sklearn", "skl2onnx")))


def test_a_revert_of_a_commit_that_loosened_a_gate_is_a_return(root: Path) -> None:
    """v3 came in with a looser gate; the revert restores the strict one, which v2 itself would not pass again."""
    file = root / "environment-prod.yaml"
    edit(file, "max_drop: 0.01", "max_drop: 1.0")
    edit(file, "line: v2", "line: v3")
    (root / "model-line.yaml").write_text((root / "model-line.yaml").read_text() + "  v3: {params: {C: 0.006}}\n")
    commit(root, "v3, looser")
    third = run("apply", "--yes", "--json", cwd=root)
    assert third.returncode == 0, third.stdout + third.stderr
    git(root, "revert", "--no-edit", "HEAD")
    back = run("apply", "--yes", "--json", cwd=root)
    assert back.returncode == 0, back.stdout + back.stderr
    last = finished(back)
    assert {name: last[name] for name in NOTHING_DONE} == NOTHING_DONE
    assert last["bound"] == 1
    assert state_of(root)["current"]["environment/prod/line"]["version"] == "v2"


def test_a_gate_blocks_what_is_not_a_return(root: Path) -> None:
    (root / "model-line.yaml").write_text((root / "model-line.yaml").read_text() + "  v3: {params: {C: 0.004}}\n")
    edit(root / "environment-prod.yaml", "line: v2", "line: v3")
    commit(root, "v3")
    blocked = run("apply", "--yes", "--json", cwd=root)
    assert blocked.returncode == 6, blocked.stdout + blocked.stderr
    assert state_of(root)["current"]["environment/prod/line"]["version"] == "v2"


def test_a_rollback_does_not_wait_for_another_apply(root: Path) -> None:
    """The apply that trains then finds its binding moved: exit 5, results kept."""
    file, models = root / "environment-prod.yaml", root / "model-line.yaml"
    short = LONG.replace("max_iter: 1000000", "max_iter: 6000")
    models.write_text(models.read_text() + f"  v3: {short}\n")
    edit(file, "line: v2", "line: v3")
    commit(root, "v3")
    building = start("apply", "--yes", "--json", cwd=root)
    for line in building.stdout:
        event = json.loads(line)
        if event["type"] == "step_started" and event["op"] == "train":
            break
    time.sleep(0.5)
    git(root, "revert", "--no-edit", "HEAD")
    began = time.monotonic()
    done = run("rollback", "prod", "--yes", "--json", cwd=root)
    took = time.monotonic() - began
    assert building.poll() is None, "the training must outlast the rollback"
    assert done.returncode == 0, done.stdout + done.stderr
    assert took < 5, took
    assert answer(root) == first_answer(root)
    out, err = building.communicate(timeout=120)
    assert building.returncode == 5, out + err
    last = events(out)[-1]
    assert (last["trained"], last["exported"], last["bound"]) == (1, 1, 0)
    (held,) = [e for e in events(out) if e["type"] == "step_failed"]
    assert held["address"] == "environment/prod/line"
    assert held["diagnostic"]["id"] == "stale-binding"
    assert answer(root) == first_answer(root)
    # what was built stays: with the version declared again nothing is trained
    models.write_text(models.read_text() + f"  v3: {short}\n")
    again = run("build", "--json", cwd=root)
    assert again.returncode == 0, again.stdout + again.stderr
    assert finished(again)["trained"] == 0


def test_a_damaged_artifact_is_not_served_again(root: Path) -> None:
    """A return depends on the bytes: if they are damaged, the old set keeps serving."""
    artifact = deployments_of(root, "prod")[1].models["line"][0].artifact
    file = stored(root, layout.artifact(artifact))
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    before = answer(root)
    began = time.monotonic()
    refused = run("rollback", "prod", "--yes", "--json", cwd=root)
    took = time.monotonic() - began
    assert refused.returncode == 1, refused.stdout + refused.stderr
    (problem,) = [event["diagnostic"] for event in events(refused.stdout) if event["type"] == "step_failed"]
    assert problem["id"] == "damaged-artifact"
    assert layout.bare(artifact) in problem["detail"]
    assert took < 30, took
    assert answer(root) == before
    assert state_of(root)["current"]["environment/prod/line"]["version"] == "v2"
    assert "line: v2" in (root / "environment-prod.yaml").read_text()
