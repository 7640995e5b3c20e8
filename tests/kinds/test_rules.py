"""What may not be planned: sealed recipes, unpinned data behind a protected door, a commit that goes back; and returns."""

from dataclasses import replace

import pytest
from leptonctl.core.record import Entry, State
from leptonctl.kinds.configuration import Configuration, all_nodes, bound_now, is_return

from leptonctl.core.change import Change, Create, Keep, Remove, Update
from leptonctl.core.observed import Checkout
from leptonctl.core.values import Json
from leptonctl.kinds import rules
from tests.kinds.declared import ALL, applied, configured, moved, nodes_of

BINDING = "environment/prod/line"
PIN = f"{{source: data/first.csv, digest: 'sha256:{'1' * 64}'}}"
PROD = ALL.replace("name: dev", "name: prod\nprotected: true")
PINNED = PROD.replace("{source: data/first.csv}", PIN)


def configuration_of(text: str) -> Configuration:
    configuration, problems = configured(text)
    assert configuration is not None
    assert not problems
    return configuration


def state_of(text: str, **more) -> State:
    recorded: dict[str, dict[str, Json]] = {"prod": {"protected": True, "served": {}}}
    return State(lineage="l", project="toy", **{"current": applied(nodes_of(text)), "environments": recorded, **more})


def protection(text: str, changes: list[Change], state: State | None = None) -> list[str]:
    return [p.id for p in rules.protection(configuration_of(text).environments, changes, state)]


def rewind(text: str, changes: list[Change], record: dict[str, Json], checkout: Checkout) -> list[tuple[str, str]]:
    state = State(lineage="l", project="toy", environments={"prod": record})
    return [(p.id, p.severity) for p in rules.rewind(configuration_of(text).environments, changes, state, checkout)]


# --- seals -----------------------------------------------------------------------------------------------------------------------


def test_a_sealed_version_keeps_its_recipe() -> None:
    nodes = nodes_of(PINNED)
    line = nodes["model/line@v1"]
    state = state_of(PINNED, sealed={line.address: {"digest": line.digest, "recipe": line.recipe, "environment": "prod"}})
    assert list(rules.sealed(list(nodes.values()), state)) == []
    edited = PINNED.replace("v1: {}", "v1: {params: {C: 0.5}}")
    (problem,) = rules.sealed(list(nodes_of(edited).values()), state)
    assert problem.id == "sealed-version"
    assert "params.C" in problem.detail
    assert "0.5" in problem.detail
    assert problem.span is not None
    assert "environment prod" in problem.detail
    # by the base block or by the data it is an edit as well; by a description it is none
    for old, new, count in (
        ("task: classification", "task: classification\nseed: 5", 1), ("target: side", "target: side\nsplit: {test: 0.5}", 1),
        ("v1: {}", "v1: {description: The first}", 0), ("v1: {}", "v1: {}\n  v2: {seed: 5}", 0),
    ):  # fmt: skip
        assert len(list(rules.sealed(list(nodes_of(PINNED.replace(old, new)).values()), state))) == count


# --- protection ------------------------------------------------------------------------------------------------------------------


def test_only_pinned_data_enters() -> None:
    new: list[Change] = [Create(address=BINDING)]
    assert protection(PROD, new) == ["unpinned-data"]
    assert protection(PINNED, new) == []
    assert protection(PROD, [Keep(address=BINDING)]) == []
    assert protection(PROD.replace("protected: true\n", ""), new) == []
    # a return is never blocked
    assert protection(PROD, [Update(address=BINDING, is_return=True)]) == []


def test_a_test_file_needs_a_pin_too() -> None:
    both = PINNED.replace("digest:", "test: {source: data/test.csv}, digest:")
    assert protection(both, [Create(address=BINDING)]) == ["unpinned-data"]


def test_protection_is_taken_away_alone() -> None:
    open_now = PINNED.replace("protected: true\n", "")
    state = state_of(PINNED)
    alone: list[Change] = [Update(address="environment/prod")]
    assert protection(open_now, alone, state) == []
    assert protection(open_now, [*alone, Update(address=BINDING)], state) == ["protected-environment"]
    assert protection(open_now, [*alone, Update(address="environment/prod2/line"), Update(address="model/line@v1")], state) == []


def test_a_protected_environment_does_not_vanish() -> None:
    state = state_of(PINNED)
    gone: list[Change] = [Remove(address="environment/prod"), Remove(address=BINDING)]
    other = PINNED.replace("name: prod\nprotected: true", "name: dev")
    assert protection(other, gone, state) == ["protected-environment"]
    assert protection(other, gone, replace(state, environments={"prod": {"protected": False}})) == []


# --- commits ---------------------------------------------------------------------------------------------------------------------

MOVES: list[Change] = [Update(address=BINDING)]


