"""What a plan refuses: edits of sealed recipes, unpinned data in a protected environment, an older commit; and returns."""

import pytest

from leptonctl.core.change import Change, Create, Keep, Remove, Update
from leptonctl.core.frozen import replace
from leptonctl.core.observed import Checkout
from leptonctl.core.result import Result
from leptonctl.core.state import Environment, Seal, Served, State
from leptonctl.kinds import rules
from leptonctl.kinds.environment.binding import Binding, is_return
from leptonctl.kinds.environment.kind import bindings, environments
from tests.kinds.declared import ALL, applied, build, moved, nodes_of, recipes, sound

BINDING = "environment/prod/line"
PIN = f"{{source: data/first.csv, digest: 'sha256:{'1' * 64}'}}"
PROD = ALL.replace("name: dev", "name: prod\nprotected: true")
PINNED = PROD.replace("{source: data/first.csv}", PIN)


PROTECTED = Environment(platform={"type": "server"}, protected=True)


def state_of(text: str, **more) -> State:
    """What is recorded when a text has been applied."""
    return State(
        lineage="l", project="toy", **{"current": applied(nodes_of(text)), "environments": {"prod": PROTECTED}, **more}
    )  # fmt: skip


def protection(text: str, changes: list[Change], state: State | None = None) -> list[str]:
    return [p.id for p in rules.protection(environments(sound(text)), changes, state)]


def rewind(text: str, changes: list[Change], commit: str | None, checkout: Checkout) -> list[tuple[str, str]]:
    """`commit`: the last that was applied."""
    state = State(lineage="l", project="toy", environments={"prod": replace(PROTECTED, commit=commit)})
    return [(p.id, p.severity) for p in rules.rewind(environments(sound(text)), changes, state, checkout)]


# --- seals -----------------------------------------------------------------------------------------------------------------------


def sealed(text: str) -> tuple[State, dict]:
    """A state in which v1 is sealed, and the recipes in the store."""
    nodes = nodes_of(text)
    line = nodes["model/line@v1"]
    seal = Seal(digest=line.digest, declaration=line.declaration, environment="prod", at="now")
    return state_of(text, sealed={line.address: seal}), recipes(nodes)


def test_a_sealed_version_keeps_its_recipe() -> None:
    state, known = sealed(PINNED)
    assert rules.edited_seals(nodes_of(PINNED), state) == {}
    assert list(rules.seal_breaches(nodes_of(PINNED), state, {})) == []
    nodes = nodes_of(PINNED.replace("v1: {}", "v1: {params: {C: 0.5}}"))
    assert rules.edited_seals(nodes, state) == {"model/line@v1": state.sealed["model/line@v1"].declaration}
    (problem,) = rules.seal_breaches(nodes, state, known)
    assert problem.id == "sealed-version"
    assert "params.C" in problem.detail
    assert "0.5" in problem.detail
    assert problem.span is not None
    assert "environment prod" in problem.detail


@pytest.mark.parametrize(
    ("old", "new", "count"),
    [
        ("task: classification", "task: classification\nseed: 5", 1),
        ("target: side", "target: side\nsplit: {test: 0.5}", 1),
        ("v1: {}", "v1: {description: The first}", 0),
        ("v1: {}", "v1: {}\n  v2: {seed: 5}", 0),
        ("algorithm: logistic_regression", "algorithm: logistic_regression\nevaluate: {metrics: [f1]}", 0),
    ],
    ids=["base block", "data", "description", "another version", "evaluation"],
)
def test_a_sealed_version_is_guarded_wherever_it_is_edited(old: str, new: str, count: int) -> None:
    state, known = sealed(PINNED)
    assert len(list(rules.seal_breaches(nodes_of(PINNED.replace(old, new)), state, known))) == count


def test_an_edited_sealed_version_is_refused_even_without_its_recipe() -> None:
    state, _ = sealed(PINNED)
    edited = nodes_of(PINNED.replace("v1: {}", "v1: {params: {C: 0.5}}"))
    (problem,) = rules.seal_breaches(edited, state, {})
    assert problem.detail == "model/line@v1 has served in the protected environment prod"
    assert problem.span == edited["model/line@v1"].span


def test_a_sealed_version_that_is_no_longer_declared_is_not_an_edit() -> None:
    state, known = sealed(PINNED.replace("v1: {}", "v1: {}\n  v2: {seed: 5}"))
    without = nodes_of(PINNED.replace("v1: {}", "v2: {seed: 5}").replace("{line: v1}", "{line: v2}"))
    assert list(rules.seal_breaches(without, state, known)) == []


# --- protection ------------------------------------------------------------------------------------------------------------------


def test_only_pinned_data_may_be_bound() -> None:
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


