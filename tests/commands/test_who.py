"""The owner of a command, as it is recorded."""

import os
import sys
from pathlib import Path

import pytest

from leptonctl.commands.session import Session
from leptonctl.commands.who import owner_of
from leptonctl.core.codec import decode, encode
from leptonctl.core.state import Owner


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
