"""Nodes against recorded pointers: one change per address, with the edited fields that caused it."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leptonctl.core.canonical import encode
from leptonctl.core.change import Change, Create, Forget, Keep, Remove, Update
from leptonctl.core.diff import diff, leaves, with_becauses
from leptonctl.core.frozen import replace
from leptonctl.core.graph import declaration, in_order, resolve_keys
from leptonctl.core.state import Pointer, StepPointer
from leptonctl.core.store_records import Recipe
from leptonctl.core.values import Json, Node, Step
from tests.core.toy import build, graphs, pointers, span, toy

scalars = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3))


def against(nodes: list[Node], current: Mapping[str, Pointer], lost: frozenset[str] = frozenset()) -> dict[str, Change]:
    return {change.address: change for change in diff(nodes, current, resolve_keys(nodes, current, build(nodes)), lost)}


def recorded(*nodes: Node) -> dict[str, Pointer]:
    return pointers(nodes, build(nodes))


def recipe_of(node: Node) -> Recipe:
    return Recipe(address=node.address, recipe=node.recipe, notes=node.notes)


@given(graphs())
def test_recorded_nodes_are_kept(nodes: list[Node]) -> None:
    nodes = list(in_order(nodes))
    changes = against(nodes, recorded(*nodes))
    assert len(changes) == len(nodes)
    assert all(isinstance(change, Keep) for change in changes.values())


@given(graphs())
def test_everything_is_new_to_an_empty_state(nodes: list[Node]) -> None:
    nodes = list(in_order(nodes))
    changes = diff(nodes, {}, resolve_keys(nodes, {}, {}))
    assert [change.address for change in changes] == [node.address for node in nodes]
    assert all(isinstance(change, Create) and change.before is None for change in changes)


def test_an_edit_is_reported_with_its_place() -> None:
    old, new = toy("toy/one", "old"), toy("toy/one", "new")
    (change,) = against([new], recorded(old)).values()
    assert isinstance(change, Update)
    assert (change.before, change.after, change.reason) == (old.digest, new.digest, "recipe changed")
    (because,) = with_becauses(change, new, recipe_of(old)).because
    assert (because.path, because.before, because.after, because.span) == ("text", "old", "new", span(7))


def test_without_its_recipe_a_change_has_no_cause() -> None:
    old, new = toy("toy/one", "old"), toy("toy/one", "new")
    (change,) = against([new], recorded(old)).values()
    assert with_becauses(change, new, None) == change


def test_new_kept_and_removed_nodes_have_no_cause() -> None:
    node = toy("toy/one", "1")
    changes = [*against([node], {}).values(), *against([node], recorded(node)).values(), *against([], recorded(node)).values()]
    assert [c.action for c in changes] == ["create", "keep", "forget"]
    assert [with_becauses(c, node, Recipe(address="toy/one", recipe={"text": "0"})) for c in changes] == changes


def test_an_edit_changes_the_nodes_that_need_it() -> None:
    one, same = toy("toy/one", "old"), toy("toy/same", "x")
    two = toy("toy/two", "2", one)
    edited = toy("toy/one", "new")
    nodes = [edited, same, toy("toy/two", "2", edited)]
    changes = against(nodes, recorded(one, same, two))
    assert {a: c.action for a, c in changes.items()} == {"toy/one": "update", "toy/same": "keep", "toy/two": "update"}


def test_a_removed_field_is_reported_at_the_nearest_place() -> None:
    node = toy("toy/one", "text")
    (change,) = against([node], {"toy/one": Pointer(digest="before")}).values()
    recipe = Recipe(address="toy/one", recipe={"text": "text", "more": {"a": 1}})
    (because,) = with_becauses(change, node, recipe).because
    assert (because.path, because.before, because.after, because.span) == ("more", {"a": 1}, None, span(5))


def test_a_field_that_is_not_written_is_reported_at_the_nearest_block_around_it() -> None:
    """Not at the document: a default inside a block moved because the block was written otherwise."""
    recipe: dict[str, Json] = {"text": "text", "settings": {"deep": {"a": 2}}, "list": [1, 2]}
    node = replace(toy("toy/one", "text"), recipe=recipe, origins={("settings",): span(8), ("list",): span(9)})
    (change,) = against([node], {"toy/one": Pointer(digest="before")}).values()
    before = Recipe(address="toy/one", recipe={**recipe, "settings": {"deep": {"a": 1}}, "list": [1, 3]})
    becauses = with_becauses(change, node, before).because
    assert {because.path: because.span for because in becauses} == {"settings.deep.a": span(8), "list.1": span(9)}


def test_undeclared_nodes_are_forgotten_and_effects_removed() -> None:
    thing, place = toy("toy/one", "1"), toy("place/p", "p", version="v1")
    inner = toy("place/p/inner", "i", version="v1")
    current = recorded(thing, place, inner)
    changes = diff([], current, resolve_keys([], current, {}))
    # members are removed before the document that holds them
    assert [(type(c), c.address) for c in changes] == [(Remove, "place/p/inner"), (Remove, "place/p"), (Forget, "toy/one")]
    assert [c.before_version for c in changes] == ["v1", "v1", None]
    assert all(c.after is None for c in changes)


def test_another_version_is_bound() -> None:
    one, two = toy("place/p", "1", version="v1"), toy("place/p", "2", version="v2")
    change = against([two], recorded(one))["place/p"]
    assert (change.action, change.reason, change.before_version, change.after_version) == ("update", "bound version v1 → v2", "v1", "v2")


def test_an_equal_recipe_under_another_version_is_bound_again() -> None:
    one, two = toy("place/p", "same", version="v1"), toy("place/p", "same", version="v2")
    change = against([two], recorded(one))["place/p"]
    assert (change.action, change.reason) == ("update", "bound version v1 → v2")
    assert change.before == change.after


def test_the_same_version_with_another_recipe() -> None:
    one, two = toy("place/p", "1", version="v1"), toy("place/p", "2", version="v1")
    assert against([two], recorded(one))["place/p"].reason == "the bound version was rebuilt"


def test_a_lost_artifact_is_built_again() -> None:
    nodes = [toy("toy/one", "1"), toy("toy/two", "2")]
    changes = against(nodes, recorded(*nodes), frozenset({"toy/two"}))
    assert {a: c.action for a, c in changes.items()} == {"toy/one": "keep", "toy/two": "update"}
    assert changes["toy/two"].reason == "its results are missing from the store, or damaged there"
    assert changes["toy/two"].before == changes["toy/two"].after


def test_a_lost_artifact_is_the_reason_even_if_checks_changed_too() -> None:
    old, new = toy("toy/one", "1"), toy("toy/one", "1", measures=["letters"])
    change = against([new], recorded(old), frozenset({"toy/one"}))["toy/one"]
    assert change.reason == "its results are missing from the store, or damaged there"


def test_a_step_that_was_not_requested_before() -> None:
    plain, measured = toy("toy/one", "1"), toy("toy/one", "1", measures=["letters", "words"], notes={"measure": {"how": ["letters"]}})
    change = against([measured], recorded(plain))["toy/one"]
    assert (change.action, change.reason, change.before) == ("update", "letters and words requested again", change.after)
    (because,) = with_becauses(change, measured, recipe_of(plain)).because
    assert (because.path, because.before, because.after, because.span) == ("measure", None, {"how": ["letters"]}, span(5))


def test_a_step_that_is_no_longer_requested_costs_nothing() -> None:
    plain, measured = toy("toy/one", "1"), toy("toy/one", "1", measures=["letters"])
    assert against([plain], recorded(measured))["toy/one"].action == "keep"


def test_a_step_whose_key_is_not_known_yet_may_have_moved() -> None:
    """A declaration that moved is not trusted before its keys are: a plan asks for the results that complete them."""
    old, new = toy("toy/one", "1", measures=["letters"]), toy("toy/one", "1", measures=["letters"], notes={"n": 1})
    current = recorded(old)
    (unsure,) = diff([new], current, resolve_keys([new], current, {}))
    (sure,) = diff([new], current, resolve_keys([new], current, build([new])))
    assert (unsure.action, unsure.reason) == ("update", "letters requested again")
    assert sure.action == "keep"


def test_notes_change_bindings_only() -> None:
    for version, action in ((None, "keep"), ("v1", "update")):
        old, new = (toy("toy/one", "1", version=version, notes={"checks": n}) for n in (1, 2))
        change = against([new], recorded(old))["toy/one"]
        assert change.action == action
        assert with_becauses(change, new, recipe_of(old)).because == ()


@given(graphs())
def test_an_unchanged_declaration_is_compared_by_the_state_alone(nodes: list[Node]) -> None:
    """No result and no recipe is read to see that a pointer is current."""
    nodes = list(in_order(nodes))
    current = recorded(*nodes)
    assert all(isinstance(change, Keep) for change in diff(nodes, current, resolve_keys(nodes, current, {})))


def reading(text: str) -> list[Node]:
    """A node, and one that reads the length of its text without declaring it."""
    base = toy("toy/base", text, measures=["letters"])
    reader = Step(
        name="report", op="measure", address="toy/reader", key=None, spec="how it is reported", reads=("of.outputs.metrics.letters",),
        needs={"of": ("toy/base", "letters")},
    )  # fmt: skip
    return [base, Node(
        address="toy/reader", digest="d", declaration=declaration({}, {}, [reader]), recipe={}, origins={}, span=span(), steps=(reader,),
        needs=("toy/base",),
    )]  # fmt: skip


def test_a_step_changes_with_what_it_reads() -> None:
    """Even if a kind does not declare what a step reads, the engine notices the change."""
    before, after = reading("1"), reading("22")
    current = {**recorded(before[0]), "toy/reader": Pointer(digest="d", declaration=before[1].declaration)}
    current["toy/reader"] = replace(current["toy/reader"], steps={"report": StepPointer(op="measure", key=key_of(before))})
    assert [c.action for c in diff(before, current, resolve_keys(before, current, {}))] == ["keep", "keep"]
    # before the other one is built its key is not known
    unsure = diff(after, current, resolve_keys(after, current, {}))
    sure = diff(after, current, resolve_keys(after, current, build(after[:1])))
    for changes in (unsure, sure):
        assert [(c.action, c.reason) for c in changes] == [("update", "recipe changed"), ("update", "its inputs have changed")]
    # and it is kept if the result is equal
    same = reading(" 1 ")
    assert [c.action for c in diff(same, current, resolve_keys(same, current, build(same[:1])))] == ["update", "keep"]


def key_of(nodes: list[Node]) -> str:
    key = resolve_keys(nodes, {}, build(nodes[:1])).of("toy/reader", "report")
    assert key is not None
    return key


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
