"""State as a value: what is written is read back, and every state on the way of an apply is one that a next run can go on from."""

import json
from collections.abc import Iterator
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leptonctl.core.change import Keep
from leptonctl.core.diff import diff
from leptonctl.core.graph import in_order, resolve_keys
from leptonctl.core.record import Entry, State, entry_to_json, from_json, to_json
from leptonctl.core.values import Json, Node
from leptonctl.kinds.live import completed, recovered
from tests.core.toy import build, entries, graphs, state, toy

words = st.text(max_size=5)
digests = st.text("0123456789abcdef", min_size=4, max_size=4).map(lambda t: "sha256:" + t)
numbers = st.integers(0, 10**6) | st.floats(0, 1e6)
objects = st.dictionaries(words, st.none() | st.booleans() | numbers | words | st.lists(numbers, max_size=2), max_size=3)
written = st.builds(
    Entry,
    digest=digests,
    artifact=st.none() | digests,
    steps=st.dictionaries(st.sampled_from(["prepare", "train"]), digests),
    recipe=objects,
    reads=objects,
    seconds=st.dictionaries(st.sampled_from(["prepare", "train"]), st.floats(0, 1e6)),
    metadata=objects,
    version=st.none() | st.sampled_from(["v1", "1991"]),
    deployment=st.none() | st.integers(1, 99),
    effect=st.booleans(),
    at=st.sampled_from(["", "2026-01-01T00:00:00.000+00:00"]),
)
tables = st.dictionaries(words, objects, max_size=2)
states = st.builds(
    State,
    lineage=digests, project=words, revision=st.integers(0, 9), serial=st.integers(0, 9),
    current=st.dictionaries(words, written, max_size=3),
    environments=tables, sealed=tables, pending=tables, applies=tables, locks=tables, history=st.none() | objects,
)  # fmt: skip


@given(states)
def test_what_is_written_is_read_back(value: State) -> None:
    assert from_json(json.loads(json.dumps(to_json(value)))) == value


@given(states)
def test_a_state_is_written_in_one_way_only(value: State) -> None:
    turned = replace(value, current=dict(reversed(value.current.items())), sealed=dict(reversed(value.sealed.items())))
    assert json.dumps(to_json(turned)) == json.dumps(to_json(value))
    assert to_json(from_json(to_json(value))) == to_json(value)


def test_what_says_nothing_is_not_written() -> None:
    assert to_json(state({"toy/one": Entry(digest="d")}))["current"] == {"toy/one": {"digest": "d"}}


def test_a_later_minor_format_is_read() -> None:
    known = to_json(state({}))
    assert from_json({**known, "format_version": "1.9", "added": {"later": 1}}).lineage == known["lineage"]


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("lineage", None),
        ("serial", "1"),
        ("revision", True),
        ("current", None),
        ("current", []),
        ("current", {"a": "text"}),
        ("current", {"a": {}}),
        ("current", {"a": {"digest": 1}}),
        ("current", {"a": {"digest": "d", "steps": []}}),
        ("locks", {"prod": 1}),
    ],
)
def test_what_is_no_state_is_not_read(part: str, value: Json) -> None:
    with pytest.raises(ValueError, match=part):
        from_json({**to_json(state({})), part: value})


def test_fields_that_a_later_minor_format_adds_to_a_pointer_are_passed_over() -> None:
    known = to_json(state({"toy/one": Entry(digest="d")}))
    known["current"]["toy/one"]["added"] = 1  # type: ignore[call-overload, index]
    assert from_json(known).current["toy/one"] == Entry(digest="d")


def test_every_field_is_written() -> None:
    full = Entry(
        digest="d", artifact="a", steps={"train": "k"}, recipe={"r": 1}, reads={"r": 1}, seconds={"train": 1.0}, metadata={"m": 1},
        version="v1", deployment=1, effect=True, at="now",
    )  # fmt: skip
    assert set(to_json(state({"x": full}))["current"]["x"]) == {f.name for f in fields(Entry)}  # type: ignore[call-overload, index, arg-type]
    assert set(to_json(state({}))) == {f.name for f in fields(State)} | {"format_version"}


