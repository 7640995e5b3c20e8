"""Judges a binding's gates on the evidence that exists, the same way at plan time and before the bind. Pure."""

from collections.abc import Mapping, Sequence

from leptonctl.core.change import Change, Keep, Remove, Update
from leptonctl.core.frozen import replace
from leptonctl.core.gate import Judgement
from leptonctl.core.plan import Settled
from leptonctl.core.state import State
from leptonctl.kinds.environment.binding import Binding, foreseen, is_return, package_of, with_unbind_step, withdrawals_of
from leptonctl.kinds.environment.evidence import evidence_of
from leptonctl.kinds.environment.gate_rules import metrics_to_evaluate
from leptonctl.kinds.environment.gates import judgements
from leptonctl.kinds.environment.holding import ROLLBACK, hold_of, together
from leptonctl.kinds.environment.kind import environments
from leptonctl.kinds.kind import Declarations


def judge_changes(
    changes: Sequence[Change],
    declared: Mapping[str, Binding],
    declarations: Declarations,
    settled: Settled,
    state: State | None,
    *,
    command: str = "apply",
) -> tuple[Change, ...]:
    """The changes of bindings with their gates judged, whether they are returns, and what holds them. `command`: what plans them."""
    judged = [
        _judge_change(with_unbind_step(change), declared[change.address], declarations, settled, state)
        if change.address in declared
        else _judge_undeclared(with_unbind_step(change), state, command)
        for change in changes
    ]
    for environment in environments(declarations).values():
        if environment.together:
            group = [index for index, change in enumerate(judged) if environment.holds(change.address)]
            for index, change in zip(group, together([judged[i] for i in group], state), strict=True):
                judged[index] = change
    return tuple(judged)


def _judge_undeclared(change: Change, state: State | None, command: str) -> Change:
    """What holds a change of what is no binding, or is one no longer."""
    place = change.place
    if place.kind != "environment" or not isinstance(change, Remove | Update):
        return change
    if command == ROLLBACK and place.member is not None:
        # the deployment that it returns to did not bind this model
        return replace(change, is_return=True)
    # what serves, and how, stays as it is while the environment is frozen
    return replace(change, hold=hold_of(change, state))


def _judge_change(change: Change, binding: Binding, declarations: Declarations, settled: Settled, state: State | None) -> Change:
    if isinstance(change, Keep):
        return change
    returning = is_return(binding, declarations.built, state, settled.results)
    verdicts = judge(binding, declarations, settled, state, returning=returning)
    unknown = () if returning else tuple(f"gates.{j.gate.metric}.{j.gate.rule}" for j in verdicts if j.passed is None)
    moves = (change.before, change.before_version) != (change.after, change.after_version)
    reason = _reason_of_return(change, state) if returning and moves else change.reason
    hold = hold_of(
        change,
        state,
        judgements=[j for j in verdicts if j.passed is False],
        withdrawals=withdrawals_of(binding, declarations.built, state, settled.results),
        package=package_of(binding, declarations.built, settled.results),
        returning=returning,
    )
    known_after_apply = (*change.known_after_apply, *unknown)
    return replace(change, judgements=verdicts, is_return=returning, reason=reason, known_after_apply=known_after_apply, hold=hold)


def _reason_of_return(change: Change, state: State | None) -> str:
    """That a binding returns, and that a freeze, which a reader would expect to hold it, does not."""
    name = change.place.name
    frozen = f"; {name} is frozen, which holds no return" if state is not None and name in state.frozen else ""
    return f"return to {change.after_version}, served here before{frozen}"


def judge(binding: Binding, declarations: Declarations, settled: Settled, state: State | None, *, returning: bool) -> tuple[Judgement, ...]:
    """The judgement of every gate of a binding, in order. `state` says what is bound now."""
    model, task = binding.model.address, binding.model.task
    keys = [settled.keys.of(model, "evaluate")]
    if metrics_to_evaluate(binding.gates, binding.model.metrics):
        keys.append(settled.keys.of(binding.address, "evaluate"))
    bound = state.current.get(binding.address) if state else None
    compares = bound is not None and bound.digest != declarations.built[model].digest
    evidence = evidence_of(
        [settled.results.get(key or "") for key in keys],
        settled.results.get(settled.keys.of(binding.address, "compare") or ""),
        compares=compares,
        same=bound is not None and not compares,
        foreseen=foreseen(binding, bound, settled.results) if compares and not returning else (),
    )
    metrics = declarations.catalog.metrics
    return judgements(binding.gates, evidence, lambda metric: metrics[task, metric].greater_is_better is not False, is_return=returning)
