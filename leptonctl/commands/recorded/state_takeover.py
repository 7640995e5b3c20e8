"""What `state restore` and `state adopt` share: how one state takes the place of another."""

from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.frozen import replace
from leptonctl.core.state import Moved, State
from leptonctl.core.values import Json
from leptonctl.deploying.takeover import Rebuild, Request, take_over
from leptonctl.storage.claims import TERM_S, lock_held
from leptonctl.storage.durable import ensure_dot_folder
from leptonctl.storage.lineage_survey import Survey
from leptonctl.storage.pointers import moves

UNREADABLE = frozenset({"corrupt-state", "lost-state"})


def stored_or_damage(session: Session) -> tuple[State | None, Failure | None]:
    """The state as stored; or None and why it cannot be read."""
    try:
        stored = session.pointers.stored_state()
    except Failure as failure:
        if failure.diagnostics[0].id not in UNREADABLE:
            raise
        return None, failure
    return (stored[0] if stored else None), None


def refuse_while_applying(session: Session, state: State | None) -> None:
    """Failure `lock-held` (exit 4) while an apply is running with this state."""
    for id_, claim in (state.applies if state else {}).items():
        if session.liveness.alive(f"claim/{id_}", claim.owner, claim.beat, TERM_S):
            raise lock_held(min(claim.addresses, default="the state"), claim.owner)


def other_lineage(session: Session, state: State, why: str) -> Failure:
    """The failure for a lineage that is not that of the present state."""
    return fail(
        "other-lineage",
        "This belongs to another lineage",
        f"{why}, but {session.pointers.states.describe()} is of lineage {state.lineage}.",
        hint="name the file or lineage of this project; to begin with another one, move the state away first",
    )


def takeover_report(current: Survey, before: State | None, after: State, saved: State | None = None) -> dict[str, Json]:
    """What changes when `after` takes the place of `before`. `saved`: the state that is restored; None: `after` itself."""
    known = (before, saved if saved is not None else after)
    return {
        "generation": current.generation(known) + 1,
        "serial": current.serial(known) + 1,
        "changes": [_moved_row(m) for m in moves(before or current.copy or replace(after, current={}), after)],
        "behind": _older_environments(current, after),
        "set_aside": None,
    }


def put_in_charge(session: Session, damage: Failure | None, request: Request, rebuild: Rebuild) -> dict[str, Json]:
    """Put the state that `rebuild` returns in charge, after setting a damaged one aside. The fields of the report that this changes."""
    ensure_dot_folder(session.root)
    aside = session.pointers.set_aside() if damage is not None else None
    state = take_over(session.pointers, request, rebuild)
    return {"generation": state.generation, "serial": state.serial, "set_aside": aside, "done": True}


def _older_environments(current: Survey, state: State) -> list[Json]:
    """The environments whose head names another deployment than the state: the next plan shows them."""
    rows: list[Json] = []
    for name, record in sorted(state.environments.items()):
        at = current.heads.get(name)
        recorded = 0 if record.destroyed else record.deployment
        if at is not None and at.head.deployment != recorded:
            rows.append({"environment": name, "recorded": recorded, "head": at.head.deployment})
    return rows


def _moved_row(move: Moved) -> dict[str, Json]:
    """A pointer before and after a move, in JSON."""
    return {
        "address": move.address,
        "before": move.before,
        "after": move.after,
        "before_version": move.before_version,
        "after_version": move.after_version,
    }
