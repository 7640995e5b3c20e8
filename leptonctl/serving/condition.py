"""The identity and the condition of a server, and the server record that is made of both. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leptonctl.core.deployment import Epoch, Head, ServedModel, ServerRecord
from leptonctl.core.frozen import Frozen, field, replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leptonctl.serving.deployment import LoadedDeployment


IN_THE_LOG = "the server's log says why"


class Identity(Frozen):
    """Identifies a server and its process.

    `start` is the process's start in clock ticks since boot, `boot` the id of that boot, `namespace` the pid's namespace.
    """

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
        """The server record before any deployment is served. `started` is in seconds since 1970."""
        return ServerRecord(
            id=self.id, lineage=self.lineage, environment=self.environment, host=self.host, machine=self.machine, pid=self.pid,
            start=self.start, boot=self.boot, namespace=self.namespace, url=url, started=started,
        )  # fmt: skip


class Condition(Frozen):
    """The condition of a server.

    `current` is the deployment in force, `prepared` one that is loaded and not in force yet. `head` is the last head that was
    followed, `head_problem` what is wrong with the one in the store now. `failed` maps deployment numbers to why they cannot be served.
    """

    current: LoadedDeployment
    prepared: LoadedDeployment | None = None
    head: Head = field(default_factory=lambda: Head(epoch=Epoch(), nonce=""))
    failed: Mapping[int, str] = field(default_factory=dict)
    head_problem: str = ""

    @property
    def note(self) -> str:
        """Why the server does not serve the head's deployment, or empty."""
        if self.head_problem:
            return self.head_problem
        number = self.head.deployment
        if number == self.current.number or number not in self.failed:
            return ""
        return f"deployment {number} is the head and cannot be loaded: {self.failed[number]}"


class Beat(Frozen):
    """One write of the server record: its number, and its time by the server's clock (seconds since 1970)."""

    number: int = 0
    at: float = 0.0
    stopped: bool = False


def public_record(record: ServerRecord) -> ServerRecord:
    """The record as clients on other machines see it: what is served, without the host, its process and paths in messages."""
    return replace(
        record, host="", machine="", pid=0, start=None, boot=None, namespace=None, url="",
        failed=dict.fromkeys(record.failed, IN_THE_LOG), note=IN_THE_LOG if record.note else "",
    )  # fmt: skip


def server_record(identity: ServerRecord, condition: Condition, beat: Beat) -> ServerRecord:
    """The record that the server writes to the store and answers at `/leptonctl/v1/status`."""
    current = condition.current
    return replace(
        identity,
        heartbeat=beat.at,
        beat=beat.number,
        stopped=beat.stopped,
        deployment=current.number,
        serial=current.serial,
        ready=tuple(d.number for d in (current, condition.prepared) if d is not None and d.number),
        failed={str(number): why for number, why in sorted(condition.failed.items())},
        note=condition.note,
        models={
            name: ServedModel(version=m.version, digest=m.digest, package=m.package, artifact=m.artifact, since=m.since)
            for name, m in current.models.items()
        },
    )
