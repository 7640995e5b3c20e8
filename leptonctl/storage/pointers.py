"""Reads and moves the state by compare-and-swap, and records every pointer change and refusal in the history. Decides nothing."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from leptonctl.core.codec import BadRecord, Record
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import replace
from leptonctl.core.holds import Act
from leptonctl.core.packed import changes_roots, decode_state, encode_state
from leptonctl.core.state import Author, HistoryRecord, Mark, Moved, Pointer, State, Verdict
from leptonctl.spi.storage import Clearable, Objects, Stamp, StateCorrupt, StateStore, StorageError
from leptonctl.storage import pointer_failures as failures
from leptonctl.storage.lineage import Hole, LineageStore
from leptonctl.storage.standing import (
    begin_lineage,
    begin_store,
    lineages_of,
    read_standing,
    refuse_apart,
    refuse_other_store,
    refuse_replaced,
)

Move = Callable[[State], State]


def now() -> str:
    """The time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Note(Record):
    """What the history records of a move, in addition to its pointers: who, and for a switch the environment and the gates' verdicts."""

    author: Author = Author()
    environment: str | None = None
    deployment: int | None = None
    evidence: tuple[Verdict, ...] = ()
    held: tuple[Moved, ...] = ()
    recovered_by: str | None = None
    acts: tuple[Act, ...] = ()


@dataclass(slots=True, kw_only=True, eq=False)
class Pointers:
    """The state of one project, and the store that holds its history. An error of the state's medium is Failure `state-failed`."""

    states: StateStore
    objects: Objects
    project: str
    _published: set[str] = field(default_factory=set, init=False, repr=False)
    _admitted: set[str] = field(default_factory=set, init=False, repr=False)
    _newest: dict[Stamp, State] = field(default_factory=dict, init=False, repr=False)

    def read(self) -> State | None:
        """The state, or None before the first apply. Reads the store once, apart from the state itself.

        Failure when the state and the store do not belong together: a marked store without its state must never be planned as
        "create everything", and another store than the state's (or one that is not mounted) must never be read in its place. A
        state that was replaced, or is behind its store, can be read but not moved: see `begin`.
        """
        stamped = self._stamped_state() or self._recheck()
        if stamped is None:
            return None
        state = stamped[0]
        self._refuse_other_project(state)
        # the record of the owner decides only who may move the state
        refuse_other_store(read_standing(self.objects, None), state, self.objects.describe())
        return state

    def stored_state(self) -> tuple[State, Stamp] | None:
        """The state and its stamp, without any check against the store; None when there is none."""
        return self._stamped_state()

    def begin(self) -> State:
        """The state for a run that will move it. The first run creates it with a new lineage, then marks that in the store.

        Failure as in `read`; `replaced-state` (exit 5) when another state has taken over, `store-ahead` when this state is an older copy,
        `store-behind` when the store is one.
        """
        while True:
            state = (self._stamped_state() or self._recheck() or self._first())[0]
            if self._admit(state):
                return state

    def check(self, state: State) -> None:
        """Failure when this state may be read but not moved: `replaced-state` (exit 5), `store-ahead` or `store-behind`.

        `begin` includes this. Plans call it only where the store is cheap to ask: it costs a listing and two batches more than `read`.
        """
        standing = read_standing(self.objects, state.lineage)
        if standing.owner is not None:
            refuse_replaced(standing.owner, state, self.states.describe())
        # of a state that has moved since it was read, this tells nothing: who moves it checks the newest
        self._is_together(state)

    def lineage(self, state: State) -> LineageStore:
        """The part of the store that belongs to this state's lineage."""
        return LineageStore(objects=self.objects, lineage=state.lineage)

    def history(self, state: State) -> Iterator[HistoryRecord | Hole]:
        """The history of a state from the newest record back, with a Hole where the chain breaks."""
        return self.lineage(state).history(state.history, state.latest)

    def move(self, change: Move, note: Note | None = None) -> State:
        """Apply a pure change to the newest state, retrying until it is written. `note` goes into the history when the serial grows.

        `change` is called again after every lost race; it raises Failure when it no longer applies, and then nothing is moved.
        """

        def with_note(before: State) -> tuple[State, Note | None]:
            after = change(before)
            return after, (note or Note()) if after.serial != before.serial else None

        return self._swap(with_note)

    def note(self, note: Note, change: Move = replace) -> State:
        """Add a record to the history, with a change of the state that moves no pointer: the serial stays."""
        # a copy, since a change that returns the same state would write no record
        return self._swap(lambda before: (replace(change(before)), note))

    def _swap(self, change: Callable[[State], tuple[State, Note | None]]) -> State:
        """Apply a change to the newest state until a write succeeds; returns that state, unchanged if the change returns it itself."""
        lost_with_roots = False
        while True:
            before, stamp = self._existing()
            if lost_with_roots:
                # the roots published for the write that lost the race may have replaced the winner's
                self.lineage(before).publish_roots(before)
            if before.lineage not in self._admitted and not self._admit(before):
                continue
            after, note = change(before)
            if after is before:
                return before
            # the record of the previous write may exist only in the state, if its writer was killed
            self._publish(before)
            after = _next_revision(before, after, note)
            publishes_roots = changes_roots(before, after)
            if publishes_roots:
                self.lineage(after).publish_roots(after)
            if self._write(stamp, after):
                # the pointers have moved, and the record is safe in the state: if this fails, the next writer publishes it
                with suppress(Failure, StorageError):
                    self._publish(after)
                return after
            lost_with_roots = publishes_roots

    def set_aside(self) -> str:
        """Move away a state that cannot be read; returns where it is kept. Failure when the back end cannot do that."""
        if not isinstance(self.states, Clearable):
            raise failures.cannot_set_aside(self.states.describe())
        try:
            return self.states.set_aside()
        except StorageError as refusal:
            raise failures.state_failed(refusal) from refusal

    def install(self, expected: Stamp | None, state: State) -> bool:
        """Write a state in place of the one with this stamp (None: there is none), then its record. False after a lost race."""
        self.lineage(state).publish_roots(state)
        if not self._write(expected, state):
            return False
        self._publish(state)
        return True

    def admit(self, state: State) -> None:
        """Skip the checks of `begin` for this state: the command has just written it."""
        self._admitted.add(state.lineage)

    def _refuse_other_project(self, state: State) -> None:
        if state.project != self.project:
            raise failures.other_project(self.states.describe(), state, self.project)

    def _publish(self, state: State) -> None:
        """Write the newest record of the history to the store, unless it is there."""
        if state.latest is None or state.latest.id in self._published:
            return
        self.lineage(state).append_history(state.latest)
        self._published.add(state.latest.id)

    def _first(self) -> tuple[State, Stamp]:
        """Create the first state, or return that of another process which created it first."""
        store = read_standing(self.objects, None).identity or begin_store(self.objects)
        fresh = State(
            lineage=os.urandom(16).hex(), project=self.project, id=os.urandom(8).hex(), store=store,
            revision=1, write=os.urandom(8).hex(),
        )  # fmt: skip
        stamp = _stamp(fresh)
        return (fresh, stamp) if self._write(None, fresh) else self._existing()

    def _recheck(self) -> tuple[State, Stamp] | None:
        """After no state was found: Failure when the store knows this project, unless the state has been created meanwhile."""
        owners = lineages_of(self.objects, self.project)
        if not owners:
            return None
        stamped = self._stamped_state()
        if stamped is None:
            raise failures.missing(self.states.describe(), self.project, owners)
        return stamped

    def _admit(self, state: State) -> bool:
        """Check that this state may be moved from here; False if it has moved since it was read.

        Once per run is enough: later the fence of the head protects it.
        """
        standing = read_standing(self.objects, state.lineage)
        self._refuse_other_project(state)
        refuse_other_store(standing, state, self.objects.describe())
        if standing.owner is None:
            begin_lineage(self.objects, state)
        else:
            refuse_replaced(standing.owner, state, self.states.describe())
        if not self._is_together(state):
            return False
        self._admitted.add(state.lineage)
        return True

    def _is_together(self, state: State) -> bool:
        """Whether state and store have seen the same changes, False if the state has moved since it was read. Failure as in `begin`."""
        try:
            refuse_apart(self.lineage(state), state, self.states.describe())
        except Failure:
            # the store is read after the state, and may have what others have moved in between
            newest = self._stamped_state()
            if newest is None or newest[1] == _stamp(state):
                raise
            return False
        return True

    def _existing(self) -> tuple[State, Stamp]:
        """The state and its stamp. Failure `missing-state` when it was removed during the command."""
        stamped = self._stamped_state()
        if stamped is None:
            raise failures.vanished_state(self.states.describe())
        return stamped

    def _stamped_state(self) -> tuple[State, Stamp] | None:
        try:
            stored = self.states.read()
        except StateCorrupt as problem:
            raise failures.corrupt(self.states.describe(), problem) from problem
        except StorageError as refusal:
            raise failures.state_failed(refusal) from refusal
        if stored is None:
            return None
        data, stamp = stored
        return self._newest.get(stamp) or self._decode(data, stamp), stamp

    def _decode(self, data: bytes, stamp: Stamp) -> State:
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
            raise failures.state_failed(refusal) from refusal
        if swapped:
            self._remember(stamp, state)
        return swapped

    def _remember(self, stamp: Stamp, state: State) -> None:
        """Keep the decoded state of a stamp: a command moves the state several times in a row, and a stamp, being random, identifies it.

        The thread that renews a claim also calls this, without a lock: a lost entry is only decoded again.
        """
        self._newest.clear()
        self._newest[stamp] = state


