"""Moves of the state: compare-and-swap with retry, a chain of history, and a lineage that tells a lost state from a first apply."""

import json
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.record import Entry, State
from leptonctl.storage.pointers import Pointers
from leptonctl.storage.state_folder import FolderState
from leptonctl.storage.store import open_store


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    folder: Path

    @property
    def pointers(self) -> Pointers:
        return Pointers(states=FolderState(folder=self.folder / "state"), store=open_store("store", self.folder), project="toy")

    @property
    def file(self) -> Path:
        return self.folder / "state" / "state.json"

    @property
    def history(self) -> list[dict]:
        state = self.pointers.read()
        assert state is not None
        head = (int(str(state.history["serial"])), str(state.history["id"])) if state.history else None
        return list(self.pointers.store.history(head))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(folder=tmp_path)


def bind(digest: str, address: str = "toy/a"):
    return lambda state: state.moved({address: Entry(digest=digest, version="v1", artifact=f"bytes of {digest}")})


def test_looking_makes_nothing(place: Place) -> None:
    assert place.pointers.read() is None
    assert list(place.folder.iterdir()) == []


def test_the_first_apply_makes_a_lineage_and_marks_the_store(place: Place) -> None:
    state = place.pointers.begin()
    assert (state.serial, state.revision, state.project, dict(state.current)) == (0, 1, "toy", {})
    assert len(state.lineage) == 32
    assert place.pointers.store.lineage("toy") == state.lineage
    assert place.pointers.begin() == state


def test_a_mark_without_its_state_is_no_first_apply(place: Place) -> None:
    lineage = place.pointers.begin().lineage
    place.file.unlink()
    for look in (place.pointers.read, place.pointers.begin, lambda: place.pointers.move(bind("d"))):
        with pytest.raises(Failure) as refused:
            look()
        (told,) = refused.value.diagnostics
        assert told.id == "missing-state"
        assert refused.value.exit_code == 1
        assert told.hint
    assert lineage in _detail(place.pointers.read)
    assert not place.file.exists()


def _detail(act) -> str:
    with pytest.raises(Failure) as refused:
        act()
    return refused.value.diagnostics[0].detail


def test_another_project_may_share_the_store(place: Place) -> None:
    place.pointers.begin()
    other = Pointers(states=FolderState(folder=place.folder / "other"), store=place.pointers.store, project="other")
    assert other.read() is None
    assert other.begin().lineage != place.pointers.begin().lineage


def test_of_two_first_applies_one_lineage_comes_out(place: Place) -> None:
    start = threading.Barrier(4)
    found: list[str] = []

    def one() -> None:
        start.wait()
        found.append(place.pointers.begin().lineage)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert set(found) == {place.pointers.store.lineage("toy")}


def test_every_write_counts_and_pointers_count_apart(place: Place) -> None:
    place.pointers.begin()
    moved = place.pointers.move(bind("d1"))
    noted = place.pointers.move(lambda state: replace(state, applies={"a": {}}))
    assert [(s.revision, s.serial) for s in (moved, noted)] == [(2, 1), (3, 1)]
    assert noted.history == moved.history
    assert place.pointers.read() == noted


def test_a_move_that_changes_nothing_writes_nothing(place: Place) -> None:
    place.pointers.begin()
    before = place.file.read_bytes()
    assert place.pointers.move(lambda state: state).revision == 1
    assert place.file.read_bytes() == before


def test_a_move_that_no_longer_holds_writes_nothing(place: Place) -> None:
    place.pointers.begin()
    before = place.file.read_bytes()

    def no(_: State) -> State:
        raise fail("moved", "It moved")

    with pytest.raises(Failure):
        place.pointers.move(no)
    assert place.file.read_bytes() == before


def test_history_is_a_chain_from_the_newest_back(place: Place) -> None:
    place.pointers.begin()
    for digest in ("d1", "d2", "d3"):
        place.pointers.move(bind(digest), {"by": "ada", "command": "apply"})
    place.pointers.move(lambda state: state.moved({"toy/a": None}))
    assert [r["serial"] for r in place.history] == [4, 3, 2, 1]
    gone, newest, *_, oldest = place.history
    assert gone["changes"] == [
        {"address": "toy/a", "before": "d3", "after": None, "before_version": "v1", "after_version": None, "artifact": None}
    ]
    assert (newest["by"], newest["command"]) == ("ada", "apply")
    assert newest["changes"][0] | {"address": "toy/a"} == {
        "address": "toy/a", "before": "d2", "after": "d3", "before_version": "v1", "after_version": "v1", "artifact": "bytes of d3",
    }  # fmt: skip
    assert oldest["previous"] is None


def test_nobody_loses_a_move_to_somebody_else(place: Place) -> None:
    place.pointers.begin()
    writers, each = 4, 8
    start = threading.Barrier(writers)

    def one(number: int) -> None:
        start.wait()
        for i in range(each):
            place.pointers.move(bind(f"d{i}", f"toy/{number}-{i}"))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = place.pointers.read()
    assert state is not None
    assert (state.serial, state.revision, len(state.current)) == (writers * each, 1 + writers * each, writers * each)
    # each change stands in the chain once, whatever races were lost on the way
    assert [r["serial"] for r in place.history] == list(range(writers * each, 0, -1))
    assert sorted(c["address"] for r in place.history for c in r["changes"]) == sorted(state.current)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: {k: v for k, v in raw.items() if k != "lineage"},
        lambda raw: {k: v for k, v in raw.items() if k != "current"},
        lambda raw: {**raw, "current": {"toy/a": {"artifact": "no digest"}}},
        lambda raw: {**raw, "current": {"toy/a": "text"}},
        lambda raw: {**raw, "current": []},
        lambda raw: {**raw, "format_version": "2.0"},
    ],
    ids=["no lineage", "no pointers", "no digest", "text", "list", "newer"],
)
def test_what_is_there_but_is_no_state_is_said_and_left_alone(place: Place, spoil, request: pytest.FixtureRequest) -> None:
    known_as = "newer-format" if "newer" in request.node.name else "corrupt-state"
    place.pointers.begin()
    place.pointers.move(bind("d1"))
    place.file.write_text(json.dumps(spoil(json.loads(place.file.read_text()))))
    before = place.file.read_bytes()
    for act in (place.pointers.read, place.pointers.begin, lambda: place.pointers.move(bind("d2"))):
        with pytest.raises(Failure) as refused:
            act()
        assert refused.value.diagnostics[0].id == known_as
        assert refused.value.diagnostics[0].hint
    assert place.file.read_bytes() == before
