"""Nodes against recorded pointers: one change an address, with what was written that caused it."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leptonctl.core.canonical import encode
from leptonctl.core.change import Change, Create, Forget, Keep, Remove, Update
from leptonctl.core.diff import diff, leaves
from leptonctl.core.graph import in_order, resolve_keys
from leptonctl.core.record import Entry
from leptonctl.core.values import Json, Node
from tests.core.toy import build, entries, graphs, span, toy

scalars = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3))


def against(nodes: list[Node], current: Mapping[str, Entry], lost: frozenset[str] = frozenset()) -> dict[str, Change]:
    return {change.address: change for change in diff(nodes, current, resolve_keys(nodes, current, {}), lost)}


@given(graphs())
def test_what_was_recorded_of_these_nodes_is_kept(nodes: list[Node]) -> None:
    nodes = list(in_order(nodes))
    changes = against(nodes, entries(nodes, build(nodes)))
    assert len(changes) == len(nodes)
    assert all(isinstance(change, Keep) for change in changes.values())


@given(graphs())
def test_everything_is_new_to_an_empty_state(nodes: list[Node]) -> None:
    nodes = list(in_order(nodes))
    changes = diff(nodes, {}, resolve_keys(nodes, {}, {}))
    assert [change.address for change in changes] == [node.address for node in nodes]
    assert all(isinstance(change, Create) and change.before is None for change in changes)


def test_an_edit_is_told_with_its_place() -> None:
    old, new = toy("toy/one", "old"), toy("toy/one", "new")
    (change,) = against([new], entries([old], build([old]))).values()
    assert isinstance(change, Update)
    assert (change.before, change.after, change.reason) == (old.digest, new.digest, "recipe changed")
    (because,) = change.because
    assert (because.path, because.before, because.after, because.span) == ("text", "old", "new", span(7))


def test_an_edit_moves_those_who_need_it() -> None:
    one, same = toy("toy/one", "old"), toy("toy/same", "x")
    two = toy("toy/two", "2", one)
    edited = toy("toy/one", "new")
    nodes = [edited, same, toy("toy/two", "2", edited)]
    changes = against(nodes, entries([one, same, two], build([one, same, two])))
    assert {a: c.action for a, c in changes.items()} == {"toy/one": "update", "toy/same": "keep", "toy/two": "update"}


def test_a_field_that_went_is_told_at_the_nearest_place() -> None:
    node = toy("toy/one", "text")
    entry = Entry(digest="before", recipe={"text": "text", "more": {"a": 1}})
    (because,) = against([node], {"toy/one": entry})["toy/one"].because
    assert (because.path, because.before, because.after, because.span) == ("more", {"a": 1}, None, span(5))


def test_things_are_forgotten_and_effects_are_undone() -> None:
    thing, place = toy("toy/one", "1"), toy("place/p", "p", version="v1")
    inner = toy("place/p/inner", "i", version="v1")
    current = entries([thing, place, inner], build([thing, place, inner]))
    changes = diff([], current, resolve_keys([], current, {}))
    # what lies inside goes before what holds it
    assert [(type(c), c.address) for c in changes] == [(Remove, "place/p/inner"), (Remove, "place/p"), (Forget, "toy/one")]
    assert [c.before_version for c in changes] == ["v1", "v1", None]
    assert all(c.after is None for c in changes)


def test_another_version_is_bound() -> None:
    one, two = toy("place/p", "1", version="v1"), toy("place/p", "2", version="v2")
    change = against([two], entries([one], build([one])))["place/p"]
    assert (change.action, change.reason, change.before_version, change.after_version) == ("update", "bound version v1 → v2", "v1", "v2")


def test_an_equal_recipe_under_another_version_is_bound_anew() -> None:
    one, two = toy("place/p", "same", version="v1"), toy("place/p", "same", version="v2")
    change = against([two], entries([one], build([one])))["place/p"]
    assert (change.action, change.reason) == ("update", "bound version v1 → v2")
    assert change.before == change.after


def test_the_same_version_with_another_recipe() -> None:
    one, two = toy("place/p", "1", version="v1"), toy("place/p", "2", version="v1")
    assert against([two], entries([one], build([one])))["place/p"].reason == "the bound version was rebuilt"


def test_what_is_gone_from_the_store_is_built_again() -> None:
    nodes = [toy("toy/one", "1"), toy("toy/two", "2")]
    changes = against(nodes, entries(nodes, build(nodes)), frozenset({"toy/two"}))
    assert {a: c.action for a, c in changes.items()} == {"toy/one": "keep", "toy/two": "update"}
    assert changes["toy/two"].reason == "what was built for it is missing from the store"
    assert changes["toy/two"].before == changes["toy/two"].after


def test_a_step_that_was_not_asked_for_before() -> None:
    plain, measured = toy("toy/one", "1"), toy("toy/one", "1", measured=True, metadata={"how": "letters"})
    change = against([measured], entries([plain], build([plain])))["toy/one"]
    assert (change.action, change.reason, change.before) == ("update", "evaluate asked for anew", change.after)
    assert [(b.path, b.before, b.after) for b in change.because] == [("evaluate.how", None, "letters")]


def test_a_step_that_is_no_longer_asked_for_costs_nothing() -> None:
    plain, measured = toy("toy/one", "1"), toy("toy/one", "1", measured=True)
    assert against([plain], entries([measured], build([measured])))["toy/one"].action == "keep"


def test_metadata_moves_effects_alone() -> None:
    for version, action in ((None, "keep"), ("v1", "update")):
        old, new = (toy("toy/one", "1", version=version, metadata={"checks": n}) for n in (1, 2))
        assert against([new], entries([old], build([old])))["toy/one"].action == action


@given(values)
def test_a_value_does_not_differ_from_itself(value: Json) -> None:
    assert list(leaves(value, value)) == []


@given(values, values)
def test_two_values_differ_where_their_encodings_do(left: Json, right: Json) -> None:
    found = list(leaves(left, right))
    empty_differs = {"{}", "[]"}
    if encode(left) != encode(right) and not any(e in str((left, right)) for e in empty_differs) and "-0.0" not in str((left, right)):
        assert found
    for _, before, after in found:
        assert encode(before) != encode(after)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [(("a", "b"), 1, 2)]),
        ({"a": 1}, {"b": 1}, [(("a",), 1, None), (("b",), None, 1)]),
        ([1, 2], [1, 3], [((1,), 2, 3)]),
        ([1], [1, 2], [((), [1], [1, 2])]),
        ({"a": 1}, {"a": True}, [(("a",), 1, True)]),
        ({"a": 1}, {"a": 1.0}, [(("a",), 1, 1.0)]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, [(("a", 0, "b"), 1, 2)]),
        ({"a": {}}, {"a": None}, [(("a",), {}, None)]),
        ({"a": None}, {}, []),
    ],
)
def test_leaves(before: Json, after: Json, expected: list) -> None:
    assert list(leaves(before, after)) == expected
