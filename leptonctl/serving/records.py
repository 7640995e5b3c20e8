"""What a server reads of its environment: the head, deployment records, its own record. Refuses what is damaged or another's.

Every refusal names the file. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from leptonctl.core import layout
from leptonctl.core.codec import BadRecord, decode
from leptonctl.core.deployment import Deployment, Epoch, Head, ServerRecord
from leptonctl.core.frozen import Frozen
from leptonctl.serving.deployment import Refused

if TYPE_CHECKING:
    from leptonctl.serving.deployment import Fetch, Since

T = TypeVar("T")
# how far back a starting server looks for since when its models serve, and for a deployment to fall back to
LOOK_BACK = 100


class Records(Frozen):
    """The records of one environment of one lineage, as `fetch` gives their bytes."""

    fetch: Fetch
    lineage: str
    environment: str

    @property
    def head_path(self) -> str:
        return layout.head(self.lineage, self.environment)

    def is_store(self) -> bool:
        """Whether the store is there: every store that an apply has used is marked with its identity."""
        return self.fetch(layout.IDENTITY) is not None

    def head(self) -> Head | None:
        """The head, None when there is none. Raises Refused."""
        return self._read(self.head_path, Head)

    def deployment(self, number: int) -> Deployment:
        """The record of a deployment of this environment. Raises Refused."""
        path = layout.deployment(self.lineage, self.environment, number)
        record = self._read(path, Deployment)
        if record is None:
            msg = f"{path} is not in the store"
            raise Refused(msg)
        for field, found, wanted in (
            ("lineage", record.lineage, self.lineage),
            ("environment", record.environment, self.environment),
            ("deployment", record.deployment, number),
        ):
            if found != wanted:
                msg = f"{path} is the record of {field} {found}, not of {wanted}"
                raise Refused(msg)
        return record

    def server(self, id: str) -> ServerRecord | None:  # noqa: A002
        """What a server wrote of itself, None when it never did. Raises Refused."""
        return self._read(layout.server(self.lineage, self.environment, id), ServerRecord)

    def in_force_before(self, record: Deployment) -> Iterator[Deployment]:
        """The records that were in force before this one in its incarnation, newest first, as far as they are readable."""
        later = record
        for _ in range(LOOK_BACK):
            if not later.previous:
                return
            try:
                earlier = self.deployment(later.previous)
            except Refused:
                return
            if earlier.incarnation != record.incarnation:
                return
            yield earlier
            later = earlier

    def since(self, record: Deployment, reached: int, known: Since) -> Since:
        """From when on each package of the record has served without a break, by the records before it.

        `known` is the answer for deployment number `reached`, further back than which nothing need be read.
        """
        unbroken = _packages(record)
        since: dict[tuple[str, str], str] = {}
        for earlier in self.in_force_before(record):
            unbroken &= _packages(earlier)
            since.update(dict.fromkeys(unbroken, earlier.at))
            if earlier.deployment == reached:
                since.update({key: known[key] for key in unbroken if key in known})
            if not unbroken or earlier.deployment == reached:
                break
        return since

    def _read(self, path: str, kind: type[T]) -> T | None:
        data = self.fetch(path)
        try:
            return None if data is None else decode(data, kind)
        except BadRecord as problem:
            msg = f"{path} is not readable: {problem}"
            raise Refused(msg) from problem


def behind(head: Head, in_force: Head) -> str | None:
    """Why a head is older than the one in force, or None. Whoever moves an environment with an older view of it is refused.

    A head without a deployment may have no serial.
    """
    if head.epoch < in_force.epoch:
        return f"its epoch {_text(head.epoch)} is lower than {_text(in_force.epoch)}, which is in force"
    if head.serial < in_force.serial and (head.deployment or head.serial):
        return f"its serial {head.serial} is lower than {in_force.serial}, which is in force"
    return None


def _packages(record: Deployment) -> set[tuple[str, str]]:
    """(model, package) of all that answers in a deployment."""
    mains = ((name, record.main(name)) for name in record.models)
    return {(name, route.package) for name, route in mains if route is not None}


def _text(epoch: Epoch) -> str:
    return f"{epoch.generation}.{epoch.token}"
