"""The order of nodes and the keys of their steps, with a kind that has no machine learning in it."""

from graphlib import CycleError

import pytest
from hypothesis import given

from leptonctl.core.graph import complete_key, in_order, needed_key, part_of, resolve_keys
from leptonctl.core.record import Entry
from leptonctl.core.values import Node, Result, Step
from tests.core import toy as toys
from tests.core.toy import build, entries, graphs, toy


@given(graphs())
def test_nodes_stand_after_what_they_need(nodes: list[Node]) -> None:
    ordered = in_order(nodes)
    place = {node.address: index for index, node in enumerate(ordered)}
    assert sorted(place) == sorted(node.address for node in nodes)
    assert all(place[need] < place[node.address] for node in nodes for need in node.needs)


def test_a_ring_of_needs_is_refused() -> None:
    one, two = toy("toy/one", "1"), toy("toy/two", "2")
    with pytest.raises(CycleError):
        in_order([Node(**{**_fields(one), "needs": (two.address,)}), Node(**{**_fields(two), "needs": (one.address,)})])


def test_needs_outside_are_no_obstacle() -> None:
    node = toy("toy/one", "1", toy("toy/elsewhere", "0"))
    assert in_order([node]) == (node,)


@given(graphs())
def test_every_key_is_known_when_everything_is_built(nodes: list[Node]) -> None:
    nodes = list(in_order(nodes))
    results = build(nodes)
    keys = resolve_keys(nodes, {}, results)
    assert all(keys.of(node.address, step.op) in results for node in nodes for step in node.steps)


@given(graphs())
def test_state_knows_what_results_know(nodes: list[Node]) -> None:
    """A plan opens no result of what is in place: the parts that others read stand in the state."""
    nodes = list(in_order(nodes))
    results = build(nodes)
    assert resolve_keys(nodes, entries(nodes, results), {}) == resolve_keys(nodes, {}, results)


def test_a_key_of_bytes_is_not_known_before_they_are() -> None:
    node = toy("toy/one", "text", measured=True)
    keys = resolve_keys([node], {}, {})
    assert keys.of("toy/one", "prepare") == node.digest
    assert keys.of("toy/one", "evaluate") is None
    assert keys.of("toy/one", "compare") is None
    assert keys.of("toy/two", "prepare") is None


def test_equal_bytes_are_measured_once_and_other_bytes_again() -> None:
    ab, a = toy("toy/ab", "ab", measured=True), toy("toy/a", "a")
    b = toy("toy/b", "b", a, measured=True)
    cd = toy("toy/cd", "cd", measured=True)
    results = build([ab, a, b, cd])
    keys = resolve_keys([ab, a, b, cd], {}, results)
    assert keys.of("toy/ab", "prepare") != keys.of("toy/b", "prepare")
    assert keys.of("toy/ab", "evaluate") == keys.of("toy/b", "evaluate")
    assert keys.of("toy/ab", "evaluate") != keys.of("toy/cd", "evaluate")


def test_what_state_keeps_of_another_key_is_not_used() -> None:
    old, new = toy("toy/one", "old", measured=True), toy("toy/one", "new", measured=True)
    current = entries([old], build([old]))
    assert resolve_keys([old], current, {}).of("toy/one", "evaluate") is not None
    assert resolve_keys([new], current, {}).of("toy/one", "evaluate") is None


def test_a_result_goes_before_what_state_keeps() -> None:
    node = toy("toy/one", "text", measured=True)
    built = build([node])
    other = {**built, node.digest: toys.result(node.digest, node.steps[0], {"text": "sha256:other"}, {"length": 4})}
    current = entries([node], built)
    assert resolve_keys([node], current, other).of("toy/one", "evaluate") != resolve_keys([node], current, {}).of("toy/one", "evaluate")


def test_the_key_of_what_a_step_reads() -> None:
    step = Step(op="compare", address="toy/a", key=None, spec="s", needs={"own": ("toy/b", "prepare")}, given={"bound": "k1"})
    current = {"toy/b": Entry(digest="d", steps={"prepare": "k2"})}
    assert needed_key(step, "bound", {}, {}) == "k1"
    assert needed_key(step, "own", {}, current) == "k2"
    assert needed_key(step, "own", {("toy/b", "prepare"): None}, current) is None
    assert needed_key(step, "own", {}, {}) is None


def test_given_results_complete_a_key_by_themselves_only() -> None:
    """What an environment serves now is read by its key: state keeps nothing of it, so the result must be there."""
    step = Step(op="compare", address="toy/a", key=None, spec="s", reads=("bound.artifacts.text",), given={"bound": "k1"})
    bound = Result(key="k1", op="prepare", artifacts={"text": "sha256:t"}, outputs={}, provenance={}, seconds=0)
    assert complete_key(step, {}, {}, {}) is None
    assert complete_key(step, {}, {}, {"k1": bound}) is not None


def test_parts_of_a_result() -> None:
    result = Result(
        key="k", op="export", artifacts={"model.onnx": "sha256:m"}, outputs={"rows": {"train": 3}, "none": None}, provenance={}, seconds=0
    )
    assert part_of(result, "artifacts.model.onnx") == "sha256:m"
    assert part_of(result, "artifacts.model") is None
    assert part_of(result, "outputs.rows.train") == 3
    assert part_of(result, "outputs.rows") == {"train": 3}
    assert part_of(result, "outputs.rows.train.deeper") is None
    assert part_of(result, "outputs.none") is None


def _fields(node: Node) -> dict:
    return {name: getattr(node, name) for name in Node.__slots__}
