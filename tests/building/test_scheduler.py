"""Running steps over a real store: order, parallelism, each key once, early cutoff and failures. The ops are toys."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leptonctl.core import layout
from leptonctl.core.change import Create
from leptonctl.core.event import Event, StepFailed, StepFinished, StepProgress, StepSkipped, StepStarted
from leptonctl.core.frozen import replace
from leptonctl.core.graph import in_order, resolve_keys
from leptonctl.core.result import Result
from leptonctl.core.state import Owner
from leptonctl.core.values import Node
from leptonctl.spi.running import Completed, Outcome, Produced, Progressed
from tests.building.fake import FakeExecutor
from tests.building.workshop import OWNER, Workshop, changes_of, workers_find_the_tests
from tests.core import toy as toys
from tests.core.toy import graphs, pointers, toy


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(root=tmp_path)


@pytest.fixture
def factory(tmp_path: Path) -> Iterator[Workshop]:
    """A workshop with real workers."""
    with workers_find_the_tests():
        yield Workshop(root=tmp_path, processes=True)


def text_of(shop: Workshop, result: Result) -> str:
    return shop.store.get_artifact(result.artifacts["text"]).decode()


def by_key(results: Sequence[Result]) -> dict[str, Result]:
    return {result.key: result for result in results}


def all_of(built) -> dict[str, Result]:
    return by_key(built.results.values())


# --- order and parallelism ---------------------------------------------------------------------------------------------------------


def test_steps_run_after_what_they_read(factory: Workshop) -> None:
    one = toy("toy/one", "1")
    two, three = toy("toy/two", "2", one), toy("toy/three", "3", one)
    four = toy("toy/four", "4", two, three, measures=["letters"])
    built = factory.build([four, three, two, one])
    assert text_of(factory, built.results["toy/four", "write"]) == "12134"
    assert factory.runs[0] == "1"
    assert sorted(factory.runs[1:3]) == ["2", "3"]
    assert factory.runs[3:] == ["4", "letters"]
    assert sorted(built.done) == ["measure", *["write"] * 4]
    assert not built.failed
    assert not built.skipped
    # a step is reported before its readers, and starts before it ends
    order = [(type(e), e.address) for e in factory.events if e.op == "write"]  # type: ignore[union-attr]
    for before, after in (("one", "two"), ("one", "three"), ("two", "four"), ("three", "four")):
        assert order.index((StepFinished, f"toy/{before}")) < order.index((StepStarted, f"toy/{after}"))


@given(graphs(), st.randoms(use_true_random=True), st.integers(1, 4))
def test_any_graph_is_built_completely_whatever_ends_first(tmp_path_factory, nodes: list[Node], random, parallelism: int) -> None:
    shop = Workshop(root=tmp_path_factory.mktemp("shop"), choose=lambda waiting: random.sample(waiting, random.randint(0, len(waiting))))
    built = shop.build(nodes, parallelism=parallelism)
    keys = {planned.place for node in nodes for planned in node.steps}
    assert built.results.keys() == keys
    # each key once
    distinct = {result.key for result in built.results.values()}
    assert len(built.done) == len(distinct) == len(shop.runs)
    assert shop.executors[0].most <= parallelism
    # as if the steps had run one after the other
    expected = toys.build(nodes)
    assert {r.key: (r.op, r.outputs["metrics"] if r.op == "measure" else r.outputs["text"]) for r in built.results.values()} == {
        r.key: (r.op, r.outputs["metrics"] if r.op == "measure" else r.outputs["text"]) for r in renamed(nodes, expected, built).values()
    }
    assert shop.store.results(distinct) == all_of(built)


def renamed(nodes: Sequence[Node], expected: dict[str, Result], built) -> dict[str, Result]:
    """The expected results under the keys that real bytes give: the toys of the core have other artifact digests."""
    theirs = resolve_keys(in_order(nodes), {}, expected)
    return {built.results[place].key: replace(expected[str(key)], key=built.results[place].key) for place, key in theirs.by_place.items()}


def test_independent_steps_run_side_by_side(factory: Workshop) -> None:
    built = factory.build([toy("toy/a", "a", do="meet", other="b"), toy("toy/b", "b", do="meet", other="a")])
    assert len(built.results) == 2


@pytest.mark.parametrize("parallelism", [1, 3])
def test_no_more_run_than_there_is_room_for(shop: Workshop, parallelism: int) -> None:
    shop.build([toy(f"toy/{i}", str(i)) for i in range(6)], parallelism=parallelism)
    assert shop.executors[0].most == parallelism
    assert len(shop.runs) == 6


def test_a_step_starts_as_soon_as_its_own_needs_are_met(shop: Workshop) -> None:
    """A reader of a finished step may start while the step's siblings still run."""
    slow, quick = toy("toy/slow", "slow"), toy("toy/quick", "quick")
    last = toy("toy/last", "x", quick)
    # the slow one ends only when nothing else is left to end
    shop.choose = lambda waiting: [t for t in waiting if not t.id.startswith("toy/slow")][:1] or waiting[:1]
    shop.build([slow, quick, last])
    assert shop.runs == ["quick", "x", "slow"]


