"""`gc`: drop artifacts that nothing keeps; the records of what was dropped stay."""

import time
from collections.abc import Callable, Mapping

from leptonctl.commands.line import plan_project
from leptonctl.commands.session import Session
from leptonctl.core.state import State
from leptonctl.core.values import Json
from leptonctl.storage.records import BadRecordAt

KEPT_DEPLOYMENTS = 10
YOUNG_S = 24 * 3600.0


def gc(session: Session, consent: Callable[[Mapping[str, Json]], bool]) -> dict[str, Json]:
    """Free what no declared version, pointer, kept deployment or lagging server needs, and nobody has just built."""
    keep = _kept(session)
    cut = time.time() - YOUNG_S
    doomed = [found for found in session.store.artifacts() if found.digest not in keep and found.modified < cut]
    report: dict[str, Json] = {
        "artifacts": len(doomed),
        "bytes": sum(found.size for found in doomed),
        "kept": len(keep),
        "done": False,
    }
    if not doomed or not consent(report):
        return report
    for found in doomed:
        session.store.delete_artifact(found.digest)
    return {**report, "done": True}


def _kept(session: Session) -> set[str]:
    """Artifacts of declared versions, of what is recorded and bound, and of the last deployments of every environment."""
    settled = plan_project(session).settled
    keys = {key for key in settled.keys.by_place.values() if key}
    state = session.pointers.read()
    keep: set[str] = set()
    if state is not None:
        keys |= {step.key for pointer in state.current.values() for step in pointer.steps.values()}
        keep = _deployed(session, state)
    for stored in session.store.all_results():
        if isinstance(stored, BadRecordAt):
            # what it names is not known: nothing may be freed on a guess
            raise stored
        artifacts = set(stored.result.artifacts.values())
        if stored.result.key in keys or artifacts & keep:
            keep |= artifacts
    return keep


def _deployed(session: Session, state: State) -> set[str]:
    """What the last deployments of every environment serve, and those that its servers still serve."""
    lineage = session.lineage(state)
    keep: set[str] = set()
    for name in state.environments:
        numbers = {*lineage.deployments(name)[-KEPT_DEPLOYMENTS:], *(server.deployment for server in lineage.servers(name))}
        for number in numbers - {0}:
            record = lineage.deployment(name, number)
            for routes in record.models.values() if record else ():
                for route in routes:
                    keep |= {*route.files.values(), *([route.checks] if route.checks else [])}
    return keep
