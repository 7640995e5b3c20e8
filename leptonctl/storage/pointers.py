"""Reads and moves the state: compare-and-swap with retry, a history record for every pointer change and refusal. Decides nothing."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from leptonctl.core.codec import BadRecord, Record
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import replace
from leptonctl.core.packed import decode_state, encode_state
from leptonctl.core.state import Author, HistoryRecord, Mark, Moved, Pointer, State, Verdict
from leptonctl.spi.storage import Objects, Stamp, StateCorrupt, StateStore, StorageError
from leptonctl.storage import pointer_failures as failures
from leptonctl.storage.lineage import Hole, LineageStore
from leptonctl.storage.standing import (
    begin_lineage,
    begin_store,
    look,
    lost_lineage,
    refuse_ahead,
    refuse_other_store,
    refuse_replaced,
)

Move = Callable[[State], State]


def now() -> str:
    """The time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Note(Record):
    """What the history says of a move beside its pointers: who, and for a switch which environment and what its gates said."""

    author: Author = Author()
    environment: str | None = None
    deployment: int | None = None
    evidence: tuple[Verdict, ...] = ()
    held: tuple[Moved, ...] = ()
    recovered_by: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Pointers:
    """The state of one project, and the store that holds its history. What its medium refuses is Failure `state-failed`."""

    states: StateStore
    objects: Objects
    project: str
    _published: set[str] = field(default_factory=set, init=False, repr=False)
    _admitted: set[str] = field(default_factory=set, init=False, repr=False)
    _newest: dict[Stamp, State] = field(default_factory=dict, init=False, repr=False)

    def read(self) -> State | None:
        """The state, or None before the first apply. One look into the store beyond the state itself.

        Failure when the state and the store do not belong together: a marked store whose state is gone is never "create everything",
        and a store that is not the state's (not mounted, another one) is never read as if it were. A state that was replaced, or
        that the store is ahead of, can be read, and no more: see `begin`.
        """
        found = self._stamped() or self._second_look()
        if found is None:
            return None
        state = found[0]
        refuse_other_store(look(self.objects, state.lineage), state, self.objects.describe())
        return state

    def begin(self) -> State:
        """The state of a run that will move it, made on the first one: a new lineage, marked in the store after it is durable.

        Failure as in `read`; `replaced-state` (exit 5) when another state has taken over, `store-ahead` when this one was put back.
        """
        state = (self._stamped() or self._second_look() or self._first())[0]
        self._admit(state)
        return state

    def check(self, state: State) -> None:
        """Failure where this state may be read but not moved: `replaced-state` (exit 5) or `store-ahead`.

        `begin` does it. A plan does where looking is cheap: it costs a listing and two batches more than `read`.
        """
        standing = look(self.objects, state.lineage)
        if standing.owner is not None:
            refuse_replaced(standing.owner, state, self.states.describe())
        refuse_ahead(self.lineage(state), state, self.states.describe())

    def lineage(self, state: State) -> LineageStore:
        """What lies in the store for this state's lineage."""
        return LineageStore(objects=self.objects, lineage=state.lineage)

    def history(self, state: State) -> Iterator[HistoryRecord | Hole]:
        """The history of a state from the newest record back. A Hole stands where the chain breaks."""
        return self.lineage(state).history(state.history, state.latest)

    def move(self, change: Move, note: Note | None = None) -> State:
        """Apply a pure move to the newest state until it sticks. `note` goes into the history when the serial grows.

        `change` is called again after every lost race; it raises Failure when it no longer holds. A Failure of this means that
        nothing was moved.
        """
        return self._swap(lambda before: (after := change(before), (note or Note()) if after.serial != before.serial else None))

    def note(self, note: Note) -> State:
        """Add a record to the history though no pointer moves: the serial stays."""
        return self._swap(lambda before: (replace(before), note))

    def _swap(self, change: Callable[[State], tuple[State, Note | None]]) -> State:
        while True:
            found = self._stamped()
            if found is None:
                raise failures.went_away(self.states.describe())
            before, stamp = found
            if before.lineage not in self._admitted:
                self._admit(before)
            after, note = change(before)
            if after is before:
                return before
            # the record of the write before may exist nowhere but in the state: its writer was killed
            self._publish(before)
            record = None if note is None else _record(before, after, note)
            after = replace(
                after, revision=before.revision + 1, write=os.urandom(8).hex(), latest=record,
                history=before.history if record is None else Mark(serial=record.serial, id=record.id),
            )  # fmt: skip
            if self._write(stamp, after):
                # the pointers have moved, and the record is safe in the state: whoever writes next publishes it
                with suppress(Failure, StorageError):
                    self._publish(after)
                return after

    def _publish(self, state: State) -> None:
        """See that the store has the newest record of the history."""
        if state.latest is None or state.latest.id in self._published:
            return
        self.lineage(state).append_history(state.latest)
        self._published.add(state.latest.id)

    def _first(self) -> tuple[State, Stamp]:
        """The state that was not there, ours or that of who was quicker."""
        store = look(self.objects, None).identity or begin_store(self.objects)
        fresh = State(
            lineage=os.urandom(16).hex(), project=self.project, id=os.urandom(8).hex(), store=store,
            revision=1, write=os.urandom(8).hex(),
        )  # fmt: skip
        stamp = _stamp(fresh)
        if self._write(None, fresh):
            return fresh, stamp
        found = self._stamped()
        if found is None:
            raise failures.went_away(self.states.describe())
        return found

    def _second_look(self) -> tuple[State, Stamp] | None:
        """There is no state: Failure when the store knows this project, unless somebody has made the state at this moment."""
        lineage = lost_lineage(self.objects, self.project)
        if lineage is None:
            return None
        found = self._stamped()
        if found is None:
            raise failures.missing(self.states.describe(), lineage, self.project)
        return found

    def _admit(self, state: State) -> None:
        """See that this state may be moved from here; once is enough for a run, later the head's fence holds."""
        standing = look(self.objects, state.lineage)
        refuse_other_store(standing, state, self.objects.describe())
        if standing.owner is None:
            begin_lineage(self.objects, state)
        else:
            refuse_replaced(standing.owner, state, self.states.describe())
        refuse_ahead(self.lineage(state), state, self.states.describe())
        self._admitted.add(state.lineage)

    def _stamped(self) -> tuple[State, Stamp] | None:
        try:
            found = self.states.read()
        except StateCorrupt as problem:
            raise failures.corrupt(self.states.describe(), problem) from problem
        except StorageError as refusal:
            raise failures.refused(refusal) from refusal
        if found is None:
            return None
        data, stamp = found
        return self._newest.get(stamp) or self._decoded(data, stamp), stamp

    def _decoded(self, data: bytes, stamp: Stamp) -> State:
        try:
            state = decode_state(data)
        except BadRecord as problem:
            raise failures.unreadable(self.states.describe(), problem) from problem
        self._remember(stamp, state)
        return state

    def _write(self, expected: Stamp | None, state: State) -> bool:
        stamp = _stamp(state)
        try:
            swapped = self.states.swap(expected, encode_state(state), stamp)
        except StateCorrupt as problem:
            raise failures.corrupt(self.states.describe(), problem) from problem
        except StorageError as refusal:
            raise failures.refused(refusal) from refusal
        if swapped:
            self._remember(stamp, state)
        return swapped

    def _remember(self, stamp: Stamp, state: State) -> None:
        """Moves come in series: what was just written need not be taken apart again. A stamp is random, so it means one state.

        The thread that beats for a claim comes here too: whatever it finds or drops is only the decoding of a state.
        """
        self._newest.clear()
        self._newest[stamp] = state


def _record(before: State, after: State, note: Note) -> HistoryRecord:
    return HistoryRecord(
        serial=after.serial, id=os.urandom(8).hex(), previous=before.history, at=now(), author=note.author,
        changes=tuple(_moves(before, after)), held=note.held, environment=note.environment, deployment=note.deployment,
        evidence=note.evidence, recovered_by=note.recovered_by,
    )  # fmt: skip


def _stamp(state: State) -> Stamp:
    return Stamp(revision=state.revision, write=state.write)


def _moves(before: State, after: State) -> list[Moved]:
    # almost all are the very same pointer: no field of it is looked at
    changed = {a for a, pointer in after.current.items() if before.current.get(a) is not pointer}
    pairs = ((a, before.current.get(a), after.current.get(a)) for a in sorted(changed | (before.current.keys() - after.current.keys())))
    return [moved(address, old, new) for address, old, new in pairs if old != new]


def moved(address: str, old: Pointer | None, new: Pointer | None) -> Moved:
    """One pointer before and after."""
    return Moved(
        address=address, before=old.digest if old else None, after=new.digest if new else None,
        before_version=old.version if old else None, after_version=new.version if new else None,
        artifact=new.artifact if new else None, package=new.package if new else None,
    )  # fmt: skip
