"""`state adopt`: rebuilds a lost or outdated state from the store, or takes possession of a folder that was moved or copied."""

import os
from collections.abc import Mapping

from leptonctl.commands.outcome import Consent
from leptonctl.commands.planning.folder import ADOPT, is_outside
from leptonctl.commands.recorded.state_takeover import (
    other_lineage,
    put_in_charge,
    refuse_while_applying,
    stored_or_damage,
    takeover_report,
)
from leptonctl.commands.session import Session
from leptonctl.commands.who import author_of, owner_of
from leptonctl.core.deployment import Route
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.frozen import replace
from leptonctl.core.state import Environment, HistoryRecord, Mark, State, StepPointer
from leptonctl.core.values import Json
from leptonctl.deploying.rebuild import rebuild_state
from leptonctl.deploying.takeover import Request, settle_pending
from leptonctl.kinds.environment.binding import PACKAGE_OUTPUT
from leptonctl.kinds.environment.kind import environments
from leptonctl.kinds.model.package import holds_package, package_name
from leptonctl.storage import folder_identity
from leptonctl.storage.lineage import LineageStore
from leptonctl.storage.lineage_survey import Survey, survey
from leptonctl.storage.owner import host_name
from leptonctl.storage.pointers import moves, now
from leptonctl.storage.records import BadRecordAt
from leptonctl.storage.standing import lineages_of, mark_lineage, read_standing, refuse_other_store

BEHIND = frozenset({"store-ahead", "replaced-state"})
AHEAD = "store-behind"


def adopt(session: Session, consent: Consent, *, lineage: str | None = None) -> dict[str, Json]:
    """Rebuild the state from the store and put it in charge. If an older copy of the store was put back, keep the state as it is.

    Nothing is done when the two already belong together.
    """
    before, damage = stored_or_damage(session)
    target = _target(session, before, lineage)
    why, is_ahead = _why(session, before, damage, target)
    part = LineageStore(objects=session.objects, lineage=target)
    current = survey(session.objects, target)

    def rebuild(part: LineageStore, current: Survey, stored: State | None) -> State:
        # the state knows more than a store that has lost records: bindings, withdrawals, seals
        return stored if is_ahead and stored is not None else _rebuild(session, part, current, stored)

    after = settle_pending(part, current, rebuild(part, current, before))
    report: dict[str, Json] = {
        "lineage": target,
        "why": why,
        "kept": is_ahead,
        **takeover_report(current, before, after),
        "pointers": len(after.current),
        "copy_of": _copy_of(session),
        "done": False,
    }
    if not why:
        return {**report, "generation": before.generation, "serial": before.serial} if before else report
    if not consent(report):
        return report
    refuse_while_applying(session, before)
    owner = owner_of(session)
    request = Request(lineage=target, author=author_of(owner, "state adopt"), owner=owner)
    return {**report, **put_in_charge(session, damage, request, rebuild)}


def _copy_of(session: Session) -> str | None:
    """The folder that the state was recorded for, if it is not this one."""
    standing = folder_identity.standing(session.root)
    return standing.record.path if standing.record is not None and standing.place in ADOPT else None


def adopt_moved(session: Session, consent: Consent) -> dict[str, Json]:
    """Record this folder as the one that the state was recorded for. Failure `copied-folder` while that one still exists."""
    standing = folder_identity.standing(session.root)
    recorded = standing.record.path if standing.record else None
    if standing.place == "copied":
        detail = f"{recorded} still exists, so {session.root} is a copy of it."
        hint = "`leptonctl state adopt --copy` makes this folder a project of its own"
        raise fail("copied-folder", "This folder is not the one that the state was recorded for", detail, hint=hint)
    report: dict[str, Json] = {
        "folder": str(session.root),
        "recorded": recorded,
        "lineage": None,
        "copy": False,
        "ours": standing.place == "ours",
        "done": False,
    }
    if standing.place != "ours" and not consent(report):
        return report
    folder_identity.mark(session.root)
    if folder_identity.standing(session.root).place != "ours":
        raise _not_written(session)
    return {**report, "done": True}


def adopt_copy(session: Session, consent: Consent) -> dict[str, Json]:
    """Make this folder a project of its own: a new lineage with the built pointers, and nothing bound. The original is not touched."""
    stored = session.pointers.stored_state()
    standing = folder_identity.standing(session.root)
    report: dict[str, Json] = {
        "folder": str(session.root),
        "recorded": standing.record.path if standing.record else None,
        "lineage": None,
        "copy": True,
        "done": False,
    }
    if stored is None:
        folder_identity.mark(session.root, new_id=True)
        return {**report, "done": True}
    before, stamp = stored
    _refuse_shared_state(session)
    if not consent(report):
        return report
    fresh = _own_state(session, before)
    mark_lineage(session.objects, fresh)
    if not session.pointers.install(stamp, fresh):
        raise _not_written(session)
    folder_identity.mark(session.root, new_id=True)
    after = session.pointers.stored_state()
    if after is None or after[0] != fresh or session.lineage(fresh).owner() is None:
        raise _not_written(session)
    return {**report, "lineage": fresh.lineage, "done": True}


