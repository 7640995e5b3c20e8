"""Whether a project's folder is the one whose servers are recorded (protocols 5, faults A3, A4)."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from leptonctl.deploying import processes
from leptonctl.storage import folder_identity
from leptonctl.storage.owner import process_start
from tests import projects
from tests.commands.test_state import apply, bind, is_in_place, refused, run, shown
from tests.test_output_schemas import problems


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Iterator[Path]:
    """A project with dev bound to v2 after v1, and its server."""
    copy = projects.copy_of(built, tmp_path / "project")
    apply(copy)
    bind(copy, "v2")
    apply(copy)
    yield copy
    projects.stop_servers(tmp_path)


def copied(root: Path) -> Path:
    """As `cp -r` does it."""
    return Path(shutil.copytree(root, root.parent / "copy", symlinks=True))


def pid_of(root: Path) -> int:
    server = processes.running_server(root, "dev")
    assert server is not None
    return server.pid


def test_a_copy_touches_nothing_of_the_original(root: Path) -> None:
    pid, before = pid_of(root), projects.state_file(root).read_bytes()
    copy = copied(root)
    text = (copy / "environment-dev.yaml").read_text(encoding="utf-8")
    for command in (["destroy", "--yes"], ["destroy", "dev", "--yes"], ["rollback", "dev", "--yes"], ["serve", "dev"]):
        assert refused(copy, *command)["id"] == "copied-folder"
    # nor is anything recorded that looks as if it were of the original
    for command in (
        ["freeze", "dev", "--reason", "x"], ["unfreeze", "dev"], ["readmit", "dev/line@v1", "--reason", "x"],
        ["state", "forget", "line@v3", "--yes"], ["state", "restore", "backup.json", "--yes"],
    ):  # fmt: skip
        if command[1] == "restore":
            run(copy, "state", "backup", "backup.json")
        assert refused(copy, *command)["id"] == "copied-folder", command
    for edit in (str, lambda port: str(projects.free_port())):
        bind(copy, "v1")
        file = copy / "environment-dev.yaml"
        port = shown(root, "status")["environments"][0]["url"].rpartition(":")[2]
        file.write_text(file.read_text(encoding="utf-8").replace(f"port: {port}", f"port: {edit(port)}"), encoding="utf-8")
        result = json.loads(run(copy, "apply", "--yes", "--json", code=1).stdout)["diagnostics"]
        assert "copied-folder" in {problem["id"] for problem in result}
        assert "copied-folder" in {problem["id"] for problem in json.loads(run(copy, "plan", "--json", code=1).stdout)["diagnostics"]}
    assert pid_of(root) == pid
    assert projects.state_file(root).read_bytes() == before
    assert is_in_place(root)
    # status says why, and not that a server is missing
    (dev,) = shown(copy, "status", schema="status")["environments"]
    assert (dev["copy"], dev["here"], dev["healthy"]) == (True, False, False)
    text = " ".join(run(copy, "status", "--check", code=1).stdout.split())
    assert f"this folder is a copy: environment/dev was recorded for {root}, which still exists" in dev["reason"]
    assert "! this folder is a copy: environment/dev was recorded for" in text
    assert "how to repair" not in text
    assert shown(root, "status", schema="status")["environments"][0]["copy"] is False
    # it may be read and built, and be made a project of its own
    run(copy, "build")
    assert refused(copy, "state", "adopt", "--moved", "--yes")["id"] == "copied-folder"
    assert "state adopt --copy" in run(copy, "state", "adopt", "--yes").stdout
    ask = projects.run("state", "adopt", "--copy", cwd=copy)
    assert "becomes a project of its own" in ask.stdout
    assert "The original" in ask.stdout
    assert "hint: add --yes\n" in ask.stderr
    adopted = shown(copy, "state", "adopt", "--copy", "--yes", schema="state_takeover")
    assert adopted["lineage"] != projects.recorded(root).lineage
    assert {p["address"] for p in shown(copy, "state", "list")["pointers"]} == {
        "dataset/points@first",
        "model/line@v1",
        "model/line@v2",
        "model/line@v3",
    }
    result = apply(copy)
    assert (result["trained"], result["bound"]) == (0, 1)
    run(copy, "destroy", "--yes")
    assert pid_of(root) == pid
    assert is_in_place(root)
    assert projects.state_file(root).read_bytes() == before
    assert text


def test_a_copy_made_before_folders_were_recorded_is_told_by_the_running_server(root: Path) -> None:
    (root / ".leptonctl" / "folder").unlink()
    copy = copied(root)
    assert refused(copy, "destroy", "--yes")["id"] == "copied-folder"
    # where nothing contradicts, the next effect records the folder
    bind(root, "v1")
    apply(root)
    assert (root / ".leptonctl" / "folder").exists()


def test_a_moved_folder_goes_on(root: Path) -> None:
    pid = pid_of(root)
    moved = root.rename(root.parent / "moved")
    assert is_in_place(moved)
    assert pid_of(moved) == pid
    run(moved, "server", "restart", "dev")
    pid = pid_of(moved)
    (server,) = shown(moved, "server", "list")["servers"]
    assert server["alive"] is True, "no record is left of the server that was stopped, which no longer reached its store"
    bind(moved, "v1")
    apply(moved)
    assert json.loads((moved / ".leptonctl" / "folder").read_bytes())["path"] == str(moved)
    again = moved.rename(root.parent / "again")
    os.kill(pid, signal.SIGKILL)
    assert apply(again)["healed"] == ["dev"]
    pid = pid_of(again)
    (server,) = shown(again, "server", "list")["servers"]
    assert server["alive"] is True, "nor of one that was killed"
    moved = again.rename(moved)
    run(moved, "destroy", "--yes")
    assert [s["stopped"] for s in shown(moved, "server", "list")["servers"]] in ([], [True])
    assert processes.running_server(moved, "dev") is None
    assert process_start(pid) is None


def test_a_moved_folder_goes_on_when_its_old_path_exists_again(root: Path) -> None:
    pid = pid_of(root)
    moved = root.rename(root.parent / "moved")
    clone = Path(shutil.copytree(moved, root, ignore=shutil.ignore_patterns(".leptonctl")))
    assert pid_of(moved) == pid, "it is the moved folder's"
    assert processes.is_for(clone, pid) is False, "and not that of the folder at its old path"
    assert refused(clone, "server", "stop", "dev", "--stray")["id"] == "not-ours"
    bind(moved, "v1")
    apply(moved)
    assert process_start(pid) is None, "it was started for a path that is another folder's"
    pid = pid_of(moved)
    again = moved.rename(root.parent / "again")
    moved.mkdir()
    run(again, "destroy", "--yes")
    assert process_start(pid) is None


def test_destroy_does_not_say_done_while_a_server_answers(root: Path) -> None:
    """The brother: the log by which the server is known was put aside, its folder moved, and another one has the old path."""
    pid = pid_of(root)
    log = processes.log_file(root, "dev")
    log.rename(log.with_name("server.log.1"))
    moved = root.rename(root.parent / "moved")
    root.mkdir()
    projects.edit(moved / "environment-dev.yaml", "type: server,", "type: server, swap_s: 0.5,")
    try:
        text = run(moved, "destroy", "--yes", code=1)
        assert "not-stopped" in text.stdout + text.stderr
        assert "Destroyed" not in text.stdout
        assert "server list" in text.stdout + text.stderr
        assert f"pid {pid}" in text.stdout + text.stderr
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_folder_that_was_moved_by_copying_is_asked_about(root: Path) -> None:
    """Moved to another file system: its inode is another one, and nothing is left where it was."""
    projects.stop_servers(root)
    copy = copied(root)
    shutil.rmtree(root)
    problem = refused(copy, "apply", "--yes")
    assert (problem["id"], "--moved" in problem["hint"]) == ("copied-folder", True)
    (dev,) = shown(copy, "status", schema="status")["environments"]
    assert dev["reason"].startswith("this folder was moved or is a copy: ")
    assert "leptonctl state adopt --moved" in dev["reason"]
    adopted = json.loads(run(copy, "state", "adopt", "--moved", "--yes", "--json").stdout)
    assert problems("state_takeover", adopted) == []
    apply(copy)
    assert processes.running_server(copy, "dev") is not None
    assert shown(copy, "plan")["changes"] == []


def test_a_copy_that_shares_its_state_with_the_original_does_not_replace_it(built: Path, tmp_path: Path) -> None:
    root = projects.copy_of(built, tmp_path / "project")
    projects.edit(root / "leptonctl.yaml", "name: tiny", f"name: tiny\nstate: {tmp_path}/state")
    try:
        apply(root)
        copy = copied(root)
        before = (tmp_path / "state" / "state.json").read_bytes()
        assert refused(copy, "state", "adopt", "--copy", "--yes")["id"] == "shared-state"
        assert (tmp_path / "state" / "state.json").read_bytes() == before
    finally:
        projects.stop_servers(tmp_path)


def test_a_recorded_folder_is_another_one_only_while_it_is_a_project_of_its_own(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    recorded = folder_identity.mark(first).path
    assert not folder_identity.is_other(first, recorded)
    assert folder_identity.is_other(second, recorded), "a second clone, in which nothing was recorded yet"
    folder_identity.mark(second)
    assert folder_identity.is_other(second, recorded)
    assert not folder_identity.is_other(second, ""), "a state that does not say"
    copy = copied(first)
    assert not folder_identity.is_other(copy, recorded), "a copy is recognized by its own record"
    moved = first.rename(tmp_path / "moved")
    folder_identity.mark(moved)
    first.mkdir()
    assert not folder_identity.is_other(moved, recorded), "a new folder where it was, without a record"
    assert not folder_identity.is_other(second, recorded), "what ran it is gone"
