"""`init` in a folder that cannot be written is a user error, in every form."""

from pathlib import Path

import pytest

from tests import projects


@pytest.fixture(params=["below a file", "below links in a circle", "a name that is too long"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    return {
        "below a file": tmp_path / "file" / "project",
        "below links in a circle": tmp_path / "circle" / "project",
        "a name that is too long": tmp_path / ("x" * 300),
    }[request.param]


@pytest.mark.parametrize("table", [(), ("--from", "points.csv", "--target", "side")], ids=["empty", "from a table"])
def test_init_reports_that_it_cannot_write(folder: Path, table: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text(projects.points(), encoding="utf-8")
    result = projects.run("-C", str(folder), "init", *table, cwd=tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "error[cannot-write]" in result.stdout + result.stderr


@pytest.mark.parametrize("command", ["plan", "status"])
def test_such_a_folder_is_not_a_project(folder: Path, command: str, tmp_path: Path) -> None:
    result = projects.run("-C", str(folder), command, cwd=tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "error[no-folder]" in result.stdout + result.stderr
