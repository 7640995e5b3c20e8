"""`state backup` and `state restore`: write the state to a file, and put it in charge again."""

from pathlib import Path

from leptonctl.commands.outcome import Consent
from leptonctl.commands.planning.folder import refuse_copy
from leptonctl.commands.recorded.state_takeover import (
    other_lineage,
    put_in_charge,
    refuse_while_applying,
    stored_or_damage,
    takeover_report,
)
from leptonctl.commands.session import Session
from leptonctl.commands.who import author_of, owner_of
from leptonctl.core.address import document
from leptonctl.core.codec import BadRecord
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.frozen import replace
from leptonctl.core.packed import decode_state, encode_state
from leptonctl.core.state import Environment, State
from leptonctl.core.values import Json
from leptonctl.deploying.takeover import Request, settle_pending
from leptonctl.project.edits import write_text
from leptonctl.storage.lineage import LineageStore
from leptonctl.storage.lineage_survey import Survey, survey
from leptonctl.storage.standing import read_standing, refuse_other_store


def backup(session: Session, file: Path, *, force: bool) -> dict[str, Json]:
    """Write the state to a file and read it back. Failure `file-exists` when the file has other contents, unless `force`."""
    stored = session.pointers.stored_state()
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
    saved = _read(file)
    _refuse_stranger(session, saved, file)
    before, damage = stored_or_damage(session)
    if before is not None and before.lineage != saved.lineage:
        raise other_lineage(session, before, f"{file} is a state of lineage {saved.lineage}")
    refuse_copy(session, before or saved)
    refuse_while_applying(session, before)
    current = survey(session.objects, saved.lineage)
    _refuse_wrong_store(session, saved, current, file)
    part = LineageStore(objects=session.objects, lineage=saved.lineage)
    after = settle_pending(part, current, combine(saved, before, current))
    report: dict[str, Json] = {
        "file": str(file),
        "lineage": saved.lineage,
        "restored_serial": saved.serial,
        **takeover_report(current, before, after, saved),
        "done": False,
    }
    if not consent(report):
        return report
    owner = owner_of(session, reason=reason)
    request = Request(lineage=saved.lineage, author=author_of(owner, "state restore"), owner=owner, base=saved.history)
    return {**report, **put_in_charge(session, damage, request, lambda _part, newest, now: combine(saved, now, newest))}


def combine(saved: State, before: State | None, current: Survey) -> State:
    """The restored state, with what happened later and stays true: seals, freezes, withdrawals and new environments."""
    later = [state for state in (current.copy, before) if state is not None and state.lineage == saved.lineage]
    for state in sorted(later, key=lambda state: state.serial):
        names = [name for name in state.environments if name not in saved.environments]
        entries = {a: p for name in names for a, p in state.current.items() if a == document("environment", name)}
        entries |= {a: p for name in names for a, p in state.entries(document("environment", name) + "/").items()}
        saved = replace(
            saved,
            sealed={**state.sealed, **saved.sealed},
            environments={
                **{name: _with_withdrawals(record, state.environments.get(name)) for name, record in saved.environments.items()},
                **{name: state.environments[name] for name in names},
            },
            frozen=state.frozen,
            current={**saved.current, **entries},
        )
    return saved


def _with_withdrawals(record: Environment, later: Environment | None) -> Environment:
    return record if later is None else replace(record, withdrawals=later.withdrawals)


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


def _refuse_wrong_store(session: Session, saved: State, current: Survey, file: Path) -> None:
    if current.owner is None or current.owner.record.project != session.project.name:
        whose = f"belongs to project {current.owner.record.project} there" if current.owner else "is not in that store"
        detail = f"lineage {saved.lineage} of {file} {whose}: {session.objects.describe()}"
        hint = "set `store:` to the one that was used"
        raise fail("wrong-store", "The store is not the one that this state belongs to", detail, hint=hint)


def _text_of(file: Path) -> str | None:
    try:
        return file.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        raise fail("file-exists", "The file exists", f"{file}: {problem}", hint="name another file") from problem
