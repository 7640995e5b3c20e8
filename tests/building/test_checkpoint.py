"""A build that is killed in the middle of a long fit goes on from its checkpoint: SIGKILL, then the same command again."""

import os
import signal
import time
from pathlib import Path

from tests import projects

LONG = "{algorithm: sgd, params: {max_iter: 6000, n_iter_no_change: 6000, batch_size: 8}}"


def trained(root: Path) -> dict[str, str]:
    key = projects.state_of(root)["current"]["model/line@v1"]["steps"]["train"]["key"]
    result = projects.result_of(root, key)
    return {**result.artifacts, "losses": str(result.outputs["loss"])}


def test_a_killed_fit_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    roots = [projects.tiny_project(tmp_path / name, {"line": {"v1": LONG}}, {}) for name in ("whole", "killed")]
    whole, killed = roots
    kept = killed / ".leptonctl" / "checkpoints"
    assert projects.run("apply", "--yes", cwd=whole).returncode == 0
    assert not (whole / ".leptonctl" / "checkpoints").exists(), "a fit of some seconds keeps nothing"
    first = projects.start("apply", "--yes", cwd=killed, LEPTONCTL_CHECKPOINT_S="0.1")
    try:
        deadline = time.monotonic() + 60
        while not (kept.is_dir() and any(len(file.name) == 64 for file in kept.iterdir())):
            assert first.poll() is None, first.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
    begun = next(file for file in kept.iterdir() if len(file.name) == 64).read_bytes()
    again = projects.run("apply", "--yes", cwd=killed, LEPTONCTL_CHECKPOINT_S="1000")
    assert again.returncode == 0, again.stdout + again.stderr
    assert len(begun) > 100
    assert trained(killed) == trained(whole)
    assert not [file for file in kept.iterdir() if len(file.name) == 64], "it goes with the step"
