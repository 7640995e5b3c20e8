"""`apply`: plan -> claim -> steps -> pointers -> environments. Does nothing that the plan does not list."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from leptonctl.commands.applying.healing import heal_environment, to_heal
from leptonctl.commands.applying.moving import move_environments
from leptonctl.commands.applying.run import Run, executor_ahead
from leptonctl.commands.outcome import Outcome
from leptonctl.commands.planning.folder import own_folder
from leptonctl.commands.planning.libraries import refuse_without_library
from leptonctl.commands.planning.line import Planned, plan_project
from leptonctl.commands.planning.references import spare
from leptonctl.commands.planning.saved_plan import check_saved, is_same_configuration, read_saved
from leptonctl.commands.session import Session
from leptonctl.commands.who import author_of, owner_of
from leptonctl.core.change import Plan
from leptonctl.core.diagnostic import ERROR, INTERRUPTED, STALE, Failure, fail, has_errors, refusal_code
from leptonctl.core.event import Reporter
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.state import Owner
from leptonctl.deploying.look import is_here
from leptonctl.kinds.environment.holding import note_of_next_apply
from leptonctl.spi.running import Executor
from leptonctl.storage.claims import PointerMoved, Registration, claim_addresses, drop_dead, enter_binding
from leptonctl.storage.durable import ensure_dot_folder

RETRIES = 5
Consent = Callable[[Plan], bool]


class Request(Frozen):
    """The options of an apply. `only`: addresses, none means all. `expect`: the reviewed effect id. `command`, `reason`: for history.

    `also`: versions to move in addition to `only`, where that takes no work. `next_apply`: the bindings that are left to the next one.
    """

    only: Sequence[str] = ()
    plan_file: Path | None = None
    expect: str | None = None
    allow_rewind: bool = False
    command: str = "apply"
    reason: str = ""
    also: Sequence[str] = ()
    next_apply: tuple[str, ...] = ()


def apply(session: Session, request: Request, *, consent: Consent, reporter: Reporter) -> Outcome:
    """Build what has no result yet, then move the pointers. Plans again when another apply has moved a pointer meanwhile."""
    saved = read_saved(request.plan_file) if request.plan_file is not None else None
    consented: str | None = None
    recover(session)
    for _ in range(RETRIES):
        planned = _make_plan(session, request, saved.only if saved else request.only)
        plan = planned.plan
        is_done = not plan.has_effect and not has_errors(plan.diagnostics)
        if is_done and (saved is None or is_same_configuration(saved, plan)):
            # a second run of what is done succeeds, with a saved plan or an expected effect too
            return _finish_idle(session, planned, reporter, request)
        if saved is not None:
            check_saved(saved, plan)
        _refuse(plan, request.expect)
        refuse_without_library(session, plan, planned.settled, "apply", "--only ")
        if consented != plan.effect_id and not consent(plan):
            return Outcome(plan=plan, exit_code=ERROR)
        consented = plan.effect_id
        ensure_dot_folder(session.root)
        _forget_holds(session, planned)
        with suppress(PointerMoved), executor_ahead(session, plan) as executor:
            return _apply_claimed(session, planned, reporter, request, executor)
    raise fail(
        "contended",
        "Other applies keep moving the same addresses",
        f"gave up after {RETRIES} plans",
        hint="run `leptonctl apply` again later",
        exit_code=STALE,
    )


def _make_plan(session: Session, request: Request, addresses: Sequence[str]) -> Planned:
    """The plan, with a note of what the next apply will move where the request says so."""
    planned = plan_project(session, addresses=addresses, also=request.also, allow_rewind=request.allow_rewind, command=request.command)
    if not request.next_apply:
        return planned
    diagnostics = (*planned.plan.diagnostics, note_of_next_apply(request.next_apply))
    return replace(planned, plan=replace(planned.plan, diagnostics=diagnostics))


def _forget_holds(session: Session, planned: Planned) -> None:
    """Drop recorded holds of bindings that are as declared, or no longer declared: what is met there later is new."""
    recorded = planned.state.held if planned.state else {}
    if not recorded:
        return
    moving = {change.address for change in planned.plan.moving}
    unchanged = {change.address for change in planned.plan.changes} - moving
    ended = {address: None for address in recorded if address in unchanged or (not planned.plan.only and address not in moving)}
    if ended:
        session.pointers.move(lambda state: state.holding(ended))


def _refuse(plan: Plan, expect: str | None) -> None:
    """Failure when the plan is not what was expected, or may not be applied."""
    if expect is not None and plan.effect_id != expect:
        detail = f"expected effect {expect}, but the plan has effect {plan.effect_id}"
        raise fail("stale-effect", "The plan is not the expected one", detail, hint="run `leptonctl plan` again", exit_code=STALE)
    if has_errors(plan.diagnostics):
        raise Failure(plan.diagnostics, refusal_code(plan.diagnostics))


def _finish_idle(session: Session, planned: Planned, reporter: Reporter, request: Request) -> Outcome:
    run = _run_of(session, planned, reporter, request)
    run.begin(effects=True)
    _forget_holds(session, planned)
    return run.finish(planned.plan.serial)


def _run_of(
    session: Session, planned: Planned, reporter: Reporter, request: Request, executor: Callable[[], Executor] | None = None
) -> Run:
    return Run(
        session=session,
        planned=planned,
        reporter=reporter,
        command=request.command,
        owner=owner_of(session, reason=request.reason),
        executor=executor,
        next_apply=request.next_apply,
    )


def _apply_claimed(session: Session, planned: Planned, reporter: Reporter, request: Request, executor: Callable[[], Executor]) -> Outcome:
    """Everything between the claim and its release."""
    places = [*(change.place for change in planned.plan.moving), *(drift.place for drift in planned.plan.drift)]
    own_folder(session, planned.state, {place.name for place in places if place.kind == "environment"})
    session.pointers.begin()
    run = _run_of(session, planned, reporter, request, executor)
    try:
        with _claim_moves(session, planned, run.owner) as run.claim:
            _carry_out(run)
    except Failure as failure:
        # without a claim nothing was done; otherwise the last event reports what was
        if run.claim is None:
            raise
        run.report_end(failure)
    state = session.pointers.read()
    return run.finish(state.serial if state else 0)


def _claim_moves(session: Session, planned: Planned, owner: Owner) -> AbstractContextManager[Registration]:
    """Registers what the plan moves or heals. Raises PointerMoved when something has moved since the plan."""
    moving = [change for change in planned.plan.moving if change.address not in planned.prerequisites]
    return claim_addresses(
        session.pointers,
        owner,
        [*(change.address for change in moving), *(drift.address for drift in planned.plan.drift if drift.drift_class == "heal")],
        returns=[change.address for change in moving if change.is_return],
        expected={change.address: change.before for change in moving},
        liveness=session.liveness,
    )


def _carry_out(run: Run) -> None:
    """Heal, build, record what is built, and move the environments. An interrupt ends it, and counts for the exit code."""
    assert run.claim is not None
    run.begin(effects=True)
    # the claim says that this apply is running, and the roots what it moves
    spare(run.session, run.planned)
    try:
        _heal(run)
        run.build()
        run.refuse_warnings()
        enter_binding(run.session.pointers, run.claim)
        run.record()
        move_environments(run)
    except KeyboardInterrupt:
        run.tally.count_error(INTERRUPTED)


def _heal(run: Run) -> None:
    """Heal the environments that this apply does not move anyway, before anything is built (law 10)."""
    moving = {change.place.name for change in run.planned.plan.moving if change.place.kind == "environment" and not change.is_held}
    for name in sorted(to_heal(run) - moving):
        heal_environment(run, name)


def recover(session: Session) -> None:
    """Complete or drop, as the head says, every switch whose apply has died; drop the claims and locks of dead holders."""
    state = session.pointers.read()
    if state is None:
        return
    alive = drop_dead(state, session.liveness)
    dead = [name for name, pending in state.pending.items() if pending.claim not in alive.applies]
    if dead:
        owner = owner_of(session)
        with claim_addresses(session.pointers, owner, [], liveness=session.liveness) as claim:
            switch = session.switch(claim, author_of(owner, "recover"))
            for name in dead:
                switch.recover(name, here=is_here(state.environments.get(name), session.root))
    session.pointers.move(lambda current: drop_dead(current, session.liveness))
