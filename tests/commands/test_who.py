"""The owner of a command, as it is recorded."""

import json
import os
import sys
from pathlib import Path

import pytest

from leptonctl.commands.session import Session
from leptonctl.commands.who import owner_of
from leptonctl.core.codec import decode, encode
from leptonctl.core.state import Owner
from tests import projects
from tests.test_output_schemas import problems


def test_undecodable_bytes_in_a_command_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of a folder may have any bytes, but a record holds strings."""
    (tmp_path / "leptonctl.yaml").write_text("kind: Project\nname: p\nformat: 1\n")
    monkeypatch.setattr(sys, "argv", ["leptonctl", "-C", os.fsdecode(b"caf\xe9"), "apply"])
    owner = owner_of(Session.open(tmp_path))
    assert owner.command == "leptonctl -C caf? apply"
    assert decode(encode(owner), Owner) == owner


def test_a_command_that_names_itself(tmp_path: Path) -> None:
    (tmp_path / "leptonctl.yaml").write_text("kind: Project\nname: p\nformat: 1\n")
    owner = owner_of(Session.open(tmp_path), "leptonctl destroy")
    assert (owner.command, owner.pid) == ("leptonctl destroy", os.getpid())


def test_what_was_applied_with_uncommitted_files_says_so(tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path)
    environment = "environment-dev.yaml"
    first = projects.commit(root)
    try:
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
        projects.edit(root / environment, "line: v1", "line: v2")
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
        dev = projects.served(root, "dev")
        assert (dev["commit"], dev["dirty"]) == (first, True)
        assert f"commit {first[:12]} + edits" in projects.run("status", cwd=root).stdout
        second = projects.commit(root)
        # a file that declares nothing is not an edit of the project
        (root / "notes.txt").write_text("x", encoding="utf-8")
        projects.edit(root / environment, "line: v2", "line: v1")
        third = projects.commit(root)
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
        entries = json.loads(projects.run("history", "environment/dev", "--json", cwd=root).stdout)["entries"]
        assert [(entry["commit"], entry["dirty"]) for entry in sorted(entries, key=lambda e: e["serial"])] == [
            (first, False), (first, True), (third, False),
        ]  # fmt: skip
        assert second != third
        shown = projects.run("history", "environment/dev", cwd=root).stdout
        assert shown.count(" + edits") == 1, shown
    finally:
        projects.stop_servers(root)


GITHUB = {
    "GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "octocat", "GITHUB_TRIGGERING_ACTOR": "", "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "acme/mail", "GITHUB_RUN_ID": "77", "GITHUB_REF": "refs/pull/12/merge", "GITHUB_EVENT_PATH": "",
}  # fmt: skip
GITLAB = {"GITHUB_ACTIONS": "", "GITLAB_CI": "true", "GITLAB_USER_LOGIN": "mara", "CI_JOB_URL": "https://gitlab.example/j/5"}


def test_ci_and_the_reason_are_in_the_history(tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path)
    try:
        assert projects.run("apply", "--yes", "--reason", " The first model ", cwd=root, **GITHUB).returncode == 0
        projects.edit(root / "environment-dev.yaml", "line: v1", "line: v2")
        assert projects.run("apply", "--yes", cwd=root, **GITLAB).returncode == 0
        assert projects.run("rollback", "dev", "--yes", "--reason", "v2 is slow: näher ansehen", cwd=root).returncode == 0
        answer = json.loads(projects.run("history", "--json", cwd=root).stdout)
        assert problems("history", answer) == []
        entries = {entry["serial"]: entry for entry in answer["entries"]}
        assert [entries[serial]["reason"] for serial in sorted(entries)] == ["The first model"] * 2 + ["", "v2 is slow: näher ansehen"]
        assert (entries[2]["by"], entries[2]["commit"]) == ("octocat", None)
        assert entries[2]["job"] == {
            "system": "GitHub Actions", "actor": "octocat", "url": "https://github.example/acme/mail/actions/runs/77", "request": 12,
            "request_url": "https://github.example/acme/mail/pull/12",
        }  # fmt: skip
        assert (entries[3]["by"], entries[3]["job"]["url"], entries[3]["job"]["request"]) == ("mara", GITLAB["CI_JOB_URL"], None)
        assert entries[4]["job"] is None
        assert {(build["by"], build["job"]["request"], build["dirty"]) for build in answer["builds"]} == {("octocat", 12, False)}
        shown = projects.run("history", cwd=root).stdout
        for words in ("GitHub Actions, pull request 12", "/actions/runs/77", "reason: The first model", "GitLab CI", "without a commit"):
            assert words in shown, shown
        destroyed = projects.run("destroy", "--yes", "--reason", "moved elsewhere", cwd=root)
        assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
        assert "reason: moved elsewhere" in projects.run("history", cwd=root).stdout
    finally:
        projects.stop_servers(root)


@pytest.mark.parametrize(
    "reason", ["   ", "two\nlines", "\x1b[31mred", "x" * 501, "a\u2028b"], ids=["blank", "lines", "escape", "long", "separator"]
)
def test_a_reason_that_is_not_one_line_is_a_usage_error(reason: str, tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path)
    for words in (("apply", "--yes"), ("rollback", "dev"), ("promote", "line", "a", "b"), ("destroy",)):
        refused = projects.run(*words, "--reason", reason, cwd=root)
        assert refused.returncode == 1
        assert "error[usage]" in refused.stderr and "--reason" in refused.stderr, refused.stderr
    assert not projects.state_file(root).exists()
