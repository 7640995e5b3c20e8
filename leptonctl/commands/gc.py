"""`gc`: deletes artifacts that nothing needs; the records that name them stay."""

import time
from collections.abc import Callable, Mapping

from leptonctl.commands.line import plan_project
from leptonctl.commands.session import Session
from leptonctl.core.state import State
from leptonctl.core.values import Json
from leptonctl.storage.records import BadRecordAt

LAST_DEPLOYMENTS = 10
YOUNG_S = 24 * 3600.0


def gc(session: Session, consent: Callable[[Mapping[str, Json]], bool]) -> dict[str, Json]:
    """Delete artifacts older than a day that no declared version, pointer, recent deployment or lagging server needs."""
    needed = _needed(session)
    newest = time.time() - YOUNG_S
    unneeded = [artifact for artifact in session.store.artifacts() if artifact.digest not in needed and artifact.modified < newest]
    report: dict[str, Json] = {
        "artifacts": len(unneeded),
        "bytes": sum(artifact.size for artifact in unneeded),
        "kept": len(needed),
        "done": False,
    }
    if not unneeded or not consent(report):
        return report
    for artifact in unneeded:
        session.store.delete_artifact(artifact.digest)
    return {**report, "done": True}


def _needed(session: Session) -> set[str]:
    """Artifacts of declared versions, of what is recorded and bound, and of the last deployments of every environment."""
    settled = plan_project(session).settled
    keys = {key for key in settled.keys.by_place.values() if key}
    state = session.pointers.read()
    needed: set[str] = set()
    if state is not None:
        keys |= {step.key for pointer in state.current.values() for step in pointer.steps.values()}
        needed = _needed_by_deployments(session, state)
    for stored in session.store.all_results():
        if isinstance(stored, BadRecordAt):
            # the artifacts that it names are unknown, so nothing may be deleted
            raise stored
        artifacts = set(stored.result.artifacts.values())
        if stored.result.key in keys or artifacts & needed:
            needed |= artifacts
    return needed


def _needed_by_deployments(session: Session, state: State) -> set[str]:
    """Artifacts of the last deployments of every environment, and of those that its servers still serve."""
    lineage = session.lineage(state)
    needed: set[str] = set()
    for name in state.environments:
        numbers = {*lineage.deployments(name)[-LAST_DEPLOYMENTS:], *(server.deployment for server in lineage.servers(name))}
        for number in numbers - {0}:
            record = lineage.deployment(name, number)
            for routes in record.models.values() if record else ():
                for route in routes:
                    needed |= {*route.files.values(), *([route.checks] if route.checks else [])}
    return needed
