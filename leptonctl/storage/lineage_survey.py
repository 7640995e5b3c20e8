"""What a store knows of one lineage, read at once: its owner, heads, history and the copy of its state. Decides nothing."""

from collections.abc import Iterable, Mapping

from leptonctl.core import layout
from leptonctl.core.codec import encode
from leptonctl.core.deployment import Epoch, Head
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.state import HistoryRecord, Mark, State
from leptonctl.core.store_records import OwnerRecord
from leptonctl.spi.storage import Objects
from leptonctl.storage.lineage import HeadAt, LineageStore
from leptonctl.storage.records import BadRecordAt, read_record


class OwnerAt(Frozen):
    """The owner of a lineage as it was read, with the etag that the next write must replace."""

    record: OwnerRecord
    etag: str


class Survey(Frozen):
    """What a new state must exceed to take over the lineage. `damaged`: environment -> the etag of a head that cannot be read.

    `copy`: the state as of its last move; None where no command has published one.
    """

    lineage: str
    owner: OwnerAt | None
    heads: Mapping[str, HeadAt] = field(default_factory=dict)
    damaged: Mapping[str, str] = field(default_factory=dict)
    environments: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    newest: HistoryRecord | None = None
    copy: State | None = None

    def serial(self, states: Iterable[State | None]) -> int:
        """The highest serial in the store's records or in one of these states. Not in the copy: its writer may have lost a race."""
        of_states = (state.serial for state in states if state is not None)
        return max([0, *of_states, *(mark.serial for mark in self.marks), *(at.head.serial for at in self.heads.values())])

    def generation(self, states: Iterable[State | None]) -> int:
        """The highest generation in the store or in one of these states."""
        of_states = (state.generation for state in (*states, self.copy) if state is not None)
        owner = self.owner.record.generation if self.owner else 0
        return max([0, owner, *of_states, *(at.head.epoch.generation for at in self.heads.values())])

    def token(self, environment: str, states: Iterable[State | None]) -> int:
        """The highest token of an environment in the store or in one of these states."""
        of_states = (state.tokens.get(environment, 0) for state in (*states, self.copy) if state is not None)
        return max([0, *of_states, *([self.heads[environment].head.epoch.token] if environment in self.heads else [])])


def survey(objects: Objects, lineage: str) -> Survey:
    """Read a lineage. Failure `corrupt-record` when the record of its owner is damaged."""
    part = LineageStore(objects=objects, lineage=lineage)
    owner = _owner(objects, lineage)
    environments = part.environments()
    heads: dict[str, HeadAt] = {}
    damaged: dict[str, str] = {}
    for environment in environments:
        path = layout.head(lineage, environment)
        stored = objects.get(path)
        if stored is None:
            continue
        try:
            heads[environment] = HeadAt(head=read_record(stored[0], path, Head), etag=stored[1])
        except BadRecordAt:
            damaged[environment] = stored[1]
    marks = part.marks()
    return Survey(
        lineage=lineage,
        owner=owner,
        heads=heads,
        damaged=damaged,
        environments=tuple(environments),
        marks=tuple(marks),
        newest=part.newest(marks),
        copy=part.roots(),
    )


def _owner(objects: Objects, lineage: str) -> OwnerAt | None:
    path = layout.owner(lineage)
    stored = objects.get(path)
    return None if stored is None else OwnerAt(record=read_record(stored[0], path, OwnerRecord), etag=stored[1])


def replace_owner(objects: Objects, lineage: str, before: OwnerAt, after: OwnerRecord) -> bool:
    """Put another state in charge of a lineage; False when another process has replaced the owner since `before` was read."""
    return objects.replace(layout.owner(lineage), encode(after), before.etag) is not None


def fence_heads(
    part: LineageStore, known: Survey, epochs: Mapping[str, Epoch], *, deployments: Mapping[str, int], holder: str
) -> list[str]:
    """Write these epochs into all heads, so that no holder of an older one moves them. Returns the environments whose head has moved
    since the survey. A head that cannot be read is written again with the deployment that `deployments` names.
    """
    moved = []
    for environment, epoch in sorted(epochs.items()):
        at = known.heads.get(environment)
        if at is None and environment in known.damaged:
            number = deployments.get(environment, 0)
            record = part.intact_deployment(environment, number) if number else None
            damaged = HeadAt(head=Head(epoch=epoch, nonce=""), etag=known.damaged[environment])
            serial = record.serial if record else 0
            after = part.move_head(environment, damaged, epoch=epoch, holder=holder, deployment=number, serial=serial, staged=0)
        elif at is not None:
            head = at.head
            after = part.move_head(environment, at, epoch=epoch, holder=holder, deployment=head.deployment, serial=head.serial, staged=0)
        else:
            continue
        if after is None:
            moved.append(environment)
    return moved
