"""`state forget` and `state rename`: drop one pointer, or rename the project in its state and store."""

from leptonctl.commands.outcome import Consent
from leptonctl.commands.planning.folder import refuse_copy
from leptonctl.commands.recorded.state_takeover import refuse_while_applying
from leptonctl.commands.session import Session
from leptonctl.commands.who import author_of, owner_of
from leptonctl.core import layout
from leptonctl.core.address import covers, document, full, parse
from leptonctl.core.codec import encode
from leptonctl.core.diagnostic import INVALID, STALE, Failure, did_you_mean, fail
from leptonctl.core.frozen import replace
from leptonctl.core.state import State
from leptonctl.core.store_records import LineageName
from leptonctl.core.values import Json
from leptonctl.storage.lineage_survey import replace_owner, survey
from leptonctl.storage.pointers import Note
from leptonctl.storage.standing import lineages_of, read_standing, refuse_other_store


def forget(session: Session, address: str, consent: Consent) -> dict[str, Json]:
    """Drop a pointer; its results stay. That of a binding or an environment only after the environment is destroyed."""
    state = session.pointers.read()
    destroyed = {document("environment", name): name for name, record in (state.environments if state else {}).items() if record.destroyed}
    known = {*(state.current if state else {}), *destroyed}
    scope = full(address, known, session.address_kinds)
    refuse_copy(session, state)
    if state is None or scope not in known:
        hint = did_you_mean(scope, known) or "leptonctl state list"
        raise fail("unknown-address", "No such address", f"{address} is not in the state", hint=hint)
    name = parse(scope).name
    if parse(scope).kind == "environment" and scope not in destroyed:
        detail = f"{scope} has an effect: environment {name} serves it"
        raise fail("serving", "What serves cannot be forgotten", detail, hint=f"leptonctl destroy {name}")
    refuse_while_applying(session, state)
    pointer = state.current.get(scope)
    report: dict[str, Json] = {
        "address": scope,
        "digest": pointer.digest if pointer else None,
        "kept": "its results stay in the store" if pointer else "its deployments and history stay in the store",
        "done": False,
    }
    if not consent(report):
        return report
    author = author_of(owner_of(session), "state forget")
    after = session.pointers.move(lambda now: _remove(now, scope), Note(author=author))
    if scope in after.current or (scope in destroyed and name in after.environments):
        raise _not_read_back(scope)
    return {**report, "done": True}


def rename(session: Session, name: str, consent: Consent) -> dict[str, Json]:
    """Rename the project in its state and store, after its name was edited in leptonctl.yaml."""
    stored = session.pointers.stored_state()
    if stored is None:
        detail = f"{session.pointers.states.describe()} does not exist"
        raise fail("nothing-applied", "Nothing has been applied yet", detail, hint="`leptonctl apply` begins under the new name")
    state = stored[0]
    refuse_copy(session, state)
    if name != session.project.name:
        detail = f"leptonctl.yaml says `name: {session.project.name}`, not {name}"
        hint = f"write `name: {name}` into leptonctl.yaml first, then run this again"
        raise fail("other-project", "The state belongs to a project of another name", detail, hint=hint, exit_code=INVALID)
    report: dict[str, Json] = {"before": state.project, "after": name, "lineage": state.lineage, "serial": state.serial, "done": False}
    others = lineages_of(session.objects, name).keys() - {state.lineage}
    if others:
        detail = f"{session.objects.describe()} has another lineage of a project {name}: {min(others)}"
        raise fail("name-taken", "Another project of this name uses the store", detail, hint="choose another `name:`, or another `store:`")
    standing = read_standing(session.objects, state.lineage)
    refuse_other_store(standing, state, session.objects.describe())
    if standing.owner is not None:
        session.pointers.check(state)
        if standing.owner.project == name == state.project:
            return {**report, "done": True}
    refuse_while_applying(session, state)
    if not consent(report):
        return report
    return {**report, **_rename(session, state, name), "done": True}


def _rename(session: Session, state: State, name: str) -> dict[str, Json]:
    """Write the new name, then the owner, then the state, then delete the old name: wherever it stops, the same command finishes it."""
    objects, before = session.objects, state.project
    objects.create(layout.lineage_name(name, state.lineage), encode(LineageName(project=name, lineage=state.lineage)))
    owner = survey(objects, state.lineage).owner
    if owner is not None and not replace_owner(objects, state.lineage, owner, replace(owner.record, project=name)):
        raise _not_read_back(f"the owner of lineage {state.lineage}")
    author = author_of(owner_of(session), f"state rename {name}")
    # here the state still has the old name
    session.pointers.admit(state)
    after = session.pointers.move(lambda now: replace(now, project=name, serial=now.serial + 1), Note(author=author))
    if before != name:
        objects.delete(layout.lineage_name(before, state.lineage))
    owner = survey(objects, state.lineage).owner
    if owner is None or (owner.record.project, after.project) != (name, name):
        raise _not_read_back(f"project {name}")
    return {"serial": after.serial}


def _remove(state: State, scope: str) -> State:
    after = state.move(dict.fromkeys(a for a in state.current if a == scope or covers(scope, a)))
    place = parse(scope)
    if place.kind != "environment":
        return after
    environments = {name: record for name, record in after.environments.items() if name != place.name}
    return replace(after, environments=environments)


def _not_read_back(what: str) -> Failure:
    return fail(
        "state-failed",
        "The state could not be read or written",
        f"{what}: what was read back is not what was written",
        hint="another command writes the state: run the same command again",
        exit_code=STALE,
    )
