"""What serves can be seen and stopped while the project's files are invalid: by the state, with the mistakes as warnings."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import projects
from tests.commands.test_state import apply, refused, run


@pytest.fixture
def serving(built: Path, tmp_path: Path) -> Iterator[Path]:
    root = projects.copy_of(built, tmp_path / "project")
    apply(root)
    yield root
    projects.stop_servers(tmp_path)


def test_what_serves_is_seen_and_stopped_while_the_files_are_invalid(serving: Path) -> None:
    dev = (serving / "environment-dev.yaml").read_text(encoding="utf-8")
    (serving / "two.yaml").write_text(dev.replace("name: dev", "name: two"), encoding="utf-8")
    assert refused(serving, "plan", code=3)["id"] == "port-taken"
    for words in (["status"], ["history"], ["server", "list"], ["log", "dev"]):
        result = run(serving, *words)
        assert "dev" in result.stdout or words[0] == "log"
        assert words[0] == "log" or "warning[port-taken]" in result.stderr
    assert refused(serving, "status", "--check", code=3)["id"] == "port-taken", "what is declared cannot be compared"
    assert "Stopped the server of dev" in run(serving, "server", "stop", "dev").stdout
    # a file that cannot be read at all
    (serving / "two.yaml").write_text("kind: [\n", encoding="utf-8")
    result = run(serving, "destroy", "--yes")
    assert ("Destroyed" in result.stdout, "warning[yaml-syntax]" in result.stderr, "two.yaml:1:8" in result.stderr) == (True, True, True)
    assert projects.environment_of(serving, "dev").destroyed
    last = run(serving, "destroy", "--yes", "--json").stdout
    assert last == "" or json.loads(last.splitlines()[-1])


def test_a_project_document_that_is_wrong_is_an_error_still(serving: Path) -> None:
    projects.edit(serving / "leptonctl.yaml", "format: 1", "format: one")
    assert refused(serving, "destroy", "--yes", code=3)["id"] != "other-project"
    assert not projects.environment_of(serving, "dev").destroyed
    projects.edit(serving / "leptonctl.yaml", "format: one", "format: 1")
    projects.edit(serving / "leptonctl.yaml", "name: tiny", "name: other")
    problem = refused(serving, "destroy", "--yes", code=3)
    assert (problem["id"], "`name: tiny`" in problem["hint"]) == ("other-project", True)
