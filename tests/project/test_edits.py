"""Files that commands write for people: whole or not at all, and nothing beside them, also after a kill."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leptonctl.project.edits import LEFT_OVER_S, write_text

KILLED = """
import os, signal, sys
from pathlib import Path
Path.replace = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)
from leptonctl.project.edits import write_text
write_text(Path(sys.argv[1]), "new")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "project" / ".leptonctl").mkdir(parents=True)
    (tmp_path / "project" / "models").mkdir()
    file = tmp_path / "project" / "models" / "m.yaml"
    file.write_text("old", encoding="utf-8")
    return file


def test_a_kill_leaves_nothing_beside_the_file_and_the_next_day_takes_what_it_left(file: Path) -> None:
    edits = file.parents[1] / ".leptonctl" / "edits"
    done = subprocess.run([sys.executable, "-c", KILLED, str(file)], check=False, timeout=60)
    assert done.returncode < 0
    assert file.read_text(encoding="utf-8") == "old"
    assert [entry.name for entry in file.parent.iterdir()] == ["m.yaml"]
    (left,) = edits.iterdir()
    write_text(file, "newer")
    assert (file.read_text(encoding="utf-8"), left.exists()) == ("newer", True)
    past = time.time() - LEFT_OVER_S - 1
    os.utime(left, (past, past))
    write_text(file, "newest")
    assert (file.read_text(encoding="utf-8"), list(edits.iterdir())) == ("newest", [])


def test_the_mode_of_a_file_is_kept_and_that_of_a_new_one_follows_the_mask(file: Path) -> None:
    file.chmod(0o640)
    write_text(file, "new")
    assert file.stat().st_mode & 0o777 == 0o640
    old = os.umask(0o027)
    try:
        write_text(file.with_name("n.yaml"), "new")
    finally:
        os.umask(old)
    assert file.with_name("n.yaml").stat().st_mode & 0o777 == 0o640


def test_an_edit_is_durable_before_it_is_seen_and_when_the_command_goes_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rollback writes the YAML and then binds: after a crash of the machine the two must agree."""
    seen: list[str] = []
    sync, move = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        synced = Path(os.readlink(f"/proc/self/fd/{handle}"))
        seen.append(f"sync {synced.name}" if synced.is_dir() else f"sync a file in {synced.parent.name}")
        sync(handle)

    def replace(self: Path, target: Path) -> Path:
        seen.append("replace")
        return move(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    write_text(file, "new")
    assert seen[-3:] == ["sync a file in edits", "replace", "sync models"]
    assert file.read_text(encoding="utf-8") == "new"


def test_of_a_link_the_file_behind_it_is_edited(file: Path) -> None:
    link = file.with_name("link.yaml")
    link.symlink_to(file)
    write_text(link, "new")
    assert (link.is_symlink(), file.read_text(encoding="utf-8")) == (True, "new")


def test_without_a_project_a_file_is_written_where_it_belongs(tmp_path: Path) -> None:
    write_text(tmp_path / "saved.plan", "plan")
    assert [(entry.name, entry.read_text(encoding="utf-8")) for entry in tmp_path.iterdir()] == [("saved.plan", "plan")]


def test_a_dot_folder_that_takes_no_file_is_done_without(file: Path) -> None:
    (file.parents[1] / ".leptonctl" / "edits").write_text("in the way", encoding="utf-8")
    write_text(file, "new")
    assert (file.read_text(encoding="utf-8"), [entry.name for entry in file.parent.iterdir()]) == ("new", ["m.yaml"])