# --- each key once -----------------------------------------------------------------------------------------------------------------


def test_results_are_recorded_under_the_keys_that_a_plan_looks_up(shop: Workshop) -> None:
    node = toy("toy/one", "1", measures=["letters"])
    built = shop.build([node])
    keys = resolve_keys([node], {}, all_of(built))
    stored = shop.store.results(key for name in ("write", "letters") if (key := keys.of("toy/one", name)))
    assert stored == all_of(built)
    assert len(stored) == 2
    assert all(r.provenance["commit"] == "abc" and "pid" in r.provenance and r.seconds == 1.5 for r in stored.values())
    assert {r.op for r in stored.values()} == {"write", "measure"}
    assert all(r.address == "toy/one" and r.adopted is None for r in stored.values())


def test_an_equal_key_is_built_once(shop: Workshop) -> None:
    shop.choose = lambda waiting: waiting
    built = shop.build([toy(f"toy/{i}", "same", measures=["letters"]) for i in range(3)], parallelism=3)
    assert shop.runs == ["same", "letters"]
    assert built.done == ["write", "measure"]
    assert len(built.results) == 6
    finished = [e for e in shop.events if isinstance(e, StepFinished)]
    assert sorted(e.adopted for e in finished) == [False, False, True, True, True, True]
    assert len(shop.reported(StepStarted)) == 2


def test_a_step_with_the_key_of_a_failed_step_is_tried_too(shop: Workshop) -> None:
    """The failure may have come from inputs that are not part of the key."""
    built = shop.build([toy("toy/bad", "same", do="fail"), toy("toy/good", "same"), toy("toy/too", "same")])
    assert set(built.failed) == {("toy/bad", "write")}
    assert set(built.results) == {("toy/good", "write"), ("toy/too", "write")}
    assert shop.runs == ["same", "same"]


def test_equal_bytes_are_measured_once(shop: Workshop) -> None:
    ab, a = toy("toy/ab", "ab", measures=["letters"]), toy("toy/a", "a")
    built = shop.build([ab, a, toy("toy/b", "b", a, measures=["letters"])])
    assert built.done.count("measure") == 1
    assert built.results["toy/ab", "letters"] == built.results["toy/b", "letters"]


def test_steps_of_one_op_at_one_address_are_distinguished(shop: Workshop) -> None:
    built = shop.build([toy("toy/one", "1", measures=["letters", "words"])])
    assert {name: built.results["toy/one", name].outputs["metrics"] for name in ("letters", "words")} == {
        "letters": {"letters": 1}, "words": {"words": 1},
    }  # fmt: skip
    assert shop.executors[0].submitted == ["toy/one write", "toy/one letters", "toy/one words"]


def test_an_existing_result_is_adopted_without_an_event(shop: Workshop) -> None:
    nodes = [toy("toy/one", "1", measures=["letters"])]
    first = shop.build(nodes)
    again = shop.build(nodes, results=all_of(first))
    assert again.results == first.results
    assert shop.runs == ["1", "letters"]
    assert again.done == []
    assert shop.events == []
    assert len(shop.executors) == 1


