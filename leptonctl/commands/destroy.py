"""`destroy`: undo the effects of environments. Bindings are dropped and this host's servers stop; results, records and seals stay."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from leptonctl.commands.apply import Consent, recover
from leptonctl.commands.outcome import Outcome, exit_code
from leptonctl.commands.planning.folder import own_folder
from leptonctl.commands.recorded.holds import refuse_frozen
from leptonctl.commands.session import Session
from leptonctl.commands.who import author_of, owner_of
from leptonctl.core.address import covers, document
from leptonctl.core.change import Plan, Remove
from leptonctl.core.diagnostic import ERROR, OK, Failure, did_you_mean, fail
from leptonctl.core.event import ApplyFinished, ApplyStarted, Reporter, StepFailed, StepFinished
from leptonctl.core.plan import Observed, make_plan
from leptonctl.core.state import State
from leptonctl.deploying.desired import Desired
from leptonctl.deploying.fleet import Fleet, runs_on
from leptonctl.deploying.look import is_here
from leptonctl.kinds.environment.binding import with_unbind_step
from leptonctl.storage.claims import claim_addresses

if TYPE_CHECKING:
    from leptonctl.deploying.switch import Outcome as Moved
    from leptonctl.deploying.switch import Switch


def destroy(session: Session, environment: str | None, *, consent: Consent, reporter: Reporter, reason: str = "") -> Outcome:
    """Destroy one environment, or all that are recorded. `reason`: for the history.

    It goes by the state, so that servers can be stopped while the project's files are invalid.
    """
    session = session.as_recorded()
    recover(session)
    state = session.pointers.read()
    names = sorted(name for name, record in state.environments.items() if not record.destroyed) if state else []
    if environment is not None and environment not in names:
        hint = did_you_mean(environment, names) or "leptonctl status"
        raise fail("unknown-environment", "No such environment is recorded", environment, hint=hint)
    names = [environment] if environment is not None else names
    if state is not None:
        for name in names:
            refuse_frozen(state, name)
    plan = _removal_plan(session, state, names)
    own_folder(session, state, names)
    if state is None or not plan.has_effect:
        return Outcome(plan=plan, exit_code=OK)
    if not consent(plan):
        return Outcome(plan=plan, exit_code=ERROR)
    return _destroy_claimed(session, state, names, plan, reporter=reporter, reason=reason)


def _destroy_claimed(session: Session, state: State, names: Sequence[str], plan: Plan, *, reporter: Reporter, reason: str) -> Outcome:
    """Claim the addresses, then destroy one environment after the other. One that fails does not stop the others."""
    started = time.monotonic()
    owner = owner_of(session, "leptonctl destroy", reason=reason)
    codes: list[int] = []
    unbound_count = 0
    with claim_addresses(session.pointers, owner, [c.address for c in plan.moving], liveness=session.liveness) as claim:
        reporter(ApplyStarted(command="destroy", plan_id=plan.plan_id, steps=plan.summary["bind"], reuse=0))
        switch = session.switch(claim, author_of(owner, "destroy"))
        for name in names:
            addresses = [c.address for c in plan.moving if covers(document("environment", name), c.address) and c.place.member]
            failure = _destroy_one(session, switch, state, name)
            if failure is None:
                unbound_count += len(addresses)
            else:
                codes.append(failure.exit_code or ERROR)
            _report_bindings(reporter, plan, addresses or ([document("environment", name)] if failure else []), failure)
    after = session.pointers.read()
    code = exit_code(codes)
    finished = ApplyFinished(
        ok=code == OK,
        done={op.done: unbound_count if op.name == "bind" else 0 for op in session.ops.values()},
        failed=len(codes),
        skipped=0,
        serial=after.serial if after else 0,
        seconds=round(time.monotonic() - started, 3),
    )
    reporter(finished)
    return Outcome(plan=plan, exit_code=code, finished=finished)


def _destroy_one(session: Session, switch: "Switch", state: State, name: str) -> Failure | None:
    """Destroy an environment. The failure if that fails, else None."""
    try:
        here = is_here(state.environments.get(name), session.root)
        with switch.hold(name, here=here) as locked:
            # a freeze may have come since the plan
            refuse_frozen(locked.state, name)
            moved = switch.carry_out(locked, _DESTROYED, here=here)
        if moved.lagging:
            raise _still_served(session, name, moved)
    except Failure as failure:
        return failure
    return None


def _report_bindings(reporter: Reporter, plan: Plan, addresses: Sequence[str], failure: Failure | None) -> None:
    """Report the end of the step `bind` of these addresses."""
    for address in addresses:
        if failure is not None:
            problem = failure.diagnostics[0]
            reporter(StepFailed(op="bind", address=address, name="bind", key=None, seconds=0.0, diagnostic=problem))
        else:
            message = _unbinding(plan, address)
            reporter(StepFinished(op="bind", address=address, name="bind", key=None, seconds=0.0, message=message))


def _unbinding(plan: Plan, address: str) -> str:
    """`v1 → unbound`, the message of an apply about a binding that it removes."""
    before = next((change.before_version for change in plan.moving if change.address == address), None)
    return f"{before or 'bound'} → unbound"


def _still_served(session: Session, name: str, moved: "Moved") -> Failure:
    """The failure when nothing is bound any more, but a server still answers."""
    living = Fleet(lineage=session.lineage(moved.state), environment=name, liveness=session.liveness).living()
    where = ", ".join(f"{server.id} is {runs_on(server)}" for server in living if server.deployment)
    detail = f"{name} has no bindings any more, but {moved.lagging}" + (f"; {where}" if where else "")
    return fail("not-stopped", "The server did not stop", detail, hint="end that process; `leptonctl server list` shows when it has ended")


_DESTROYED = Desired(bindings={}, environment=None)


def _reason(state: State | None, name: str) -> str:
    """The reason of a removal, which the plan shows before anything is done."""
    record = state.environments.get(name) if state else None
    return f"to be destroyed: {name} is protected" if record is not None and record.protected else "to be destroyed"


def _removal_plan(session: Session, state: State | None, names: Sequence[str]) -> Plan:
    """The plan of a destroy: every address of the environments is removed."""
    changes = [
        with_unbind_step(Remove(address=address, reason=_reason(state, name), before=pointer.digest, before_version=pointer.version))
        for name in names
        for address, pointer in (state.current if state else {}).items()
        if covers(document("environment", name), address)
    ]
    return make_plan(state=state, changes=changes, observed=Observed(), ops=tuple(session.ops))
