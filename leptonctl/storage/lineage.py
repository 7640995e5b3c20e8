"""The part of a store that belongs to one lineage: history, deployments, heads, servers. Typed records in and out; decides nothing."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from leptonctl.core import layout
from leptonctl.core.codec import BadRecord, encode
from leptonctl.core.deployment import Deployment, Epoch, Head, ServerRecord
from leptonctl.core.frozen import Frozen
from leptonctl.core.packed import decode_roots, encode_roots
from leptonctl.core.state import HistoryRecord, Mark, State
from leptonctl.core.store_records import OwnerRecord
from leptonctl.spi.storage import Objects
from leptonctl.storage.records import BadRecordAt, read_record, require_name

R = TypeVar("R")


class Hole(Frozen):
    """A record that the history names but that is missing from the store at `path`, or damaged there (`reason`)."""

    mark: Mark
    path: str
    reason: str = "is not in the store"


class HeadAt(Frozen):
    """A head as it was read, with the etag that the next write must replace."""

    head: Head
    etag: str


class LineageStore(Frozen):
    """`projects/LINEAGE/` of a store. A damaged record is Failure `corrupt-record`, which names the path."""

    objects: Objects
    lineage: str

    def owner(self) -> OwnerRecord | None:
        """The record of the state that may move this lineage."""
        return self._read(layout.owner(self.lineage), OwnerRecord)

    def roots(self) -> State | None:
        """The copy of the state as of its last move; None when there is none or it cannot be read."""
        stored = self.objects.get(layout.roots(self.lineage))
        if stored is None:
            return None
        try:
            return decode_roots(stored[0])
        except BadRecord:
            return None

    def publish_roots(self, state: State) -> None:
        """Publish what a state refers to, without its claims and locks, before the state itself is written."""
        self.objects.put(layout.roots(self.lineage), encode_roots(state))

    # --- history ---------------------------------------------------------------------------------------------------

    def append_history(self, record: HistoryRecord) -> bool:
        """Record a change or a refusal; False when the record exists."""
        return self.objects.create(layout.history_record(self.lineage, record.serial, record.id), encode(record))

    def history(self, head: Mark | None, latest: HistoryRecord | None = None) -> Iterator[HistoryRecord | Hole]:
        """The records from the newest back along `previous`, read in chunks. After a Hole comes the next older record that exists.

        `latest`: the newest record if the state still holds it, because the store may not have it yet.
        """
        visited: set[tuple[int, str]] = set()
        mark = head
        if mark is not None and latest is not None and (latest.serial, latest.id) == (mark.serial, mark.id):
            yield latest
            mark = latest.previous
        chunk: dict[str, bytes] = {}
        chunk_folder: str | None = None
        while mark is not None:
            folder = layout.history_chunk(self.lineage, mark.serial)
            if folder != chunk_folder:
                chunk, chunk_folder = self.objects.get_many(self.objects.list(folder)), folder
            record = self._link(mark, chunk)
            yield record
            visited.add((mark.serial, mark.id))
            mark = self._older(mark, visited) if isinstance(record, Hole) else record.previous

    def marks(self) -> list[Mark]:
        """All records of the history that the store holds, by serial and id, in no particular order within a serial."""
        marks = (layout.history_mark(path) for path in self.objects.list(layout.history(self.lineage)))
        return [Mark(serial=mark[0], id=mark[1]) for mark in sorted(mark for mark in marks if mark is not None)]

    def record(self, mark: Mark) -> HistoryRecord | Hole:
        """One record of the history."""
        path = layout.history_record(self.lineage, mark.serial, mark.id)
        return self._link(mark, self.objects.get_many([path]))

    def has_record(self, mark: Mark) -> bool:
        """Whether the store holds a record of the history, readable or not."""
        return bool(self.objects.present([layout.history_record(self.lineage, mark.serial, mark.id)]))

    def newest(self, marks: Sequence[Mark]) -> HistoryRecord | None:
        """The newest readable record among these: of those with the highest serial, the one that is not the `previous` of another."""
        for serial in sorted({mark.serial for mark in marks}, reverse=True):
            paths = {layout.history_record(self.lineage, m.serial, m.id): m for m in marks if m.serial == serial}
            contents = self.objects.get_many(paths)
            links = [self._link(mark, contents) for mark in paths.values()]
            records = [link for link in links if isinstance(link, HistoryRecord)]
            previous = {record.previous for record in records}
            last = [r for r in records if Mark(serial=r.serial, id=r.id) not in previous] or records
            if last:
                return max(last, key=lambda record: (record.at, record.id))
        return None

    def newest_serial(self, after: int) -> int | None:
        """The highest serial in the store's history after this one, None when there is no later one.

        Every serial has a record, so it is enough to list the chunk of the next one.
        """
        paths = self.objects.list(layout.history_chunk(self.lineage, after + 1))
        serials = [serial for path in paths if (serial := layout.history_serial(path)) is not None]
        return max((serial for serial in serials if serial > after), default=None)

    def _link(self, mark: Mark, chunk: Mapping[str, bytes]) -> HistoryRecord | Hole:
        path = layout.history_record(self.lineage, mark.serial, mark.id)
        if path not in chunk:
            return Hole(mark=mark, path=path)
        try:
            record = read_record(chunk[path], path, HistoryRecord)
            require_name(path, is_its_own=(record.serial, record.id) == (mark.serial, mark.id))
        except BadRecordAt as failure:
            return Hole(mark=mark, path=path, reason=f"cannot be read: {failure.reason}")
        return record

    def _older(self, mark: Mark, visited: set[tuple[int, str]]) -> Mark | None:
        """The newest record in the store before the unreadable one at `mark`."""
        for number in range(mark.serial // layout.HISTORY_CHUNK, -1, -1):
            paths = self.objects.list(layout.history_chunk(self.lineage, number * layout.HISTORY_CHUNK))
            marks = [other for path in paths if (other := layout.history_mark(path)) is not None]
            candidates = [other for other in marks if other[0] <= mark.serial and other not in visited]
            if candidates:
                serial, id_ = max(candidates)
                return Mark(serial=serial, id=id_)
        return None

    # --- deployments -----------------------------------------------------------------------------------------------

    def put_deployment(self, record: Deployment) -> bool:
        """Write the immutable record of a deployment; False when its number is taken."""
        return self.objects.create(layout.deployment(self.lineage, record.environment, record.deployment), encode(record))

    def deployment(self, environment: str, number: int) -> Deployment | None:
        """The record of one deployment."""
        path = layout.deployment(self.lineage, environment, number)
        record = self._read(path, Deployment)
        if record is not None:
            its_own = (record.lineage, record.environment, record.deployment) == (self.lineage, environment, number)
            require_name(path, is_its_own=its_own)
        return record

    def intact_deployment(self, environment: str, number: int) -> Deployment | None:
        """As `deployment`, but None also for a damaged record, for callers that can do without it."""
        try:
            return self.deployment(environment, number)
        except BadRecordAt:
            return None

    def deployments(self, environment: str) -> list[int]:
        """The numbers of all deployments of an environment, ascending."""
        numbers = (layout.deployment_number(path) for path in self.objects.list(layout.deployments(self.lineage, environment)))
        return sorted(number for number in numbers if number is not None)

    def environments(self) -> list[str]:
        """The environments that have deployments or a head, sorted."""
        names = (layout.environment_of(path) for path in self.objects.list(layout.all_deployments(self.lineage)))
        return sorted({name for name in names if name is not None})

    def head(self, environment: str) -> HeadAt | None:
        """The head of an environment; None before its first switch."""
        path = layout.head(self.lineage, environment)
        stored = self.objects.get(path)
        return None if stored is None else HeadAt(head=self._head(environment, stored[0], path), etag=stored[1])

    def heads(self, environments: Iterable[str]) -> dict[str, Head]:
        """The heads of many environments. Missing and damaged ones are left out: a switch reports damage to its own."""
        paths = {layout.head(self.lineage, environment): environment for environment in environments}
        heads: dict[str, Head] = {}
        for path, data in self.objects.get_many(paths).items():
            with suppress(BadRecordAt):
                heads[paths[path]] = self._head(paths[path], data, path)
        return heads

    def move_head(
        self, environment: str, before: HeadAt | None, *, epoch: Epoch, holder: str, deployment: int, serial: int, staged: int
    ) -> HeadAt | None:
        """Replace the head that was read as `before` (None: it did not exist) by one with a fresh nonce; None when it has moved since."""
        after = Head(
            epoch=epoch, nonce=os.urandom(8).hex(), holder=holder, deployment=deployment, serial=serial, staged=staged,
            lineage=self.lineage, environment=environment,
        )  # fmt: skip
        etag = self.objects.replace(layout.head(self.lineage, environment), encode(after), before.etag if before else None)
        return None if etag is None else HeadAt(head=after, etag=etag)

    def _head(self, environment: str, data: bytes, path: str) -> Head:
        head = read_record(data, path, Head)
        require_name(path, is_its_own=head.is_of(self.lineage, environment))
        return head

    # --- servers ---------------------------------------------------------------------------------------------------

    def servers(self, environment: str) -> tuple[ServerRecord, ...]:
        """All servers registered for an environment, by id. Other objects are skipped."""
        contents = self.objects.get_many(self.objects.list(layout.servers(self.lineage, environment)))
        records = []
        for path, data in sorted(contents.items()):
            with suppress(BadRecordAt):
                records.append(read_record(data, path, ServerRecord))
        return tuple(records)

    def remove_server(self, environment: str, id: str) -> None:  # noqa: A002
        """Remove the record of a server."""
        self.objects.delete(layout.server(self.lineage, environment, id))

    def _read(self, path: str, kind: type[R]) -> R | None:
        stored = self.objects.get(path)
        return None if stored is None else read_record(stored[0], path, kind)
