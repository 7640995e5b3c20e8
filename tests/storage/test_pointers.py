"""Moves of the state: compare-and-swap with retry, and a chain of history without gaps or extra records."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.frozen import replace
from leptonctl.core.state import Author, Claim, HistoryRecord, Mark, Moved, Owner, State
from leptonctl.spi.storage import Stamp
from leptonctl.storage.lineage import Hole, LineageStore
from leptonctl.storage.pointers import Note, Pointers
from leptonctl.storage.state_folder import FolderState
from tests.storage.places import Place, bind, ids


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(folder=tmp_path)


def test_every_write_is_counted_and_pointer_changes_separately(place: Place) -> None:
    pointers = place.pointers
    pointers.begin()
    bound = pointers.move(bind("d1"))
    noted = pointers.move(lambda state: replace(state, applies={"a": Claim(owner=Owner())}))
    assert [(s.revision, s.serial) for s in (bound, noted)] == [(2, 1), (3, 1)]
    assert noted.history == bound.history
    assert len({bound.write, noted.write, ""}) == 3
    assert place.state == noted


def test_a_move_that_changes_nothing_writes_nothing(place: Place) -> None:
    place.pointers.begin()
    before = place.file.read_bytes()
    assert place.pointers.move(lambda state: state).revision == 1
    assert place.file.read_bytes() == before


def test_a_move_that_is_no_longer_valid_writes_nothing(place: Place) -> None:
    place.pointers.begin()
    before = place.file.read_bytes()

    def no(_: State) -> State:
        raise fail("moved", "It moved")

    with pytest.raises(Failure):
        place.pointers.move(no)
    assert place.file.read_bytes() == before
    assert not (place.store / layout.history(place.state.lineage)).exists()


def test_history_is_a_chain_from_the_newest_back(place: Place) -> None:
    place.pointers.begin()
    note = Note(author=Author(command="apply", by="ada", commit="abc"), environment="prod", deployment=3)
    for digest in ("d1", "d2", "d3"):
        place.pointers.move(bind(digest), note)
    place.pointers.move(lambda state: state.move({"toy/a": None}))
    assert place.serials == [4, 3, 2, 1]
    gone, newest, *_, oldest = place.history
    assert isinstance(gone, HistoryRecord)
    assert isinstance(newest, HistoryRecord)
    assert gone.changes == (Moved(address="toy/a", before="d3", before_version="v1"),)
    assert gone.author == Author()
    assert newest.changes == (
        Moved(address="toy/a", before="d2", after="d3", before_version="v1", after_version="v1", artifact="bytes of d3"),
    )
    assert (newest.author, newest.environment, newest.deployment) == (note.author, "prod", 3)
    assert oldest.previous is None  # type: ignore[union-attr]


def test_only_what_differs_is_a_change(place: Place) -> None:
    place.pointers.begin()
    place.pointers.move(lambda s: bind("d2", "toy/b")(bind("d1")(s)))
    place.pointers.move(lambda s: bind("d3", "toy/b")(bind("d1")(s)))
    newest = place.history[0]
    assert isinstance(newest, HistoryRecord)
    assert [change.address for change in newest.changes] == ["toy/b"]


def test_a_refusal_is_recorded_even_if_nothing_moves(place: Place) -> None:
    place.pointers.begin()
    place.pointers.move(bind("d1"))
    held = Moved(address="environment/prod/m", before="d1", after="d2")
    after = place.pointers.note(Note(author=Author(by="ada"), environment="prod", held=(held,)))
    assert after.serial == 1
    newest, before = place.history
    assert isinstance(newest, HistoryRecord)
    assert (newest.serial, newest.held, newest.changes) == (1, (held,), ())
    assert newest.previous == Mark(serial=1, id=before.id)  # type: ignore[union-attr]


def test_concurrent_moves_are_not_lost(place: Place) -> None:
    place.pointers.begin()
    writers, each = 4, 8
    start = threading.Barrier(writers)

    def one(number: int) -> None:
        pointers = place.pointers
        start.wait()
        for i in range(each):
            pointers.move(bind(f"d{i}", f"toy/{number}-{i}"))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = place.state
    assert (state.serial, state.revision, len(state.current)) == (writers * each, 1 + writers * each, writers * each)
    # each change is in the chain once, whatever races were lost, and the store holds no other record
    assert place.serials == list(range(writers * each, 0, -1))
    addresses = [c.address for record in place.history if isinstance(record, HistoryRecord) for c in record.changes]
    assert sorted(addresses) == sorted(state.current)
    assert len(place.objects.list(layout.history(state.lineage))) == writers * each


class Overtaken(FolderState):
    """Others move the state as soon as it is read, as long as `others` are left."""

    others: list[Callable[[], object]]

    def read(self) -> tuple[bytes, Stamp] | None:
        stored = super().read()
        while self.others:
            self.others.pop()()
        return stored


@pytest.mark.parametrize("act", ["begin", "move", "check"])
def test_a_state_that_others_move_while_it_is_compared_with_the_store_is_not_behind_it(place: Place, act: str) -> None:
    """The history that the others publish is not a sign that an older copy of the state was put back."""
    place.pointers.begin()
    first = place.state
    others = [lambda: place.pointers.move(bind("d1")), lambda: place.pointers.move(bind("d2", "toy/b"))]
    overtaken = Overtaken(folder=place.folder / place.state_folder, others=others if act != "check" else [])
    pointers = Pointers(states=overtaken, objects=place.objects, project=place.project)
    if act == "begin":
        assert pointers.begin().serial == 2
    elif act == "move":
        assert pointers.move(bind("d3", "toy/c")).serial == 3
    else:
        for other in others:
            other()
        pointers.check(first)
    assert place.serials == [*range(place.state.serial, 0, -1)]


def test_a_state_that_is_behind_its_store_is_refused_also_while_others_look(place: Place) -> None:
    """Brother: an older copy that stays where it is."""
    place.pointers.begin()
    copy = place.file.read_bytes()
    place.pointers.move(bind("d1"))
    place.file.write_bytes(copy)
    for act in (place.pointers.begin, lambda: place.pointers.move(bind("d2")), lambda: place.pointers.check(place.state)):
        with pytest.raises(Failure) as failure:
            act()
        assert ids(failure.value) == ["store-ahead"]


def test_two_threads_may_share_the_pointers(place: Place) -> None:
    """As a run and its beats do."""
    pointers = place.pointers
    pointers.begin()
    errors: list[BaseException] = []

    def run(act) -> None:
        try:
            for n in range(40):
                act(n)
        except BaseException as error:
            errors.append(error)

    acts = [
        lambda n: pointers.move(bind(f"d{n}")),
        lambda n: pointers.move(lambda s: replace(s, applies={"a": Claim(owner=Owner(), beat=n)})),
        lambda n: pointers.read(),
    ]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=run, args=(act,)) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert errors == []
    assert (place.state.serial, place.state.revision) == (40, 81)
    assert place.serials == list(range(40, 0, -1))


KILLED = """
import os, sys
from pathlib import Path
from leptonctl.storage.lineage import LineageStore
from tests.storage.places import Place, bind

