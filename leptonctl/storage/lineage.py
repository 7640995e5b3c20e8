"""All that moves in a store for one lineage: history, deployments, heads, servers. Typed records in and out; decides nothing."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from leptonctl.core import layout
from leptonctl.core.codec import encode
from leptonctl.core.deployment import Deployment, Epoch, Head, ServerRecord
from leptonctl.core.state import HistoryRecord, Mark, OwnerRecord
from leptonctl.spi.storage import Objects
from leptonctl.storage.records import BadRecordAt, read_record

R = TypeVar("R")
HISTORY_CHUNK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """A record that the history names and the store does not hold, or holds damaged (`reason`)."""

    mark: Mark
    reason: str = "is not in the store"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadAt:
    """A head as it was read: the next write names the etag that it replaces."""

    head: Head
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageStore:
    """`projects/LINEAGE/` of a store. Damaged records are Failure `corrupt-record`, which names the path."""

    objects: Objects
    lineage: str

    def owner(self) -> OwnerRecord | None:
        """Which state may move what lies here."""
        return self._read(layout.owner(self.lineage), OwnerRecord)

    # --- history ---------------------------------------------------------------------------------------------------

    def append_history(self, record: HistoryRecord) -> bool:
        """Record a change or a refusal; False when it is there."""
        return self.objects.create(layout.history(self.lineage, record.serial, record.id), encode(record))

    def history(self, head: Mark | None) -> Iterator[HistoryRecord | Hole]:
        """From the newest record back along `previous`, read in chunks. Ends with a Hole where the chain breaks."""
        if head is None:
            return
        paths = sorted(self.objects.list(layout.history(self.lineage)), reverse=True)
        chunk: dict[str, bytes] = {}
        mark: Mark | None = head
        while mark is not None:
            path = layout.history(self.lineage, mark.serial, mark.id)
            if path not in chunk:
                chunk = self._chunk(paths, path)
            if path not in chunk:
                yield Hole(mark=mark)
                return
            try:
                record = read_record(chunk[path], path, HistoryRecord)
            except BadRecordAt as damaged:
                yield Hole(mark=mark, reason=damaged.reason)
                return
            yield record
            mark = record.previous

    def _chunk(self, paths: list[str], first: str) -> dict[str, bytes]:
        start = next((index for index, path in enumerate(paths) if path <= first), len(paths))
        return self.objects.get_many(paths[start : start + HISTORY_CHUNK])

    # --- deployments -----------------------------------------------------------------------------------------------

    def put_deployment(self, record: Deployment) -> bool:
        """Write the immutable record of a deployment; False when its number is taken."""
        return self.objects.create(layout.deployment(self.lineage, record.environment, record.deployment), encode(record))

    def deployment(self, environment: str, number: int) -> Deployment | None:
        """The record of one deployment."""
        return self._read(layout.deployment(self.lineage, environment, number), Deployment)

    def deployments(self, environment: str) -> list[int]:
        """The numbers of all deployments of an environment, ascending."""
        found = (layout.numbered(path) for path in self.objects.list(layout.deployments(self.lineage, environment)))
        return sorted(number for number in found if number is not None)

    def head(self, environment: str) -> HeadAt | None:
        """The head of an environment; None before its first switch."""
        path = layout.head(self.lineage, environment)
        found = self.objects.get(path)
        return None if found is None else HeadAt(head=read_record(found[0], path, Head), etag=found[1])

    def move_head(
        self, environment: str, before: HeadAt | None, *, epoch: Epoch, holder: str, deployment: int, serial: int, staged: int
    ) -> HeadAt | None:
        """Replace the head that was read as `before` (None: there was none) by a new one with a fresh nonce; None when it moved since."""
        after = Head(epoch=epoch, nonce=secrets.token_hex(8), holder=holder, deployment=deployment, serial=serial, staged=staged)
        etag = self.objects.replace(layout.head(self.lineage, environment), encode(after), before.etag if before else None)
        return None if etag is None else HeadAt(head=after, etag=etag)

    # --- servers ---------------------------------------------------------------------------------------------------

    def servers(self, environment: str) -> tuple[ServerRecord, ...]:
        """All servers registered for an environment, by id. What is not a server's record is passed over."""
        found = self.objects.get_many(self.objects.list(layout.servers(self.lineage, environment)))
        records = []
        for path, data in sorted(found.items()):
            try:
                records.append(read_record(data, path, ServerRecord))
            except BadRecordAt:
                continue
        return tuple(records)

    def remove_server(self, environment: str, id: str) -> None:  # noqa: A002
        """Forget a server."""
        self.objects.delete(layout.server(self.lineage, environment, id))

    def _read(self, path: str, kind: type[R]) -> R | None:
        found = self.objects.get(path)
        return None if found is None else read_record(found[0], path, kind)
