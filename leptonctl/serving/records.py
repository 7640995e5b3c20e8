"""The records that a server reads: the head of its environment, deployment records and its own server record.

Refuses records that are damaged or belong to another environment; every refusal names the file. Writes nothing.
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
# how many deployments back a server looks for when its models began to serve, and for one to fall back to
LOOK_BACK = 100


class Records(Frozen):
    """The records of one environment of one lineage; `fetch` reads their bytes."""

    fetch: Fetch
    lineage: str
    environment: str

    @property
    def head_path(self) -> str:
        return layout.head(self.lineage, self.environment)

    def is_store(self) -> bool:
        """Whether the store exists: an apply marks every store that it uses with an identity."""
        return self.fetch(layout.IDENTITY) is not None

    def head(self) -> Head | None:
        """The head, or None. Raises Refused."""
        head = self._read(self.head_path, Head)
        if head is not None and not head.is_of(self.lineage, self.environment):
            msg = f"{self.head_path} is the head of environment {head.environment} of lineage {head.lineage}"
            raise Refused(msg)
        return head

    def deployment(self, number: int) -> Deployment:
        """The record of a deployment of this environment. Raises Refused."""
        path = layout.deployment(self.lineage, self.environment, number)
        record = self._read(path, Deployment)
        if record is None:
            msg = f"{path} is not in the store"
            raise Refused(msg)
        for field, actual, expected in (
            ("lineage", record.lineage, self.lineage),
            ("environment", record.environment, self.environment),
            ("deployment", record.deployment, number),
        ):
            if actual != expected:
                msg = f"{path} is the record of {field} {actual}, not of {expected}"
                raise Refused(msg)
        return record

    def server(self, id: str) -> ServerRecord | None:  # noqa: A002
        """The record that a server wrote about itself, or None. Raises Refused."""
        return self._read(layout.server(self.lineage, self.environment, id), ServerRecord)

    def in_force_before(self, record: Deployment) -> Iterator[Deployment]:
        """The records in force before this one in the same incarnation, newest first, up to the first unreadable one."""
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

    def since(self, record: Deployment, current: int, since_current: Since) -> Since:
        """Since when each package of the record has served without interruption, according to the earlier records.

        `since_current` has the answers for deployment number `current`; no older record is read.
        """
        unbroken = _packages(record)
        since: dict[tuple[str, str], str] = {}
        for earlier in self.in_force_before(record):
            unbroken &= _packages(earlier)
            since.update(dict.fromkeys(unbroken, earlier.at))
            if earlier.deployment == current:
                since.update({key: since_current[key] for key in unbroken if key in since_current})
            if not unbroken or earlier.deployment == current:
                break
        return since

    def _read(self, path: str, kind: type[T]) -> T | None:
        data = self.fetch(path)
        try:
            return None if data is None else decode(data, kind)
        except BadRecord as problem:
            msg = f"{path} is not readable: {problem}"
            raise Refused(msg) from problem


def why_outdated(head: Head, in_force: Head) -> str | None:
    """Why a head is older than the one in force, or None. An apply with an outdated view of the environment may write one.

    A head without a deployment may have no serial.
    """
    if head.epoch < in_force.epoch:
        return f"its epoch {_text(head.epoch)} is lower than {_text(in_force.epoch)}, the one in force"
    if head.serial < in_force.serial and (head.deployment or head.serial):
        return f"its serial {head.serial} is lower than {in_force.serial}, the one in force"
    return None


def _packages(record: Deployment) -> set[tuple[str, str]]:
    """(model, package) of each main route of a deployment."""
    mains = ((name, record.main(name)) for name in record.models)
    return {(name, route.package) for name, route in mains if route is not None}


def _text(epoch: Epoch) -> str:
    return f"{epoch.generation}.{epoch.token}"