real = LineageStore.append_history

def append(self, record):
    if record.changes[0].after == sys.argv[2]:
        os._exit(9)
    return real(self, record)

LineageStore.append_history = append
Place(folder=Path(sys.argv[1])).pointers.move(bind(sys.argv[2]))
"""


def killed_before_publishing(place: Place, digest: str) -> None:
    """A process that dies between the state's swap and the history record in the store."""
    code = subprocess.run([sys.executable, "-c", KILLED, str(place.folder), digest], check=False, env=_environment()).returncode
    assert code == 9


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def test_an_unpublished_record_is_in_the_state_and_published_by_the_next_writer(place: Place) -> None:
    place.pointers.begin()
    place.pointers.move(bind("d1"))
    killed_before_publishing(place, "d2")
    state = place.state
    assert (state.serial, state.current["toy/a"].digest) == (2, "d2")
    assert len(place.objects.list(layout.history(state.lineage))) == 1
    assert place.serials == [2, 1]
    assert place.pointers.begin() == state
    place.pointers.move(bind("d3"))
    assert place.serials == [3, 2, 1]
    assert len(place.objects.list(layout.history(state.lineage))) == 3


def test_a_record_is_published_before_a_write_without_one_drops_it(place: Place) -> None:
    place.pointers.begin()
    killed_before_publishing(place, "d1")
    place.pointers.move(lambda state: replace(state, applies={"a": Claim(owner=Owner())}))
    assert place.state.latest is None
    assert place.serials == [1]


