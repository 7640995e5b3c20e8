"""The copy of the state in the store: what `gc` of other projects keeps, and what a lost state is rebuilt from (ADR 0030)."""

from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.core.state import State
from leptonctl.storage.claims import claim_addresses
from leptonctl.storage.owner import current_owner
from leptonctl.storage.references import needs_of_lineage
from tests.storage.places import Place, bind


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(folder=tmp_path)
    place.pointers.begin()
    return place


def roots(place: Place) -> State | None:
    return place.pointers.lineage(place.state).roots()


def test_every_move_of_pointers_publishes_the_state(place: Place) -> None:
    for digest in ("a", "b"):
        place.pointers.move(bind(digest))
        copy = roots(place)
        assert copy is not None
        assert (copy.current, copy.serial, copy.history) == (place.state.current, place.state.serial, place.state.history)


def test_claims_and_beats_publish_nothing(place: Place) -> None:
    place.pointers.move(bind("a"))
    before = place.objects.get(layout.roots(place.state.lineage))
    with claim_addresses(place.pointers, current_owner("leptonctl apply", None), ["toy/a"]):
        assert place.objects.get(layout.roots(place.state.lineage)) == before


def test_what_a_beaten_write_published_is_replaced_by_the_winners(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process moves a pointer between the publication and the write, and our change then no longer applies."""
    pointers = place.pointers
    real, beaten = type(pointers)._write, []

    def write(self, expected, state):
        if self is pointers and not beaten:
            beaten.append(True)
            place.pointers.move(bind("winner", "toy/b"))
            self.lineage(state).publish_roots(state)  # as if ours had come last
        return real(self, expected, state)

    monkeypatch.setattr(type(pointers), "_write", write)

    def change(state: State) -> State:
        if "toy/b" in state.current:
            raise RuntimeError
        return bind("loser")(state)

    with pytest.raises(RuntimeError):
        pointers.move(change)
    copy = roots(place)
    assert copy is not None
    assert set(copy.current) == {"toy/b"}
    assert needs_of_lineage(place.objects, place.state.lineage, deployments=1).artifacts == {"bytes of winner"}