def test_a_result_that_appeared_after_the_plan_is_reported_as_adopted(shop: Workshop) -> None:
    nodes = [toy("toy/one", "1")]
    first = shop.build(nodes)
    again = shop.build(nodes)
    assert again.results == first.results
    assert again.done == []
    assert shop.runs == ["1"]
    (event,) = shop.events
    assert isinstance(event, StepFinished)
    assert (event.adopted, event.seconds, event.metrics) == (True, 0.0, {"length": 1}), "the figures that the advice names"


def test_a_result_that_another_process_records_while_a_step_waits_is_adopted(shop: Workshop) -> None:
    one, two = toy("toy/one", "1"), toy("toy/two", "2")

    def meanwhile(event: Event) -> None:
        if isinstance(event, StepStarted):
            theirs = shop.store.put_artifact(b"theirs")
            shop.store.put_result(Result(key=two.digest, op="write", artifacts={"text": theirs}, outputs={"text": "theirs"}))

    shop.on_event = meanwhile
    built = shop.build([one, two], parallelism=1)
    assert built.results["toy/two", "write"].outputs["text"] == "theirs"
    assert built.done == ["write"]
    assert shop.runs == ["1"]
    assert shop.reported(StepStarted) == [("toy/one", "write")]


def test_of_two_builders_the_first_record_wins(shop: Workshop) -> None:
    """The lease only saves double work: without it, the second builder uses the bytes of the first."""
    node = toy("toy/one", "1")

    def meanwhile(event: Event) -> None:
        if isinstance(event, StepStarted):
            theirs = shop.store.put_artifact(b"theirs")
            shop.store.put_result(Result(key=node.digest, op="write", artifacts={"text": theirs}, outputs={"text": "theirs"}))

    shop.on_event = meanwhile
    built = shop.build([node])
    assert shop.runs == ["1"]
    assert text_of(shop, built.results["toy/one", "write"]) == "theirs"
    (finished,) = [e for e in shop.events if isinstance(e, StepFinished)]
    assert finished.adopted
    assert built.done == []


def test_a_rebuilt_equal_result_is_reported_as_built(shop: Workshop) -> None:
    """Its lost bytes are back, so the first record is in force again; the work was still done."""
    one = toy("toy/one", "1")
    first = shop.build([one]).results["toy/one", "write"]
    shop.store.objects.delete(layout.artifact(first.artifacts["text"]))
    shop.events.clear()
    again = shop.build([one])
    assert again.results["toy/one", "write"] == first
    assert again.done == ["write"]
    assert [e.adopted for e in shop.events if isinstance(e, StepFinished)] == [False]


def test_results_of_unchanged_steps_are_read_by_key(shop: Workshop) -> None:
    """An unchanged step is not listed and does not run: its result is read from the store when a step needs it."""
    one = toy("toy/one", "1")
    first = shop.build([one])
    built = shop.build([one, toy("toy/two", "2", one)], current=pointers([one], all_of(first)))
    assert text_of(shop, built.results["toy/two", "write"]) == "12"
    assert ("toy/one", "write") not in built.results
    assert shop.runs == ["1", "2"]


def test_keys_are_completed_from_what_was_just_built(shop: Workshop) -> None:
    one = toy("toy/one", "1", measures=["letters"])
    (planned,) = changes_of([one])
    assert [step.key is None for step in planned.steps] == [False, True]
    built = shop.build([one])
    assert built.results["toy/one", "letters"].key == resolve_keys([one], {}, all_of(built)).of("toy/one", "letters")
    assert [e.key for e in shop.events if isinstance(e, StepFinished)] == [r.key for r in built.results.values()]


