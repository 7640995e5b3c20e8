"""A server that others can reach is a warning at its host; it changes neither what is planned nor the exit code."""

import json
from pathlib import Path

import pytest

from tests import projects


@pytest.mark.parametrize(
    ("host", "is_open"),
    [("0.0.0.0", True), ("'::'", True), ("192.0.2.7", True), ("example.org", True), ("127.0.0.1", False), ("127.0.0.53", False), ("localhost", False), ("'::1'", False)],
)  # fmt: skip
def test_a_host_beyond_loopback_is_a_warning(tmp_path: Path, host: str, is_open: bool) -> None:
    root = projects.tiny_project(tmp_path)
    projects.edit(root / "environment-dev.yaml", "127.0.0.1", host)
    done = projects.run("validate", "--json", cwd=root)
    found = [d for d in json.loads(done.stdout)["diagnostics"] if d["id"] == "open-to-network"]
    assert done.returncode == 0, done.stdout
    assert [(d["severity"], d["file"], d["line"], d["column"]) for d in found] == [("warning", "environment-dev.yaml", 3, 32)] * is_open


def test_a_plan_shows_it_and_is_applyable(tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path)
    projects.edit(root / "environment-dev.yaml", "127.0.0.1", "0.0.0.0")
    shown = projects.run("plan", "--json", cwd=root)
    plan = json.loads(shown.stdout)
    assert (shown.returncode, plan["applyable"]) == (0, True)
    assert [d["id"] for d in plan["diagnostics"]] == ["open-to-network"]
    text = projects.run("plan", cwd=root)
    assert "warning[open-to-network]" in text.stdout + text.stderr
