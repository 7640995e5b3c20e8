"""E13: with -C, every path on the command line is relative to that folder, as in git and make."""

import json
from pathlib import Path

from tests import projects


def test_init_takes_its_table_from_there(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "t.csv").write_text(projects.points(), encoding="utf-8")
    result = projects.run("-C", "new", "init", "--from", "t.csv", "--target", "side", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert json.loads(result.stdout)["files"] == ["leptonctl.yaml"], "it lies in the project already"
    missing = projects.run("init", "-C", "other", "--from", "new/t.csv", cwd=tmp_path)
    assert missing.returncode == 1
    assert "error[missing-file]" in missing.stderr
    assert "relative to that folder" in missing.stderr


def test_plans_are_saved_and_found_there(tmp_path: Path) -> None:
    """Brother: `plan --out`, `show` and `apply` of a saved plan."""
    root = projects.tiny_project(tmp_path, environments={})
    assert projects.run("-C", "project", "plan", "--out", "p.json", cwd=tmp_path).returncode == 0
    assert (root / "p.json").exists()
    shown = projects.run("-C", "project", "show", "p.json", "--json", cwd=tmp_path)
    assert json.loads(shown.stdout)["plan_id"]
    absent = projects.run("show", "p.json", cwd=tmp_path)
    assert (absent.returncode, "error[bad-plan]" in absent.stderr) == (1, True)
    refused = projects.run("-C", "project", "apply", "q.json", cwd=tmp_path)
    assert "error[bad-plan]" in refused.stderr
