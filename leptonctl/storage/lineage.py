"""All that moves in a store for one lineage: history, deployments, heads, servers. Typed records in and out; decides nothing."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TypeVar

from leptonctl.core import layout
from leptonctl.core.codec import encode
from leptonctl.core.deployment import Deployment, Epoch, Head, ServerRecord
from leptonctl.core.frozen import Frozen
from leptonctl.core.state import HistoryRecord, Mark, OwnerRecord
from leptonctl.spi.storage import Objects
from leptonctl.storage.records import BadRecordAt, read_record

R = TypeVar("R")


class Hole(Frozen):
    """A record that the history names and the store does not hold at `path`, or holds damaged (`reason`)."""

    mark: Mark
    path: str
    reason: str = "is not in the store"


class HeadAt(Frozen):
    """A head as it was read: the next write names the etag that it replaces."""

    head: Head
    etag: str


class LineageStore(Frozen):
    """`projects/LINEAGE/` of a store. Damaged records are Failure `corrupt-record`, which names the path."""

    objects: Objects
    lineage: str

    def owner(self) -> OwnerRecord | None:
        """Which state may move what lies here."""
        return self._read(layout.owner(self.lineage), OwnerRecord)

    # --- history ---------------------------------------------------------------------------------------------------

    def append_history(self, record: HistoryRecord) -> bool:
        """Record a change or a refusal; False when it is there."""
        return self.objects.create(layout.history_record(self.lineage, record.serial, record.id), encode(record))

    def history(self, head: Mark | None, latest: HistoryRecord | None = None) -> Iterator[HistoryRecord | Hole]:
        """From the newest record back along `previous`, read in chunks. Behind a Hole it goes on with the next older record there is.

        `latest` is the newest record where the state still holds it: the store may not have it yet.
        """
        passed: set[tuple[int, str]] = set()
        mark = head
        if mark is not None and latest is not None and (latest.serial, latest.id) == (mark.serial, mark.id):
            yield latest
            mark = latest.previous
        chunk: dict[str, bytes] = {}
        listed: str | None = None
        while mark is not None:
            folder = layout.history_chunk(self.lineage, mark.serial)
            if folder != listed:
                chunk, listed = self.objects.get_many(self.objects.list(folder)), folder
            record = self._link(mark, chunk)
            yield record
            passed.add((mark.serial, mark.id))
            mark = self._older(mark, passed) if isinstance(record, Hole) else record.previous

    def newest_serial(self, after: int) -> int | None:
        """The highest serial that the history of the store has after this one; None when it has none.

        Each serial has a record, so that the chunk of the next one tells.
        """
        paths = self.objects.list(layout.history_chunk(self.lineage, after + 1))
        serials = [serial for path in paths if (serial := layout.history_serial(path)) is not None]
        return max((serial for serial in serials if serial > after), default=None)

    def _link(self, mark: Mark, chunk: Mapping[str, bytes]) -> HistoryRecord | Hole:
        path = layout.history_record(self.lineage, mark.serial, mark.id)
        if path not in chunk:
            return Hole(mark=mark, path=path)
        try:
            return read_record(chunk[path], path, HistoryRecord)
        except BadRecordAt as damaged:
            return Hole(mark=mark, path=path, reason=f"cannot be read: {damaged.reason}")

    def _older(self, mark: Mark, passed: set[tuple[int, str]]) -> Mark | None:
        """The newest record of the store that comes before the one at `mark`, which cannot say so itself."""
        for number in range(mark.serial // layout.HISTORY_CHUNK, -1, -1):
            paths = self.objects.list(layout.history_chunk(self.lineage, number * layout.HISTORY_CHUNK))
            marks = [found for path in paths if (found := layout.history_mark(path)) is not None]
            before = [found for found in marks if found[0] <= mark.serial and found not in passed]
            if before:
                serial, id_ = max(before)
                return Mark(serial=serial, id=id_)
        return None

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

    def heads(self, environments: Iterable[str]) -> dict[str, Head]:
        """The heads of many environments. Those without one are left out, and those that are damaged: who moves one reads it alone."""
        paths = {layout.head(self.lineage, environment): environment for environment in environments}
        found: dict[str, Head] = {}
        for path, data in self.objects.get_many(paths).items():
            with suppress(BadRecordAt):
                found[paths[path]] = read_record(data, path, Head)
        return found

    def move_head(
        self, environment: str, before: HeadAt | None, *, epoch: Epoch, holder: str, deployment: int, serial: int, staged: int
    ) -> HeadAt | None:
        """Replace the head that was read as `before` (None: there was none) by a new one with a fresh nonce; None when it moved since."""
        after = Head(epoch=epoch, nonce=os.urandom(8).hex(), holder=holder, deployment=deployment, serial=serial, staged=staged)
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
