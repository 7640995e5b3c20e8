"""Every build ever, by the results that lie in the store: one line for what was built for an address in one go."""

from dataclasses import dataclass, field

from leptonctl.commands.results import metrics_of
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.storage.store import Store, StoredResult

MINUTE = len("2026-01-01T00:00")


@dataclass(slots=True, kw_only=True)
class Build:
    """Steps that were computed for one address from one commit within a minute."""

    address: str
    at: Json
    by: Json
    host: Json
    commit: Json
    ops: list[Json] = field(default_factory=list)
    seconds: float = 0.0
    metrics: dict[str, Json] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        """One more step."""
        self.ops.append(result.op)
        self.seconds = round(self.seconds + result.seconds, 3)
        self.metrics = metrics_of(result) if result.op == "evaluate" else self.metrics

    def to_json(self) -> dict[str, Json]:
        """The line as `history --json` has it."""
        return {
            "address": self.address, "ops": self.ops, "at": self.at, "by": self.by, "host": self.host, "commit": self.commit,
            "seconds": self.seconds, "metrics": self.metrics,
        }  # fmt: skip


def builds(store: Store) -> list[dict[str, Json]]:
    """All builds, newest first. What was adopted from an earlier build is not one; a damaged record is passed over."""
    rows: dict[tuple[str, str], Build] = {}
    found = [stored.result for stored in store.all_results() if isinstance(stored, StoredResult)]
    for result in sorted(found, key=lambda r: str(r.provenance.get("at"))):
        if result.adopted is not None:
            continue
        known = result.provenance
        key = (result.address, f"{known.get('commit')}{str(known.get('at'))[:MINUTE]}")
        if key not in rows:
            rows[key] = Build(
                address=result.address, at=known.get("at"), by=known.get("by"), host=known.get("host"), commit=known.get("commit")
            )
        rows[key].add(result)
    return [build.to_json() for build in sorted(rows.values(), key=lambda b: str(b.at), reverse=True)]
