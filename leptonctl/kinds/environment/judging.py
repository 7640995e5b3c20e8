"""Judges the bindings of an environment: when they are planned, and once more when the environment is locked. Pure.

Both times a binding is weighed in the same way, on the evidence that exists by then: a plan shows what its apply will meet.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from leptonctl.core.change import Change, Keep, Remove, Update
from leptonctl.core.diagnostic import GATE, STALE, Diagnostic, error
from leptonctl.core.frozen import Frozen, field, replace
from leptonctl.core.gate import Hold, Judgement
from leptonctl.core.plan import Settled, moved_addresses
from leptonctl.core.state import Author, State
from leptonctl.core.values import Json, StepPlace
from leptonctl.kinds.environment.binding import Binding, foreseeable_conflicts, is_return, package_of, with_unbind_step, withdrawals_of
from leptonctl.kinds.environment.evidence import evidence_of
from leptonctl.kinds.environment.gate_rules import metrics_to_evaluate
from leptonctl.kinds.environment.gates import judgements
from leptonctl.kinds.environment.holding import ROLLBACK, hold_of, problem, since, span_of_hold, together, with_held
from leptonctl.kinds.environment.kind import bindings, environments
from leptonctl.kinds.kind import Declarations
from leptonctl.kinds.model.package import package_key, package_step

Obstacle: TypeAlias = Callable[[Iterable[StepPlace]], str | None]
"""Places of steps -> the first that failed or was skipped, as `OP of ADDRESS`; None when none was."""


class Basis(Frozen):
    """What a binding is judged on. `settled`: with all results so far. `state`: what is bound; None before the first apply."""

    declarations: Declarations
    settled: Settled
    state: State | None


# --- when they are planned ---------------------------------------------------------------------------------------------


def judge_changes(changes: Sequence[Change], basis: Basis, *, command: str = "apply") -> tuple[Change, ...]:
    """The changes of bindings with their gates judged, whether they are returns, and what holds them. `command`: what plans them."""
    declared, state = bindings(basis.declarations), basis.state
    judged = [
        _judge_change(with_unbind_step(change), declared[change.address], basis)
        if change.address in declared
        else _judge_undeclared(with_unbind_step(change), state, command)
        for change in changes
    ]
    for environment in environments(basis.declarations).values():
        if environment.together:
            group = [index for index, change in enumerate(judged) if environment.holds(change.address)]
            for index, change in zip(group, together([judged[i] for i in group], state), strict=True):
                judged[index] = change
    return tuple(judged)


def _judge_undeclared(change: Change, state: State | None, command: str) -> Change:
    """What holds a change of something that is not a binding, or no longer one."""
    place = change.place
    if place.kind != "environment" or not isinstance(change, Remove | Update):
        return change
    if command == ROLLBACK and place.member is not None:
        # the deployment that it returns to did not bind this model
        return replace(change, is_return=True)
    # what serves, and how, stays as it is while the environment is frozen
    return replace(change, hold=hold_of(change, state))


def _judge_change(change: Change, binding: Binding, basis: Basis) -> Change:
    if isinstance(change, Keep):
        return change
    weighed = weigh(change, binding, basis, unknown_holds=False)
    unknown = () if weighed.is_return else tuple(f"gates.{j.gate.metric}.{j.gate.rule}" for j in weighed.judgements if j.passed is None)
    moves = (change.before, change.before_version) != (change.after, change.after_version)
    return replace(
        change,
        judgements=weighed.judgements,
        is_return=weighed.is_return,
        reason=_reason_of_return(change, basis.state) if weighed.is_return and moves else change.reason,
        known_after_apply=(*change.known_after_apply, *unknown),
        hold=weighed.hold,
    )


def _reason_of_return(change: Change, state: State | None) -> str:
    """That a binding returns, and that a freeze, which a reader would expect to hold it, does not."""
    name = change.place.name
    frozen = f"; {name} is frozen, which holds no return" if state is not None and name in state.frozen else ""
    return f"return to {change.after_version}, served here before{frozen}"


# --- one binding -------------------------------------------------------------------------------------------------------


class Weighed(Frozen):
    """What is known of a binding: whether it returns to what has served here, each gate's judgement, and what holds it, if anything."""

    is_return: bool
    judgements: tuple[Judgement, ...]
    hold: Hold | None


def weigh(change: Change, binding: Binding, basis: Basis, *, unknown_holds: bool) -> Weighed:
    """Judge the gates of a binding, and see what holds it. `unknown_holds`: a gate without evidence holds it too."""
    built, results = basis.declarations.built, basis.settled.results
    returning = is_return(binding, built, basis.state, results)
    verdicts = _judge_gates(binding, basis, returning=returning)
    hold = hold_of(
        change,
        basis.state,
        judgements=[judgement for judgement in verdicts if unknown_holds or judgement.passed is False],
        withdrawals=withdrawals_of(binding, built, basis.state, results),
        package=package_of(binding, built, results),
        returning=returning,
    )
    return Weighed(is_return=returning, judgements=verdicts, hold=hold)


