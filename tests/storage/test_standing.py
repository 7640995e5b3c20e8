"""A state and a store belong together (protocols 3): first applies, other stores, lost states, replaced states and restored old ones."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.codec import encode
from leptonctl.core.deployment import Epoch
from leptonctl.core.diagnostic import ERROR, STALE, Failure
from leptonctl.core.frozen import replace
from leptonctl.core.state import Environment
from leptonctl.core.store_records import OwnerRecord, StoreIdentity
from leptonctl.storage.claims import Registration, lock_environment
from leptonctl.storage.owner import current_owner
from tests.storage.places import Place, bind, ids


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(folder=tmp_path)


def moves(place: Place):
    """Every operation that changes a state: at the start of a run, and without a run."""
    return (place.pointers.begin, lambda: place.pointers.move(bind("other")))


def checks(place: Place):
    """As `moves`, and a plan that checks whether it could be applied."""
    return (*moves(place), lambda: place.pointers.check(place.state))


def refused(act) -> Failure:
    with pytest.raises(Failure) as caught:
        act()
    assert caught.value.diagnostics[0].hint
    return caught.value


# --- the first apply


def test_reading_creates_nothing(place: Place) -> None:
    assert place.pointers.read() is None
    assert list(place.folder.iterdir()) == []


def test_the_first_apply_creates_a_lineage_and_marks_the_store(place: Place) -> None:
    state = place.pointers.begin()
    assert (state.serial, state.revision, state.generation, state.project, dict(state.current)) == (0, 1, 1, "toy", {})
    assert len(state.lineage) == 32
    owner = place.pointers.lineage(state).owner()
    assert owner is not None
    assert (owner.project, owner.state, owner.generation) == ("toy", state.id, 1)
    assert owner.at
    assert place.pointers.begin() == state == place.state
    place.pointers.check(state)
    assert sorted(place.objects.list("")) == sorted(["identity", layout.lineage_name("toy", state.lineage), layout.owner(state.lineage)])


def test_another_project_may_share_the_store(place: Place) -> None:
    state = place.pointers.begin()
    other = Place(folder=place.folder, project="other", state_folder="other")
    assert other.pointers.read() is None
    assert other.pointers.begin().lineage != state.lineage
    assert other.state.store == state.store


BEGIN = """
import sys
from pathlib import Path
from tests.storage.places import Place

for folder in sys.stdin:
    print(Place(folder=Path(folder.strip())).pointers.begin().lineage, flush=True)
"""


def test_eight_concurrent_first_applies_create_one_lineage(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen([sys.executable, "-c", BEGIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(8)
    ]
    for turn in range(8):
        place = Place(folder=tmp_path / str(turn))
        for process in processes:
            process.stdin.write(f"{place.folder}\n")
        for process in processes:
            process.stdin.flush()
        found = {process.stdout.readline().strip() for process in processes}
        assert found == {place.state.lineage}
        assert len(place.objects.list(layout.PROJECTS)) == 1
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0] * 8


BEGIN_AND_DIE = """
import os, sys
from pathlib import Path
from leptonctl.storage import pointers
from tests.storage.places import Place