def test_a_cached_step_reads_no_needs(shop: Workshop) -> None:
    """The results it was made from may be lost: only its own result is looked up."""
    one = toy("toy/one", "1")
    two = toy("toy/two", "2", one)
    first = shop.build([one, two])
    current = pointers([one], all_of(first))
    shop.store.objects.delete(layout.artifact(first.results["toy/one", "write"].artifacts["text"]))
    built = shop.build([one, two], current=current, results=by_key([first.results["toy/two", "write"]]))
    assert built.results == {("toy/two", "write"): first.results["toy/two", "write"]}
    assert not built.failed


def test_a_missing_need_is_reported_and_not_waited_for(shop: Workshop) -> None:
    """The store lost it after the plan was made."""
    gone = toy("toy/gone", "0")
    node, other = toy("toy/one", "1", gone), toy("toy/other", "2")
    built = shop.build([gone, node, other], current=pointers([gone], toys.build([gone])))
    problem = built.failed["toy/one", "write"]
    assert (problem.id, problem.detail, problem.span) == ("missing-result", "write of toy/one", node.span)
    assert shop.runs == ["2"]
    assert shop.reported(StepFailed) == [("toy/one", "write")]


def test_a_result_given_by_key_that_is_built_again_is_waited_for(shop: Workshop) -> None:
    """A comparison with what serves now reads it by its key. When the store has lost that result, the plan builds it again."""
    bound, node = toy("toy/bound", "b"), toy("toy/one", "1")
    step = replace(toys.measure("toy/one", node.digest, "letters"), name="compare", needed_keys={"bound": bound.digest})
    compared = toys.with_step(node, step)
    current = pointers([bound], toys.build([bound]))
    # the comparison's own needs are met long before
    shop.choose = lambda waiting: [t for t in waiting if t.id != "toy/bound write"][:1] or waiting[:1]
    built = shop.build([bound, compared], current=current, lost=frozenset({"toy/bound"}))
    assert not built.failed
    assert shop.runs == ["1", "b", "letters"]

    failing = toy("toy/bound", "c", do="fail")
    compared = toys.with_step(node, replace(step, needed_keys={"bound": failing.digest}, fields={"how": "else"}))
    built = shop.build([failing, compared])
    assert built.skipped == {("toy/one", "compare"): "write of toy/bound"}


def test_effects_are_left_to_others(shop: Workshop) -> None:
    built = shop.build([toy("place/p", "1", version="v1")])
    assert set(built.results) == {("place/p", "write")}
    assert built.complete(changes_of([toy("place/p", "1", version="v1")])[0])
    assert not built.complete(changes_of([toy("toy/other", "1")])[0])
    assert built.complete(Create(address="toy/two", after="d"))


def test_no_executor_is_opened_when_nothing_is_to_be_done(shop: Workshop) -> None:
    shop.build([])
    assert shop.executors == []


# --- early cutoff ------------------------------------------------------------------------------------------------------------------


def family(text: str, top: str = "3") -> list[Node]:
    """One node at the bottom, two above it, and one above those that is measured."""
    base = toy("toy/base", text)
    left, right = toy("toy/left", "1", base), toy("toy/right", "2", base)
    return [base, left, right, toy("toy/top", top, left, right, measures=["letters"])]


def test_readers_of_an_equal_output_are_adopted(shop: Workshop) -> None:
    before, after = family("a"), family("a ")
    first = shop.build(before)
    built = shop.build(after, current=pointers(before, all_of(first)))
    # the draft was written again, with the same text
    assert shop.runs[5:] == ["a "]
    assert shop.executors[1].submitted == ["toy/base write"]
    assert built.done == ["write"]
    assert {e.address: e.adopted for e in shop.events if isinstance(e, StepFinished)} == {
        "toy/base": False, "toy/left": True, "toy/right": True, "toy/top": True,
    }  # fmt: skip
    for old, new in zip(before[1:], after[1:], strict=True):
        assert old.digest != new.digest
        was, now = first.results[old.address, "write"], built.results[new.address, "write"]
        assert (now.key, now.adopted, now.content) == (new.digest, old.digest, was.content)
        assert (now.artifacts, now.outputs, now.seconds) == (was.artifacts, was.outputs, was.seconds)
        assert now.provenance == {**was.provenance, "read": now.provenance["read"]}, "it read other results, of equal contents"
        assert shop.store.results([new.digest]).get(new.digest) == now
    # what is keyed by bytes has its key already
    assert built.results["toy/top", "letters"] == first.results["toy/top", "letters"]


