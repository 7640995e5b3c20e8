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
        # a file that declares nothing is no edit of the project
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
