"""Why `gc` keeps what it keeps: what the artifacts of a store are needed for, the most lasting reason first."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from leptonctl.commands.planning.line import plan_project
from leptonctl.commands.session import Session
from leptonctl.core import layout
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.storage import references
from leptonctl.storage.references import Needs

DECLARED, BOUND, DEPLOYMENTS, PROJECTS, BUILDS = "declared", "recorded", "deployments", "projects", "builds"
UNREADABLE, YOUNG = "unreadable", "young"


@dataclass(slots=True, kw_only=True)
class Need:
    """What is needed for one reason. `until`: when the reason ends by itself, in seconds since 1970; None: it does not."""

    reason: str
    needs: Needs
    until: float | None = None
    bare: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.bare = frozenset(layout.bare(key) for key in self.needs.keys)

    def names(self, result: Result) -> bool:
        """Whether it needs this result, and so all of its artifacts."""
        is_named = layout.bare(result.key) in self.bare or result.address in self.needs.addresses
        return is_named or not self.needs.graphs.isdisjoint(result.artifacts.values())


class Reasons(dict[str, tuple[str, float | None]]):
    """artifact -> why it stays, and until when."""

    def add(self, artifact: str, reason: str, until: float | None = None) -> None:
        """Add a reason. The first one of an artifact counts; the same one again extends it if it lasts longer."""
        before = self.get(artifact)
        if before is None or (before[0] == reason and None not in (before[1], until) and (until or 0) > (before[1] or 0)):
            self[artifact] = (reason, until)


def needs_of(session: Session) -> list[Need]:
    """What is declared here, what this state points to, and what every lineage of the store refers to."""
    settled = plan_project(session).settled
    needs = [Need(reason=DECLARED, needs=Needs(keys=frozenset(key for key in settled.keys.by_place.values() if key)))]
    state = session.pointers.read()
    if state is not None:
        needs.append(Need(reason=BOUND, needs=references.needs_of_state(state)))
    builds: list[Need] = []
    for lineage in references.lineages(session.objects):
        is_current = state is not None and lineage == state.lineage
        most = session.settings.keep_deployments if is_current else None
        is_own = is_current or lineage == layout.unborn(session.project.name)
        of_lineage = references.needs_of_lineage(session.objects, lineage, deployments=most)
        needs.append(Need(reason=DEPLOYMENTS if is_own else PROJECTS, needs=of_lineage))
        builds += [
            Need(reason=BUILDS, needs=Needs(keys=keys), until=until) for keys, until in references.live_references(session.objects, lineage)
        ]
    return [*needs, *builds]


def earlier_artifacts(train: Result, trained: Mapping[str, Result]) -> Iterator[str]:
    """The artifacts of the versions that a training continues: their models, and the rows that they learned.

    `trained`: the results of all trainings, by key.
    """
    rows = train.outputs.get("learned")
    for part in rows if isinstance(rows, list) else []:
        files = part.get("artifacts") if isinstance(part, dict) else None
        yield from map(str, files.values()) if isinstance(files, dict) else ()
    read = train.provenance.get("read")
    parent = trained.get(str(read.get("warm_start"))) if isinstance(read, dict) else None
    if parent is not None:
        yield from parent.artifacts.values()
        yield from earlier_artifacts(parent, trained)


def by_reason(reasons: Mapping[str, tuple[str, float | None]], sizes: Mapping[str, int]) -> Iterator[dict[str, Json]]:
    """What stays, by reason. `until`: when the first artifact is released, unless something refers to it again."""
    for reason in (DECLARED, BOUND, DEPLOYMENTS, PROJECTS, BUILDS, YOUNG, UNREADABLE):
        digests = [digest for digest, (why, _) in reasons.items() if why == reason and digest in sizes]
        ends = [until for digest in digests if (until := reasons[digest][1]) is not None]
        if digests:
            first = datetime.fromtimestamp(min(ends), UTC).isoformat(timespec="seconds") if ends else None
            size = sum(sizes[digest] for digest in digests)
            yield {"reason": reason, "artifacts": len(digests), "bytes": size, "until": first}


def young_until(modified: float, keep_s: float) -> float | None:
    """Until when an artifact that nothing refers to is too young to be freed; None when it is old enough."""
    return modified + keep_s if modified + keep_s > time.time() else None