def test_what_was_adopted_is_found_by_its_key_the_next_time(shop: Workshop) -> None:
    before, after = family("a"), family("a ")
    first = shop.build(before)
    second = shop.build(after, current=pointers(before, all_of(first)))
    third = shop.build(after, current=pointers(before, all_of(first)))
    assert third.results == second.results
    assert third.done == []
    assert len(shop.executors) == 2


def test_an_adopted_result_can_be_adopted_from(shop: Workshop) -> None:
    first, second, third = family("a"), family("a "), family(" a ")
    one = shop.build(first)
    two = shop.build(second, current=pointers(first, all_of(one)))
    three = shop.build(third, current=pointers(second, all_of(two)))
    assert three.done == ["write"]
    assert three.results["toy/left", "write"].adopted == second[1].digest
    assert three.results["toy/left", "write"].artifacts == one.results["toy/left", "write"].artifacts


def test_another_output_is_not_cut_off(shop: Workshop) -> None:
    before, after = family("a"), family("b")
    first = shop.build(before)
    built = shop.build(after, current=pointers(before, all_of(first)))
    assert built.done.count("write") == 4
    assert all(r.adopted is None for r in built.results.values())


def test_a_step_with_its_own_change_runs(shop: Workshop) -> None:
    """Below it all is equal; its own fields are not."""
    before, after = family("a"), family("a ", top="4")
    first = shop.build(before)
    built = shop.build(after, current=pointers(before, all_of(first)))
    assert shop.executors[1].submitted == ["toy/base write", "toy/top write", "toy/top letters"]
    assert built.results["toy/left", "write"].adopted == before[1].digest
    assert text_of(shop, built.results["toy/top", "write"]) == "a1a24"


def test_a_cutoff_stops_where_the_output_differs_again(shop: Workshop) -> None:
    before = family("a")
    base = toy("toy/base", "a ")
    left, right = toy("toy/left", "1", base), toy("toy/right", "x", base)
    after = [base, left, right, toy("toy/top", "3", left, right)]
    first = shop.build(before)
    built = shop.build(after, current=pointers(before, all_of(first)))
    assert shop.executors[1].submitted == ["toy/base write", "toy/right write", "toy/top write"]
    assert built.results["toy/left", "write"].adopted == before[1].digest


def test_without_the_earlier_result_a_step_runs(shop: Workshop) -> None:
    before, after = family("a"), family("a ")
    first = shop.build(before)
    current = pointers(before, all_of(first))
    shop.store.objects.delete(layout.artifact(first.results["toy/left", "write"].artifacts["text"]))
    built = shop.build(after, current=current)
    assert shop.executors[1].submitted == ["toy/base write", "toy/left write"]
    assert built.results["toy/right", "write"].adopted == before[2].digest
    # its output is equal: its readers are still adopted
    assert built.results["toy/top", "write"].adopted == before[3].digest


def test_a_new_step_has_nothing_to_adopt(shop: Workshop) -> None:
    before, after = family("a"), family("a ")
    first = shop.build(before)
    current = {a: p for a, p in pointers(before, all_of(first)).items() if a != "toy/left"}
    shop.build(after, current=current)
    assert shop.executors[1].submitted == ["toy/base write", "toy/left write"]


def test_nothing_is_adopted_from_what_failed(shop: Workshop) -> None:
    before = family("a")
    first = shop.build(before)
    bad = toy("toy/base", "a ", do="fail")
    built = shop.build([bad, toy("toy/left", "1", bad)], current=pointers(before, all_of(first)))
    assert built.skipped == {("toy/left", "write"): "write of toy/base"}
    assert built.results == {}