def _judge_gates(binding: Binding, basis: Basis, *, returning: bool) -> tuple[Judgement, ...]:
    """The judgement of every gate of a binding, in order."""
    keys, results = basis.settled.keys, basis.settled.results
    model, task = binding.model.address, binding.model.task
    evaluated = [keys.of(model, "evaluate")]
    if metrics_to_evaluate(binding.gates, binding.model.metrics):
        evaluated.append(keys.of(binding.address, "evaluate"))
    bound = basis.state.current.get(binding.address) if basis.state else None
    compares = bound is not None and bound.digest != basis.declarations.built[model].digest
    evidence = evidence_of(
        [results.get(key or "") for key in evaluated],
        results.get(keys.of(binding.address, "compare") or ""),
        compares=compares,
        same=bound is not None and not compares,
        foreseen=foreseeable_conflicts(binding, bound, results) if compares and not returning else (),
    )
    metrics = basis.declarations.catalog.metrics
    return judgements(binding.gates, evidence, lambda metric: metrics[task, metric].greater_is_better is not False, is_return=returning)


# --- when the environment is locked ------------------------------------------------------------------------------------


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
        return any(change.place.member is None and not _is_kept_by_freeze(change, self.state) for change in self.changes)

    @property
    def keeps_settings(self) -> bool:
        """Whether edited settings of the environment wait until it is unfrozen."""
        return any(isinstance(change, Update) and _is_kept_by_freeze(change, self.state) for change in self.changes)


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


class Decision(Frozen):
    """What becomes of each binding of an environment in the plan, in the order of the plan."""

    outcomes: tuple[Ready | Held | Skipped, ...] = ()

    @property
    def ready(self) -> tuple[Ready, ...]:
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Ready))

    @property
    def held(self) -> tuple[Held, ...]:
        """What is held, by whatever but a stale plan."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Held) and outcome.exit_code == GATE)


def decide(move: Move, obstacle: Obstacle) -> Decision:
    """Judge the bindings among the changes, by what is bound now. `obstacle`: of the steps that this apply was to do."""
    declared = bindings(move.declarations)
    changes = [change for change in move.changes if change.place.member is not None or _is_kept_by_freeze(change, move.state)]
    outcomes = tuple(_decide_binding(move, change, declared.get(change.address), obstacle) for change in changes)
    environment = environments(move.declarations).get(move.name)
    return Decision(outcomes=_all_or_none(outcomes, move.state) if environment is not None and environment.together else outcomes)


def _decide_binding(move: Move, change: Change, binding: Binding | None, obstacle: Obstacle) -> Ready | Held | Skipped:
    if isinstance(change, Remove) or binding is None:
        hold = hold_of(change, move.state, returning=change.is_return)
        return Ready(change=replace(change, hold=None)) if hold is None else _hold(replace(change, hold=hold), hold, ())
    because = _missing_step(change, binding, move.settled, obstacle)
    if because is not None:
        return Skipped(change=change, because=because)
    # an artifact that was lost and rebuilt may be another package than the plan saw
    basis = Basis(declarations=move.declarations, settled=move.settled, state=move.state)
    weighed = weigh(change, binding, basis, unknown_holds=True)
    if moved_addresses(move.state, {change.address: (change.before, change.before_version)}):
        return Held(change=change, problem=_stale(change), judgements=weighed.judgements, exit_code=STALE)
    if weighed.hold is not None:
        return _hold(replace(change, is_return=False, hold=weighed.hold), weighed.hold, weighed.judgements)
    return Ready(change=replace(change, is_return=weighed.is_return, hold=None), judgements=weighed.judgements, checks=binding.checks)


def _hold(change: Change, hold: Hold, verdicts: tuple[Judgement, ...]) -> Held:
    diagnostic = problem(change, hold, span_of_hold(hold, verdicts, change))
    return Held(change=change, problem=diagnostic, judgements=verdicts, exit_code=GATE, hold=hold)


def _is_kept_by_freeze(change: Change, state: State) -> bool:
    """Whether this is the removal of a whole environment that is frozen, or an edit of its settings."""
    place = change.place
    return isinstance(change, Remove | Update) and place.member is None and place.name in state.frozen


def _missing_step(change: Change, binding: Binding, settled: Settled, obstacle: Obstacle) -> str | None:
    """The step whose missing result prevents this binding from being judged or moved, or None."""
    model = settled.by_address[binding.model.address]
    failed = obstacle([*(step.place for step in model.steps), *(step.step.place for step in change.steps if not step.effect)])
    if failed is not None:
        return failed
    # a model that is not part of this plan must be built already
    package = package_step(model)
    key = settled.keys.of(*package.place)
    pointer = settled.current.get(model.address)
    in_place = key in settled.results or (pointer is not None and package_key(pointer) == key)
    return None if in_place else f"{package.name} of {model.address}"


def _all_or_none(outcomes: tuple[Ready | Held | Skipped, ...], state: State) -> tuple[Ready | Held | Skipped, ...]:
    """The outcomes with `switch: together`: no binding moves unless all do."""
    first_left = next((outcome for outcome in outcomes if not isinstance(outcome, Ready)), None)
    if first_left is None:
        return outcomes
    held = next((outcome for outcome in outcomes if isinstance(outcome, Held) and outcome.hold is not None), None)
    because = f"bind of {(held or first_left).change.address}"

    def skip(one: Ready) -> Skipped:
        hold = since(with_held(held.change.address), one.change, state) if held else None
        return Skipped(change=one.change, because=because, hold=hold)

    return tuple(skip(one) if isinstance(one, Ready) else one for one in outcomes)


def _stale(change: Change) -> Diagnostic:
    detail = f"{change.address}: changed since the plan; what was built stays in the store"
    return error("stale-binding", "A binding has changed since it was planned", detail, hint="run `leptonctl plan` again")