def test_protection_is_removed_by_an_apply_of_its_own() -> None:
    open_now = PINNED.replace("protected: true\n", "")
    state = state_of(PINNED)
    alone: list[Change] = [Update(address="environment/prod")]
    assert protection(open_now, alone, state) == []
    assert protection(open_now, [*alone, Update(address=BINDING)], state) == ["protected-environment"]
    assert protection(open_now, [*alone, Update(address="environment/prod2/line"), Update(address="model/line@v1")], state) == []


def test_a_protected_environment_must_stay_declared() -> None:
    state = state_of(PINNED)
    gone: list[Change] = [Remove(address="environment/prod"), Remove(address=BINDING)]
    other = PINNED.replace("name: prod\nprotected: true", "name: dev")
    assert protection(other, gone, state) == ["protected-environment"]
    assert protection(other, gone, replace(state, environments={"prod": replace(PROTECTED, destroyed=True)})) == []
    assert protection(other, gone, replace(state, environments={"prod": replace(PROTECTED, protected=False)})) == []


# --- commits ---------------------------------------------------------------------------------------------------------------------

MOVES: list[Change] = [Update(address=BINDING)]


@pytest.mark.parametrize(("contains", "expected"), [(True, []), (False, [("rewind", "error")]), (None, [("rewind-unknown", "error")])])
def test_a_commit_that_does_not_contain_the_last_one(contains: bool | None, expected: list) -> None:
    checkout = Checkout(commit="b" * 40, contains={"a" * 40: contains})
    assert rewind(PINNED, MOVES, "a" * 40, checkout) == expected
    # the commit of a return is checked too
    assert rewind(PINNED, [replace(MOVES[0], is_return=True)], "a" * 40, checkout) == expected


def test_unmoved_and_unprotected_environments_may_go_back() -> None:
    checkout = Checkout(commit="b" * 40, contains={"a" * 40: False})
    last = "a" * 40
    assert rewind(PINNED, [Keep(address=BINDING)], last, checkout) == []
    assert rewind(PINNED.replace("protected: true\n", ""), MOVES, last, checkout) == []
    assert rewind(PINNED, MOVES, None, checkout) == []
    # an environment whose name only has the same prefix is another one
    assert rewind(PINNED, [Update(address="environment/prod2/line"), Update(address="environment/production")], last, checkout) == []


def test_without_a_repository_a_rewind_is_unknown() -> None:
    assert rewind(PINNED, MOVES, "a" * 40, Checkout()) == [("rewind-unknown", "note")]
    assert rewind(PINNED, MOVES, "a" * 40, Checkout(unreadable=True)) == [("rewind-unknown", "error")]


def two_environments(first: str) -> str:
    """`another`, with further lines, before a protected `prod`."""
    body = "models: {line: v1}\nplatform: {type: server, port: "
    head = PINNED.partition("kind: Environment")[0]
    return (
        f"{head}kind: Environment\nname: another\n{first}{body}8090}}\n"
        f"---\nkind: Environment\nname: prod\nprotected: true\n{body}8080}}\n"
    )  # fmt: skip


@pytest.mark.parametrize("first", ["", "protected: true\n"])
@pytest.mark.parametrize("changes", [MOVES, [Update(address="environment/another/line"), *MOVES]], ids=["prod", "both"])
def test_each_environment_is_checked_for_itself(first: str, changes: list[Change]) -> None:
    """One that is open, does not move, or was never applied from a commit is no reason to pass those that come after it."""
    checkout = Checkout(commit="b" * 40, contains={"a" * 40: False})
    state = State(lineage="l", project="toy", environments={"prod": replace(PROTECTED, commit="a" * 40)})
    (problem,) = rules.rewind(environments(sound(two_environments(first))), changes, state, checkout)
    assert (problem.id, "environment prod" in str(problem.detail)) == ("rewind", True)


def test_the_lines_that_keep_a_sealed_version_are_listed_field_by_field() -> None:
    state, known = sealed(PINNED.replace("v1: {}", "v1: {params: {C: 0.5}}"))
    edited = nodes_of(PINNED.replace("v1: {}", "v1: {params: {max_iter: 7}}"))
    (problem,) = rules.seal_breaches(edited, state, known)
    line = edited["model/line@v1"].span.line
    assert "; to keep it as it was: " in str(problem.detail)
    assert {*str(problem.detail).partition("as it was: ")[2].split("; ")} == {
        f"project.yaml:{line}: write `params.C: 0.5` (now left out)",
        f"project.yaml:{line}: remove `params.max_iter` (now 7)",
    }


def test_require_commit_refuses_uncommitted_files() -> None:
    text = PINNED.replace("protected: true", "protected: true\nrequire_commit: true")
    clean, dirty = Checkout(commit="b" * 40), Checkout(commit="b" * 40, dirty=("a.yaml",))
    assert rewind(text, MOVES, None, clean) == []
    assert rewind(text, MOVES, None, dirty) == [("uncommitted", "error")]
    assert rewind(text, MOVES, None, Checkout()) == [("uncommitted", "error")]
    assert rewind(text, [replace(MOVES[0], is_return=True)], None, dirty) == []
    assert rewind(text, [Update(address="environment/prod2/line")], None, dirty) == []