pointers.begin_lineage = lambda objects, state: os._exit(9)
Place(folder=Path(sys.argv[1])).pointers.begin()
"""


def test_a_first_apply_that_died_before_it_marked_the_store_is_continued(place: Place) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", BEGIN_AND_DIE, str(place.folder)], check=False, env=environment)
    assert done.returncode == 9
    state = place.state
    assert place.pointers.lineage(state).owner() is None
    assert place.pointers.begin() == state
    assert place.pointers.lineage(state).owner() is not None


@pytest.mark.parametrize("act", ["begin", "read"])
def test_a_state_that_is_created_meanwhile_is_used(place: Place, monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    """Another first apply finishes after the state is read here and before the store is."""
    from leptonctl.storage import pointers

    real = pointers.lineages_of
    quicker: list[str] = []

    def look(objects, project):
        if not quicker:
            quicker.append("")
            quicker[0] = place.pointers.begin().lineage
        return real(objects, project)

    monkeypatch.setattr(pointers, "lineages_of", look)
    state = getattr(place.pointers, act)()
    assert (state and state.lineage) == quicker[0], "a plan must not say that everything is new"


# --- a state that is gone


def test_a_mark_without_its_state_is_not_a_first_apply(place: Place) -> None:
    lineage = place.pointers.begin().lineage
    place.file.unlink()
    for act in (place.pointers.read, place.pointers.begin):
        failure = refused(act)
        assert ids(failure) == ["missing-state"]
        assert failure.exit_code == ERROR
        assert lineage in failure.diagnostics[0].detail
    assert ids(refused(lambda: place.pointers.move(bind("d")))) == ["missing-state"]
    assert not place.file.exists()


def test_a_second_clone_names_the_same_state(place: Place) -> None:
    place.pointers.begin()
    clone = Place(folder=place.folder, state_folder="clone/state")
    for act in (clone.pointers.read, clone.pointers.begin):
        failure = refused(act)
        assert ids(failure) == ["missing-state"]
        assert "`state:`" in failure.diagnostics[0].hint
    assert not clone.file.exists()


def test_a_lineage_that_was_ended_does_not_block_a_new_one(place: Place) -> None:
    first = place.pointers.begin()
    place.objects.delete(layout.owner(first.lineage))
    place.file.unlink()
    assert place.pointers.read() is None
    assert place.pointers.begin().lineage != first.lineage


# --- a store that is another one


def test_a_store_that_is_not_mounted_is_not_built_into(place: Place) -> None:
    place.pointers.begin()
    place.pointers.move(bind("d1"))
    place.store.rename(place.folder / "aside")
    for empty in (False, True):
        if empty:
            place.store.mkdir()  # the empty folder that a mount covers
        for act in (place.pointers.read, *moves(place)):
            failure = refused(act)
            assert ids(failure) == ["wrong-store"]
            assert "is it mounted?" in failure.diagnostics[0].detail
            assert failure.exit_code == ERROR
        assert not place.store.exists() or list(place.store.iterdir()) == []
    place.store.rmdir()
    (place.folder / "aside").rename(place.store)
    assert place.pointers.begin() == place.state


def test_another_store_is_refused(place: Place) -> None:
    place.pointers.begin()
    Place(folder=place.folder, project="other", state_folder="other", store_folder="elsewhere").pointers.begin()
    wrong = Place(folder=place.folder, store_folder="elsewhere")
    before = wrong.objects.list("")
    for act in (wrong.pointers.read, *moves(wrong)):
        failure = refused(act)
        assert ids(failure) == ["wrong-store"]
        assert "is another store" in failure.diagnostics[0].detail
    assert wrong.objects.list("") == before


def test_a_store_without_the_lineage_can_only_be_read(place: Place) -> None:
    place.pointers.begin()
    after = place.pointers.move(bind("d1"))
    shutil.rmtree(place.store / "projects")
    assert place.state == after
    for act in moves(place):
        failure = refused(act)
        assert ids(failure) == ["wrong-store"]
        assert f"does not contain lineage {after.lineage}, which this state has moved 1 times" in failure.diagnostics[0].detail
        assert failure.diagnostics[0].hint.startswith(f"restore {layout.project(after.lineage)} of the store from a backup")
    assert not (place.store / "projects").exists()


@pytest.mark.parametrize("path", ["identity", "owner"])
def test_a_damaged_mark_is_named(place: Place, path: str) -> None:
    state = place.pointers.begin()
    file = place.store / ("identity" if path == "identity" else layout.owner(state.lineage))
    file.write_bytes(b"{}")
    # the owner decides who may move the state, so that it can be read without
    assert path == "identity" or place.pointers.read() == state
    for act in (*([place.pointers.read] if path == "identity" else []), place.pointers.begin):
        failure = refused(act)
        assert ids(failure) == ["corrupt-record"]
        assert failure.diagnostics[0].detail.startswith(path if path == "identity" else "projects/")


def test_something_else_in_place_of_the_identity_is_reported(place: Place) -> None:
    (place.store / "identity").mkdir(parents=True)
    assert ids(refused(place.pointers.begin)) == ["corrupt-record"]
    assert not place.file.exists()


# --- a state that was replaced, or put back


@pytest.mark.parametrize("change", [{"generation": 2}, {"state": "another", "generation": 2}, {"state": "another"}])
def test_a_state_that_was_replaced_can_only_be_read(place: Place, change: dict) -> None:
    place.pointers.begin()
    state = place.pointers.move(bind("d1"))
    owner = OwnerRecord(**{
        "project": "toy", "state": state.id, "generation": 1, "at": "2026-11-25T12:00:00.000+00:00", "by": "ada", **change,
    })  # fmt: skip
    place.objects.put(layout.owner(state.lineage), encode(owner))
    assert place.state == state
    for act in checks(place):
        failure = refused(act)
        assert ids(failure) == ["replaced-state"]
        assert failure.exit_code == STALE
        assert "replaced on 2026-11-25T12:00:00.000+00:00 by ada" in failure.diagnostics[0].detail
    assert place.state == state


@pytest.mark.parametrize("back", range(1, 4))
def test_a_restored_earlier_state_is_noticed_and_refused(place: Place, back: int) -> None:
    place.pointers.begin()
    copies = []
    for n in range(4):
        copies.append(place.file.read_bytes())
        place.pointers.move(bind(f"d{n}"))
    place.pointers.move(lambda state: replace(state, applies={}))
    place.file.write_bytes(copies[-back])
    assert place.state.serial == 4 - back
    before = place.file.read_bytes()
    for act in checks(place):
        failure = refused(act)
        assert ids(failure) == ["store-ahead"]
        assert "serial 4" in failure.diagnostics[0].detail
    assert place.file.read_bytes() == before


@pytest.mark.parametrize("back", range(1, 4))
def test_an_older_store_that_was_put_back_is_noticed_and_refused(place: Place, back: int) -> None:
    place.pointers.begin()
    for n in range(4):
        shutil.copytree(place.store, place.folder / f"store-{n}")
        place.pointers.move(bind(f"d{n}"))
    before = place.file.read_bytes()
    newest = place.store.rename(place.folder / "newest")
    (place.folder / f"store-{4 - back}").rename(place.store)
    for act in checks(place):
        failure = refused(act)
        assert ids(failure) == ["store-behind"]
        assert "serial 4" in failure.diagnostics[0].detail
    assert place.file.read_bytes() == before
    shutil.rmtree(place.store)
    newest.rename(place.store)
    assert place.pointers.begin() == place.state


@pytest.mark.parametrize("lost", ["its record", "the copy of the state"])
def test_one_lost_record_is_not_taken_for_an_older_store(place: Place, lost: str) -> None:
    """A hole in the history is named, and a writer that was killed has not published its record."""
    place.pointers.begin()
    state = place.pointers.move(bind("d1"))
    assert state.history is not None
    record = layout.history_record(state.lineage, state.history.serial, state.history.id)
    place.objects.delete(record if lost == "its record" else layout.roots(state.lineage))
    place.pointers.check(place.state)
    assert place.pointers.move(bind("d2")).serial == 2
    assert place.serials == [2, 1]


def test_a_head_of_an_earlier_deployment_and_epoch_is_behind(place: Place) -> None:
    """Where only the heads are older, and not where a state was taken over, which fences them."""
    place.pointers.begin()
    bound = Environment(platform={"type": "server"}, deployment=3)
    state = place.pointers.move(lambda s: replace(s, tokens={"prod": 5}, environments={"prod": bound}))
    lineage = place.pointers.lineage(state)
    head = lineage.move_head("prod", None, epoch=state.epoch(4), holder="me", deployment=2, serial=1, staged=0)
    failure = refused(place.pointers.begin)
    assert ids(failure) == ["store-behind"]
    assert "deployment 3 of environment/prod" in failure.diagnostics[0].detail
    assert lineage.move_head("prod", head, epoch=state.epoch(5), holder="me", deployment=2, serial=1, staged=0)
    assert place.pointers.begin() == state


def test_restoring_the_newest_state_is_allowed(place: Place) -> None:
    place.pointers.begin()
    after = place.pointers.move(bind("d1"))
    copy = place.file.read_bytes()
    place.file.write_bytes(copy)
    assert place.pointers.begin() == after


def test_a_state_restored_over_a_lock_is_noticed_by_the_head(place: Place) -> None:
    """No pointer has moved since, but the environment's head was fenced with a token that this state would issue again."""
    pointers = place.pointers
    state = pointers.begin()
    claim = Registration(id="me", owner=current_owner("apply", None), addresses=frozenset({"environment/prod"}))
    state = pointers.move(lambda s: replace(s, applies={"me": _claim(claim)}))
    state = pointers.move(lambda s: lock_environment(s, "prod", claim))
    copy = place.file.read_bytes()
    state = pointers.move(lambda s: lock_environment(s, "prod", claim))
    lineage = pointers.lineage(state)
    assert lineage.move_head("prod", None, epoch=state.epoch(2), holder="me", deployment=0, serial=0, staged=0)
    assert place.pointers.begin() == state
    place.file.write_bytes(copy)
    for act in checks(place):
        failure = refused(act)
        assert ids(failure) == ["store-ahead"]
        assert "environment/prod" in failure.diagnostics[0].detail


