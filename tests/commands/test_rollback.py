"""`rollback` through the command line: what it returns to."""

import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from leptonctl.commands.editing.bind_yaml import without_edit
from leptonctl.core.diagnostic import error
from leptonctl.core.values import Span
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


@pytest.mark.parametrize(("line", "now", "said"), [(1, 1, ""), (3, None, "in the line that is written back: v1: {command: x}"), (4, 3, "")])
def test_what_is_wrong_with_a_line_that_was_taken_back_shows_that_line(line: int, now: int | None, said: str) -> None:
    """What is wrong above and (brother) below stands where it is in the file as it is."""
    before = {"m.yaml": "name: m\nversions:\n---\n"}
    edited = {"m.yaml": "name: m\nversions:\n  v1: {command: x}\n---\n"}
    problem = without_edit(error("x", "", "d", span=Span(file="m.yaml", line=line, column=1, end_column=2)), before, edited)
    assert (problem.span and problem.span.line, problem.detail.removeprefix("d").strip()) == (now, said)


def refusal(root: Path, *arguments: str) -> str:
    """The message of a rollback that is refused, on one line."""
    result = projects.run("rollback", *arguments, "--yes", cwd=root)
    assert result.returncode == 1, result.stdout + result.stderr
    return " ".join(result.stderr.split())


def test_a_refused_rollback_says_what_can_be_done(tiny: Tiny) -> None:
    """The numbers of the deployments; after a restore those of before it too; and the line of YAML that is not bound."""
    root = tiny()
    file = root / "environment-dev.yaml"
    assert "dev has no deployment yet" in refusal(root, "dev", "--to", "9")
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    assert "dev has deployment 1, each bound now or withdrawn: there is nothing to return to" in refusal(root, "dev", "--to", "9")
    projects.edit(file, "line: v1", "line: v2")
    assert "environment-dev.yaml:4 binds v2, which is not bound: write v1 to undo that edit" in refusal(root, "dev")
    assert projects.run("state", "backup", "before.json", cwd=root).returncode == 0
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    assert "dev has deployments 1, 2; you can return to 1;" in refusal(root, "dev", "--to", "9")

    assert projects.run("state", "restore", "before.json", "--yes", cwd=root).returncode == 0
    assert "you can return to 2;" in refusal(root, "dev", "--to", "9")
    projects.edit(file, "line: v2", "line: v1")
    # what served last before the restore, whatever its number
    assert projects.run("rollback", "dev", "--yes", cwd=root).returncode == 0
    assert [m["version"] for m in projects.served(root, "dev")["models"]] == ["v2"]
    # and it left v1, which stays left
    assert "everything else that environment/dev has bound is withdrawn: line v1 (w1)" in refusal(root, "dev")


def test_a_rollback_after_a_restore_goes_to_what_served_last(tiny: Tiny) -> None:
    """v1, v2, v3, then a state in which v2 is bound, put in force under a new number: v3 served last before that, and v1 before v2."""
    root = tiny(models={"line": {"v1": "{}", "v2": "{params: {C: 0.5}}", "v3": "{params: {C: 0.25}}"}})
    file = root / "environment-dev.yaml"
    for version in ("v1", "v2", "v3"):
        file.write_text(re.sub(r"line: v\d", f"line: {version}", file.read_text(encoding="utf-8")), encoding="utf-8")
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
        assert projects.run("state", "backup", f"{version}.json", cwd=root).returncode == 0
    assert projects.run("state", "restore", "v2.json", "--yes", cwd=root).returncode == 0
    projects.edit(file, "line: v3", "line: v2")
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    assert projects.environment_of(root, "dev").deployment == 4
    for expected in ("v3", "v1"):
        result = projects.run("rollback", "dev/line", "--yes", cwd=root)
        assert result.returncode == 0, result.stdout + result.stderr
        assert [m["version"] for m in projects.served(root, "dev")["models"]] == [expected]


def test_the_history_names_the_deployments_that_rollback_takes(tiny: Tiny) -> None:
    root = tiny()
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    number = projects.environment_of(root, "dev").deployment
    assert f"deployment {number} of dev" in projects.run("history", "environment/dev", cwd=root).stdout
    assert projects.run("rollback", "dev", "--to", str(number), "--yes", cwd=root).returncode == 0


def moving(root: Path) -> set[str]:
    """What the next apply would move."""
    changes = json.loads(projects.run("plan", "--json", cwd=root).stdout)["changes"]
    return {change["address"] for change in changes if change["action"] != "keep"}


def test_a_rollback_names_the_bindings_that_share_the_lines_it_writes_and_moves_what_nobody_binds(tiny: Tiny) -> None:
    """The digest of data that has grown is of all versions."""
    root = tiny(environments=dict.fromkeys(("dev", "stage"), "models: {line: v1}"))
    for name in ("dev", "stage"):
        projects.edit(root / f"environment-{name}.yaml", "}\nmodels", ", run: elsewhere}\nmodels")
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    (root / "data" / "points.csv").write_text(projects.points(60, seed=3), encoding="utf-8")
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    outcome = projects.run("rollback", "dev/line", "--yes", cwd=root)
    shown, _, result = outcome.stdout.partition("Rolled back in")
    assert "the next `leptonctl apply` will: environment/stage/line\n" in shown, outcome.stdout + outcome.stderr
    assert "The next apply moves environment/stage/line." in result + outcome.stderr
    assert moving(root) == {"environment/stage/line"}
    # with both taken back nothing is left to do, and nothing is shared any more
    back = projects.finished(projects.run("rollback", "stage", "--yes", "--json", cwd=root))
    assert (back["ok"], "next_apply" in back, moving(root)) == (True, False, set())


def end_at_the_prompt(root: Path, number: signal.Signals, *arguments: str) -> int:
    """The exit code of a command that gets a signal, as from a terminal that is closed, while it asks for consent."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*projects.COMMAND, *arguments], cwd=root, env=projects.environment(),
        stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    text = b""
    try:
        while b"to confirm" not in text:
            text += os.read(leader, 65536)
        process.send_signal(number)
        return process.wait(30)
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def test_an_edit_that_waits_for_consent_is_taken_back_when_the_command_is_ended(tiny: Tiny) -> None:
    """The terminal of a rollback is closed. The brother: a promotion that gets SIGTERM."""
    root = tiny(environments={"dev": "models: {line: v1}", "stage": "models: {line: v1}"})
    for name in ("dev", "stage"):
        projects.edit(root / f"environment-{name}.yaml", "}\nmodels", ", run: elsewhere}\nmodels")
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    projects.edit(root / "environment-dev.yaml", "line: v1", "line: v2")
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    assert end_at_the_prompt(root, signal.SIGHUP, "rollback", "dev") == 130
    assert moving(root) == set()
    assert end_at_the_prompt(root, signal.SIGTERM, "promote", "line", "dev", "stage") == 130
    assert moving(root) == set()
