"""Which bindings of an environment may move, decided on what is bound when it is locked: pure, on nodes of real YAML."""

from collections.abc import Mapping

import pytest

from leptonctl.building.work import Built
from leptonctl.core.change import Change, Remove, Update
from leptonctl.core.diagnostic import GATE, STALE, error
from leptonctl.core.frozen import replace
from leptonctl.core.result import Result
from leptonctl.core.state import Author, Environment, Pointer, Served, State, StepPointer
from leptonctl.kinds.environment.judging import Decision, Held, Move, Ready, Skipped, decide
from tests.kinds.declared import ALL, applied, build, nodes_of, settled, sound

BINDING, OTHER = "environment/dev/line", "environment/dev/word"
WORD = ALL.partition("kind: Model")[2].partition("---")[0].replace("name: line", "name: word")
ONE = (
    ALL.replace("v1: {}", "v1: {}\n  v2: {seed: 1}").replace("kind: Environment", f"kind: Model{WORD}---\nkind: Environment")
    .replace("{line: v1}", "{line: v1, word: v1}") + "gates:\n  accuracy: {min: 0.85}\n  f1: {max_drop: 0.1}\n"
)  # fmt: skip
TWO = ONE.replace("{line: v1, word: v1}", "{line: v2, word: v1}")
STATE = State(lineage="l", project="toy", current=applied(nodes_of(ONE)))
AUTHOR = Author(command="apply", by="ann")
MODEL, PLACE = "model/line@v2", ("model/line@v2", "export")


def results_of(text: str, **metrics: float) -> dict[str, Result]:
    found = build(nodes_of(text, state=STATE), STATE.current)
    wanted = {"metrics": {"accuracy": 0.9, "f1": 0.8, **metrics}, "rows": 100}
    return {key: replace(r, outputs=wanted) if r.op == "evaluate" else r for key, r in found.items()}


def change_of(text: str, address: str = BINDING) -> Change:
    node, before = nodes_of(text)[address], STATE.current[address]
    return Update(address=address, before=before.digest, after=node.digest, before_version=before.version, after_version=node.version)


def decided(
    text: str, *changes: Change, results: Mapping[str, Result] | None = None, state: State = STATE, built: Built | None = None
) -> Decision:
    known = results_of(text) if results is None else results
    found = settled(nodes_of(text, state=state, results=known), state.current, known)
    move = Move(name="dev", changes=changes or (change_of(text),), declarations=sound(text), settled=found, state=state, author=AUTHOR)
    return decide(move, (built or Built()).obstacle)


def test_a_binding_that_passes_its_gates_moves() -> None:
    (ready,) = decided(TWO).outcomes
    assert isinstance(ready, Ready)
    assert (ready.change.address, ready.change.is_return, [j.passed for j in ready.judgements]) == (BINDING, False, [True, True])
    assert decided(TWO).ready == (ready,)
    assert decided(TWO).held == ()


def test_a_gate_holds_a_binding_and_the_report_stands_at_the_gate() -> None:
    """At the first that does not pass; those that pass are in the history too."""
    compared = {"rows": 40, "metrics": {"f1": {"a": 0.9, "b": 0.5}}}
    results = {key: replace(r, outputs=compared) if r.op == "compare" else r for key, r in results_of(TWO).items()}
    decision = decided(TWO, results=results)
    (held,) = decision.outcomes
    assert isinstance(held, Held)
    assert (held.exit_code, held.problem.id, [j.passed for j in held.judgements]) == (GATE, "gate-failed", [True, False])
    assert held.problem.detail.startswith(f"{BINDING} stays at v1: f1 drop 0.4, must be ≤ 0.1")
    text = ("kind: Project\nname: toy\nformat: 1\n---\n" + TWO).splitlines()
    assert held.problem.span is not None
    assert "f1: {max_drop" in text[held.problem.span.line - 1]
    assert (decision.ready, decision.held) == ((), (held,))


def test_a_binding_that_moved_since_the_plan_is_held_whatever_its_gates_say() -> None:
    """By version or by digest. No gate holds it, so it is not in the history as held by one."""
    for pointer in (replace(STATE.current[BINDING], version="v9"), replace(STATE.current[BINDING], digest="another")):
        moved = replace(STATE, current={**STATE.current, BINDING: pointer})
        decision = decided(TWO, state=moved)
        (held,) = decision.outcomes
        assert isinstance(held, Held)
        assert (held.exit_code, held.problem.id, BINDING in str(held.problem.detail)) == (STALE, "stale-binding", True)
        assert decision.held == decision.ready == ()


