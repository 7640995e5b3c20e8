"""Changes to a plan: the steps and what is cached of them, what stands below a name, the ids that bind it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leptonctl.core.change import Change, Create, Drift, Forget, Gate, Judgement, Keep, Plan
from leptonctl.core.diagnostic import error
from leptonctl.core.diff import diff
from leptonctl.core.graph import in_order, resolve_keys
from leptonctl.core.plan import durations, effect_id, forecast_seconds, make_plan, only, unmet, wanted_keys, with_steps
from leptonctl.core.record import Entry, State
from leptonctl.core.values import Json, Node, Result
from tests.core.toy import build, entries, graphs, state, toy


def changes_of(nodes: Sequence[Node], current: Mapping[str, Entry], results: Mapping[str, Result]) -> tuple[Change, ...]:
    keys = resolve_keys(nodes, current, results)
    return with_steps(diff(nodes, current, keys), nodes, keys, current, results)


def plan_of(changes: Sequence[Change], before: State | None = None, **given_: Json) -> Plan:
    facts: dict = {"drift": (), "diagnostics": (), "configuration": {}, "data": {}, "live": {}, "tool": "1", **given_}
    return make_plan(state=before, changes=changes, **facts)


def listed(change: Change) -> list[tuple[str, bool]]:
    return [(step.op, step.cached) for step in change.steps]


# --- steps -------------------------------------------------------------------------------------------------------------------------


def test_a_new_thing_lists_all_its_steps() -> None:
    node = toy("toy/one", "1", measured=True)
    (change,) = changes_of([node], {}, {})
    assert listed(change) == [("prepare", False), ("evaluate", False)]
    assert [step.key for step in change.steps] == [node.digest, None]
    assert change.known_after_apply == ("steps.evaluate.key",)


def test_what_has_a_result_is_adopted() -> None:
    node = toy("toy/one", "1", measured=True)
    (change,) = changes_of([node], {}, build([node]))
    assert listed(change) == [("prepare", True), ("evaluate", True)]
    assert change.known_after_apply == ()
    assert all(step.forecast_s == 0.0 for step in change.steps)


def test_what_is_in_place_is_not_listed() -> None:
    plain, measured = toy("toy/one", "1"), toy("toy/one", "1", measured=True)
    current = entries([plain], build([plain]))
    (change,) = changes_of([measured], current, {})
    assert listed(change) == [("evaluate", False)]
    # its bytes are known from the state, so its key is
    assert change.steps[0].key is not None


def test_evidence_of_a_binding_is_listed_though_it_was_gathered_before() -> None:
    old = toy("place/p", "1", measured=True, version="v1")
    new = toy("place/p", "1", measured=True, version="v2")
    results = build([old])
    (change,) = changes_of([new], entries([old], results), results)
    assert listed(change) == [("prepare", True), ("evaluate", True), ("bind", False)]


def test_kept_and_vanished_things_have_no_steps() -> None:
    one, two = toy("toy/one", "1"), toy("toy/two", "2")
    results = build([one, two])
    kept, forgotten = changes_of([one], entries([one, two], results), results)
    assert isinstance(kept, Keep)
    assert isinstance(forgotten, Forget)
    assert kept.steps == forgotten.steps == ()


@given(graphs())
def test_nothing_is_listed_when_everything_is_in_place(nodes: list[Node]) -> None:
    nodes = list(in_order(nodes))
    results = build(nodes)
    assert not any(change.steps for change in changes_of(nodes, entries(nodes, results), results))


@given(graphs(), st.data())
def test_only_steps_without_a_result_are_done(nodes: list[Node], data: st.DataObject) -> None:
    nodes = list(in_order(nodes))
    results = build(nodes)
    there = {key: results[key] for key in data.draw(st.lists(st.sampled_from(sorted(results)), unique=True))}
    changes = changes_of(nodes, {}, there)
    keys = resolve_keys(nodes, {}, there)
    for change in changes:
        for step in change.steps:
            assert step.cached == (step.key in there)
            assert step.key == keys.of(change.address, step.op)
    assert sum(len(c.steps) for c in changes) == sum(len(n.steps) for n in nodes)


# --- what decides a plan -------------------------------------------------------------------------------------------------------


def test_the_keys_that_are_asked_for() -> None:
    one, two = toy("toy/one", "1"), toy("toy/two", "2")
    three = toy("toy/three", "3", one)
    current = entries([one, two], build([one, two]))
    keys = resolve_keys([one, two, three], current, {})
    changes = diff([one, two, three], current, keys)
    # its own, and those of what it reads; nothing of what is kept and not read
    assert wanted_keys([one, two, three], changes, keys, current) == {one.digest, three.digest}


def test_what_a_step_reads_and_the_store_lost_is_built_again() -> None:
    one, two = toy("toy/one", "1"), toy("toy/two", "2")
    three = toy("toy/three", "3", one)
    nodes = [one, two, three]
    current = entries([one, two], build([one, two]))
    keys = resolve_keys(nodes, current, {})
    found = changes_of(nodes, current, {})
    assert unmet(found, nodes, keys, current, {}) == {"toy/one"}
    assert unmet(found, nodes, keys, current, build([one])) == frozenset()
    # listed itself, it is no longer missed
    again = with_steps(diff(nodes, current, keys, frozenset({"toy/one"})), nodes, keys, {"toy/two": current["toy/two"]}, {})
    assert unmet(again, nodes, keys, current, {}) == frozenset()


def test_a_lost_result_that_is_given_by_key_is_built_by_whoever_makes_it() -> None:
    bound, node = toy("toy/bound", "b"), toy("toy/one", "1")
    compare = replace(node.steps[0], op="compare", key="compared", given={"bound": bound.digest})
    nodes = [bound, replace(node, steps=(*node.steps, compare))]
    current = entries([bound], build([bound]))
    keys = resolve_keys(nodes, current, {})
    found = changes_of(nodes, current, {})
    assert unmet(found, nodes, keys, current, {}) == {"toy/bound"}
    assert unmet(found, nodes, keys, current, build([bound])) == frozenset()


# --- names ---------------------------------------------------------------------------------------------------------------------


def test_a_name_brings_what_it_stands_on() -> None:
    base, other = toy("toy/base", "0"), toy("toy/other", "x")
    middle = toy("toy/middle", "1", base)
    top, beside = toy("toy/top", "2", middle), toy("toy/beside", "3", base)
    nodes = [base, other, middle, top, beside]
    chosen, below = only(changes_of(nodes, {}, {}), nodes, ["toy/top"])
    assert [change.address for change in chosen] == ["toy/base", "toy/middle", "toy/top"]
    assert below == {"toy/base", "toy/middle"}


def test_a_name_brings_what_lies_inside_and_not_its_namesakes() -> None:
    nodes = [toy(a, a) for a in ("place/p", "place/p/one", "place/p2", "place/p2/one")]
    chosen, below = only(changes_of(nodes, {}, {}), nodes, ["place/p"])
    assert [change.address for change in chosen] == ["place/p", "place/p/one"]
    assert below == frozenset()


def test_what_vanished_can_be_named() -> None:
    one, two = toy("toy/one", "1"), toy("toy/two", "2")
    current = entries([one, two], build([one, two]))
    chosen, _ = only(changes_of([], current, {}), [], ["toy/two"])
    assert [(c.action, c.address) for c in chosen] == [("forget", "toy/two")]


# --- ids -----------------------------------------------------------------------------------------------------------------------


def other_caching(changes: Sequence[Change]) -> list[Change]:
    flipped = [
        replace(c, steps=tuple(replace(s, cached=not s.cached, forecast_s=9.0, key=s.key or "known") for s in c.steps)) for c in changes
    ]
    return [replace(c, reason="else", known_after_apply=("x",)) for c in flipped]


@given(graphs(), st.randoms())
def test_the_effect_is_what_would_move_and_nothing_else(nodes: list[Node], random) -> None:
    nodes = list(in_order(nodes))
    changes = list(changes_of(nodes, {}, {}))
    before = effect_id(changes)
    shuffled = other_caching(changes)
    random.shuffle(shuffled)
    assert effect_id(shuffled) == before
    assert plan_of(shuffled).effect_id == before


@given(graphs(), st.data())
def test_the_effect_moves_with_any_step_or_digest(nodes: list[Node], data: st.DataObject) -> None:
    nodes = list(in_order(nodes))
    changes = list(changes_of(nodes, {}, {}))
    index = data.draw(st.integers(0, len(changes) - 1))
    change = changes[index]
    others = [
        replace(change, after="other"), replace(change, before="other"), replace(change, after_version="v9"),
        replace(change, steps=change.steps[1:]), replace(change, address="toy/other"),
    ]  # fmt: skip
    ids = {effect_id([*changes[:index], other, *changes[index + 1 :]]) for other in others}
    assert len(ids | {effect_id(changes)}) == len(others) + 1


def test_another_address_that_moved_is_no_part_of_the_effect() -> None:
    one, two = toy("toy/one", "1"), toy("toy/two", "2")
    built = entries([two], build([two]))
    alone, beside = (changes_of([one], current, {})[:1] for current in ({}, built))
    before, after = plan_of(alone, state({})), plan_of(beside, state(built, serial=2, revision=9))
    assert before.effect_id == after.effect_id
    assert before.plan_id != after.plan_id


def test_kept_addresses_are_no_part_of_the_effect() -> None:
    one, two = toy("toy/one", "1"), toy("toy/two", "2")
    results = build([two])
    both = changes_of([one, two], entries([two], results), results)
    assert plan_of(both).effect_id == plan_of([c for c in both if not isinstance(c, Keep)]).effect_id


BOUND_TO = {
    "configuration": ({"a": "1"}, {"a": "2"}),
    "data": ({"a.csv": "1"}, {"a.csv": None}),
    "live": ({"prod": 1}, {"prod": 2}),
    "tool": ("1.0", "1.1"),
}


@pytest.mark.parametrize("part", sorted(BOUND_TO))
def test_a_plan_is_bound_to_what_it_was_made_from(part: str) -> None:
    one, two = (plan_of([], **{part: value}) for value in BOUND_TO[part])
    assert one.plan_id != two.plan_id
    assert [name for name in one.binding if one.binding[name] != two.binding[name]] == [part]


def test_a_plan_is_bound_to_the_state_and_the_steps() -> None:
    node = toy("toy/one", "1")
    changes = changes_of([node], {}, {})
    cached = changes_of([node], {}, build([node]))
    recorded = state(entries([node], build([node])))
    moved = state({**recorded.current, "toy/one": replace(recorded.current["toy/one"], artifact="sha256:other")})
    plans = {
        "nothing": plan_of([], None),
        "lineage": plan_of([], state({}, serial=0)),
        "serial": plan_of([], state({}, serial=2)),
        "pointers": plan_of([], recorded),
        "artifact": plan_of([], moved),
        "steps": plan_of(changes, None),
        "cached": plan_of(cached, None),
    }
    assert len({plan.plan_id for plan in plans.values()}) == len(plans)
    # a lease taken or a server heard of is no change of what was planned
    assert plan_of([], state({}, revision=7)).plan_id == plan_of([], state({})).plan_id


def test_a_forecast_is_no_part_of_a_plan() -> None:
    (change,) = changes_of([toy("toy/one", "1")], {}, {})
    slower = replace(change, steps=tuple(replace(step, forecast_s=99.0) for step in change.steps))
    assert plan_of([change]).plan_id == plan_of([slower]).plan_id


# --- summary and forecast ------------------------------------------------------------------------------------------------------


def test_a_step_that_two_addresses_share_counts_once() -> None:
    nodes = [toy("toy/one", "same", measured=True), toy("toy/two", "same", measured=True)]
    fresh, adopted = plan_of(changes_of(nodes, {}, {})).summary, plan_of(changes_of(nodes, {}, build(nodes))).summary
    assert (fresh["create"], fresh["prepare"], fresh["evaluate"], fresh["reuse"]) == (2, 1, 1, 0)
    assert (adopted["create"], adopted["prepare"], adopted["evaluate"], adopted["reuse"]) == (2, 0, 0, 2)


def test_every_binding_counts() -> None:
    nodes = [toy("place/p", "same", version="v1"), toy("place/q", "same", version="v1")]
    assert plan_of(changes_of(nodes, {}, {})).summary["bind"] == 2


def test_every_counter_is_always_there() -> None:
    assert plan_of([]).summary == dict.fromkeys(
        ("create", "update", "remove", "forget", "keep", "reuse", "prepare", "train", "export", "evaluate", "cross_validate", "compare", "bind"), 0
    )  # fmt: skip


def test_what_a_plan_says_of_itself() -> None:
    create = Create(address="toy/one", after="d")
    failing = (Judgement(gate=Gate(metric="f1", rule="min", limit=1.0), passed=False, value=0.5),)
    heal, note = (Drift(address="place/p", drift_class=c, reason="r") for c in ("heal", "note"))
    said = {
        "nothing": plan_of([Keep(address="toy/one")]),
        "new": plan_of([create]),
        "heal": plan_of([], drift=(heal,)),
        "note": plan_of([], drift=(note,)),
        "gate": plan_of([replace(create, judgements=failing)]),
        "return": plan_of([replace(create, judgements=failing, is_return=True)]),
        "error": plan_of([create], diagnostics=(error("x", "X"),)),
        "unknown": plan_of([replace(create, known_after_apply=("artifact",))]),
    }
    assert {name for name, plan in said.items() if plan.has_effect} == {"new", "heal", "gate", "return", "error", "unknown"}
    assert {name for name, plan in said.items() if plan.applyable} == {"new", "heal", "return", "unknown"}
    assert {name for name, plan in said.items() if not plan.complete} == {"unknown"}
    assert {name for name, plan in said.items() if plan.gates_failed} == {"gate"}


def test_a_forecast_looks_at_sisters_first() -> None:
    node = replace(toy("toy/one@v3", "3"), recipe={"algorithm": "a"})
    step = node.steps[0]

    def entry(seconds: float, algorithm: str = "a") -> Entry:
        return Entry(digest="d", seconds={"prepare": seconds}, recipe={"algorithm": algorithm})

    assert forecast_seconds(step, node, durations({})) is None
    assert forecast_seconds(step, node, durations({"toy/two@v1": entry(5.0)})) == 5.0
    assert forecast_seconds(step, node, durations({"toy/two@v1": entry(5.0), "toy/one@v1": entry(1.0), "toy/one@v2": entry(2.0)})) == 2.0
    assert forecast_seconds(step, node, durations({"toy/one@v1": entry(1.0, "b")})) is None
    assert forecast_seconds(replace(step, op="bind"), node, durations({"toy/one@v1": entry(1.0)})) is None
    assert forecast_seconds(replace(step, op="train"), node, durations({"toy/one@v1": entry(1.0)})) is None
