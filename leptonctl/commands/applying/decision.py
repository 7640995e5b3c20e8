"""Decides which bindings of an environment may move, judged against what is bound now. Pure."""

from collections.abc import Mapping
from typing import TypeAlias

from leptonctl.building.work import Built
from leptonctl.core.change import Change, Remove, Update
from leptonctl.core.diagnostic import GATE, STALE, Diagnostic, error
from leptonctl.core.frozen import Frozen, field, replace
from leptonctl.core.gate import Hold, Judgement
from leptonctl.core.plan import Settled
from leptonctl.core.state import Author, State
from leptonctl.core.values import Json
from leptonctl.deploying.wanted import moved_since
from leptonctl.kinds.environment.binding import Binding, is_return, package_of, withdrawals_of
from leptonctl.kinds.environment.holding import hold_of, problem, since, span_of_hold, with_held
from leptonctl.kinds.environment.judging import judge
from leptonctl.kinds.environment.kind import bindings, environments
from leptonctl.kinds.kind import Declarations
from leptonctl.kinds.model.package import package_key, package_step


class Move(Frozen):
    """The move of one environment, once it is locked.

    changes: all changes of the plan for it. settled: with the results of this apply's own steps. state: what is bound now.
    author: who moves it, with which command and why.
    """

    name: str
    changes: tuple[Change, ...]
    declarations: Declarations
    settled: Settled
    state: State
    author: Author

    @property
    def itself(self) -> bool:
        """Whether the environment's own pointer moves, not only its bindings."""
        return any(change.place.member is None and not _kept_by_freeze(change, self.state) for change in self.changes)

    @property
    def keeps_settings(self) -> bool:
        """Whether edited settings of the environment wait until it is unfrozen."""
        return any(isinstance(change, Update) and _kept_by_freeze(change, self.state) for change in self.changes)


class Ready(Frozen):
    """A binding that may move. `checks`: the contract's checks on requests, by column."""

    change: Change
    judgements: tuple[Judgement, ...] = ()
    checks: Mapping[str, Json] = field(default_factory=dict)


class Held(Frozen):
    """A binding that does not move. `exit_code`: GATE when it is held, STALE when it has changed since the plan (`hold` is None)."""

    change: Change
    problem: Diagnostic
    judgements: tuple[Judgement, ...]
    exit_code: int
    hold: Hold | None = None

    @property
    def is_known(self) -> bool:
        """Whether an earlier run has met the same hold."""
        return self.hold is not None and self.hold.since != ""


class Skipped(Frozen):
    """A binding that does not move because a step has no result, or because another binding of the environment does not move.

    `hold` is set where that other binding is held.
    """

    change: Change
    because: str
    hold: Hold | None = None


Outcome: TypeAlias = Ready | Held | Skipped


class Decision(Frozen):
    """The outcome of each binding of an environment in the plan, in the order of the plan."""

    outcomes: tuple[Outcome, ...] = ()

    @property
    def ready(self) -> tuple[Ready, ...]:
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Ready))

    @property
    def held(self) -> tuple[Held, ...]:
        """What is held, by whatever but a stale plan."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Held) and outcome.exit_code == GATE)


def decide(move: Move, built: Built) -> Decision:
    """Judge the bindings among the changes. `built`: the outcome of this apply's own steps."""
    declared = bindings(move.declarations)
    changes = [change for change in move.changes if change.place.member is not None or _kept_by_freeze(change, move.state)]
    outcomes = tuple(_outcome(move, change, declared.get(change.address), built) for change in changes)
    environment = environments(move.declarations).get(move.name)
    return Decision(outcomes=_together(outcomes, move.state) if environment is not None and environment.together else outcomes)


def _outcome(move: Move, change: Change, binding: Binding | None, built: Built) -> Outcome:
    if isinstance(change, Remove) or binding is None:
        kept = hold_of(change, move.state, returning=change.is_return)
        if kept is not None:
            return _held(replace(change, hold=kept), kept, ())
        return Ready(change=replace(change, hold=None))
    obstacle = _obstacle(change, binding, move.settled, built)
    if obstacle is not None:
        return Skipped(change=change, because=obstacle)
    # decided again, since an artifact that was lost and rebuilt may be another package now
    returning = is_return(binding, move.declarations.built, move.state, move.settled.results)
    judgements = judge(binding, move.declarations, move.settled, move.state, returning=returning)
    if moved_since(move.state, {change.address: (change.before, change.before_version)}):
        return Held(change=change, problem=_stale(change), judgements=judgements, exit_code=STALE)
    hold = hold_of(
        change,
        move.state,
        judgements=judgements,
        withdrawals=withdrawals_of(binding, move.declarations.built, move.state, move.settled.results),
        package=package_of(binding, move.declarations.built, move.settled.results),
        returning=returning,
    )
    if hold is not None:
        return _held(replace(change, is_return=False, hold=hold), hold, judgements)
    return Ready(change=replace(change, is_return=returning, hold=None), judgements=judgements, checks=binding.checks)


def _held(change: Change, hold: Hold, judgements: tuple[Judgement, ...]) -> Held:
    span = span_of_hold(hold, judgements, change)
    diagnostic = problem(change, hold, span)
    return Held(change=change, problem=diagnostic, judgements=judgements, exit_code=GATE, hold=hold)


def _kept_by_freeze(change: Change, state: State) -> bool:
    """Whether this is the removal of a whole environment that is frozen, or an edit of its settings."""
    place = change.place
    return isinstance(change, Remove | Update) and place.member is None and place.name in state.frozen


def _obstacle(change: Change, binding: Binding, settled: Settled, built: Built) -> str | None:
    """The step whose missing result prevents this binding from being judged or moved, or None."""
    model = settled.by_address[binding.model.address]
    places = [*(step.place for step in model.steps), *(s.step.place for s in change.steps if not s.effect)]
    failed_step = built.obstacle(places)
    if failed_step is not None:
        return failed_step
    # a model that is not part of this plan must be built already
    package = package_step(model)
    key = settled.keys.of(*package.place)
    pointer = settled.current.get(model.address)
    in_place = key in settled.results or (pointer is not None and package_key(pointer) == key)
    return None if in_place else f"{package.name} of {model.address}"


def _together(outcomes: tuple[Outcome, ...], state: State) -> tuple[Outcome, ...]:
    """The outcomes with `switch: together`: no binding moves unless all do."""
    first_left = next((outcome for outcome in outcomes if not isinstance(outcome, Ready)), None)
    if first_left is None:
        return outcomes
    held = next((outcome for outcome in outcomes if isinstance(outcome, Held) and outcome.hold is not None), None)
    because = f"bind of {(held or first_left).change.address}"

    def left(one: Ready) -> Skipped:
        hold = since(with_held(held.change.address), one.change, state) if held else None
        return Skipped(change=one.change, because=because, hold=hold)

    return tuple(left(one) if isinstance(one, Ready) else one for one in outcomes)


def _stale(change: Change) -> Diagnostic:
    detail = f"{change.address}: changed since the plan; what was built stays in the store"
    return error("stale-binding", "A binding has changed since it was planned", detail, hint="run `leptonctl plan` again")