def test_a_return_moves_past_its_gates_if_nothing_else_moved_it() -> None:
    results = results_of(TWO, accuracy=0.1)
    package = next(str(r.outputs["package"]) for key, r in results.items() if r.op == "export" and key == _export(TWO, results))
    record = Environment(platform={}, served={"line": {package: Served(version="v2", digest="d", deployment=1)}})
    served = replace(STATE, environments={"dev": record})
    (ready,) = decided(TWO, results=results, state=served).outcomes
    assert isinstance(ready, Ready)
    assert ready.change.is_return
    (held,) = decided(TWO, results=results).outcomes
    assert isinstance(held, Held)
    (stale,) = decided(TWO, replace(change_of(TWO), before="another"), results=results, state=served).outcomes
    assert isinstance(stale, Held)
    assert stale.exit_code == STALE


def _export(text: str, results: Mapping[str, Result]) -> str | None:
    return settled(nodes_of(text, state=STATE), STATE.current, results).keys.of(*PLACE)


@pytest.mark.parametrize("place", [PLACE, (MODEL, "train"), (MODEL, "evaluate"), (BINDING, "compare")])
def test_a_step_without_a_result_skips_the_binding_that_needs_it(place: tuple[str, str]) -> None:
    nodes = nodes_of(TWO, state=STATE)
    found = settled(nodes, STATE.current, results_of(TWO))
    from leptonctl.core.plan import with_steps

    (change,) = with_steps(found, [change_of(TWO)])
    broken = Built(failed={place: error("step-failed", "It failed", "here")})
    (skipped,) = decided(TWO, change, built=broken).outcomes
    assert skipped == Skipped(change=change, because=f"{place[1]} of {place[0]}")
    (waits,) = decided(TWO, change, built=Built(skipped={place: "prepare of dataset/points@first"})).outcomes
    assert waits == Skipped(change=change, because="prepare of dataset/points@first")


def test_a_version_that_was_never_built_is_not_bound() -> None:
    """One that an apply of something else does not build: it must be in place with the same export."""
    others = {address: pointer for address, pointer in STATE.current.items() if address != MODEL}
    other_export = Pointer(digest="d", steps={"export": StepPointer(op="export", key="another")})
    for current in (others, {**others, MODEL: other_export}):
        (skipped,) = decided(TWO, results={}, state=replace(STATE, current=current)).outcomes
        assert skipped == Skipped(change=change_of(TWO), because=f"export of {MODEL}")
    # its result need not be read when it is in place, nor recorded in place when there is a result
    (in_place,) = decided(TWO, results={}).outcomes
    (built,) = decided(TWO, state=replace(STATE, current=others)).outcomes
    assert (type(in_place), type(built)) == (Held, Ready)


def test_what_is_no_longer_declared_is_removed_without_gates() -> None:
    for gone in (Remove(address=BINDING, before="a", before_version="v1"), Update(address="environment/dev/gone")):
        assert decided(ONE, gone, results={}).outcomes == (Ready(change=gone),)
    assert decided(ONE, Update(address="environment/dev"), results={}).outcomes == (), "its own settings have no gates"


def test_together_means_all_or_none() -> None:
    changes = (change_of(TWO), change_of(TWO, OTHER))
    bad = results_of(TWO, accuracy=0.1)
    good = {key: replace(r, outputs={"metrics": {"accuracy": 0.9, "f1": 0.8}, "rows": 9}) for key, r in bad.items() if r.address == ""}
    word = settled(nodes_of(TWO, state=STATE), STATE.current, bad).keys.of("model/word@v1", "evaluate")
    assert word is not None
    mixed = {**bad, word: good[word]}
    assert [type(one) for one in decided(TWO, *changes, results=mixed).outcomes] == [Held, Ready]
    together = TWO.replace("models: {line: v2", "switch: together\nmodels: {line: v2")
    held, skipped = decided(together, *changes, results=mixed).outcomes
    assert isinstance(held, Held)
    assert isinstance(skipped, Skipped)
    assert (skipped.change, skipped.because, skipped.hold is not None) == (changes[1], f"bind of {BINDING}", True)
    assert [type(one) for one in decided(together, *changes).outcomes] == [Ready, Ready]
