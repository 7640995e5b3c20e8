"""The straight line of apply and build: plan -> claim -> steps -> pointers -> environments. Performs nothing the plan does not list."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from leptonctl.commands.binding import Environments
from leptonctl.commands.entries import built_entries
from leptonctl.commands.outcome import Outcome
from leptonctl.commands.planning import Planned, check_saved, make, read_saved
from leptonctl.commands.run import Run, history_of
from leptonctl.commands.session import Session
from leptonctl.core.change import Plan
from leptonctl.core.diagnostic import ERROR, INTERRUPTED, STALE, Failure, fail, has_errors
from leptonctl.core.event import Reporter
from leptonctl.core.graph import resolve_keys
from leptonctl.core.record import Entry, State
from leptonctl.core.values import Json
from leptonctl.kinds.live import recovered
from leptonctl.storage.claims import Moved, claimed, holds, set_phase, without_dead
from leptonctl.storage.durable import ensure_dot_folder
from leptonctl.storage.owner import current_owner

RETRIES = 5
Consent = Callable[[Plan], bool]


def build(session: Session, *, only: Sequence[str] = (), reporter: Reporter) -> Outcome:
    """Train and evaluate into the store; move no pointer."""
    ensure_dot_folder(session.root)
    run = Run(session=session, planned=make(session, addresses=only), reporter=reporter, command="build", owner=owner_of(session))
    run.begin(binds=False)
    try:
        run.build()
    except KeyboardInterrupt:
        run.codes.append(INTERRUPTED)
    return run.finish(run.planned.plan.serial)


def apply(
    session: Session,
    *,
    plan_file: Path | None = None,
    only: Sequence[str] = (),
    expect: str | None = None,
    allow_rewind: bool = False,
    consent: Consent,
    reporter: Reporter,
    command: str = "apply",
) -> Outcome:
    """Build what has no result yet, then move the pointers. Replans while pointers move that are not its own."""
    saved = read_saved(plan_file) if plan_file is not None else None
    agreed: str | None = None
    recover(session)
    for _ in range(RETRIES):
        planned = make(session, addresses=(saved or {}).get("only", only), allow_rewind=allow_rewind)
        made = planned.plan
        if saved is not None:
            check_saved(saved, made)
        if expect is not None and made.effect_id != expect:
            raise fail(
                "stale-effect", "What would move is not what was expected", f"effect {made.effect_id}", hint="plan again", exit_code=STALE
            )
        if has_errors(made.diagnostics):
            raise Failure(made.diagnostics, STALE if any(d.id == "rewind" for d in made.diagnostics) else ERROR)
        if not made.has_effect:
            return _nothing(session, planned, reporter, command)
        if agreed != made.effect_id and not consent(made):
            return Outcome(plan=made, exit_code=ERROR)
        agreed = made.effect_id
        with suppress(Moved):
            return _claimed(session, planned, reporter, command)
    raise fail(
        "contended",
        "Other applies move the same addresses all the time",
        f"tried {RETRIES} times",
        hint="apply again later",
        exit_code=STALE,
    )


def recover(session: Session) -> None:
    """Complete from the head, or drop, every switch whose apply died half-way; drop the claims and locks of the dead."""
    state = session.pointers.read()
    if state is None:
        return
    for name, pending in state.pending.items():
        if not _running(pending, state.applies):
            _recover(session, name, pending)
    session.pointers.move(without_dead)


def _recover(session: Session, name: str, pending: Mapping[str, Json]) -> None:
    """One environment's switch. The history tells it as the apply that began it would have."""
    head = session.store.head(name)

    def move(now: State) -> State:
        if now.pending.get(name) != pending:
            return now
        others = {n: p for n, p in now.pending.items() if n != name}
        mended = recovered(replace(now, pending={name: dict(pending)}), {name: head[0] if head else None})
        return replace(mended, pending=others)

    begun = pending.get("history")
    session.pointers.move(move, {**(begun if isinstance(begun, dict) else {}), "recovered_by": owner_of(session).get("user")})


def _running(pending: Mapping[str, Json], applies: Mapping[str, dict[str, Json]]) -> bool:
    claim = applies.get(str(pending.get("claim")))
    return claim is not None and holds(claim)


def _nothing(session: Session, planned: Planned, reporter: Reporter, command: str) -> Outcome:
    run = Run(session=session, planned=planned, reporter=reporter, command=command, owner={})
    run.begin(binds=True)
    return run.finish(planned.plan.serial)


def _claimed(session: Session, planned: Planned, reporter: Reporter, command: str) -> Outcome:
    """Everything between the claim and its release."""
    ensure_dot_folder(session.root)
    session.pointers.begin()
    moving = [c for c in planned.plan.moving if c.address not in planned.prerequisites]
    healed = [d.address for d in planned.plan.drift if d.drift_class == "heal"]
    owner = owner_of(session)
    check = {c.address: c.before for c in moving}
    returns = [c.address for c in moving if c.is_return]
    with claimed(session.pointers, owner, [*check, *healed], returns, check) as claim:
        run = Run(session=session, planned=planned, reporter=reporter, command=command, owner=owner)
        run.begin(binds=True)
        try:
            run.build()
            set_phase(session.pointers, claim, "binding")
            _record(run)
            environments = Environments(run=run, claim=claim, commit=planned.checkout.commit)
            environments.move()
        except KeyboardInterrupt:
            run.codes.append(INTERRUPTED)
    state = session.pointers.read()
    return run.finish(state.serial if state else 0)


def _record(run: Run) -> None:
    """Move the pointers of datasets and models whose steps all have results, and drop the forgotten ones, in one write."""
    planned = run.planned
    results = {**planned.results, **{r.key: r for r in run.built.results.values()}}
    current = planned.state.current if planned.state else {}
    keys = resolve_keys(planned.nodes, current, results)
    entries: dict[str, Entry | None] = built_entries(planned, run.built, keys, results)
    if not entries:
        return
    wanted = {c.address: c.before for c in planned.plan.moving}

    def move(state: State) -> State:
        still = {a: e for a, e in entries.items() if _digest(state.current.get(a)) == wanted[a]}
        return state.moved(still) if still else state

    run.session.pointers.move(move, history_of(run))


def _digest(entry: Entry | None) -> str | None:
    return entry.digest if entry else None


def owner_of(session: Session, command: str = "") -> dict[str, Json]:
    """Who acts: this process, and the commit it acts from."""
    from leptonctl.project import git

    commit = git.head(session.root)
    return current_owner(command or " ".join(["leptonctl", *sys.argv[1:]]), commit.hash if commit else None)
