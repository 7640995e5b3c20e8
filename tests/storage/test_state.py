"""The state in a folder: compare-and-swap, never a torn or silently forgotten state."""

import functools
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leptonctl.core.diagnostic import Failure
from leptonctl.core.values import Json
from leptonctl.storage.state import StateStore, open_state
from leptonctl.storage.state_folder import FolderState
from leptonctl.testing import check_state


def at(revision: int) -> dict[str, Json]:
    return {"format_version": "1", "revision": revision, "current": {}}


@pytest.fixture
def state(tmp_path: Path) -> StateStore:
    return open_state("state", tmp_path)


def test_the_folder_back_end_conforms(tmp_path: Path) -> None:
    check_state(functools.partial(FolderState, folder=tmp_path / "deep" / "state"), rounds=5)


def test_reading_writes_nothing(state: StateStore, tmp_path: Path) -> None:
    assert state.read() is None
    assert list(tmp_path.iterdir()) == []


def test_a_state_is_indented_and_keeps_the_one_before(state: StateStore, tmp_path: Path) -> None:
    assert state.swap(None, at(1))
    assert not (tmp_path / "state" / "state.json.backup").exists()
    assert state.swap(1, at(2))
    assert (tmp_path / "state" / "state.json").read_text() == json.dumps(at(2), indent=2) + "\n"
    assert json.loads((tmp_path / "state" / "state.json.backup").read_text()) == at(1)


@pytest.mark.parametrize(
    "data",
    [b"", b" \n", b"{", b"\xff\xfe", b"[]", b"null", b"{}", b'{"revision": 3}', b'{"format_version": "1", "revision": "3"}',
     b'{"version": 4, "terraform_version": "1.9", "serial": 3}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_state_is_never_taken_for_a_missing_one(state: StateStore, tmp_path: Path, data: bytes) -> None:
    state.swap(None, at(1))
    file = tmp_path / "state" / "state.json"
    file.write_bytes(data)
    for act in (state.read, lambda: state.swap(1, at(2)), lambda: state.swap(None, at(1))):
        with pytest.raises(Failure) as caught:
            act()
        assert caught.value.diagnostics[0].id == "corrupt-state"
        assert "state.json.backup" in caught.value.diagnostics[0].hint
    assert file.read_bytes() == data


def test_a_state_of_a_later_release_is_not_misread(state: StateStore, tmp_path: Path) -> None:
    state.swap(None, at(1))
    (tmp_path / "state" / "state.json").write_bytes(b'{"format_version": "2", "revision": 3}')
    for act in (state.read, lambda: state.swap(1, at(2))):
        with pytest.raises(Failure) as caught:
            act()
        assert caught.value.diagnostics[0].id == "newer-format"


def test_a_state_that_was_removed_is_noticed(state: StateStore, tmp_path: Path) -> None:
    state.swap(None, at(1))
    state.swap(1, at(2))
    (tmp_path / "state" / "state.json").unlink()
    for act in (state.read, lambda: state.swap(None, at(1))):
        with pytest.raises(Failure) as caught:
            act()
        assert caught.value.diagnostics[0].id == "lost-state"


def test_a_folder_in_its_place_is_noticed(state: StateStore, tmp_path: Path) -> None:
    (tmp_path / "state" / "state.json").mkdir(parents=True)
    with pytest.raises(Failure) as caught:
        state.read()
    assert caught.value.diagnostics[0].id == "corrupt-state"


def test_a_folder_that_cannot_be_written_is_a_clear_failure(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file stands where the folder should")
    with pytest.raises(Failure) as caught:
        open_state("state", tmp_path).swap(None, at(1))
    assert caught.value.diagnostics[0].id == "state-failed"


def test_a_remote_state_is_not_available_yet(tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        open_state("postgresql://host/db", tmp_path)
    assert (caught.value.diagnostics[0].id, caught.value.exit_code) == ("not-available", 3)


WRITER = """
import sys
from pathlib import Path
from leptonctl.storage.state import open_state

state = open_state("state", Path(sys.argv[1]))
print("ready", flush=True)
while True:
    before = (state.read() or {}).get("revision")
    after = (before or 0) + 1
    if state.swap(before, {"format_version": "1", "revision": after, "padding": [after] * 5000}):
        print(after, flush=True)
"""


def test_a_killed_writer_never_tears_the_state(state: StateStore, tmp_path: Path) -> None:
    chance = random.Random(7)
    told = 0
    for _ in range(25):
        writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) for _ in (0, 1)]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.0, 0.05))
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            lines = writer.communicate()[0].split("\n")[:-1]
            told = max([told, *map(int, lines)])
        found = state.read()
        revision = 0 if found is None else found["revision"]
        assert revision >= told
        assert found is None or found["padding"] == [revision] * 5000
    assert told > 25