@given(graphs())
def test_blanks_in_a_prerequisite_cost_nothing_in_its_dependents(tmp_path_factory, nodes: list[Node]) -> None:
    shop = Workshop(root=tmp_path_factory.mktemp("shop"))
    edited: dict[str, Node] = {}
    for node in in_order(nodes):
        text = str(node.recipe["text"])
        measures = [s.name for s in node.steps if s.op == "measure"]
        edited[node.address] = toy(
            node.address, text if node.needs else text + " ", *(edited[need] for need in node.needs), measures=measures
        )
    first = shop.build(nodes)
    built = shop.build(list(edited.values()), current=pointers(nodes, all_of(first)))
    bottom = {node.digest for node in edited.values() if not node.needs}
    assert len(built.done) == len(bottom)
    assert set(built.done) == {"write"}


# --- failures ----------------------------------------------------------------------------------------------------------------------


def test_failure_skips_what_depends_on_it_and_nothing_else(shop: Workshop) -> None:
    bad = toy("toy/bad", "bad", measures=["letters"], do="fail")
    after = toy("toy/after", "x", bad)
    last = toy("toy/last", "y", after)
    good = toy("toy/good", "good", measures=["letters"])
    built = shop.build([bad, after, last, good])
    assert set(built.results) == {("toy/good", "write"), ("toy/good", "letters")}
    assert set(built.failed) == {("toy/bad", "write")}
    assert built.skipped == {
        ("toy/bad", "letters"): "write of toy/bad",
        ("toy/after", "write"): "write of toy/bad",
        ("toy/last", "write"): "write of toy/bad",
    }
    (failed,) = [e for e in shop.events if isinstance(e, StepFailed)]
    problem = failed.diagnostic
    assert problem == built.failed["toy/bad", "write"]
    assert (problem.id, problem.summary, problem.hint) == ("bad-text", "It cannot be written", "fill it")
    assert problem.detail == "the ink is dry (a.csv:7)"
    assert problem.span == bad.span
    assert (failed.key, failed.seconds, failed.gate) == (bad.digest, 0.5, False)
    assert {e.because for e in shop.events if isinstance(e, StepSkipped)} == {"write of toy/bad"}
    assert sorted(shop.reported(StepSkipped)) == sorted(built.skipped)
    assert built.obstacle([("toy/good", "write"), ("toy/last", "write")]) == "write of toy/bad"
    assert built.obstacle([("toy/good", "write")]) is None


def test_a_failure_names_its_step(shop: Workshop) -> None:
    node = toy("toy/one", "1")
    step = replace(toys.measure("toy/one", node.digest, "letters"), inputs={"how": "letters", "do": "fail"})
    after = replace(toys.measure("toy/one", node.digest, "words"), needs={"of": ("toy/one", "write"), "other": ("toy/one", "letters")})
    built = shop.build([toys.with_step(toys.with_step(node, step), after)])
    assert built.skipped == {("toy/one", "words"): "letters of toy/one"}


def test_a_run_after_a_failure_repeats_only_what_failed(shop: Workshop) -> None:
    good = toy("toy/good", "good")
    shop.build([good, toy("toy/bad", "bad", good, do="fail")])
    built = shop.build([good, toy("toy/bad", "bad", good)])
    assert text_of(shop, built.results["toy/bad", "write"]) == "goodbad"
    assert shop.runs == ["good", "bad", "bad"]


@given(graphs(), st.data())
def test_after_any_failure_what_can_be_built_is(tmp_path_factory, nodes: list[Node], data: st.DataObject) -> None:
    shop = Workshop(root=tmp_path_factory.mktemp("shop"))
    bad = data.draw(st.sampled_from(nodes)).address
    nodes = [broken(node) if node.address == bad else node for node in nodes]
    built = shop.build(nodes)
    lost = {bad}
    for node in in_order(nodes):
        if lost & set(node.needs):
            lost.add(node.address)
    # another node of equal key may have written it
    for node in nodes:
        if node.address not in lost:
            assert all(step.place in built.results for step in node.steps)
    assert set(built.failed) == {(bad, "write")}
    assert built.failed.keys() | built.skipped.keys() | built.results.keys() == {s.place for n in nodes for s in n.steps}