def test_the_state_keeps_a_record_only_until_the_next_write(place: Place) -> None:
    pointers = place.pointers
    pointers.begin()
    assert pointers.move(bind("d1")).latest is not None
    assert pointers.move(lambda state: replace(state, applies={"a": Claim(owner=Owner())})).latest is None


def test_a_store_that_refuses_the_record_after_the_swap_loses_nothing(place: Place) -> None:
    """The pointers have moved: a failure would say that they had not."""
    pointers = place.pointers
    state = pointers.begin()
    history = place.store / layout.history(state.lineage)
    history.parent.mkdir(parents=True, exist_ok=True)
    history.write_text("a file where the folder should be")
    after = pointers.move(bind("d1"))
    assert after.serial == place.state.serial == 1
    # and nothing else moves until it can be published
    with pytest.raises(Failure) as refused:
        place.pointers.move(bind("d2"))
    assert ids(refused.value) == ["store-failed"]
    assert place.state == after
    history.unlink()
    place.pointers.move(bind("d2"))
    assert place.serials == [2, 1]


@pytest.mark.parametrize("spoil", ["remove", "damage"])
def test_a_lost_record_is_a_named_hole(place: Place, spoil: str) -> None:
    place.pointers.begin()
    for digest in ("d1", "d2", "d3"):
        place.pointers.move(bind(digest))
    record = place.history[1]
    assert isinstance(record, HistoryRecord)
    file = place.store / layout.history_record(place.state.lineage, record.serial, record.id)
    if spoil == "remove":
        file.unlink()
    else:
        file.write_bytes(b'{"format_version":"1","serial":"two"}')
    newest, hole, oldest = place.history
    assert isinstance(newest, HistoryRecord)
    assert isinstance(hole, Hole)
    # the records before it are still listed
    assert isinstance(oldest, HistoryRecord)
    assert oldest.serial == 1
    assert place.store / hole.path == file
    assert hole.mark == Mark(serial=2, id=record.id)
    assert ("is not in the store" in hole.reason) == (spoil == "remove")
    place.pointers.move(bind("d4"))


