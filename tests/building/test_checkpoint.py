"""A build that is killed in the middle of a long step continues from its checkpoint."""

import json
from pathlib import Path

import pytest

from leptonctl.building.checkpoint import VARIABLE, FileCheckpoint
from tests import projects
from tests.building.kills import apply_killed_in_each_step, built, checkpoints
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


def test_killed_in_each_step_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole, root = [projects.tiny_project(tmp_path / name, {"line": LONG}, {}) for name in ("whole", "killed")]
    assert projects.run("apply", "--yes", cwd=whole).returncode == 0
    assert not checkpoints(whole), "a step of some seconds keeps nothing"
    events, killed = apply_killed_in_each_step(root)
    assert len(killed) >= ENOUGH
    assert built(root) == built(whole)
    assert not checkpoints(root), "they go with the steps"
    assert not [problem for event in events if event.get("notice") for problem in problems("apply_event", event)]
    # as if the step had been done in another checkout meanwhile
    next(iter(killed)).write_bytes(b"left")
    report = json.loads(projects.run("gc", "--json", cwd=root).stdout)
    assert report["checkpoints"] == 1
    assert not problems("gc", report)
    assert not checkpoints(root)


@pytest.mark.parametrize(("text", "due", "count"), [("abc", False, 1), ("-1", False, 1), ("nan", False, 1), ("0", True, 0), ("", False, 0)])
def test_a_setting_that_is_not_a_number_of_seconds_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, due: bool, count: int
) -> None:
    monkeypatch.setenv(VARIABLE, text)
    notices: list[str] = []
    checkpoint = FileCheckpoint(tmp_path, "sha256:" + "0" * 64, notify=notices.append)
    assert (checkpoint.is_due(), len(notices)) == (due, count)