def broken(node: Node) -> Node:
    steps = tuple(replace(s, inputs={**s.inputs, "do": "fail"}) if s.op == "write" else s for s in node.steps)
    # of a key of its own, so that no other node writes it
    return replace(node, steps=(replace(steps[0], key=f"sha256:{'b' * 64}"), *steps[1:]))


def test_a_lost_worker_is_a_failure_of_its_step_alone(factory: Workshop) -> None:
    bad, good = toy("toy/bad", "bad", do="die"), toy("toy/good", "good")
    built = factory.build([bad, toy("toy/after", "x", bad), good], parallelism=1)
    assert set(built.results) == {("toy/good", "write")}
    problem = built.failed["toy/bad", "write"]
    assert problem.id == "step-lost"
    assert "SIGKILL" in problem.detail
    assert problem.span == bad.span
    assert set(built.skipped) == {("toy/after", "write")}


def test_a_lost_step_is_reported_with_the_executors_reason(shop: Workshop) -> None:
    built = shop.build([toy("toy/one", "1", do="lose")])
    problem = built.failed["toy/one", "write"]
    assert (problem.id, problem.detail, problem.hint) == ("step-lost", "It went away.", "run again: only this step is repeated")


class Chatterbox(FakeExecutor):
    """Reports too much: progress of ended tasks, and ends of tasks it never had."""

    def poll(self, timeout: float) -> list[Outcome]:
        outcomes = FakeExecutor.poll(self, timeout)
        late = [Progressed(id=outcome.id, seconds=9.0) for outcome in outcomes]
        unknown = Completed(id="toy/unknown write", produced=Produced(), seconds=1.0, provenance={})
        return [*outcomes, *late, *outcomes, unknown]


