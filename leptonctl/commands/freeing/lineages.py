"""Removes a lineage from a store when nobody uses it any more: its records go, and with them what they refer to."""

from leptonctl.commands.outcome import Consent
from leptonctl.commands.session import Session
from leptonctl.core import layout
from leptonctl.core.codec import BadRecord, decode
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.store_records import LineageName
from leptonctl.core.values import Json
from leptonctl.deploying.fleet import Fleet
from leptonctl.storage import references
from leptonctl.storage.lineage import LineageStore


def forget_lineage(session: Session, lineage: str, consent: Consent) -> dict[str, Json]:
    """Delete everything below `projects/LINEAGE/`, and its name. Failure: `unknown-lineage`, `lineage-in-use`."""
    part = LineageStore(objects=session.objects, lineage=lineage)
    paths = session.objects.list(layout.project(lineage))
    _refuse_used(session, part)
    owner = part.owner()
    report: dict[str, Json] = {
        "lineage": lineage,
        "project": owner.project if owner else None,
        "by": owner.by if owner else None,
        "objects": len(paths),
        "done": False,
    }
    if not consent(report):
        return report
    for path in paths:
        session.objects.delete(path)
    for path in list(session.objects.list(layout.LINEAGES)):
        stored = session.objects.get(path)
        if stored is not None and _names(stored[0], lineage):
            session.objects.delete(path)
    return {**report, "done": lineage not in references.lineages(session.objects)}


def _refuse_used(session: Session, part: LineageStore) -> None:
    """Failure when the store has no such lineage, or when a project or a living server uses it."""
    state, lineages = session.pointers.read(), references.lineages(session.objects)
    if part.lineage not in lineages:
        hint = f"the store has: {', '.join(lineages)}" if lineages else "the store has no lineages"
        raise fail("unknown-lineage", "No such lineage in the store", part.lineage, hint=hint)
    if state is not None and state.lineage == part.lineage:
        hint = "run this from another project of the store; `leptonctl destroy` undoes this project's effects"
        raise _used_lineage(f"{part.lineage} is this project's own", hint)
    serving = [
        f"{server.id} at {server.url}"
        for environment in part.environments()
        for server in Fleet(lineage=part, environment=environment, liveness=session.liveness).living()
    ]
    if serving:
        hint = "stop it first; a server that has ended counts as dead 15 s after this command has first seen it"
        raise _used_lineage(f"{part.lineage} is served by {', '.join(serving)}", hint)


def _used_lineage(detail: str, hint: str) -> Failure:
    return fail("lineage-in-use", "A lineage that is in use cannot be forgotten", detail, hint=hint)


def _names(data: bytes, lineage: str) -> bool:
    try:
        return decode(data, LineageName).lineage == lineage
    except BadRecord:
        return False
