"""`gc`: frees artifacts that no lineage of the store refers to; the records that name them stay (protocols 6)."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from leptonctl.building.checkpoint import sweep_checkpoints
from leptonctl.commands.planning.folder import is_outside
from leptonctl.commands.rows.gc_needs import UNREADABLE, YOUNG, Need, Stays, before, by_reason, end_of_youth, needs_of
from leptonctl.commands.session import Session
from leptonctl.core import layout
from leptonctl.core.codec import BadRecord, decode
from leptonctl.core.diagnostic import fail
from leptonctl.core.result import Result
from leptonctl.core.store_records import LineageName
from leptonctl.core.values import Json
from leptonctl.deploying.fleet import Fleet
from leptonctl.storage import condemned, references
from leptonctl.storage.artifacts import StoredArtifact
from leptonctl.storage.claims import TERM_S
from leptonctl.storage.lineage import LineageStore
from leptonctl.storage.pointers import now
from leptonctl.storage.records import BadRecordAt

CONDEMNED_S = 24 * 3600.0
"""How long an artifact of a shared store is condemned before it is swept."""
Consent = Callable[[Mapping[str, Json]], bool]


@dataclass(slots=True, kw_only=True)
class Findings:
    """What a look at the store found. `origins`: artifact -> the results that name it, as (address, project); `stays`: why it stays.
    `purged`: artifacts that were purged and came back, as from a backup.
    """

    stays: Stays = field(default_factory=Stays)
    sizes: dict[str, int] = field(default_factory=dict)
    origins: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    unneeded: list[StoredArtifact] = field(default_factory=list)
    purged: list[str] = field(default_factory=list)


def gc(session: Session, consent: Consent, *, forget_lineage: str | None = None) -> dict[str, Json]:
    """Free artifacts that are older than `keep.builds` and that nothing refers to.

    In a store of this project alone they are freed at once. In a shared one they are condemned first, and freed by the first gc
    that comes a day later and finds that nobody has spared them.
    """
    if forget_lineage is not None:
        return _forget(session, forget_lineage, consent)
    found = _look(session)
    # a step is done before its checkpoint is removed: one that runs has no result
    checkpoints = sweep_checkpoints(session.root, lambda key: bool(session.store.results([key])))
    is_shared = _is_shared(session)
    marks = {mark.digest: mark for mark in condemned.marks(session.objects)}
    at_once = _freed_now(found, marks, at_once=not is_shared and not _is_busy(session))
    report: dict[str, Json] = {
        "artifacts": len(found.unneeded),
        "bytes": sum(artifact.size for artifact in found.unneeded),
        "kept": sum(digest in found.sizes for digest in found.stays),
        "stays": [*by_reason(found.stays, found.sizes)],
        "now": len(at_once),
        "now_bytes": sum(artifact.size for artifact in at_once),
        "freed": 0,
        "freed_bytes": 0,
        "condemned": 0,
        "shared": is_shared,
        "items": [*_items(found)],
        "purged": len(found.purged),
        "checkpoints": checkpoints,
        "done": False,
    }
    left_over = [mark for digest, mark in marks.items() if mark.mark.phase == "sweeping"]
    if not (found.unneeded or left_over or found.purged):
        _clear(session, found, marks.values())
        return report
    if (found.unneeded or found.purged) and not consent(report):
        return report
    session.store.purge_again(found.purged)
    _condemn(session, found, marks)
    # what has been referred to since the first look has been published before the marks were looked for
    found = _look(session)
    freed = _sweep(session, found, at_once=not is_shared and not _is_busy(session))
    _drop_expired(session)
    waiting = len(found.unneeded) - len(freed)
    return {
        **report,
        "freed": len(freed),
        "freed_bytes": sum(artifact.size for artifact in freed),
        "condemned": waiting,
        "done": bool(freed or report["purged"]) and not waiting,
    }


def _look(session: Session) -> Findings:
    """What is needed and what is not. Failure when a record that may name artifacts cannot be read."""
    needs = needs_of(session)
    found = Findings()
    for need in needs:
        for digest in need.needs.artifacts:
            found.stays.add(digest, need.reason, need.until)
    unreadable = _add_results(session, needs, found)
    # what a build may give again is being written while something is built: its tombstone goes last
    purged = session.store.tombstones_of(session.store.tombstones())
    is_busy = bool(purged) and _is_busy(session)
    gone = {digest for digest, tombstone in purged.items() if tombstone.refused or not is_busy}
    for artifact in session.store.artifacts():
        if layout.bare(artifact.digest) in gone:
            found.purged.append(artifact.digest)
            continue
        found.sizes[artifact.digest] = artifact.size
        if artifact.digest in found.stays:
            continue
        young = end_of_youth(artifact.modified, session.settings.keep_builds_s)
        if young is not None:
            found.stays.add(artifact.digest, YOUNG, young)
        elif artifact.digest not in found.origins and unreadable:
            # what no record names may be named by one that cannot be read
            found.stays.add(artifact.digest, UNREADABLE)
        else:
            found.unneeded.append(artifact)
    return found


def _add_results(session: Session, needs: Sequence[Need], found: Findings) -> bool:
    """Add the artifacts of needed results, and who built what. True when a record that nobody needs cannot be read."""
    unreadable, trained = False, dict[str, Result]()
    bare_keys = frozenset().union(*(need.bare for need in needs))
    for stored in session.store.all_results():
        if isinstance(stored, BadRecordAt):
            name = layout.result_key(stored.path)
            if name is None or layout.bare(name[0]) in bare_keys:
                raise stored
            unreadable = True
            continue
        result = stored.result
        for digest in result.artifacts.values():
            found.origins.setdefault(digest, set()).add((result.address, _project_of(result)))
        if result.op == "train":
            trained[result.key] = result
        _keep(found, needs, result, result.artifacts.values())
    for result in trained.values():
        _keep(found, needs, result, before(result, trained))
    return unreadable


def _keep(found: Findings, needs: Sequence[Need], result: Result, artifacts: Iterable[str]) -> None:
    """Add artifacts that a result stands for, where it is needed."""
    reasons = [need for need in needs if need.names(result)]
    for digest in artifacts if reasons else ():
        for need in reasons:
            found.stays.add(digest, need.reason, need.until)


def _project_of(result: Result) -> str:
    return str(result.provenance.get("project") or "")


def _items(found: Findings) -> Iterator[dict[str, Json]]:
    """What would be freed, by address and by the project that built it."""
    sums: dict[tuple[str, str], list[int]] = {}
    for artifact in found.unneeded:
        origin = min(found.origins.get(artifact.digest, {("", "")}))
        count = sums.setdefault(origin, [0, 0])
        count[0] += 1
        count[1] += artifact.size
    for (address, project), (artifacts, size) in sorted(sums.items()):
        yield {"address": address or None, "project": project or None, "artifacts": artifacts, "bytes": size}


def _condemn(session: Session, found: Findings, marks: Mapping[str, condemned.MarkAt]) -> None:
    at = now()
    for artifact in found.unneeded:
        condemned.condemn(session.objects, artifact.digest, marks.get(artifact.digest), at)


def _freed_now(found: Findings, marks: Mapping[str, condemned.MarkAt], *, at_once: bool) -> list[StoredArtifact]:
    """What this run would free: where a store is shared or busy, only what was condemned a day ago."""
    oldest = time.time() - CONDEMNED_S
    due = {digest for digest, mark in marks.items() if mark.mark.phase == "condemned" and mark.modified < oldest}
    return [artifact for artifact in found.unneeded if at_once or artifact.digest in due]


def _sweep(session: Session, found: Findings, *, at_once: bool) -> list[StoredArtifact]:
    """Free what is condemned for long enough; what is needed after all is spared."""
    unneeded = {artifact.digest: artifact for artifact in found.unneeded}
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


def _clear(session: Session, found: Findings, marks: Iterable[condemned.MarkAt]) -> None:
    """Remove marks and references that mean nothing any more."""
    for mark in marks:
        if mark.digest in found.stays or mark.mark.phase == "spared":
            condemned.clear(session.objects, mark)
    _drop_expired(session)


def _drop_expired(session: Session) -> None:
    for lineage in references.lineages(session.objects):
        for path in list(references.expired_references(session.objects, lineage)):
            session.objects.delete(path)


def _is_shared(session: Session) -> bool:
    """Whether anybody else may use the store: it lies outside of the project's folder, or has lineages of others."""
    if is_outside(session, session.settings.store):
        return True
    state = session.pointers.read()
    ours = {layout.unborn(session.project.name), *([state.lineage] if state is not None else [])}
    return any(lineage not in ours for lineage in references.lineages(session.objects))