def test_an_executor_that_repeats_itself_does_no_harm(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.building.workshop.FakeExecutor", Chatterbox)
    one = toy("toy/one", "1")
    built = shop.build([one, toy("toy/two", "2", one)])
    assert built.done == ["write", "write"]
    assert [type(e) for e in shop.events] == [StepStarted, StepFinished] * 2


def test_progress_is_reported_between_start_and_end(factory: Workshop) -> None:
    factory.build([toy("toy/one", "1", do="say")])
    kinds = [type(e) for e in factory.events]
    assert kinds[0] is StepStarted
    assert kinds[-1] is StepFinished
    progress = [e for e in factory.events[1:-1] if isinstance(e, StepProgress)]
    assert len(progress) == len(kinds) - 2
    assert [e.iteration for e in progress] == sorted({e.iteration for e in progress})
    assert (progress[0].address, progress[0].name, progress[0].op) == ("toy/one", "write", "write")
    assert (progress[0].message, progress[0].of, progress[0].loss) == ("line", 3, 1.0)


# --- leases and interrupts ---------------------------------------------------------------------------------------------------------

HOLDER = """
import sys
from pathlib import Path
from leptonctl.core.result import Result
from leptonctl.core.state import Owner
from leptonctl.storage.folder import STORE
from leptonctl.storage.open import open_store

root, key, how = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
store = open_store("store", root, {"": STORE})
lease = store.step_lease(key, Owner(user="they", pid=1))
assert lease is not None
print("held", flush=True)
sys.stdin.readline()
if how == "record":
    artifact = store.put_artifact(b"theirs")
    store.put_result(Result(key=key, op="write", artifacts={"text": artifact}, outputs={"text": "theirs"}))
if how != "die":
    lease.release()
"""


@pytest.mark.parametrize(("how", "text"), [("record", "theirs"), ("give up", "1"), ("die", "1")])
def test_a_key_that_another_process_builds_is_waited_for(shop: Workshop, how: str, text: str) -> None:
    """Its result is adopted; when it ends without one, the key is free again."""
    node = toy("toy/one", "1")
    command = [sys.executable, "-c", HOLDER, str(shop.root), node.digest, how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        stdin = holder.stdin

        def let_go(event: Event) -> None:
            if isinstance(event, StepFinished) and event.address == "toy/two":
                stdin.close()

        # the other step does not wait; when it has ended, the holder may continue
        shop.on_event = let_go
        built = shop.build([node, toy("toy/two", "2")], parallelism=1)
    assert text_of(shop, built.results["toy/one", "write"]) == text
    # reported once, and before its own start
    (waiting,) = [event for event in shop.events if isinstance(event, StepProgress) and event.address == "toy/one"]
    assert waiting.message.startswith("waits for they@")
    assert shop.runs == (["2"] if how == "record" else ["2", "1"])


def test_a_step_holds_its_lease_with_its_owner_while_it_runs(shop: Workshop) -> None:
    node, other = toy("toy/one", "1"), toy("toy/two", "2")
    held: list[dict[str, Owner]] = []
    shop.on_event = lambda _: held.append(shop.store.leases())
    shop.build([node, other], parallelism=1)
    one, two = (layout.step_lease(n.digest) for n in (node, other))
    # started and finished, of each
    assert held == [{one: OWNER}, {one: OWNER}, {two: OWNER}, {two: OWNER}]


def test_an_interrupt_is_passed_on_after_everything_was_stopped(shop: Workshop) -> None:
    done, node = toy("toy/done", "done"), toy("toy/one", "1", do="interrupt")
    with pytest.raises(KeyboardInterrupt):
        shop.build([done, node], parallelism=2)
    assert shop.executors[0].cancelled
    assert shop.store.results([done.digest]).get(done.digest) is not None
    assert shop.store.results([node.digest]).get(node.digest) is None


def test_an_error_of_the_store_stops_everything(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure of the medium leaves no lease and no worker."""
    node = toy("toy/one", "1")

    def fill_up(event: Event) -> None:
        if isinstance(event, StepStarted):
            # something else is in place of the result's folder
            (shop.root / "store" / "results").rmdir() if (shop.root / "store" / "results").exists() else None
            (shop.root / "store" / "results").write_text("in the way")

    shop.on_event = fill_up
    with pytest.raises(Exception, match="results"):
        shop.build([node])
    assert shop.executors[0].cancelled


def test_an_interrupt_ends_the_workers(factory: Workshop) -> None:
    done = toy("toy/done", "done")
    first = factory.build([done])

    def lose_patience() -> None:
        while not (factory.root / "waiting").exists():
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    node = toy("toy/one", "1", done, do="wait")
    current = pointers([done], all_of(first))
    user = threading.Thread(target=lose_patience)
    user.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        factory.build([done, node], current=current)
    assert time.monotonic() - started < 30
    user.join()
    assert factory.store.results([node.digest]).get(node.digest) is None
    assert factory.store.results([done.digest]).get(done.digest) is not None
    assert not [p for p in Path("/proc").iterdir() if p.name.isdigit() and _writes_below(p, factory.root)]
    # and the next run does it
    (factory.root / "go").touch()
    assert text_of(factory, factory.build([done, node], current=current).results["toy/one", "write"]) == "done1"


def _writes_below(process: Path, root: Path) -> bool:
    try:
        return (process / "fd" / "1").resolve().is_relative_to(root)
    except OSError:
        return False


# --- what is written ---------------------------------------------------------------------------------------------------------------


def test_results_are_json_that_a_later_reader_can_read(shop: Workshop) -> None:
    base = toy("toy/base", "0")
    node = toy("toy/one", "1", base)
    shop.build([base, node])
    record = json.loads((shop.root / "store" / layout.result(node.digest)).read_text())
    assert record["format_version"] == "1"
    assert {"key", "op", "artifacts", "outputs", "provenance", "seconds", "address", "content"} <= set(record)
    assert (record["key"], record["op"], record["address"]) == (node.digest, "write", "toy/one")


def test_a_result_does_not_depend_on_the_place_of_its_step(shop: Workshop) -> None:
    built = shop.build([toy("toy/one", "1", measures=["letters"])])
    record = (shop.root / "store" / layout.result(built.results["toy/one", "letters"].key)).read_text()
    assert '"name"' not in record
    assert "step" not in record
