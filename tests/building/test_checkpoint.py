"""A build that is killed in the middle of a long step goes on from its checkpoint: SIGKILL, then the same command again."""

import json
import os
import signal
import time
from pathlib import Path

from leptonctl.building.checkpoint import DAMAGED, GOES_ON
from tests import projects
from tests.test_output_schemas import problems

LONG = {
    "v1": "{algorithm: random_forest, params: {n_estimators: 400, max_depth: 3}}",
    "v2": "{algorithm: hist_gradient_boosting, params: {max_iter: 500, max_depth: 2}}",
    # one trial of three folds
    "v3": (
        "{search: {method: grid, parameters: {alpha: [0.001]}, metric: accuracy, cross_validation: 3}, "
        "algorithm: sgd, params: {max_iter: 500, n_iter_no_change: 500, batch_size: 8}}"
    ),
}
ENOUGH = 2
"""How many of them have to be killed: on a busy machine one may end before that is seen."""


def built(root: Path) -> dict[tuple[str, str], object]:
    """The artifacts and outputs of all steps, by address and name."""
    current = projects.state_of(root)["current"]
    keys = {(address, name): step["key"] for address, node in current.items() for name, step in node["steps"].items()}
    results = {place: projects.result_of(root, key) for place, key in keys.items()}
    return {place: (result.artifacts, result.outputs) for place, result in results.items()}


def checkpoints(root: Path) -> set[Path]:
    folder = root / ".leptonctl" / "checkpoints"
    return {file for file in folder.iterdir() if len(file.name) == 64} if folder.is_dir() else set()


def apply_until_killed(root: Path, before: set[Path]) -> tuple[list[dict], set[Path]]:
    """An apply that is killed as soon as a step has a checkpoint that had none before; its events, and that checkpoint."""
    process = projects.start("apply", "--yes", "--json", cwd=root, LEPTONCTL_CHECKPOINT_S="0.1")
    try:
        while not (new := checkpoints(root) - before) and process.poll() is None:
            time.sleep(0.01)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
    return projects.events(out[: out.rfind("\n") + 1]), new


def test_killed_in_each_step_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole, root = [projects.tiny_project(tmp_path / name, {"line": LONG}, {}) for name in ("whole", "killed")]
    assert projects.run("apply", "--yes", cwd=whole).returncode == 0
    assert not checkpoints(whole), "a step of some seconds keeps nothing"
    events: list[dict] = []
    seen: set[Path] = set()
    damaged = ""
    while True:
        more, new = apply_until_killed(root, seen)
        events += more
        seen |= new
        if not new:
            break
        if len(seen) == 1:
            (file,) = new
            file.write_bytes(file.read_bytes()[:-1] + b"?")
            damaged = file.name
    assert events[-1]["type"] == "apply_finished"
    assert events[-1]["ok"]
    places = {
        event["key"].removeprefix("sha256:"): (event["address"], event["name"]) for event in events if event["type"] == "step_started"
    }
    killed = {places[file.name] for file in seen}
    assert len(killed) >= ENOUGH
    notices = {(event["address"], event["name"]): event["message"] for event in events if event.get("notice")}
    assert notices == {place: DAMAGED if place == places[damaged] else GOES_ON for place in killed}
    assert built(root) == built(whole)
    assert not checkpoints(root), "they go with the steps"
    assert not [problem for event in events if event.get("notice") for problem in problems("apply_event", event)]
    # as if the step had been done in another checkout meanwhile
    next(iter(seen)).write_bytes(b"left")
    report = json.loads(projects.run("gc", "--json", cwd=root).stdout)
    assert report["checkpoints"] == 1
    assert not problems("gc", report)
    assert not checkpoints(root)