def _is_busy(session: Session) -> bool:
    """Whether a build or an apply of this store is running."""
    state = session.pointers.read()
    claims = state.applies.items() if state is not None else ()
    alive = any(session.liveness.alive(f"claim/{id_}", claim.owner, claim.beat, TERM_S) for id_, claim in claims)
    return alive or bool(session.store.leases())


def _forget(session: Session, lineage: str, consent: Consent) -> dict[str, Json]:
    """End a lineage that nobody uses any more: everything below `projects/LINEAGE/` goes, and with it what it refers to."""
    state = session.pointers.read()
    paths = session.objects.list(layout.project(lineage))
    known = references.lineages(session.objects)
    if lineage not in known:
        hint = f"the store has: {', '.join(known)}" if known else "the store has no lineages"
        raise fail("unknown-lineage", "No such lineage in the store", lineage, hint=hint)
    if state is not None and state.lineage == lineage:
        hint = "run this from another project of the store; `leptonctl destroy` undoes this project's effects"
        raise fail("lineage-in-use", "A lineage that is in use cannot be forgotten", f"{lineage} is this project's own", hint=hint)
    part = LineageStore(objects=session.objects, lineage=lineage)
    serving = [
        f"{server.id} at {server.url}"
        for environment in part.environments()
        for server in Fleet(lineage=part, environment=environment, liveness=session.liveness).living()
    ]
    if serving:
        hint = "stop it first; a server that has ended counts as dead 15 s after this command has first seen it"
        raise fail(
            "lineage-in-use", "A lineage that is in use cannot be forgotten", f"{lineage} is served by {', '.join(serving)}", hint=hint
        )
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


def _names(data: bytes, lineage: str) -> bool:
    try:
        return decode(data, LineageName).lineage == lineage
    except BadRecord:
        return False
