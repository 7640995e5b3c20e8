"""What a person sees on a real terminal: colour, the question, the answer."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import projects

INTERRUPT = b"\x03"
PROJECT = """\
kind: Project
name: demo
format: 1
---
kind: Dataset
name: points
target: side
versions:
  "1": {source: points.csv}
"""
MODEL = """\
kind: Model
name: side
dataset: points@1
task: classification
algorithm: decision_tree
evaluate: {metrics: [accuracy], cross_validation: 2}
versions: {v1: {}}
"""


def on_a_terminal(arguments: list[str], folder: Path, typed: bytes = b"", **environment: str) -> tuple[int, str]:
    """Run the command line in a pseudo-terminal, type when it asks, and return its exit code and screen text."""
    leader, follower = pty.openpty()
    variables = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FORCE_COLOR"}}
    command = [sys.executable, "-m", "leptonctl", *arguments]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=variables | {"TERM": "xterm", "PYTHONUTF8": "1"} | environment,
        # a session of its own with this terminal, so that Ctrl-C is a signal
        preexec_fn=lambda: os.login_tty(follower),  # noqa: PLW1509 - one thread here
    ) as running:
        os.close(follower)
        out, is_answered, deadline = b"", False, time.monotonic() + 60
        while time.monotonic() < deadline:
            if select.select([leader], [], [], 1)[0]:
                try:
                    out += os.read(leader, 65536)
                except OSError:
                    break  # the other side is closed
                if typed and b"Continue?" in out and not is_answered:
                    is_answered = bool(os.write(leader, typed))
            elif is_answered and typed == INTERRUPT:
                # an interrupt between the question and the read does not end the read
                os.write(leader, typed)
        else:
            running.kill()
        code = running.wait(60)
    os.close(leader)
    return code, out.decode().replace("\r\n", "\n")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "leptonctl.yaml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "points.csv").write_text("x,side\n" + "0.1,l\n0.9,r\n" * 8, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("typed", [b"no\n", b"y\n", b"\x04"], ids=["no", "y", "end of input"])
def test_only_yes_is_consent(typed: bytes, project: Path) -> None:
    code, screen = on_a_terminal(["apply"], project, typed)
    assert code == 1
    assert 'Continue? Type "yes" to confirm: ' in screen
    assert screen.rstrip().endswith("Nothing was changed.")
    assert not (project / ".leptonctl" / "state").exists()


def test_yes_is_consent_and_the_live_part_ends_in_finished_lines(project: Path) -> None:
    code, screen = on_a_terminal(["apply"], project, b"yes\n")
    assert code == 0
    assert re.search(r"\x1b\[\d+A\r", screen.replace("\n", ""))
    assert re.search(r"✓\x1b\[0m prepare dataset/points@1", screen)
    assert re.search(r"Applied in [\d.]+ m?s\x1b\[0m", screen)


def test_an_interrupt_at_the_question_exits_with_130(project: Path) -> None:
    code, screen = on_a_terminal(["apply"], project, INTERRUPT)
    assert code == 130
    assert screen.rstrip().endswith("Interrupted.")
    assert "Traceback" not in screen


@pytest.mark.parametrize(
    ("arguments", "environment"), [(["plan"], {"NO_COLOR": "1"}), (["plan", "--no-color"], {}), (["plan"], {"TERM": "dumb"})]
)
def test_color_can_be_turned_off(arguments: list[str], environment: dict[str, str], project: Path) -> None:
    assert "\x1b" not in on_a_terminal(arguments, project, **environment)[1]
    assert "\x1b[32m+\x1b[0m" in on_a_terminal(["plan"], project)[1]


def test_every_line_fits_a_narrow_terminal_and_is_whole_in_a_pipe(project: Path) -> None:
    """Eighty columns on a terminal; commands stay whole. The same lines in a pipe are as long as they are."""
    (project / "model.yaml").write_text(MODEL, encoding="utf-8")
    wide = (
        (project / "model.yaml").read_text(encoding="utf-8").replace("metrics: [accuracy]", "metrics: [accuracy, accuracies_of_all_kinds]")
    )
    _, plan = on_a_terminal(["plan"], project, COLUMNS="60")
    assert "cross-validate 1)" in " ".join(plan.split()), "nothing is cut off"
    (project / "model.yaml").write_text(wide, encoding="utf-8")
    _, refused = on_a_terminal(["validate"], project, COLUMNS="60")
    assert "error" in refused
    for screen in (plan, refused):
        lines = re.sub(r"\x1b\[[0-9;]*m", "", screen).split("\n")
        assert max(map(len, lines)) <= 60, max(lines, key=len)
        assert "\x1b[" in screen
    piped = projects.run("validate", cwd=project, COLUMNS="60")
    assert max(map(len, (piped.stdout + piped.stderr).split("\n"))) > 60
    assert "\x1b" not in piped.stdout + piped.stderr