@pytest.mark.parametrize(("contains", "expected"), [(True, []), (False, [("rewind", "error")]), (None, [("rewind-unknown", "note")])])
def test_a_commit_that_does_not_contain_the_last_one(contains: bool | None, expected: list) -> None:
    checkout = Checkout(commit="b" * 40, contains={"a" * 40: contains})
    assert rewind(PINNED, MOVES, {"commit": "a" * 40}, checkout) == expected
    # a return looks at the commit like every other
    assert rewind(PINNED, [replace(MOVES[0], is_return=True)], {"commit": "a" * 40}, checkout) == expected


def test_what_does_not_move_or_is_not_protected_may_go_back() -> None:
    checkout = Checkout(commit="b" * 40, contains={"a" * 40: False})
    last: dict[str, Json] = {"commit": "a" * 40}
    assert rewind(PINNED, [Keep(address=BINDING)], last, checkout) == []
    assert rewind(PINNED.replace("protected: true\n", ""), MOVES, last, checkout) == []
    assert rewind(PINNED, MOVES, {}, checkout) == []
    # an environment whose name merely begins alike is another
    assert rewind(PINNED, [Update(address="environment/prod2/line"), Update(address="environment/production")], last, checkout) == []


def test_without_a_repository_it_is_not_known() -> None:
    assert rewind(PINNED, MOVES, {"commit": "a" * 40}, Checkout()) == [("rewind-unknown", "note")]


def test_committed_files_only() -> None:
    text = PINNED.replace("protected: true", "protected: true\nrequire_commit: true")
    clean, dirty = Checkout(commit="b" * 40), Checkout(commit="b" * 40, dirty=("a.yaml",))
    assert rewind(text, MOVES, {}, clean) == []
    assert rewind(text, MOVES, {}, dirty) == [("uncommitted", "error")]
    assert rewind(text, MOVES, {}, Checkout()) == [("uncommitted", "error")]
    assert rewind(text, [replace(MOVES[0], is_return=True)], {}, dirty) == []
    assert rewind(text, [Update(address="environment/prod2/line")], {}, dirty) == []


# --- returns and evidence -------------------------------------------------------------------------------------------------------

GATED = PINNED + "gates: {accuracy: {min: 0.5}, f1: {max_drop: 0.1}}\n"
TWO = GATED.replace("v1: {}", "v1: {}\n  v2: {seed: 1}")


def nodes_now(text: str, state: State) -> dict:
    return {node.address: node for node in all_nodes(configuration_of(text), state, {})}


def test_evidence_is_asked_for_where_a_gate_needs_it() -> None:
    state = state_of(TWO)
    to_v2 = TWO.replace("{line: v1}", "{line: v2}")
    assert [s.op for s in nodes_now(to_v2, state)[BINDING].steps] == ["compare", "bind"]
    # what is bound already is compared with nothing, and neither is the first
    assert [s.op for s in nodes_now(TWO, state)[BINDING].steps] == ["bind"]
    assert [s.op for s in nodes_now(to_v2, State(lineage="l", project="toy"))[BINDING].steps] == ["bind"]
    # a metric that the model does not evaluate is evaluated for the gate
    narrow = to_v2.replace("versions:\n  v1", "evaluate: {metrics: [f1]}\nversions:\n  v1")
    assert [s.op for s in nodes_now(narrow, state)[BINDING].steps] == ["evaluate", "compare", "bind"]


def test_a_return_needs_no_evidence() -> None:
    state = state_of(TWO)
    to_v2 = TWO.replace("{line: v1}", "{line: v2}")
    served: dict[str, Json] = {"line": {str(state.current["model/line@v2"].artifact): {"version": "v2"}}}
    known = replace(state, environments={"prod": {"protected": True, "served": served}})
    (binding,) = configuration_of(to_v2).bindings.values()
    assert is_return(binding, configuration_of(to_v2), known, {})
    assert not is_return(binding, configuration_of(to_v2), state, {})
    assert [s.op for s in nodes_now(to_v2, known)[BINDING].steps] == ["bind"]
    # its bytes are gone: what is built again may be others, so they are judged
    lost = known.without({"model/line@v2"})
    assert not is_return(binding, configuration_of(to_v2), lost, {})
    assert [s.op for s in nodes_now(to_v2, lost)[BINDING].steps] == ["compare", "bind"]
    assert bound_now(BINDING, lost) == bound_now(BINDING, known)


def test_what_is_bound_now() -> None:
    state = State(lineage="l", project="toy", current={"environment/prod": Entry(digest="d", effect=True)})
    assert bound_now("environment/prod", state) is None
    assert bound_now(BINDING, state) is None
    assert bound_now(BINDING, None) is None


def test_an_edit_of_a_bound_version_moves_the_binding() -> None:
    found = {c.address: c.reason for c in moved(PINNED, PINNED.replace("v1: {}", "v1: {seed: 1}"))}
    assert found == {"model/line@v1": "recipe changed", BINDING: "the bound version was rebuilt"}
