"""`gc`: frees artifacts that no lineage of the store refers to; the records that name them stay (protocols 6)."""

import time
from collections.abc import Iterable, Mapping

from leptonctl.building.checkpoint import sweep_checkpoints
from leptonctl.commands.freeing.findings import Findings, examine, is_busy
from leptonctl.commands.freeing.lineages import forget_lineage as remove_lineage
from leptonctl.commands.freeing.needs import by_reason
from leptonctl.commands.outcome import Consent
from leptonctl.commands.planning.folder import is_outside
from leptonctl.commands.session import Session
from leptonctl.core import layout
from leptonctl.core.values import Json
from leptonctl.storage import condemned, references
from leptonctl.storage.artifacts import StoredArtifact
from leptonctl.storage.pointers import now

CONDEMNED_S = 24 * 3600.0
"""How long an artifact of a shared store is condemned before it is swept."""
Marks = Mapping[str, condemned.MarkAt]
"""artifact -> its mark as condemned, spared or being swept."""


def gc(session: Session, consent: Consent, *, forget_lineage: str | None = None) -> dict[str, Json]:
    """Free artifacts that are older than `keep.builds` and that nothing refers to.

    In a store of this project alone they are freed at once. In a shared one they are condemned first; the first gc a day later frees
    them, unless somebody has spared them.
    """
    if forget_lineage is not None:
        return remove_lineage(session, forget_lineage, consent)
    findings = examine(session)
    # a running step has no result yet, and a finished one needs no checkpoint
    checkpoints = sweep_checkpoints(session.root, lambda key: bool(session.store.results([key])))
    is_shared = _is_shared(session)
    marks = {mark.digest: mark for mark in condemned.marks(session.objects)}
    freed_now = _artifacts_to_free(findings, marks, at_once=not is_shared and not is_busy(session))
    report = _report(findings, freed_now, shared=is_shared, checkpoints=checkpoints)
    half_swept = any(mark.mark.phase == "sweeping" for mark in marks.values())
    if not (findings.unneeded or findings.purged or half_swept):
        _clear(session, findings, marks.values())
        return report
    if (findings.unneeded or findings.purged) and not consent(report):
        return report
    session.store.purge_again(findings.purged)
    _condemn(session, findings, marks)
    # a build that has reused an artifact since the first look has recorded that before it checked the marks
    findings = examine(session)
    freed = _sweep(session, findings, at_once=not is_shared and not is_busy(session))
    _drop_expired(session)
    waiting = len(findings.unneeded) - len(freed)
    is_done = bool(freed or report["purged"]) and not waiting
    return {**report, "freed": len(freed), "freed_bytes": _bytes(freed), "condemned": waiting, "done": is_done}


def _report(findings: Findings, freed_now: list[StoredArtifact], *, shared: bool, checkpoints: int) -> dict[str, Json]:
    """The report before anything is freed. `freed_now`: what this run would free. `checkpoints`: how many were removed."""
    return {
        "artifacts": len(findings.unneeded),
        "bytes": _bytes(findings.unneeded),
        "kept": sum(digest in findings.sizes for digest in findings.reasons),
        "stays": [*by_reason(findings.reasons, findings.sizes)],
        "now": len(freed_now),
        "now_bytes": _bytes(freed_now),
        "freed": 0,
        "freed_bytes": 0,
        "condemned": 0,
        "shared": shared,
        "items": [*findings.items()],
        "purged": len(findings.purged),
        "checkpoints": checkpoints,
        "done": False,
    }


def _bytes(artifacts: Iterable[StoredArtifact]) -> int:
    return sum(artifact.size for artifact in artifacts)


def _condemn(session: Session, findings: Findings, marks: Marks) -> None:
    at = now()
    for artifact in findings.unneeded:
        condemned.condemn(session.objects, artifact.digest, marks.get(artifact.digest), at)


def _artifacts_to_free(findings: Findings, marks: Marks, *, at_once: bool) -> list[StoredArtifact]:
    """What this run would free: in a store that is shared or busy, only what was condemned a day ago."""
    oldest = time.time() - CONDEMNED_S
    due = {digest for digest, mark in marks.items() if mark.mark.phase == "condemned" and mark.modified < oldest}
    return [artifact for artifact in findings.unneeded if at_once or artifact.digest in due]


def _sweep(session: Session, findings: Findings, *, at_once: bool) -> list[StoredArtifact]:
    """Free what has been condemned for long enough. What is needed after all is spared."""
    unneeded = {artifact.digest: artifact for artifact in findings.unneeded}
    oldest = time.time() - CONDEMNED_S
    freed = []
    for mark in condemned.marks(session.objects):
        if mark.mark.phase == "sweeping":
            condemned.sweep(session.objects, mark)
        elif mark.digest not in unneeded:
            condemned.clear(session.objects, mark)
        elif (at_once or mark.modified < oldest) and condemned.sweep(session.objects, mark):
            freed.append(unneeded[mark.digest])
    return freed


def _clear(session: Session, findings: Findings, marks: Iterable[condemned.MarkAt]) -> None:
    """Remove marks and references that no longer mean anything."""
    for mark in marks:
        if mark.digest in findings.reasons or mark.mark.phase == "spared":
            condemned.clear(session.objects, mark)
    _drop_expired(session)


def _drop_expired(session: Session) -> None:
    for lineage in references.lineages(session.objects):
        for path in list(references.expired_references(session.objects, lineage)):
            session.objects.delete(path)


def _is_shared(session: Session) -> bool:
    """Whether anybody else may use the store: it lies outside the project's folder, or has lineages of others."""
    if is_outside(session, session.settings.store):
        return True
    state = session.pointers.read()
    ours = {layout.unborn(session.project.name), *([state.lineage] if state is not None else [])}
    return any(lineage not in ours for lineage in references.lineages(session.objects))