def test_a_head_of_a_later_generation_is_ahead(place: Place) -> None:
    pointers = place.pointers
    state = pointers.begin()
    state = pointers.move(lambda s: replace(s, tokens={"prod": 5}))
    head = pointers.lineage(state).move_head("prod", None, epoch=Epoch(generation=2, token=1), holder="x", deployment=0, serial=0, staged=0)
    assert head is not None
    assert ids(refused(place.pointers.begin)) == ["store-ahead"]


def test_a_damaged_head_stops_only_its_environment(place: Place) -> None:
    pointers = place.pointers
    pointers.begin()
    state = pointers.move(lambda s: replace(s, tokens={"prod": 5}))
    place.objects.put(layout.head(state.lineage, "prod"), b"{}")
    assert place.pointers.begin() == state
    with pytest.raises(Failure) as caught:
        pointers.lineage(state).head("prod")
    assert ids(caught.value) == ["corrupt-record"]


def test_every_store_has_its_own_identity(place: Place, tmp_path: Path) -> None:
    one = place.pointers.begin().store
    two = Place(folder=tmp_path / "other").pointers.begin().store
    assert one != two
    assert place.objects.get("identity") is not None
    assert (place.store / "identity").read_bytes() == encode(StoreIdentity(id=one))


def _claim(claim: Registration):
    from leptonctl.core.state import Claim

    return Claim(owner=claim.owner, addresses=tuple(claim.addresses))
