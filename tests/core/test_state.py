"""State as a value: its pure moves. How it is written and read back is `test_codec`'s."""

from hypothesis import given
from hypothesis import strategies as st

from leptonctl.core.deployment import Epoch
from leptonctl.core.frozen import replace
from leptonctl.core.state import Pointer, State, StepPointer
from tests.core.records import records, texts
from tests.core.toy import build, pointers, state, toy

states = records(State)
pointer_values = records(Pointer)


def test_the_key_of_a_step() -> None:
    pointer = Pointer(digest="d", steps={"letters": StepPointer(op="measure", key="k")})
    assert pointer.key("letters") == "k"
    assert pointer.key("measure") is None


def test_the_pointers_below_an_address() -> None:
    known = state({a: Pointer(digest="d") for a in ("place/p", "place/p/one", "place/p2/one")})
    assert set(known.entries("place/p/")) == {"place/p/one"}


def test_the_epoch_of_a_lock() -> None:
    assert state({}, generation=3).epoch(7) == Epoch(generation=3, token=7)
    assert Epoch(generation=2, token=1) > Epoch(generation=1, token=9)


@given(states, st.data())
def test_moving_pointers_is_one_change(value: State, data: st.DataObject) -> None:
    dropped_ = data.draw(st.lists(st.sampled_from(sorted(value.current)), unique=True)) if value.current else []
    added = data.draw(st.dictionaries(texts, pointer_values, max_size=2))
    moved = value.move({**dict.fromkeys(dropped_), **added})
    assert moved.serial == value.serial + 1
    assert moved.revision == value.revision
    assert dict(moved.current) == {**{a: p for a, p in value.current.items() if a not in dropped_}, **added}
    assert replace(moved, current=value.current, serial=value.serial) == value


@given(states)
def test_dropping_an_absent_pointer_still_counts_as_a_change(value: State) -> None:
    """A history record of it was written, so the serial grows."""
    moved = value.move({"nowhere/at-all": None})
    assert (moved.current, moved.serial) == (value.current, value.serial + 1)


def test_a_lost_artifact_does_not_hide_what_is_bound() -> None:
    one, place = toy("toy/one", "1"), toy("place/p", "1", version="v1")
    known = state(pointers([one, place], build([one, place])))
    assert set(known.without_builds({"toy/one", "place/p"}).current) == {"place/p"}
    assert known.without_builds(()) == known
