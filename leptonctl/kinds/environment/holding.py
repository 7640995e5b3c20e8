"""Why a binding does not move: a gate, a withdrawal, a freeze, or another binding that has to move with it. Pure.

The answer is the same at plan time and under the lock of the environment, so a plan shows the hold that its apply would meet.
"""

from collections.abc import Iterable, Mapping, Sequence

from leptonctl.core.change import Change, Keep, Remove
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.frozen import replace
from leptonctl.core.gate import Hold, HoldKind, Judgement
from leptonctl.core.holds import Freeze, HeldBinding, Withdrawal
from leptonctl.core.state import Served, State
from leptonctl.core.values import Span
from leptonctl.kinds.environment.binding import Readmit
from leptonctl.kinds.environment.gates import refusal
from leptonctl.kinds.environment.kind import Environment

PROBLEMS: dict[HoldKind, Diagnostic] = {
    "gate": error("gate-failed", "A version did not pass a gate"),
    "withdrawn": error("withdrawn", "A version was withdrawn from this environment"),
    "frozen": error("frozen-environment", "The environment is frozen"),
}
ROLLBACK = "rollback"
TO_ASSUME = "add `comparable: assume` to the gate in a reviewed commit, which takes the responsibility, or bind another version"


def hold_of(
    change: Change,
    state: State | None,
    *,
    judgements: Iterable[Judgement] = (),
    withdrawals: Sequence[Withdrawal] = (),
    package: str | None = None,
    returning: bool = False,
) -> Hold | None:
    """Why a change of an environment is held, or None when it moves. judgements: those that count against it."""
    moves = (change.before, change.before_version) != (change.after, change.after_version)
    if returning and moves:
        return None
    place = change.place
    freeze = state.frozen.get(place.name) if state else None
    holds: list[Hold] = []
    if freeze is not None:
        holds.append(Hold(kind="frozen", reason=_freeze_reason(place.name, freeze), hint=f"leptonctl unfreeze {place.name}"))
    holds += [_hold_of_withdrawal(change, withdrawal) for withdrawal in withdrawals]
    failed = [] if returning else [judgement for judgement in judgements if judgement.passed is not True]
    if failed:
        kind: HoldKind = "not_comparable" if all(j.held == "not_comparable" for j in failed) else "gate"
        hint = TO_ASSUME if kind == "not_comparable" else "bind another version, or change the gate in a reviewed commit"
        holds.append(Hold(kind=kind, reason=refusal(failed), hint=hint))
    if not holds:
        return None
    # each reason has its own hint, and no single one is enough
    hint = "; and ".join(dict.fromkeys(hold.hint for hold in holds if hold.hint))
    whole = replace(holds[0], reason="; ".join(hold.reason for hold in holds), hint=hint, package=package)
    return since(whole, change, state)


def since(hold: Hold, change: Change, state: State | None) -> Hold:
    """The hold, with the time since which it is unchanged, if an earlier run met it (protocols 9)."""
    recorded = state.held.get(change.address) if state else None
    if recorded is None or (recorded.digest, recorded.reason) != (change.after, hold.reason):
        return hold
    if None not in (recorded.package, hold.package) and recorded.package != hold.package:
        return hold
    return replace(hold, since=recorded.since)


def together(changes: Sequence[Change], state: State | None) -> tuple[Change, ...]:
    """The changes of an environment with `switch: together`: one that is held holds all."""
    first = next((change for change in changes if change.hold is not None), None)
    if first is None:
        return tuple(changes)
    return tuple(
        change
        if change.is_held or isinstance(change, Keep) or change.place.member is None
        else replace(change, hold=since(with_held(first.address), change, state))
        for change in changes
    )


def with_held(address: str) -> Hold:
    """The hold of a binding that moves only together with another one."""
    return Hold(kind="together", reason=f"{address}, which moves together with it, is held")


def held_binding(change: Change, hold: Hold, at: str) -> HeldBinding:
    """The hold as it is recorded; `at` is now."""
    return HeldBinding(
        version=change.after_version, digest=change.after, package=hold.package, kind=hold.kind, reason=hold.reason, since=hold.since or at
    )


def problem(change: Change, hold: Hold, span: Span | None) -> Diagnostic:
    """The report of a hold: an error when it is new, a warning when an earlier run has met it."""
    stays = "stays" if change.before_version is None else f"stays at {change.before_version}"
    if change.before_version is None and not isinstance(change, Remove):
        stays = "stays as it is" if change.place.member is None else "stays unbound"
    detail = f"{change.address} {stays}: {hold.reason}"
    if hold.since:
        detail += f" (held since {_when(hold.since)})"
        return Diagnostic(id="still-held", severity="warning", summary="A binding is still held", detail=detail, span=span, hint=hold.hint)
    return replace(PROBLEMS.get(hold.kind, PROBLEMS["gate"]), detail=detail, span=span, hint=hold.hint)


