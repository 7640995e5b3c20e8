"""What a switch withdraws from its environment, and what it lets back in (protocols 8). Pure."""

from collections.abc import Iterator, Mapping, Sequence

from leptonctl.core.frozen import replace
from leptonctl.core.holds import Act, Readmission, Withdrawal
from leptonctl.core.state import Pointer
from leptonctl.kinds.environment.holding import withdraws
from leptonctl.kinds.environment.judging import Move, Ready
from leptonctl.kinds.environment.kind import bindings, environments


def withdrawals_after(
    move: Move, ready: Sequence[Ready], bound: Mapping[str, Pointer | None], at: str
) -> tuple[tuple[Withdrawal, ...], tuple[Act, ...]]:
    """All withdrawals of the environment after the switch, and what the history records about the new ones and the readmitted."""
    record = move.state.environments.get(move.name)
    withdrawals = {w.id: w for w in (record.withdrawals if record else ())}
    acts: list[Act] = []
    for one in ready:
        for readmitted in _readmissions(move, one, withdrawals, bound, at):
            withdrawals[readmitted.id] = readmitted
            acts.append(act_of("readmitted", readmitted))
    for one in ready:
        if _withdraws(move, one, after := bound.get(one.change.address)):
            withdrawal = _withdrawal(move, one, after, id=f"w{len(withdrawals) + 1}", at=at)
            withdrawals[withdrawal.id] = withdrawal
            acts.append(act_of("withdrawn", withdrawal))
    return tuple(withdrawals.values()), tuple(acts)


def add_readmission(withdrawal: Withdrawal, at: str, by: str | None, reason: str) -> Withdrawal:
    """The withdrawal, let back in."""
    return replace(withdrawal, readmitted=Readmission(at=at, by=by, reason=reason))


def act_of(kind: str, withdrawal: Withdrawal) -> Act:
    """The entry of the history for a withdrawal or a readmission."""
    if kind == "readmitted":
        reason = withdrawal.readmitted.reason if withdrawal.readmitted else ""
        return Act(kind="readmitted", model=withdrawal.model, version=withdrawal.version, withdrawal=withdrawal.id, reason=reason)
    return Act(kind="withdrawn", model=withdrawal.model, version=withdrawal.version, withdrawal=withdrawal.id, reason=withdrawal.reason)


def _readmissions(
    move: Move, one: Ready, withdrawals: Mapping[str, Withdrawal], bound: Mapping[str, Pointer | None], at: str
) -> Iterator[Withdrawal]:
    """The withdrawal that the YAML readmits with this binding, unless a command has readmitted it before."""
    binding = bindings(move.declarations).get(one.change.address)
    pointer = bound.get(one.change.address)
    if binding is None or binding.readmit is None or pointer is None:
        return
    named = withdrawals.get(binding.readmit.withdrawal)
    if named is None or named.readmitted is not None:
        return
    if named.covers(digest=pointer.digest, package=pointer.package, artifact=pointer.artifact):
        yield add_readmission(named, at, move.author.by, binding.readmit.reason)


def _withdraws(move: Move, one: Ready, after: Pointer | None) -> bool:
    declared = environments(move.declarations).get(move.name)
    package = after.package if after else None
    return withdraws(one.change, move.state, declared, command=move.author.command, package=package)


def _withdrawal(move: Move, one: Ready, after: Pointer | None, *, id: str, at: str) -> Withdrawal:  # noqa: A002
    """The withdrawal of what a binding leaves. `after`: what it binds instead."""
    before, record = move.state.current[one.change.address], move.state.environments.get(move.name)
    return Withdrawal(
        id=id,
        model=one.change.place.member or "",
        version=before.version or "",
        digest=before.digest if after is None or before.digest != after.digest else "",
        package=before.package or "",
        artifact=(before.artifact or "") if after is None or before.artifact != after.artifact else "",
        at=at,
        by=move.author.by,
        reason=move.author.reason,
        command=move.author.command,
        deployment=record.deployment if record else 0,
    )
