"""All builds, from the results in the store: one row for the steps that were computed together."""

from dataclasses import dataclass, field

from leptonctl.commands.recorded.ownership import Ownership
from leptonctl.commands.recorded.results import metrics_of
from leptonctl.commands.recorded.search_story import winner
from leptonctl.commands.session import Session
from leptonctl.commands.who import job_to_json
from leptonctl.core.codec import BadRecord, convert
from leptonctl.core.job import Job
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.kinds.model.search import SEARCH
from leptonctl.kinds.registry import OPS
from leptonctl.storage.records import BadRecordAt

MINUTE = len("2026-01-01T00:00")


@dataclass(slots=True, kw_only=True)
class Build:
    """The steps that were computed for one address from one commit within a minute. `project`: of the builder, if it is another one."""

    address: str
    at: Json
    by: Json
    host: Json
    commit: Json
    dirty: bool
    job: Json
    project: str | None
    ops: list[Json] = field(default_factory=list)
    seconds: float = 0.0
    metrics: dict[str, Json] = field(default_factory=dict)
    search: dict[str, Json] | None = None

    def add(self, result: Result) -> None:
        """Add the result of one more step."""
        self.ops.append(result.op)
        self.seconds = round(self.seconds + result.seconds, 3)
        self.metrics = metrics_of(result) if result.op == "evaluate" else self.metrics
        self.search = winner(result) if result.op == SEARCH else self.search

    def to_json(self) -> dict[str, Json]:
        """The row in the form of `history --json`."""
        ops: list[Json] = sorted(self.ops, key=_rank)
        return {
            "address": self.address, "ops": ops, "at": self.at, "by": self.by, "host": self.host, "commit": self.commit,
            "dirty": self.dirty, "job": self.job, "project": self.project, "seconds": self.seconds, "metrics": self.metrics,
            "search": self.search,
        }  # fmt: skip


def _rank(op: Json) -> int:
    """The place of an op in the table of ops, unknown ones last."""
    names = list(OPS)
    return names.index(op) if op in names else len(names)


def _job(recorded: Json) -> dict[str, Json] | None:
    """The CI job in a provenance; None when there is none."""
    try:
        return None if recorded is None else job_to_json(convert(recorded, Job))
    except BadRecord:
        return None


def builds(session: Session, ours: Ownership, address: str | None = None) -> list[dict[str, Json]]:
    """The builds of this project, newest first, without results that were adopted from an earlier build. Damaged records are left out.

    `address`: only of this one; None: of all.
    """
    rows: dict[tuple[str, str], Build] = {}
    results: list[Result] = []
    damaged: list[BadRecordAt] = []
    for one in session.store.all_results():
        if isinstance(one, BadRecordAt):
            damaged.append(one)
        elif address is None or one.result.address == address:
            results.append(one.result)
    session.leave_out(*damaged)
    for result in sorted(results, key=lambda r: str(r.provenance.get("at"))):
        if result.adopted is not None or not ours.holds(result):
            continue
        by = result.provenance
        key = (result.address, f"{by.get('lineage')}{by.get('commit')}{str(by.get('at'))[:MINUTE]}")
        if key not in rows:
            rows[key] = Build(
                address=result.address, at=by.get("at"), by=by.get("by"), host=by.get("host"), commit=by.get("commit"),
                dirty=by.get("dirty") is True, job=_job(by.get("job")), project=ours.builder(result),
            )  # fmt: skip
        rows[key].add(result)
    return [build.to_json() for build in sorted(rows.values(), key=lambda b: str(b.at), reverse=True)]