def test_a_long_history_is_read_in_chunks(place: Place) -> None:
    lineage = LineageStore(objects=place.objects, lineage="L")
    chunk, previous = layout.HISTORY_CHUNK, None
    records = {}
    for serial in (chunk - 2, chunk - 1, chunk, chunk + 1, 3 * chunk):
        record = HistoryRecord(serial=serial, id=f"id{serial}", previous=previous, at="", author=Author())
        assert lineage.append_history(record)
        assert not lineage.append_history(record)
        records[serial] = record
        previous = Mark(serial=serial, id=record.id)
    assert list(lineage.history(previous)) == [records[serial] for serial in sorted(records, reverse=True)]
    folders = {path.rpartition("/")[0] for path in place.objects.list(layout.history("L"))}
    assert len(folders) == 3
    assert lineage.newest_serial(chunk - 1) == chunk + 1
    assert lineage.newest_serial(chunk - 2) == chunk - 1
    assert lineage.newest_serial(chunk + 1) is None
    assert list(lineage.history(None)) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: {k: v for k, v in raw.items() if k != "lineage"},
        lambda raw: {**raw, "current": {"toy/a": {"artifact": "no digest"}}},
        lambda raw: {**raw, "current": {"toy/a": "text"}},
        lambda raw: {**raw, "current": []},
        lambda raw: {**raw, "history": [1]},
        lambda raw: {**raw, "applies": {"a": {"owner": 3}}},
        lambda raw: {**raw, "revision": "2"},
        lambda raw: {**raw, "format_version": "2"},
    ],
    ids=["no lineage", "no digest", "text", "list", "history", "claim", "revision", "newer"],
)
def test_a_file_that_is_not_a_state_is_reported_and_left_alone(place: Place, spoil, request: pytest.FixtureRequest) -> None:
    known_as = "newer-format" if "newer" in request.node.name else "corrupt-state"
    place.pointers.begin()
    place.pointers.move(bind("d1"))
    place.file.write_text(json.dumps(spoil(json.loads(place.file.read_text()))))
    before = place.file.read_bytes()
    for act in (place.pointers.read, place.pointers.begin, lambda: place.pointers.move(bind("d2"))):
        with pytest.raises(Failure) as refused:
            act()
        assert ids(refused.value) == [known_as]
        assert refused.value.diagnostics[0].hint
    assert place.file.read_bytes() == before


def test_a_state_that_is_damaged_while_it_is_moved_is_left_alone(place: Place) -> None:
    """As by an editor or a sync tool between the read and the write."""
    place.pointers.begin()

    def damaging(state: State) -> State:
        place.file.write_bytes(b"{}")
        return bind("one")(state)

    with pytest.raises(Failure) as caught:
        place.pointers.move(damaging)
    (problem,) = caught.value.diagnostics
    assert (problem.id, str(place.file) in str(problem.detail), "cp " in str(problem.hint)) == ("corrupt-state", True, True)
    assert place.file.read_bytes() == b"{}"


def test_a_state_that_cannot_be_written_is_a_clear_failure(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(Failure) as refused:
        Place(folder=tmp_path).pointers.begin()
    assert ids(refused.value) == ["state-failed"]


def test_of_two_states_that_take_over_one_is_installed(place: Place) -> None:
    state = place.pointers.begin()
    stored = place.pointers.states.read()
    assert stored is not None
    one, two = (replace(state, revision=state.revision + 1, write=letter * 16) for letter in "ab")
    assert place.pointers.install(stored[1], one) is True
    assert place.pointers.install(stored[1], two) is False
    assert place.state.write == one.write


def test_a_command_that_has_written_the_state_itself_need_not_check_it_again(place: Place) -> None:
    place.pointers.begin()
    state = place.pointers.move(bind("d1"))
    shutil.rmtree(place.store / "projects")
    with pytest.raises(Failure) as caught:
        place.pointers.move(bind("d2"))
    assert ids(caught.value) == ["wrong-store"]
    pointers = place.pointers
    pointers.admit(state)
    assert pointers.move(bind("d2")).serial == state.serial + 1


def test_reading_makes_one_request_to_the_store(place: Place) -> None:
    place.pointers.begin()
    place.pointers.move(bind("d1"))
    seen: list[str] = []

    class Watched:
        def __init__(self, inner) -> None:
            self.inner = inner

        def __getattr__(self, name: str):
            if name != "describe":
                seen.append(name)
            return getattr(self.inner, name)

    pointers = Pointers(states=place.pointers.states, objects=Watched(place.objects), project="toy")
    pointers.read()
    assert seen == ["get_many"]
    seen.clear()
    pointers.begin()
    assert sorted(seen) == ["get_many", "get_many", "list", "present"]
    seen.clear()
    pointers.move(lambda state: replace(state, applies={"a": Claim(owner=Owner())}))
    assert seen == ["create"]  # the record of the move before, which this process has not published itself
    seen.clear()
    pointers.move(lambda state: replace(state, applies={}))
    assert seen == []