def span_of_hold(hold: Hold, judgements: Iterable[Judgement], change: Change) -> Span | None:
    """Where to report a hold: at the gate that failed, else at the binding."""
    if hold.kind in ("gate", "not_comparable"):
        span = next((j.gate.span for j in judgements if j.passed is not True and j.gate.span is not None), None)
        if span is not None:
            return span
    return change.span


def withdraws(change: Change, state: State | None, declared: Environment | None, *, command: str, package: str | None) -> bool:
    """Whether a change withdraws what it replaces: every move of a rollback does, and a return by YAML in a protected environment.

    package: what the change binds. A return to a newer package, which was withdrawn and readmitted, withdraws nothing.
    """
    before = state.current.get(change.address) if state else None
    if state is None or before is None or before.package is None or package == before.package:
        return False
    if isinstance(change, Remove):
        # the deployment that is rolled back has added this model
        return command == ROLLBACK
    if command == ROLLBACK:
        # a package that is not built yet differs if its recipe does
        return package is not None or change.after != before.digest
    place = change.place
    record = state.environments.get(place.name)
    protected = (declared is not None and declared.protected) or (record is not None and record.protected)
    if not change.is_return or not protected or record is None:
        return False
    served: Mapping[str, Served] = record.served.get(place.member or "", {})
    former, target = served.get(before.package), served.get(package or "")
    return former is None or target is None or target.deployment < former.deployment


def note_of_readmission(change: Change, readmit: Readmit) -> Diagnostic:
    """The note of a plan that readmits a version."""
    place = change.place
    return Diagnostic(
        id="readmits",
        severity="note",
        summary="A withdrawn version is readmitted",
        detail=f"{change.after_version} of {place.member} comes back to {place.name} ({readmit.withdrawal}): {readmit.reason}",
        span=change.span,
    )


def note_of_withdrawal(change: Change) -> Diagnostic:
    """The note of a plan that would withdraw a version."""
    place = change.place
    version = change.before_version or ""
    build = f" as {change.before.removeprefix('sha256:')[:12]}" if change.before and change.after_version == version else ""
    return Diagnostic(
        id="withdraws",
        severity="note",
        summary="A version is withdrawn",
        detail=f"{version} of {place.member}{build} does not come back to {place.name} before it is readmitted",
        hint=readmit_command(place.name, place.member or "", version),
    )


def note_of_next_apply(addresses: Iterable[str]) -> Diagnostic:
    """The note of a rollback about other bindings that use the lines which it writes back."""
    named = ", ".join(addresses)
    return Diagnostic(
        id="shared-lines",
        severity="note",
        summary="Other bindings use the lines that are written back",
        detail=f"this rollback does not move them, but the next `leptonctl apply` will: {named}",
        hint="to keep what one of them serves, bind a version (of its model or of its data) that these lines are not part of",
    )


def _freeze_reason(name: str, freeze: Freeze) -> str:
    return f"{name} is frozen since {_when(freeze.at)}{_who(freeze.by)}: {freeze.reason}"


def _hold_of_withdrawal(change: Change, withdrawal: Withdrawal) -> Hold:
    place = change.place
    how = "a rollback" if withdrawal.command == "rollback" else "a return"
    former = withdrawal.version if withdrawal.model == place.member else f"{withdrawal.model} {withdrawal.version}"
    alias = f" (as {former})" if former != change.after_version else ""
    why = f": {withdrawal.reason}" if withdrawal.reason else ""
    return Hold(
        kind="withdrawn",
        reason=f"{change.after_version} was withdrawn{alias} by {how} of {place.name} on {_when(withdrawal.at)}{_who(withdrawal.by)}{why}",
        hint=readmit_command(
            place.name, (place.member or "") if change.after_version else withdrawal.model, change.after_version or withdrawal.version
        ),
    )


def readmit_command(environment: str, model: str, version: str) -> str:
    """The command that readmits a withdrawn version."""
    return f'leptonctl readmit {environment}/{model}@{version} --reason "…"'


def _when(at: str) -> str:
    return f"{at[:16].replace('T', ' ')} UTC"


def _who(user: str | None) -> str:
    return f" by {user}" if user else ""
