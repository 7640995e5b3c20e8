"""`state backup` and `state restore`: a copy of the state in a file, and the way back to it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from leptonctl.commands.planning.folder import refuse_copy
from leptonctl.commands.session import Session
from leptonctl.commands.state_look import moved_row
from leptonctl.commands.who import author_of, owner_of
from leptonctl.core.address import document
from leptonctl.core.codec import BadRecord
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.frozen import replace
from leptonctl.core.packed import decode_state, encode_state
from leptonctl.core.state import Environment, State
from leptonctl.core.values import Json
from leptonctl.deploying.takeover import Request, settled, take_over
from leptonctl.project.edits import write_text
from leptonctl.storage.claims import TERM_S, lock_held
from leptonctl.storage.durable import ensure_dot_folder
from leptonctl.storage.lineage import LineageStore
from leptonctl.storage.lineage_survey import Survey, survey
from leptonctl.storage.pointers import moves
from leptonctl.storage.standing import read_standing, refuse_other_store

Consent = Callable[[Mapping[str, Json]], bool]
UNREADABLE = frozenset({"corrupt-state", "lost-state"})


def backup(session: Session, file: Path, *, force: bool) -> dict[str, Json]:
    """Write the state to a file and read it back. Failure `file-exists` when the file is another one, unless `force`."""
    stored = session.pointers.stored()
    if stored is None:
        raise fail(
            "nothing-applied",
            "Nothing has been applied yet",
            f"{session.pointers.states.describe()} does not exist",
            hint="leptonctl apply",
        )
    state = stored[0]
    text = encode_state(state).decode()
    before = _text_of(file)
    if before is not None and before != text and not force:
        raise fail("file-exists", "The file exists", f"{file} has other contents", hint="name another file, or add --force to replace it")
    if before != text:
        write_text(file, text)
    if _text_of(file) != text:
        raise fail("cannot-write", "A file cannot be written", f"{file}: what was read back is not what was written", hint="check the disk")
    return {
        "file": str(file),
        "lineage": state.lineage,
        "generation": state.generation,
        "serial": state.serial,
        "pointers": len(state.current),
    }


def restore(session: Session, file: Path, consent: Consent, *, reason: str = "") -> dict[str, Json]:
    """Put the state in a file in charge, above everything that the store has seen since."""
    wanted = _read(file)
    _refuse_stranger(session, wanted, file)
    before, damage = stored_or_damage(session)
    if before is not None and before.lineage != wanted.lineage:
        raise other_lineage(session, before, f"{file} is a state of lineage {wanted.lineage}")
    refuse_copy(session, before or wanted)
    refuse_living(session, before)
    part = LineageStore(objects=session.objects, lineage=wanted.lineage)
    seen = survey(session.objects, wanted.lineage)
    if seen.owner is None or seen.owner.record.project != session.project.name:
        whose = f"belongs to project {seen.owner.record.project} there" if seen.owner else "is not in that store"
        detail = f"lineage {wanted.lineage} of {file} {whose}: {session.objects.describe()}"
        raise fail(
            "wrong-store", "The store is not the one that this state belongs to", detail, hint="set `store:` to the one that was used"
        )
    after = settled(part, seen, combined(wanted, before, seen))
    report: dict[str, Json] = {
        "file": str(file),
        "lineage": wanted.lineage,
        "generation": seen.generation((before, wanted)) + 1,
        "restored_serial": wanted.serial,
        "serial": seen.serial((before, wanted)) + 1,
        "changes": [moved_row(m) for m in moves(before or seen.copy or replace(after, current={}), after)],
        "behind": behind(seen, after),
        "set_aside": None,
        "done": False,
    }
    if not consent(report):
        return report
    ensure_dot_folder(session.root)
    aside = session.pointers.set_aside() if damage is not None else None
    owner = owner_of(session, reason=reason)
    request = Request(lineage=wanted.lineage, author=author_of(owner, "state restore"), owner=owner, base=wanted.history)
    state = take_over(session.pointers, request, lambda _part, newest, now: combined(wanted, now, newest))
    return {**report, "generation": state.generation, "serial": state.serial, "set_aside": aside, "done": True}


def combined(wanted: State, before: State | None, seen: Survey) -> State:
    """The restored state with what it cannot know and what stays true: later seals, freezes and withdrawals, and environments that
    began later.
    """
    known = [state for state in (seen.copy, before) if state is not None and state.lineage == wanted.lineage]
    for state in sorted(known, key=lambda state: state.serial):
        names = [name for name in state.environments if name not in wanted.environments]
        entries = {a: p for name in names for a, p in state.current.items() if a == document("environment", name)}
        entries |= {a: p for name in names for a, p in state.entries(document("environment", name) + "/").items()}
        wanted = replace(
            wanted,
            sealed={**state.sealed, **wanted.sealed},
            environments={
                **{name: _with_withdrawals(record, state.environments.get(name)) for name, record in wanted.environments.items()},
                **{name: state.environments[name] for name in names},
            },
            frozen=state.frozen,
            current={**wanted.current, **entries},
        )
    return wanted


def _with_withdrawals(record: Environment, later: Environment | None) -> Environment:
    return record if later is None else replace(record, withdrawals=later.withdrawals)


def behind(seen: Survey, state: State) -> list[Json]:
    """The environments of which the head names another deployment than the state: the next plan shows them."""
    rows: list[Json] = []
    for name, record in sorted(state.environments.items()):
        at = seen.heads.get(name)
        recorded = 0 if record.destroyed else record.deployment
        if at is not None and at.head.deployment != recorded:
            rows.append({"environment": name, "recorded": recorded, "head": at.head.deployment})
    return rows


def stored_or_damage(session: Session) -> tuple[State | None, Failure | None]:
    """The state as stored; or None and the failure by which it cannot be read."""
    try:
        stored = session.pointers.stored()
    except Failure as failure:
        if failure.diagnostics[0].id not in UNREADABLE:
            raise
        return None, failure
    return (stored[0] if stored else None), None


def refuse_living(session: Session, state: State | None) -> None:
    """Failure `lock-held` (exit 4) while an apply is running with this state."""
    for id_, claim in (state.applies if state else {}).items():
        if session.liveness.alive(f"claim/{id_}", claim.owner, claim.beat, TERM_S):
            raise lock_held(min(claim.addresses, default="the state"), claim.owner)


def other_lineage(session: Session, state: State, why: str) -> Failure:
    """Another lineage than that of the state in place."""
    return fail(
        "other-lineage",
        "This belongs to another lineage",
        f"{why}, but {session.pointers.states.describe()} is of lineage {state.lineage}.",
        hint="name the file or lineage of this project; to begin with another one, move the state away first",
    )


def _read(file: Path) -> State:
    try:
        return decode_state(file.read_bytes())
    except OSError as problem:
        raise _bad_backup(file, problem.strerror or str(problem)) from problem
    except BadRecord as problem:
        raise _bad_backup(file, str(problem)) from problem


def _bad_backup(file: Path, why: str) -> Failure:
    return fail("bad-backup", "The file is not a copy of a state", f"{file}: {why}", hint="name a file that `leptonctl state backup` wrote")


def _refuse_stranger(session: Session, state: State, file: Path) -> None:
    if state.project != session.project.name:
        raise fail(
            "other-project",
            "The state belongs to a project of another name",
            f"{file} is a state of project {state.project}, but leptonctl.yaml says `name: {session.project.name}`.",
            hint="name a backup of this project; if it was renamed, restore under the old `name:`, then `leptonctl state rename`",
        )
    refuse_other_store(read_standing(session.objects, state.lineage), state, session.objects.describe())


def _text_of(file: Path) -> str | None:
    try:
        return file.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        raise fail("file-exists", "The file exists", f"{file}: {problem}", hint="name another file") from problem