# --- returns and evidence -------------------------------------------------------------------------------------------------------

GATED = PINNED + "gates: {accuracy: {min: 0.5}, f1: {max_drop: 0.1}}\n"
TWO = GATED.replace("v1: {}", "v1: {}\n  v2: {seed: 1}")


TO_V2 = TWO.replace("{line: v1}", "{line: v2}")


def evidence(text: str, state: State | None, results: dict[str, Result] | None = None) -> list[str]:
    """The steps of the binding."""
    return [s.op for s in nodes_of(text, state=state, results=results)[BINDING].steps]


def binding_of(text: str) -> Binding:
    (binding,) = bindings(sound(text)).values()
    return binding


def test_evidence_is_planned_if_a_gate_needs_it() -> None:
    state = state_of(TWO)
    assert evidence(TO_V2, state) == ["compare", "bind"]
    # what is bound already is not compared, and neither is a first binding
    assert evidence(TWO, state) == ["bind"]
    assert evidence(TO_V2, None) == ["bind"]
    # a metric that the model does not evaluate is evaluated for the gate
    narrow = TO_V2.replace("versions:\n  v1", "evaluate: {metrics: [f1]}\nversions:\n  v1")
    assert evidence(narrow, state) == ["evaluate", "compare", "bind"]


def test_a_comparison_reads_the_bound_version_by_its_keys() -> None:
    state = state_of(TWO)
    step = nodes_of(TO_V2, state=state)[BINDING].step("compare")
    bound = state.current[BINDING]
    keys = {f"bound_{name}": bound.key(name) for name in ("prepare", "export", "train")}
    assert step.needed_keys == keys
    assert step.needs == {"prepare": ("dataset/points@first", "prepare"), "export": ("model/line@v2", "export")}


def test_a_version_whose_rows_or_graph_are_not_recorded_cannot_be_compared() -> None:
    """Like one that was bound by an earlier release."""
    state = state_of(TWO)
    bound = state.current[BINDING]
    for lost in ("prepare", "export"):
        steps = {name: step for name, step in bound.steps.items() if name != lost}
        older = replace(state, current={**state.current, BINDING: replace(bound, steps=steps)})
        assert evidence(TO_V2, older) == ["bind"]


def served(text: str, model: str) -> State:
    """What is recorded when a text has been applied and another version was served."""
    nodes = nodes_of(text)
    export = build(nodes)[nodes[model].step("export").key or ""]
    package = str(export.outputs["package"])
    record = replace(PROTECTED, served={"line": {package: Served(version="v2", digest=nodes[model].digest, deployment=1)}})
    return state_of(text, environments={"prod": record})


def test_a_return_needs_no_evidence() -> None:
    known, declarations, results = served(TWO, "model/line@v2"), sound(TO_V2), build(nodes_of(TWO))
    binding = binding_of(TO_V2)
    assert is_return(binding, declarations.built, known, results)
    assert not is_return(binding, declarations.built, state_of(TWO), results)
    assert not is_return(binding, declarations.built, None, results)
    assert evidence(TO_V2, known, results) == ["bind"]
    # its bytes are lost: a rebuild may give other bytes, so its gates are decided
    assert not is_return(binding, declarations.built, known, {})
    assert evidence(TO_V2, known, {}) == ["compare", "bind"]


def test_the_same_version_built_to_another_package_is_not_a_return() -> None:
    """With another manifest or other bytes it is not the package that was served."""
    known, results = served(TWO, "model/line@v2"), build(nodes_of(TWO))
    key = nodes_of(TWO)["model/line@v2"].step("export").key or ""
    other = {**results, key: replace(results[key], outputs={"package": "sha256:other"})}
    assert not is_return(binding_of(TO_V2), sound(TO_V2).built, known, other)
    assert not is_return(binding_of(TO_V2), sound(TO_V2).built, known, {**results, key: replace(results[key], outputs={})})


def test_what_another_environment_or_model_served_is_not_a_return() -> None:
    known, results = served(TWO, "model/line@v2"), build(nodes_of(TWO))
    record = known.environments["prod"]
    for environments_ in ({"dev": record}, {"prod": replace(record, served={"other": record.served["line"]})}):
        assert not is_return(binding_of(TO_V2), sound(TO_V2).built, replace(known, environments=environments_), results)


def test_an_edit_of_a_bound_version_moves_the_binding() -> None:
    found = {c.address: c.reason for c in moved(PINNED, PINNED.replace("v1: {}", "v1: {seed: 1}"))}
    assert found == {"model/line@v1": "recipe changed", BINDING: "the bound version was rebuilt"}
