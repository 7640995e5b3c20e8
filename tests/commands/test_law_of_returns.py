"""Law 9 against a model of it: every sequence of binds, rollbacks, readmissions and freezes, and whether each moves.

The model knows only sets: what has served, what is withdrawn, whether it is frozen. Plan and apply must both agree with it.
"""

from functools import cache

import pytest

from leptonctl.building.work import Built
from leptonctl.commands.applying.withdrawing import add_readmission, withdrawals_after
from leptonctl.core.change import Update
from leptonctl.core.frozen import Frozen, field, replace
from leptonctl.core.holds import Freeze
from leptonctl.core.result import Result
from leptonctl.core.state import Author, Environment, Pending, Pointer, Served, State
from leptonctl.core.values import Node
from leptonctl.deploying.desired import add_pending, complete_switch, environment_after
from leptonctl.kinds.environment.judging import Basis, Held, Move, Ready, decide, judge_changes
from leptonctl.kinds.kind import Declarations
from tests.kinds.declared import DATA, applied, build, nodes_of, settled, sound

VERSIONS = ("v1", "v2", "poor")
BINDING = "environment/prod/line"
PROJECT = (
    DATA
    + """\
kind: Model
name: line
dataset: points@first
task: classification
algorithm: logistic_regression
versions:
  v1: {}
  v2: {params: {C: 0.5}}
  poor: {params: {C: 0.25}}
  renamed: {params: {C: 0.5}}
---
kind: Environment
name: prod
models: {line: VERSION}
gates: {accuracy: {min: 0.8}}
"""
)
OPS = ("v1", "v2", "poor", "rollback", "readmit", "freeze", "unfreeze")
DEPTH = 5
AT = "2026-11-25T12:00:00.000+00:00"


class Law(Frozen):
    """The model: what is bound; served: version -> when first; withdrawn; the order of what was bound."""

    bound: str = "v1"
    served: dict[str, int] = field(default_factory=lambda: {"v1": 1})
    withdrawn: frozenset[str] = frozenset()
    frozen: bool = False
    order: tuple[str, ...] = ("v1",)

    def moves(self, version: str) -> bool:
        returning = version in self.served and version not in self.withdrawn
        return returning or not (self.frozen or version in self.withdrawn or version == "poor")

    def after(self, version: str, *, rollback: bool, protected: bool) -> "Law":
        first = {**self.served, version: self.served.get(version, len(self.order) + 1)}
        returning = version in self.served and version not in self.withdrawn
        leaves = rollback or (protected and returning and first[version] < first[self.bound])
        withdrawn = self.withdrawn | {self.bound} if leaves else self.withdrawn
        return replace(self, bound=version, served=first, withdrawn=withdrawn, order=(*self.order, version))

    def way_back(self) -> str | None:
        return next((v for v in reversed(self.order) if v != self.bound and v not in self.withdrawn), None)


@cache
def declared(version: str) -> tuple[Declarations, dict[str, Node], dict[str, Result]]:
    text = PROJECT.replace("VERSION", version)
    nodes = nodes_of(text)
    results = build(nodes)
    evaluated = _evaluations(nodes, "poor")
    for key, result in list(results.items()):
        if key in evaluated:
            results[key] = replace(result, outputs={**result.outputs, "metrics": {"accuracy": 0.5}})
    return sound(text), nodes, results


def _evaluations(nodes: dict[str, Node], version: str) -> set[str]:
    pointers = applied(nodes)[f"model/line@{version}"]
    return {step.key for name, step in pointers.steps.items() if name == "evaluate"}


@cache
def pointer(version: str) -> Pointer:
    _, nodes, _ = declared(version)
    return replace(applied(nodes)[BINDING], deployment=1)


def begin(*, protected: bool) -> State:
    bound = pointer("v1")
    served = {"line": {str(bound.package): Served(version="v1", digest=bound.digest, deployment=1)}}
    environment = Environment(platform={"type": "server"}, protected=protected, deployment=1, served=served)
    _, nodes, _ = declared("v1")
    return State(lineage="l", project="toy", current=applied(nodes), environments={"prod": environment})


def switched(state: State, version: str, command: str) -> tuple[State, bool]:
    """The state after an attempt to bind a version, and whether it moved. Plan and apply must agree."""
    declarations, nodes, results = declared(version)
    before, after = state.current[BINDING], pointer(version)
    change = Update(address=BINDING, before=before.digest, after=after.digest, before_version=before.version, after_version=version)
    found = settled(nodes, state.current, results)
    (planned,) = judge_changes([change], Basis(declarations=declarations, settled=found, state=state))
    author = Author(command=command, by="ann", reason="why")
    move = Move(name="prod", changes=(planned,), declarations=declarations, settled=found, state=state, author=author)
    decision = decide(move, Built().obstacle)
    (one,) = decision.outcomes
    assert isinstance(one, Held) == planned.is_held
    if not isinstance(one, Ready):
        assert isinstance(one, Held)
        assert planned.hold is not None
        assert one.hold is not None
        assert one.hold.reason == planned.hold.reason
        return state, False
    number = state.environments["prod"].deployment + 1
    withdrawals, acts = withdrawals_after(move, decision.ready, {BINDING: after}, AT)
    record = replace(state.environments["prod"], withdrawals=withdrawals)
    environment = environment_after(state.environments["prod"], record, number=number, url=None)
    pending = Pending(deployment=number, claim="c", token=1, pointers={BINDING: after}, environment=environment, acts=acts)
    # all of it is in the pending switch, so nothing is lost, whichever process completes it
    served = {"line": {str(after.package): Served(version=version, digest=after.digest, deployment=number)}}
    return complete_switch(add_pending(state, "prod", pending), "prod", served), True


def walk(state: State, law: Law, depth: int, *, protected: bool) -> int:
    """Try every operation here and continue from each; the number of steps taken."""
    if depth == 0:
        return 0
    steps = 0
    for op in OPS:
        now, model = state, law
        if op in ("freeze", "unfreeze"):
            now = replace(state, frozen={"prod": Freeze(at=AT, reason="audit")} if op == "freeze" else {})
            model = replace(law, frozen=op == "freeze")
        elif op == "readmit":
            environment = state.environments["prod"]
            withdrawals = tuple(add_readmission(w, AT, "ann", "fixed") for w in environment.withdrawals)
            now = replace(state, environments={"prod": replace(environment, withdrawals=withdrawals)})
            model = replace(law, withdrawn=frozenset())
        else:
            version = law.way_back() if op == "rollback" else op
            if version is None or version == law.bound:
                continue
            now, moved = switched(state, version, "rollback" if op == "rollback" else "apply")
            assert moved == law.moves(version), (law, op)
            model = law.after(version, rollback=op == "rollback", protected=protected) if moved else law
        active = {w.version for w in now.environments["prod"].withdrawals if w.readmitted is None}
        assert active == set(model.withdrawn)
        assert now.current[BINDING].version == model.bound
        steps += 1 + walk(now, model, depth - 1, protected=protected)
    return steps


@pytest.mark.parametrize("protected", [True, False])
def test_every_sequence_of_five_keeps_the_law(protected: bool) -> None:
    assert walk(begin(protected=protected), Law(), DEPTH, protected=protected) > 1000


def test_another_name_is_the_same_package() -> None:
    state, _ = switched(begin(protected=False), "v2", "apply")
    state, _ = switched(state, "v1", "rollback")
    assert switched(state, "renamed", "apply") == (state, False)