def _own_state(session: Session, original: State) -> State:
    """The first state of a new lineage: what is built of the original, and nothing bound."""
    fresh = State(
        lineage=os.urandom(16).hex(),
        project=original.project,
        id=os.urandom(8).hex(),
        store=original.store,
        revision=original.revision + 1,
        write=os.urandom(8).hex(),
        serial=1,
        current={address: pointer for address, pointer in original.current.items() if not pointer.effect},
    )
    record = HistoryRecord(
        serial=1,
        id=os.urandom(8).hex(),
        previous=None,
        at=now(),
        author=author_of(owner_of(session), "state adopt --copy"),
        changes=tuple(moves(replace(fresh, current={}), fresh)),
    )
    return replace(fresh, history=Mark(serial=1, id=record.id), latest=record)


def _target(session: Session, before: State | None, lineage: str | None) -> str:
    """The lineage to adopt: that of the present state, the one that was named, or the only one of this project."""
    if before is not None:
        if before.project != session.project.name:
            session.pointers.read()  # says how to rename
        if lineage is not None and lineage != before.lineage:
            raise other_lineage(session, before, f"lineage {lineage} was named")
        refuse_other_store(read_standing(session.objects, before.lineage), before, session.objects.describe())
        return before.lineage
    owners = lineages_of(session.objects, session.project.name)
    if lineage in owners or (lineage is None and len(owners) == 1):
        return lineage or next(iter(owners))
    listed = "; ".join(f"{name} (of {owner.by or 'somebody'}, since {owner.at or 'unknown'})" for name, owner in owners.items())
    if not owners:
        detail = f"{session.objects.describe()} has no lineage of project {session.project.name}."
        raise fail(
            "nothing-to-adopt", "The store has nothing to adopt", detail, hint="run `leptonctl apply`, or check `store:` and `name:`"
        )
    detail = f"{session.objects.describe()} has these lineages of project {session.project.name}: {listed}."
    raise fail("nothing-to-adopt", "The store has nothing to adopt", detail, hint="name one: `leptonctl state adopt --lineage LINEAGE`")


def _why(session: Session, before: State | None, damage: Failure | None, lineage: str) -> tuple[str, bool]:
    """Why the present state has to be replaced, "" if it does not; and whether that is because it is ahead of its store."""
    if damage is not None:
        return damage.diagnostics[0].detail, False
    if before is None:
        return f"{session.pointers.states.describe()} is missing", False
    try:
        session.pointers.check(before)
    except Failure as failure:
        problem = failure.diagnostics[0]
        if problem.id not in {*BEHIND, AHEAD}:
            raise
        return problem.detail, problem.id == AHEAD
    damaged = survey(session.objects, lineage).damaged
    return (f"the head of environment/{min(damaged)} in the store cannot be read" if damaged else ""), False


def _rebuild(session: Session, part: LineageStore, current: Survey, before: State | None) -> State:
    identity = read_standing(session.objects, None).identity or ""
    first = before if before is not None else State(lineage=part.lineage, project=session.project.name, store=identity)
    state = rebuild_state(part, current, first, declared=_declared_environments(session), steps=lambda route: _steps(session, route))
    return replace(state, project=session.project.name, store=identity)


def _declared_environments(session: Session) -> dict[str, Environment]:
    """Records of the declared environments, for those that were lost. {} if the YAML is invalid."""
    try:
        declared = environments(session.declarations)
    except Failure:
        return {}
    return {
        name: Environment(platform=one.platform, protected=one.protected, requests=one.requests, host=host_name())
        for name, one in declared.items()
    }


def _steps(session: Session, route: Route) -> Mapping[str, StepPointer]:
    """The step that made a route's package, found among all results."""
    for stored in session.store.all_results():
        if isinstance(stored, BadRecordAt) or not holds_package(stored.result):
            continue
        if stored.result.outputs.get(PACKAGE_OUTPUT) == route.package and route.artifact in stored.result.artifacts.values():
            op = stored.result.op
            return {package_name([op]): StepPointer(op=op, key=stored.result.key)}
    return {}


def _refuse_shared_state(session: Session) -> None:
    """Failure when the state is outside the folder: then it is the original's too, and a copy must not replace it."""
    state = session.settings.state
    if is_outside(session, state):
        detail = f"`state: {state}` is outside {session.root}, so it is the original's state."
        raise fail("shared-state", "The copy shares its state with the original", detail, hint="first set `state:` to a place of its own")


def _not_written(session: Session) -> Failure:
    detail = f"{session.root}: what was read back is not what was written"
    return fail("state-failed", "The state could not be read or written", detail, hint="run the same command again")