@given(states, st.data())
def test_moving_pointers_is_one_change(value: State, data: st.DataObject) -> None:
    dropped = data.draw(st.lists(st.sampled_from(sorted(value.current)), unique=True)) if value.current else []
    added = data.draw(st.dictionaries(words, written, max_size=2))
    moved = value.moved({**dict.fromkeys(dropped), **added})
    assert moved.serial == value.serial + 1
    assert moved.revision == value.revision
    assert dict(moved.current) == {**{a: e for a, e in value.current.items() if a not in dropped}, **added}
    assert replace(moved, current=value.current, serial=value.serial) == value


def test_what_is_bound_stays_known_when_its_bytes_are_gone() -> None:
    one, place = toy("toy/one", "1"), toy("place/p", "1", version="v1")
    known = state(entries([one, place], build([one, place])))
    assert set(known.without({"toy/one", "place/p"}).current) == {"place/p"}
    assert known.without(()) == known


# --- the way of an apply --------------------------------------------------------------------------------------------------------

ENVIRONMENT: dict[str, Json] = {"platform": {"type": "server"}, "protected": True, "deployment": 1, "served": {}}


def the_way(nodes: list[Node]) -> Iterator[State]:
    """Every state between the first apply's begin and its end."""
    built = entries(nodes, build(nodes))
    place = toy("environment/prod", "prod", version="v1")
    bound = entries([place], build([place]))["environment/prod"]
    yield (now := state({}, serial=0))
    yield (now := replace(now, applies={"a1": {"addresses": sorted(built), "phase": "building"}}))
    yield (now := now.moved(built))
    yield (now := replace(now, locks={"prod": {"claim": "a1"}}))
    pending: dict[str, Json] = {
        "deployment": 1, "claim": "a1", "entries": {"environment/prod": {**entry_to_json(bound), "added_later": 1}}, "environment": ENVIRONMENT,
        "sealed": {"toy/0": {"digest": "d"}},
    }  # fmt: skip
    yield (now := replace(now, pending={"prod": pending}))
    yield (now := completed(now, "prod"))
    yield (now := replace(now, locks={}))
    yield replace(now, applies={})


HEADS: list[dict[str, dict[str, Json] | None]] = [{}, {"prod": None}, {"prod": {"deployment": 1}}, {"prod": {"deployment": 9}}]


@given(graphs())
def test_every_state_on_the_way_can_be_gone_on_from(nodes: list[Node]) -> None:
    nodes = list(in_order(nodes))
    serial = -1
    for now in the_way(nodes):
        assert from_json(json.loads(json.dumps(to_json(now)))) == now
        assert now.serial >= serial
        serial = now.serial
        changes = diff(nodes, now.current, resolve_keys(nodes, now.current, {}))
        things = [c for c in changes if c.address.startswith("toy/")]
        # a pointer is there as a whole or not at all: everything is new, or everything is kept
        assert len({type(c) for c in things}) == 1
        assert isinstance(things[0], Keep) == bool(now.current)
        for heads in HEADS:
            once = recovered(now, heads)
            assert once.pending == {}
            assert recovered(once, heads) == once
            assert once.serial - now.serial in (0, 1)


def test_a_switch_is_completed_from_the_head_and_dropped_without_it() -> None:
    way = list(the_way([toy("toy/0", "0")]))
    pending, bound = way[4], way[5]
    assert recovered(pending, {"prod": {"deployment": 1}}) == bound
    for heads in ({}, {"prod": None}, {"prod": {"deployment": 9}}):
        assert recovered(pending, heads) == replace(pending, pending={})
    assert bound.environments == {"prod": ENVIRONMENT}
    assert bound.sealed == {"toy/0": {"digest": "d"}}
    assert bound.serial == pending.serial + 1


def test_a_seal_is_never_written_over() -> None:
    pending = next(s for s in the_way([toy("toy/0", "0")]) if s.pending)
    sealed = replace(pending, sealed={"toy/0": {"digest": "first"}})
    assert completed(sealed, "prod").sealed == {"toy/0": {"digest": "first"}}


def test_an_environment_that_is_given_up_is_forgotten_as_a_whole() -> None:
    bound = list(the_way([toy("toy/0", "0")]))[-1]
    giving_up: dict[str, Json] = {"deployment": 2, "entries": {"environment/prod": None}, "environment": None}
    after = completed(replace(bound, pending={"prod": giving_up}), "prod")
    assert after.environments == {}
    assert set(after.current) == {"toy/0"}
