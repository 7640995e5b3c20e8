"""From changes to a plan: its steps and which are cached, what a name selects, and the ids that identify it."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leptonctl.core.change import Change, Create, Drift, Forget, Keep, Plan
from leptonctl.core.diagnostic import error
from leptonctl.core.diff import diff
from leptonctl.core.frozen import replace
from leptonctl.core.gate import Gate, Hold, Judgement
from leptonctl.core.plan import (
    MOST_SISTERS,
    Observed,
    Settled,
    addresses_to_rebuild,
    deciding_keys,
    effect_id,
    make_plan,
    only,
    sister_keys,
    with_forecasts,
    with_steps,
    without_work,
)
from leptonctl.core.result import Result
from leptonctl.core.state import Pointer, State
from leptonctl.core.values import Node
from tests.core import toy as toys
from tests.core.toy import OPS, build, graphs, pointers, settled, state, toy


def differences(found: Settled, lost: frozenset[str] = frozenset()) -> tuple[Change, ...]:
    return diff(found.nodes, found.current, found.keys, lost)


def changes_of(nodes: Sequence[Node], current: Mapping[str, Pointer], results: Mapping[str, Result]) -> tuple[Change, ...]:
    found = settled(nodes, current, results)
    return with_steps(found, differences(found))


def plan_of(changes: Sequence[Change], before: State | None = None, **more) -> Plan:
    observed = {name: more.pop(name) for name in ("configuration", "data", "live", "tool") if name in more}
    return make_plan(state=before, changes=changes, observed=Observed(**observed), ops=OPS, **more)


def listed(change: Change) -> list[tuple[str, bool]]:
    return [(step.name, step.cached) for step in change.steps]


# --- steps -------------------------------------------------------------------------------------------------------------------------


def test_a_new_node_lists_all_its_steps() -> None:
    node = toy("toy/one", "1", measures=["letters", "words"])
    (change,) = changes_of([node], {}, {})
    assert listed(change) == [("write", False), ("letters", False), ("words", False)]
    assert [step.key for step in change.steps] == [node.digest, None, None]
    assert change.known_after_apply == ("steps.letters.key", "steps.words.key")


def test_steps_with_a_result_are_adopted() -> None:
    node = toy("toy/one", "1", measures=["letters"])
    (change,) = changes_of([node], {}, build([node]))
    assert listed(change) == [("write", True), ("letters", True)]
    assert change.known_after_apply == ()


def test_unchanged_steps_are_not_listed() -> None:
    plain, measured = toy("toy/one", "1"), toy("toy/one", "1", measures=["letters"])
    results = build([plain])
    (change,) = changes_of([measured], pointers([plain], results), results)
    assert listed(change) == [("letters", False)]
    # its bytes are known from the result, so its key is
    assert change.steps[0].key is not None


def test_evidence_of_a_binding_is_listed_even_if_it_exists() -> None:
    old = toy("place/p", "1", measures=["letters"], version="v1")
    new = toy("place/p", "1", measures=["letters"], version="v2")
    results = build([old])
    (change,) = changes_of([new], pointers([old], results), results)
    assert listed(change) == [("write", True), ("letters", True), ("publish", False)]
    assert change.known_after_apply == ()


def test_kept_and_removed_nodes_have_no_steps() -> None:
    one, two = toy("toy/one", "1"), toy("toy/two", "2")
    results = build([one, two])
    kept, forgotten = changes_of([one], pointers([one, two], results), results)
    assert isinstance(kept, Keep)
    assert isinstance(forgotten, Forget)
    assert kept.steps == forgotten.steps == ()


@given(graphs())
def test_nothing_is_listed_when_nothing_has_changed(nodes: list[Node]) -> None:
    results = build(nodes)
    assert not any(change.steps for change in changes_of(nodes, pointers(nodes, results), {}))


@given(graphs(), st.data())
def test_only_steps_without_a_result_run(nodes: list[Node], data: st.DataObject) -> None:
    results = build(nodes)
    there = {key: results[key] for key in data.draw(st.lists(st.sampled_from(sorted(results)), unique=True))}
    found = settled(nodes, {}, there)
    changes = with_steps(found, differences(found))
    for change in changes:
        for step in change.steps:
            assert step.cached == (step.key in there)
            assert step.key == found.keys.of(change.address, step.name)
    assert sum(len(c.steps) for c in changes) == sum(len(n.steps) for n in nodes)


# --- what decides a plan -------------------------------------------------------------------------------------------------------


def test_the_keys_whose_results_are_looked_up() -> None:
    one, two = toy("toy/one", "1"), toy("toy/two", "2")
    three = toy("toy/three", "3", one)
    found = settled([one, two, three], pointers([one, two], build([one, two])), {})
    # its own, and those of what it reads; nothing of what is kept and not read
    assert deciding_keys(found, differences(found)) == {one.digest, three.digest}


def test_given_keys_are_looked_up() -> None:
    node = compared(toy("toy/one", "1"), toy("toy/bound", "b"))
    found = settled([node], {}, {})
    assert deciding_keys(found, differences(found)) == {node.digest, "compared", toy("toy/bound", "b").digest}


def test_a_lost_result_that_a_step_reads_is_built_again() -> None:
    one, two = toy("toy/one", "1"), toy("toy/two", "2")
    three = toy("toy/three", "3", one)
    nodes = [one, two, three]
    current = pointers([one, two], build([one, two]))
    found = settled(nodes, current, {})
    changes = with_steps(found, differences(found))
    assert addresses_to_rebuild(found, changes) == {"toy/one"}
    there = settled(nodes, current, build([one]))
    assert addresses_to_rebuild(there, with_steps(there, differences(there))) == frozenset()
    # once listed itself, it is no longer missing
    without = settled(nodes, {"toy/two": current["toy/two"]}, {})
    again = with_steps(without, diff(without.nodes, current, without.keys, frozenset({"toy/one"})))
    assert addresses_to_rebuild(without, again) == frozenset()
    assert {c.address: listed(c) for c in again if c.steps} == {"toy/one": [("write", False)], "toy/three": [("write", False)]}


def test_a_lost_result_that_only_cached_steps_read_is_not_built() -> None:
    one = toy("toy/one", "1")
    two = toy("toy/two", "2", one)
    results = build([one, two])
    found = settled([one, two], pointers([one], results), {two.digest: results[two.digest]})
    changes = with_steps(found, differences(found))
    assert {c.address: listed(c) for c in changes if c.steps} == {"toy/two": [("write", True)]}
    assert addresses_to_rebuild(found, changes) == frozenset()


def compared(node: Node, bound: Node) -> Node:
    """The node with a step that reads what another one wrote by its key."""
    step = replace(toys.measure(node.address, node.digest, "compare"), key="compared", needed_keys={"bound": bound.digest})
    return toys.with_step(node, step)


def test_a_lost_result_given_by_key_is_built_by_its_step() -> None:
    bound = toy("toy/bound", "b")
    nodes = [bound, compared(toy("toy/one", "1"), bound)]
    current = pointers([bound], build([bound]))
    found = settled(nodes, current, {})
    changes = with_steps(found, differences(found))
    assert addresses_to_rebuild(found, changes) == {"toy/bound"}
    there = settled(nodes, current, build([bound]))
    assert addresses_to_rebuild(there, with_steps(there, differences(there))) == frozenset()


# --- names ---------------------------------------------------------------------------------------------------------------------


def test_a_name_selects_its_prerequisites() -> None:
    base, other = toy("toy/base", "0"), toy("toy/other", "x")
    middle = toy("toy/middle", "1", base)
    top, beside = toy("toy/top", "2", middle), toy("toy/beside", "3", base)
    found = settled([base, other, middle, top, beside], {}, {})
    chosen, below = only(differences(found), found.by_address, ["toy/top"])
    assert [change.address for change in chosen] == ["toy/base", "toy/middle", "toy/top"]
    assert below == {"toy/base", "toy/middle"}


def test_a_named_address_is_not_its_own_prerequisite() -> None:
    base = toy("toy/base", "0")
    top = toy("toy/top", "1", base)
    found = settled([base, top], {}, {})
    _, below = only(differences(found), found.by_address, ["toy/base", "toy/top"])
    assert below == frozenset()


def test_a_name_selects_its_members_and_not_addresses_with_its_prefix() -> None:
    found = settled([toy(a, a) for a in ("place/p", "place/p/one", "place/p@v1", "place/p2", "place/p2/one")], {}, {})
    chosen, below = only(differences(found), found.by_address, ["place/p"])
    assert sorted(change.address for change in chosen) == ["place/p", "place/p/one", "place/p@v1"]
    assert below == frozenset()


def test_a_removed_address_can_be_named() -> None:
    one, two = toy("toy/one", "1"), toy("toy/two", "2")
    found = settled([], pointers([one, two], build([one, two])), {})
    chosen, _ = only(differences(found), found.by_address, ["toy/two"])
    assert [(c.action, c.address) for c in chosen] == [("forget", "toy/two")]


def test_what_lacks_a_result_or_needs_what_does_does_not_move_without_work() -> None:
    base, other = toy("toy/base", "0"), toy("toy/other", "x")
    top, beside = toy("toy/top", "1", base), toy("toy/beside", "2", other)
    found = settled([base, other, top, beside], {}, build([base, other, top, beside]))
    changes = with_steps(found, differences(found))
    every = ["toy/top", "toy/beside", "toy/base"]
    assert without_work(changes, found.by_address, every) == set(every)
    found = settled([base, other, top, beside], {}, build([other, beside]))
    assert without_work(with_steps(found, differences(found)), found.by_address, every) == {"toy/beside"}


# --- ids -----------------------------------------------------------------------------------------------------------------------


def other_caching(changes: Sequence[Change]) -> list[Change]:
    flipped = [
        replace(c, steps=tuple(replace(s, cached=not s.cached, forecast_s=9.0, key=s.key or "known") for s in c.steps)) for c in changes
    ]
    return [replace(c, reason="else", known_after_apply=("x",)) for c in flipped]


@given(graphs(), st.randoms())
def test_the_effect_depends_only_on_what_would_move(nodes: list[Node], random) -> None:
    changes = list(changes_of(nodes, {}, {}))
    before = effect_id(changes)
    shuffled = other_caching(changes)
    random.shuffle(shuffled)
    assert effect_id(shuffled) == before
    assert plan_of(shuffled).effect_id == before


@given(graphs(), st.data())
def test_the_effect_changes_with_any_step_or_digest(nodes: list[Node], data: st.DataObject) -> None:
    changes = list(changes_of(nodes, {}, {}))
    index = data.draw(st.integers(0, len(changes) - 1))
    change = changes[index]
    others = [
        replace(change, after="other"), replace(change, before="other"), replace(change, after_version="v9"),
        replace(change, steps=change.steps[1:]), replace(change, address="toy/other"),
    ]  # fmt: skip
    ids = {effect_id([*changes[:index], other, *changes[index + 1 :]]) for other in others}
    assert len(ids | {effect_id(changes)}) == len(others) + 1


def test_another_address_that_moved_is_not_part_of_the_effect() -> None:
    one, two = toy("toy/one", "1"), toy("toy/two", "2")
    built = pointers([two], build([two]))
    alone, beside = (changes_of([one], current, {})[:1] for current in ({}, built))
    before, after = plan_of(alone, state({})), plan_of(beside, state(built, serial=2, revision=9))
    assert before.effect_id == after.effect_id
    assert before.plan_id != after.plan_id


def test_kept_addresses_are_not_part_of_the_effect() -> None:
    one, two = toy("toy/one", "1"), toy("toy/two", "2")
    results = build([two])
    both = changes_of([one, two], pointers([two], results), results)
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
    recorded = state(pointers([node], build([node])))
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
    # a new lease or a new server record does not change what was planned
    assert plan_of([], state({}, revision=7)).plan_id == plan_of([], state({})).plan_id


def test_the_names_of_steps_are_part_of_a_plan() -> None:
    (change,) = changes_of([toy("toy/one", "1")], {}, {})
    renamed = replace(change, steps=tuple(replace(s, step=replace(s.step, name="else")) for s in change.steps))
    assert plan_of([change]).plan_id != plan_of([renamed]).plan_id


def test_a_forecast_is_not_part_of_a_plan() -> None:
    (change,) = changes_of([toy("toy/one", "1")], {}, {})
    slower = replace(change, steps=tuple(replace(step, forecast_s=99.0) for step in change.steps))
    assert plan_of([change]).plan_id == plan_of([slower]).plan_id


# --- summary -------------------------------------------------------------------------------------------------------------------


def test_a_step_that_two_addresses_share_counts_once() -> None:
    nodes = [toy("toy/one", "same", measures=["letters"]), toy("toy/two", "same", measures=["letters"])]
    fresh, adopted = plan_of(changes_of(nodes, {}, {})).summary, plan_of(changes_of(nodes, {}, build(nodes))).summary
    assert (fresh["create"], fresh["write"], fresh["measure"], fresh["reuse"]) == (2, 1, 1, 0)
    assert (adopted["create"], adopted["write"], adopted["measure"], adopted["reuse"]) == (2, 0, 0, 2)


def test_steps_of_one_op_are_counted_together() -> None:
    node = toy("toy/one", "1", measures=["letters", "words"])
    assert plan_of(changes_of([node], {}, {})).summary["measure"] == 2


def test_every_publication_counts() -> None:
    nodes = [toy("place/p", "same", version="v1"), toy("place/q", "same", version="v1")]
    assert plan_of(changes_of(nodes, {}, {})).summary["publish"] == 2


def test_every_counter_is_always_there_in_the_order_of_the_table() -> None:
    names = ["create", "update", "remove", "forget", "keep", "reuse", "write", "measure", "publish", "held", "warnings"]
    assert list(plan_of([]).summary.items()) == [(name, 0) for name in names]


FAILING = (Judgement(gate=Gate(metric="f1", rule="min", limit=1.0), passed=False, value=0.5),)


def test_held_bindings_are_counted() -> None:
    create = Create(address="toy/one", after="d")
    held, back = replace(create, judgements=FAILING), replace(create, judgements=FAILING, is_return=True)
    unknown = replace(create, judgements=(replace(FAILING[0], passed=None),))
    assert [plan_of([c, create]).summary["held"] for c in (held, back, unknown)] == [1, 0, 0]


def test_properties_of_a_plan() -> None:
    create = Create(address="toy/one", after="d")
    heal, note = (Drift(address="place/p", drift_class=c, reason="r") for c in ("heal", "note"))
    plans = {
        "nothing": plan_of([Keep(address="toy/one")]),
        "new": plan_of([create]),
        "heal": plan_of([], drift=(heal,)),
        "note": plan_of([], drift=(note,)),
        "gate": plan_of([replace(create, judgements=FAILING)]),
        "return": plan_of([replace(create, judgements=FAILING, is_return=True)]),
        "error": plan_of([create], diagnostics=(error("x", "X"),)),
        "unknown": plan_of([replace(create, known_after_apply=("artifact",))]),
    }
    assert {name for name, plan in plans.items() if plan.has_effect} == {"new", "heal", "gate", "return", "error", "unknown"}
    assert {name for name, plan in plans.items() if plan.applyable} == {"new", "heal", "return", "unknown"}
    assert {name for name, plan in plans.items() if not plan.complete} == {"unknown"}
    assert {name for name, plan in plans.items() if plan.holds} == {"gate"}
    assert {name for name, plan in plans.items() if plan.is_pending} == {"new", "heal", "gate", "return", "error", "unknown"}


def test_a_known_hold_is_not_pending_unless_it_has_work() -> None:
    """Protocols 9: an unchanged hold has no exit code, but evidence that is still to be computed is a change."""
    node = toy("toy/one", "1")
    (built,) = changes_of([node], {}, build([node]))
    (unbuilt,) = changes_of([node], {}, {})
    new, known = Hold(kind="frozen", reason="r"), Hold(kind="frozen", reason="r", since="2026-01-02")
    pending = {
        (change is unbuilt, hold is new): plan_of([replace(change, hold=hold)]).is_pending
        for change in (built, unbuilt)
        for hold in (new, known)
    }
    assert pending == {(False, True): True, (False, False): False, (True, True): True, (True, False): True}
    assert plan_of([replace(built, hold=known), Create(address="toy/two", after="d")]).is_pending


# --- forecast ------------------------------------------------------------------------------------------------------------------


def forecasts(nodes: Sequence[Node], past: Sequence[tuple[Node, float]], gone: Sequence[Node] = ()) -> list[float | None]:
    """The forecasts of the `write` steps of these nodes from the durations of earlier ones. `gone`: nodes without results in the store."""
    results = build([node for node, _ in past])
    for node, seconds in past:
        results[node.digest] = replace(results[node.digest], seconds=seconds)
    current = pointers([node for node, _ in past], results)
    found = settled([*(node for node, _ in past), *nodes], current, {})
    changes = with_steps(found, differences(found))
    known = {key: r for key, r in results.items() if key not in {node.digest for node in gone}}
    forecast = with_forecasts(changes, sister_keys(found, changes), known)
    by_address = {change.address: change for change in forecast}
    return [by_address[node.address].steps[0].forecast_s for node in nodes]


def test_without_earlier_builds_there_is_no_forecast() -> None:
    assert forecasts([toy("toy/one@v1", "1")], []) == [None]


def test_a_forecast_is_the_longest_of_the_siblings() -> None:
    one, two = toy("toy/one@v1", "1"), toy("toy/one@v2", "2")
    assert forecasts([toy("toy/one@v3", "3")], [(one, 2.0), (two, 1.0)]) == [2.0]
    assert forecasts([toy("toy/one@v3", "3")], [(one, 2.0), (two, 1.0)], gone=[one]) == [1.0]
    assert forecasts([toy("toy/one@v3", "3")], [(one, 2.0)], gone=[one]) == [None]


def test_a_forecast_uses_siblings_first_and_then_their_kin() -> None:
    def in_group(address: str, text: str, name: str = "a") -> Node:
        return toy(address, text, forecast_group=name)

    new = in_group("toy/one@v3", "3")
    assert forecasts([new], [(in_group("toy/two@v1", "1"), 5.0)]) == [5.0]
    assert forecasts([new], [(in_group("toy/two@v1", "1"), 5.0), (in_group("toy/one@v1", "2"), 1.0)]) == [1.0]
    # a sibling of another group does not count
    assert forecasts([new], [(in_group("toy/one@v1", "1", "b"), 1.0)]) == [None]
    # without a group only siblings count
    assert forecasts([toy("toy/one@v3", "3")], [(toy("toy/two@v1", "1"), 5.0)]) == [None]


def test_cached_steps_take_no_time() -> None:
    node = toy("toy/one", "1", measures=["letters"])
    changes = changes_of([node], {}, build([node]))
    assert [s.forecast_s for c in with_forecasts(changes, {}, {}) for s in c.steps] == [0.0, 0.0]


def test_effects_and_cached_steps_need_no_earlier_builds() -> None:
    old, new = toy("place/p@v1", "1", version="v1"), toy("place/p@v2", "1", version="v1")
    results = build([old])
    found = settled([old, new], pointers([old], results), results)
    changes = with_steps(found, differences(found))
    assert any(s.effect for c in changes for s in c.steps)
    assert sister_keys(found, changes) == {}


def test_a_forecast_uses_only_the_latest_builds() -> None:
    past = [toy(f"toy/one@v{n:02}", str(n)) for n in range(MOST_SISTERS + 5)]
    new = toy("toy/one@v99", "new")
    found = settled([*past, new], pointers(past, build(past)), {})
    sisters = sister_keys(found, with_steps(found, differences(found)))
    assert sisters == {new.step("write").place: tuple(node.digest for node in past[-MOST_SISTERS:])}
