"""A binding's gates on the evidence that exists: which results count, what is compared with what, and what a plan says about it."""

from collections.abc import Mapping

from leptonctl.core.change import Create, Keep, Remove, Update
from leptonctl.core.frozen import replace
from leptonctl.core.gate import Judgement
from leptonctl.core.holds import Freeze
from leptonctl.core.result import Result
from leptonctl.core.state import Environment, Served, State
from leptonctl.core.values import Json
from leptonctl.kinds.environment.gate_rules import NOTHING_BOUND, SAME_BOUND
from leptonctl.kinds.environment.gates import NOT_NEEDED
from leptonctl.kinds.environment.judging import Basis, judge_changes, weigh
from leptonctl.kinds.environment.kind import bindings
from tests.kinds.declared import ALL, applied, build, nodes_of, settled, sound

BINDING = "environment/dev/line"
ONE = ALL.replace("v1: {}", "v1: {}\n  v2: {seed: 1}") + "gates: {accuracy: {min: 0.85}, f1: {max_drop: 0.1}}\n"
TWO = ONE.replace("{line: v1}", "{line: v2}")


def bound(text: str = ONE, **more: object) -> State:
    """What is recorded after a text was applied."""
    return State(lineage="l", project="toy", **{"current": applied(nodes_of(text)), **more})  # type: ignore[arg-type]


def results_of(text: str, state: State | None, **outputs: Mapping[str, Json]) -> dict[str, Result]:
    """The results of everything that the text declares; those of an op with these outputs."""
    nodes = nodes_of(text, state=state)
    found = build(nodes, state.current if state else {})
    return {key: replace(r, outputs=dict(outputs[r.op])) if r.op in outputs else r for key, r in found.items()}


def judged(text: str, state: State | None, results: Mapping[str, Result]) -> dict[str, Judgement]:
    declarations, nodes = sound(text), nodes_of(text, state=state, results=results)
    found = settled(nodes, state.current if state else {}, results)
    weighed = weigh(
        Keep(address=BINDING),
        bindings(declarations)[BINDING],
        Basis(declarations=declarations, settled=found, state=state),
        unknown_holds=True,
    )
    return {j.gate.metric: j for j in weighed.judgements}


def without(results: Mapping[str, Result], op: str) -> dict[str, Result]:
    return {key: result for key, result in results.items() if result.op != op}


def test_each_gate_is_judged_on_its_own_evidence() -> None:
    compared = {"rows": 40, "metrics": {"f1": {"a": 0.75, "b": 0.5}}}
    found = judged(TWO, bound(), results_of(TWO, bound(), compare=compared))
    own, drop = found["accuracy"], found["f1"]
    assert (own.passed, own.value, own.n) == (True, 0.9, 100)
    assert (drop.passed, drop.value, drop.bound, drop.candidate, drop.n) == (False, 0.25, 0.75, 0.5, 40)


def test_a_gate_waits_for_its_own_evidence_only() -> None:
    results = results_of(TWO, bound())
    assert {m: j.passed for m, j in judged(TWO, bound(), without(results, "compare")).items()} == {"accuracy": True, "f1": None}
    assert {m: j.passed for m, j in judged(TWO, bound(), without(results, "evaluate")).items()} == {"accuracy": None, "f1": True}


def test_nothing_is_compared_with_nothing_or_with_itself() -> None:
    """An edited version is another one, under whatever name it is bound."""
    renamed = TWO.replace("v2: {seed: 1}", "v2: {seed: 1}\n  v9: {seed: 1}").replace("line: v2", "line: v9")
    assert "line: v9" in renamed
    for text, state, note in ((TWO, None, NOTHING_BOUND), (TWO, bound(TWO), SAME_BOUND), (renamed, bound(TWO), SAME_BOUND)):
        found = judged(text, state, results_of(text, state))
        assert (found["f1"].passed, found["f1"].note) == (True, note)
    edited = TWO.replace("v2: {seed: 1}", "v2: {seed: 2}")
    own = build({address: node for address, node in nodes_of(edited).items() if not node.effect})
    assert judged(edited, bound(TWO), own)["f1"].passed is None