def _next_revision(before: State, after: State, note: Note | None) -> State:
    """`after` as the state that follows `before`, with the history record of the note."""
    record = None if note is None else _record(before, after, note)
    return replace(
        after, revision=before.revision + 1, write=os.urandom(8).hex(), latest=record,
        history=before.history if record is None else Mark(serial=record.serial, id=record.id),
    )  # fmt: skip


def _record(before: State, after: State, note: Note) -> HistoryRecord:
    return HistoryRecord(
        serial=after.serial, id=os.urandom(8).hex(), previous=before.history, at=now(), author=note.author,
        changes=tuple(moves(before, after)), held=note.held, environment=note.environment, deployment=note.deployment,
        evidence=note.evidence, recovered_by=note.recovered_by, acts=note.acts,
    )  # fmt: skip


def _stamp(state: State) -> Stamp:
    return Stamp(revision=state.revision, write=state.write)


def moves(before: State, after: State) -> list[Moved]:
    """Every pointer that differs between two states."""
    # almost all pointers are the same object, whose fields need not be compared
    changed = {a for a, pointer in after.current.items() if before.current.get(a) is not pointer}
    pairs = ((a, before.current.get(a), after.current.get(a)) for a in sorted(changed | (before.current.keys() - after.current.keys())))
    return [_move_of(address, old, new) for address, old, new in pairs if old != new]


def _move_of(address: str, old: Pointer | None, new: Pointer | None) -> Moved:
    """One pointer before and after."""
    return Moved(
        address=address, before=old.digest if old else None, after=new.digest if new else None,
        before_version=old.version if old else None, after_version=new.version if new else None,
        artifact=new.artifact if new else None, package=new.package if new else None,
    )  # fmt: skip
