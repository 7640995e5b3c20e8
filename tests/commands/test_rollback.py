"""`rollback` through the command line: what it returns to."""

from collections.abc import Callable
from pathlib import Path

from tests import projects

Tiny = Callable[..., Path]


def test_after_a_destroy_it_returns_to_what_was_bound_before(tiny: Tiny) -> None:
    root = tiny()
    for version in ("v1", "v2"):
        file = root / "environment-dev.yaml"
        file.write_text(file.read_text().replace("line: v1", f"line: {version}"), encoding="utf-8")
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
    assert projects.run("destroy", "dev", "--yes", cwd=root).returncode == 0
    back = projects.run("rollback", "dev", "--yes", cwd=root)
    assert back.returncode == 0, back.stdout + back.stderr
    assert [m["version"] for m in projects.served(root, "dev")["models"]] == ["v2"]
    # and from there to what was bound before that
    assert projects.run("rollback", "dev", "--yes", cwd=root).returncode == 0
    assert [m["version"] for m in projects.served(root, "dev")["models"]] == ["v1"]


def test_the_history_names_the_deployments_that_rollback_takes(tiny: Tiny) -> None:
    root = tiny()
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    number = projects.environment_of(root, "dev").deployment
    assert f"deployment {number} of dev" in projects.run("history", "environment/dev", cwd=root).stdout
    assert projects.run("rollback", "dev", "--to", str(number), "--yes", cwd=root).returncode == 0
