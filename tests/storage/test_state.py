"""The state in a folder: compare-and-swap, and never a half-written or silently forgotten state."""

import functools
import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leptonctl.spi.storage import Stamp, StateCorrupt, StorageError
from leptonctl.storage.state_folder import FolderState
from leptonctl.testing import check_state


def stamp(revision: int) -> Stamp:
    return Stamp(revision=revision, write=f"w{revision}")


def data(revision: int, **more: object) -> bytes:
    return json.dumps({"format_version": "1", "revision": revision, "write": f"w{revision}", **more}).encode()


def swap(state: FolderState, expected: int | None, revision: int) -> bool:
    return state.swap(None if expected is None else stamp(expected), data(revision), stamp(revision))


@pytest.fixture
def state(tmp_path: Path) -> FolderState:
    return FolderState(folder=tmp_path / "state")


def test_the_folder_back_end_conforms(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "state"
    check_state(functools.partial(FolderState, folder=folder), spoil=lambda: (folder / "state.json").write_bytes(b"{}"), rounds=5)


def test_reading_writes_nothing(state: FolderState, tmp_path: Path) -> None:
    assert state.read() is None
    assert list(tmp_path.iterdir()) == []


def test_the_previous_state_is_kept(state: FolderState) -> None:
    assert swap(state, None, 1)
    assert not (state.folder / "state.json.backup").exists()
    for revision in (2, 3, 4):
        assert swap(state, revision - 1, revision)
        assert (state.folder / "state.json").read_bytes() == data(revision)
        assert (state.folder / "state.json.backup").read_bytes() == data(revision - 1)
    assert os.listdir(state.folder / ".temporary") == []


def test_a_writer_killed_between_backup_and_state_blocks_nothing(state: FolderState) -> None:
    """Then both names are the same file, and a rename between them does nothing."""
    swap(state, None, 1)
    os.link(state.folder / "state.json", state.folder / "state.json.backup")
    for revision in (1, 2):
        assert swap(state, revision, revision + 1)
        assert (state.folder / "state.json.backup").read_bytes() == data(revision)
        assert os.listdir(state.folder / ".temporary") == []


def test_without_hard_links_the_previous_state_is_copied(state: FolderState, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    assert swap(state, None, 1)
    assert swap(state, 1, 2)
    assert (state.folder / "state.json.backup").read_bytes() == data(1)
    assert os.listdir(state.folder / ".temporary") == []


def test_a_write_syncs_twice(state: FolderState, monkeypatch: pytest.MonkeyPatch) -> None:
    swap(state, None, 1)
    swap(state, 1, 2)
    seen: list[str] = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *given, real=real, name=name: (seen.append(name), real(*given))[1])
    swap(state, 2, 3)
    assert seen == ["fsync", "replace", "replace", "fsync"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_modes_follow_the_umask(state: FolderState, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        swap(state, None, 1)
        swap(state, 1, 2)
    finally:
        os.umask(before)
    files = [path for path in state.folder.rglob("*") if path.is_file()]
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in files} == dict.fromkeys(
        ("state.json", "state.json.backup", ".lock"), mode
    )


@pytest.mark.parametrize(
    "broken",
    [b"", b" \n", b"{", b"\xff\xfe", b"[]", b"null", b"{}", b'{"revision": 3}', b'{"format_version": "1", "revision": "3"}',
     b'{"format_version": 1, "revision": 3}', b'{"version": 4, "terraform_version": "1.9", "serial": 3}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_not_a_state_is_never_treated_as_missing(state: FolderState, broken: bytes) -> None:
    swap(state, None, 1)
    file = state.folder / "state.json"
    file.write_bytes(broken)
    for act in (state.read, lambda: swap(state, 1, 2), lambda: swap(state, None, 1)):
        with pytest.raises(StateCorrupt) as caught:
            act()
        assert "state.json.backup" in caught.value.hint
        assert not caught.value.missing
    assert file.read_bytes() == broken


def test_a_state_of_a_later_format_is_returned_for_the_reader_to_refuse(state: FolderState) -> None:
    swap(state, None, 1)
    later = b'{"format_version": "2", "revision": 3, "write": "w", "all": "new"}'
    (state.folder / "state.json").write_bytes(later)
    assert state.read() == (later, Stamp(revision=3, write="w"))


def test_a_state_that_was_removed_is_noticed(state: FolderState) -> None:
    swap(state, None, 1)
    swap(state, 1, 2)
    (state.folder / "state.json").unlink()
    for act in (state.read, lambda: swap(state, None, 1)):
        with pytest.raises(StateCorrupt) as caught:
            act()
        assert caught.value.missing
        assert "state.json.backup" in caught.value.hint


@pytest.mark.parametrize("kind", ["folder", "loop"])
def test_something_else_in_its_place_is_noticed(state: FolderState, kind: str) -> None:
    state.folder.mkdir()
    if kind == "folder":
        (state.folder / "state.json").mkdir()
    else:
        (state.folder / "state.json").symlink_to("state.json")
    for act in (state.read, lambda: swap(state, None, 1)):
        with pytest.raises(StateCorrupt):
            act()


def test_a_folder_that_cannot_be_written_is_a_clear_refusal(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in place of the folder")
    with pytest.raises(StorageError) as caught:
        swap(FolderState(folder=tmp_path / "state"), None, 1)
    assert str(tmp_path / "state" / "state.json") in caught.value.detail
    assert "state folder" in caught.value.hint


def test_a_full_disk_leaves_the_state_as_it_was(state: FolderState, monkeypatch: pytest.MonkeyPatch) -> None:
    swap(state, None, 1)
    swap(state, 1, 2)

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    for name in ("write", "link"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            with pytest.raises(StorageError, match="No space left"):
                swap(state, 2, 3)
        assert state.read() == (data(2), stamp(2))
        assert (state.folder / "state.json.backup").read_bytes() == data(1)
        assert os.listdir(state.folder / ".temporary") == []


WRITER = """
import json, sys
from pathlib import Path
from leptonctl.spi.storage import Stamp
from leptonctl.storage.state_folder import FolderState

state = FolderState(folder=Path(sys.argv[1]) / "state")
print("ready", flush=True)
while True:
    found = state.read()
    after = Stamp(revision=(found[1].revision if found else 0) + 1, write=sys.argv[2])
    data = {"format_version": "1", "revision": after.revision, "write": after.write, "padding": [after.revision] * 5000}
    if state.swap(found[1] if found else None, json.dumps(data).encode(), after):
        print(after.revision, flush=True)
"""


def test_a_killed_writer_never_leaves_half_a_state(state: FolderState, tmp_path: Path) -> None:
    chance = random.Random(7)
    written = 0
    for turn in range(25 if os.environ.get("LEPTONCTL_SOAK") else 10):
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), f"{turn}-{n}"], stdout=subprocess.PIPE, text=True)
            for n in (0, 1)
        ]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        # however busy the machine is, something has been written
        written = int(writers[0].stdout.readline())
        time.sleep(chance.uniform(0.0, 0.05))
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            lines = writer.communicate()[0].split("\n")[:-1]
            written = max([written, *map(int, lines)])
        found = state.read()
        revision = 0 if found is None else found[1].revision
        assert revision >= written
        assert found is None or json.loads(found[0])["padding"] == [revision] * 5000
    assert written >= 10