def test_worse_is_less_or_more_as_the_metric_says() -> None:
    text = TWO.replace("f1: {max_drop: 0.1}", "f1: {max_drop: 0.1}, log_loss: {max_drop: 0.1}")
    compared = {"rows": 40, "metrics": {"f1": {"a": 0.5, "b": 0.75}, "log_loss": {"a": 0.5, "b": 0.75}}}
    found = judged(text, bound(), results_of(text, bound(), compare=compared))
    assert {m: (found[m].passed, found[m].value) for m in ("f1", "log_loss")} == {"f1": (True, -0.25), "log_loss": (False, 0.25)}


def test_a_metric_that_only_the_gate_needs_comes_from_the_bindings_own_evaluation() -> None:
    narrow = TWO.replace("versions:\n  v1", "evaluate: {metrics: [f1]}\nversions:\n  v1")
    results = results_of(narrow, bound())
    assert judged(narrow, bound(), results)["accuracy"].value == 0.9
    nodes = nodes_of(narrow, state=bound())
    own = settled(nodes, bound().current, results).keys.of(BINDING, "evaluate")
    assert own is not None
    left = {
        key: replace(r, outputs={"metrics": {"f1": 0.8}, "rows": 7}) if key != own and r.op == "evaluate" else r
        for key, r in results.items()
    }
    assert judged(narrow, bound(), left)["accuracy"].n == 100
    del left[own]
    assert judged(narrow, bound(), left)["accuracy"].passed is None


# --- the changes of a plan


def test_a_planned_binding_shows_judged_gates_and_those_that_wait_for_evidence() -> None:
    declarations, state = sound(TWO), bound()
    results = without(results_of(TWO, state), "compare")
    found = settled(nodes_of(TWO, state=state, results=results), state.current, results)
    update = Update(
        address=BINDING, before="a", after="b", before_version="v1", after_version="v2", reason="as it is", known_after_apply=("x",)
    )
    kept, model = Keep(address=BINDING), Create(address="model/line@v2")
    judged_, *others = judge_changes([update, kept, model], Basis(declarations=declarations, settled=found, state=state))
    assert {j.gate.metric: j.passed for j in judged_.judgements} == {"accuracy": True, "f1": None}
    assert judged_.known_after_apply == ("x", "gates.f1.max_drop")
    assert (judged_.is_return, judged_.reason) == (False, "as it is")
    assert others == [kept, model]


def test_a_planned_return_waits_for_nothing_and_says_so() -> None:
    before = bound(TWO)
    package = str(before.current[BINDING].package)
    record = Environment(platform={"type": "server"}, served={"line": {package: Served(version="v2", digest="d", deployment=1)}})
    state = bound(environments={"dev": record})
    declarations, results = sound(TWO), without(results_of(TWO, None), "compare")
    found = settled(nodes_of(TWO, state=state, results=results), state.current, results)
    update = Update(address=BINDING, before="a", after="b", before_version="v1", after_version="v2", reason="as it is")
    renamed = replace(update, before="b", before_version="v2")
    back, same = judge_changes([update, renamed], Basis(declarations=declarations, settled=found, state=state))
    assert (back.is_return, back.reason, back.known_after_apply) == (True, "return to v2, served here before", ())
    assert {j.gate.metric: (j.passed, j.note) for j in back.judgements} == {"accuracy": (True, ""), "f1": (None, NOT_NEEDED)}
    assert (same.is_return, same.reason) == (True, "as it is"), "what does not move returns nowhere"
    frozen = replace(state, frozen={"dev": Freeze(at="2026-01-02T03:04:05Z", reason="audit")})
    back, same = judge_changes([update, renamed], Basis(declarations=declarations, settled=found, state=frozen))
    assert back.reason == "return to v2, served here before; dev is frozen, which holds no return"
    assert "frozen" not in same.reason


def test_a_removed_binding_has_one_step_if_it_was_bound() -> None:
    declarations, state = sound(ONE), bound()
    found = settled(nodes_of(ONE, state=state), state.current, {})
    removed = Remove(address="environment/dev/gone", before="a", before_version="v1")
    (change,) = judge_changes([removed], Basis(declarations=declarations, settled=found, state=state))
    assert [(s.op, s.address, s.cached, s.effect) for s in change.steps] == [("bind", "environment/dev/gone", False, True)]
    environment = Remove(address="environment/gone", before="a")
    assert judge_changes([environment], Basis(declarations=declarations, settled=found, state=state)) == (environment,)
