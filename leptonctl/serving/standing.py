"""Who a server is and where it stands, as values, and what it says of both: its record. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.core.deployment import Epoch, Head, ServedModel, ServerRecord
from leptonctl.core.frozen import Frozen, field, replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leptonctl.serving.deployment import LoadedDeployment


class Identity(Frozen):
    """Which server this is, and whose: known to who starts it. `start` is in clock ticks since boot, `namespace` that of the pid."""

    id: str
    lineage: str
    environment: str
    host: str
    machine: str
    pid: int
    start: int | None
    boot: str | None
    namespace: str | None = None

    def record(self, url: str, started: float) -> ServerRecord:
        """What it says of itself before it serves. `started` is in seconds since 1970."""
        return ServerRecord(
            id=self.id, lineage=self.lineage, environment=self.environment, host=self.host, machine=self.machine, pid=self.pid,
            start=self.start, boot=self.boot, namespace=self.namespace, url=url, started=started,
        )  # fmt: skip


class Standing(Frozen):
    """Where a server stands. `head` is the last one that was followed, `trouble` what is wrong with the one that is there now.

    `failed`: deployment -> why it cannot be served.
    """

    current: LoadedDeployment
    prepared: LoadedDeployment | None = None
    head: Head = field(default_factory=lambda: Head(epoch=Epoch(), nonce=""))
    failed: Mapping[int, str] = field(default_factory=dict)
    trouble: str = ""

    @property
    def note(self) -> str:
        """Why it serves another deployment than the head's."""
        if self.trouble:
            return self.trouble
        number = self.head.deployment
        if number == self.current.number or number not in self.failed:
            return ""
        return f"deployment {number} is the head and cannot be loaded: {self.failed[number]}"


class Beat(Frozen):
    """A writing of the record: which one, and when by the server's own clock (seconds since 1970)."""

    number: int = 0
    at: float = 0.0
    stopped: bool = False


def server_record(identity: ServerRecord, standing: Standing, beat: Beat) -> ServerRecord:
    """What stands in the store under the server's id, and at `/leptonctl/v1/status`."""
    current = standing.current
    return replace(
        identity,
        heartbeat=beat.at,
        beat=beat.number,
        stopped=beat.stopped,
        deployment=current.number,
        serial=current.serial,
        ready=tuple(d.number for d in (current, standing.prepared) if d is not None and d.number),
        failed={str(number): why for number, why in sorted(standing.failed.items())},
        note=standing.note,
        models={
            name: ServedModel(version=m.version, digest=m.digest, package=m.package, artifact=m.artifact, since=m.since)
            for name, m in current.models.items()
        },
    )
