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


def test_serve_warns_of_the_host_in_its_option(tmp_path: Path) -> None:
    """The declared host is on this machine alone; the option opens it."""
    root = projects.tiny_project(tmp_path)
    assert projects.run("build", cwd=root).returncode == 0
    projects.edit(root / "environment-dev.yaml", "type: server,", "type: server, run: elsewhere,")
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    for host, is_open in (("0.0.0.0", True), ("127.0.0.1", False)):
        process = projects.start("serve", "dev", "--host", host, "--port", str(projects.free_port()), cwd=root)
        try:
            assert process.stderr is not None
            lines = []
            for line in process.stderr:
                lines.append(line)
                if "is in force" in line or "listens" in line:
                    break
        finally:
            process.terminate()
            lines.append(process.communicate(timeout=30)[1])
        assert ("warning[open-to-network]" in "".join(lines)) is is_open, lines
