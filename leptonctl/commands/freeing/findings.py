"""Looks through a store for artifacts that nothing needs. Changes nothing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from leptonctl.commands.freeing.needs import UNREADABLE, YOUNG, Need, Reasons, earlier_artifacts, needs_of, young_until
from leptonctl.commands.session import Session
from leptonctl.core import layout
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.storage.artifacts import StoredArtifact
from leptonctl.storage.claims import TERM_S
from leptonctl.storage.records import BadRecordAt


@dataclass(slots=True, kw_only=True)
class Findings:
    """What a look at the store shows. `reasons`: why artifacts stay. `origins`: artifact -> the results that name it, as (address,
    project). `purged`: artifacts that were purged and came back, as from a backup.
    """

    reasons: Reasons = field(default_factory=Reasons)
    sizes: dict[str, int] = field(default_factory=dict)
    origins: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    unneeded: list[StoredArtifact] = field(default_factory=list)
    purged: list[str] = field(default_factory=list)

    def items(self) -> Iterator[dict[str, Json]]:
        """What is not needed, by address and by the project that built it."""
        sums: dict[tuple[str, str], list[int]] = {}
        for artifact in self.unneeded:
            origin = min(self.origins.get(artifact.digest, {("", "")}))
            count = sums.setdefault(origin, [0, 0])
            count[0] += 1
            count[1] += artifact.size
        for (address, project), (artifacts, size) in sorted(sums.items()):
            yield {"address": address or None, "project": project or None, "artifacts": artifacts, "bytes": size}

    def keep(self, needs: Sequence[Need], result: Result, artifacts: Iterable[str]) -> None:
        """Keep artifacts that a result refers to, for each need that names the result."""
        reasons = [need for need in needs if need.names(result)]
        for digest in artifacts if reasons else ():
            for need in reasons:
                self.reasons.add(digest, need.reason, need.until)


def examine(session: Session) -> Findings:
    """What is needed and what is not. Failure when a record that may name needed artifacts cannot be read."""
    needs = needs_of(session)
    findings = Findings()
    for need in needs:
        for digest in need.needs.artifacts:
            findings.reasons.add(digest, need.reason, need.until)
    has_unreadable = _add_results(session, needs, findings)
    purged = _purged_digests(session)
    for artifact in session.store.artifacts():
        if layout.bare(artifact.digest) in purged:
            findings.purged.append(artifact.digest)
            continue
        findings.sizes[artifact.digest] = artifact.size
        if artifact.digest in findings.reasons:
            continue
        young = young_until(artifact.modified, session.settings.keep_builds_s)
        if young is not None:
            findings.reasons.add(artifact.digest, YOUNG, young)
        elif artifact.digest not in findings.origins and has_unreadable:
            # an artifact that no record names may be named by one that cannot be read
            findings.reasons.add(artifact.digest, UNREADABLE)
        else:
            findings.unneeded.append(artifact)
    return findings


def is_busy(session: Session) -> bool:
    """Whether a build or an apply on this store is running."""
    state = session.pointers.read()
    claims = state.applies.items() if state is not None else ()
    alive = any(session.liveness.alive(f"claim/{id_}", claim.owner, claim.beat, TERM_S) for id_, claim in claims)
    return alive or bool(session.store.leases())


def _purged_digests(session: Session) -> set[str]:
    """The bare digests of purged artifacts that may be removed again."""
    tombstones = session.store.tombstones_of(session.store.tombstones())
    # a running build may be writing equal bytes that it is allowed to write: its tombstone goes last
    busy = bool(tombstones) and is_busy(session)
    return {digest for digest, tombstone in tombstones.items() if tombstone.refused or not busy}


def _add_results(session: Session, needs: Sequence[Need], findings: Findings) -> bool:
    """Add the artifacts of needed results, and what built each artifact. True when a record that nothing needs cannot be read."""
    has_unreadable, trained = False, dict[str, Result]()
    bare_keys = frozenset().union(*(need.bare for need in needs))
    for stored in session.store.all_results():
        if isinstance(stored, BadRecordAt):
            name = layout.result_key(stored.path)
            if name is None or layout.bare(name[0]) in bare_keys:
                raise stored
            has_unreadable = True
            continue
        result = stored.result
        for digest in result.artifacts.values():
            findings.origins.setdefault(digest, set()).add((result.address, str(result.provenance.get("project") or "")))
        if result.op == "train":
            trained[result.key] = result
        findings.keep(needs, result, result.artifacts.values())
    for result in trained.values():
        findings.keep(needs, result, earlier_artifacts(result, trained))
    return has_unreadable
