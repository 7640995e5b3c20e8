"""Decides which bindings of an environment may move, judged against what is bound now. Pure."""

from collections.abc import Mapping
from typing import TypeAlias

from leptonctl.building.work import Built
from leptonctl.core.address import parse
from leptonctl.core.change import Change, Remove
from leptonctl.core.diagnostic import GATE, STALE, Diagnostic, error
from leptonctl.core.frozen import Frozen, field, replace
from leptonctl.core.gate import Judgement
from leptonctl.core.plan import Settled
from leptonctl.core.state import State
from leptonctl.core.values import Json
from leptonctl.deploying.wanted import moved_since
from leptonctl.kinds.binding import Binding, is_return
from leptonctl.kinds.environment import bindings, environments
from leptonctl.kinds.gates import refusal
from leptonctl.kinds.judging import judge
from leptonctl.kinds.kind import Declarations


class Move(Frozen):
    """The move of one environment, once it is locked.

    changes: all changes of the plan for it. settled: with the results of this apply's own steps. state: what is bound now.
    """

    name: str
    changes: tuple[Change, ...]
    declarations: Declarations
    settled: Settled
    state: State

    @property
    def itself(self) -> bool:
        """Whether the environment's own pointer moves, not only its bindings."""
        return any(parse(change.address).member is None for change in self.changes)


class Ready(Frozen):
    """A binding that may move. `checks`: the contract's checks on requests, by column."""

    change: Change
    judgements: tuple[Judgement, ...] = ()
    checks: Mapping[str, Json] = field(default_factory=dict)


class Held(Frozen):
    """A binding that does not move. `exit_code`: GATE when a gate holds it, STALE when it has changed since the plan."""

    change: Change
    problem: Diagnostic
    judgements: tuple[Judgement, ...]
    exit_code: int


class Skipped(Frozen):
    """A binding that does not move because a step has no result, or because another binding of the environment does not move."""

    change: Change
    because: str


Outcome: TypeAlias = Ready | Held | Skipped


class Decision(Frozen):
    """The outcome of each binding of an environment in the plan, in the order of the plan."""

    outcomes: tuple[Outcome, ...] = ()

    @property
    def ready(self) -> tuple[Ready, ...]:
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Ready))

    @property
    def held_by_gates(self) -> tuple[Held, ...]:
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Held) and outcome.exit_code == GATE)


def decide(move: Move, built: Built) -> Decision:
    """Judge the bindings among the changes. `built`: the outcome of this apply's own steps."""
    declared = bindings(move.declarations)
    changes = [change for change in move.changes if parse(change.address).member is not None]
    outcomes = tuple(_outcome(move, change, declared.get(change.address), built) for change in changes)
    environment = environments(move.declarations).get(move.name)
    return Decision(outcomes=_together(outcomes) if environment is not None and environment.together else outcomes)


def _outcome(move: Move, change: Change, binding: Binding | None, built: Built) -> Outcome:
    if isinstance(change, Remove) or binding is None:
        return Ready(change=change)
    obstacle = _obstacle(change, binding, move.settled, built)
    if obstacle is not None:
        return Skipped(change=change, because=obstacle)
    # decided again, since an artifact that was lost and rebuilt may be another package now
    returning = is_return(binding, move.declarations.built, move.state, move.settled.results)
    judgements = judge(binding, move.declarations, move.settled, move.state, returning=returning)
    if moved_since(move.state, {change.address: (change.before, change.before_version)}):
        return Held(change=change, problem=_stale(change), judgements=judgements, exit_code=STALE)
    reason = None if returning else refusal(judgements)
    if reason:
        return Held(change=change, problem=_refused(change, reason, judgements), judgements=judgements, exit_code=GATE)
    return Ready(change=replace(change, is_return=returning), judgements=judgements, checks=binding.checks)


def _obstacle(change: Change, binding: Binding, settled: Settled, built: Built) -> str | None:
    """The step whose missing result prevents this binding from being judged or moved, or None."""
    model = settled.by_address[binding.model.address]
    places = [*(step.place for step in model.steps), *(s.step.place for s in change.steps if not s.effect)]
    failed_step = built.obstacle(places)
    if failed_step is not None:
        return failed_step
    # a model that is not part of this plan must be built already
    export = settled.keys.of(model.address, "export")
    pointer = settled.current.get(model.address)
    in_place = export in settled.results or (pointer is not None and pointer.key("export") == export)
    return None if in_place else f"export of {model.address}"


def _together(outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
    """The outcomes with `switch: together`: no binding moves unless all do."""
    first_left = next((outcome for outcome in outcomes if not isinstance(outcome, Ready)), None)
    if first_left is None:
        return outcomes
    because = f"bind of {first_left.change.address}"
    return tuple(Skipped(change=one.change, because=because) if isinstance(one, Ready) else one for one in outcomes)


def _refused(change: Change, reason: str, judgements: tuple[Judgement, ...]) -> Diagnostic:
    return error(
        "gate-failed",
        "A version did not pass a gate",
        f"{change.address} stays {f'at {change.before_version}' if change.before_version else 'unbound'}: {reason}",
        span=next(judgement.gate.span for judgement in judgements if judgement.passed is not True),
        hint="bind another version, or change the gate in a reviewed commit",
    )


def _stale(change: Change) -> Diagnostic:
    detail = f"{change.address}: changed since the plan; what was built stays in the store"
    return error("stale-binding", "A binding has changed since it was planned", detail, hint="run `leptonctl plan` again")
