"""Reads and moves the state: compare-and-swap with retry, a history record for every pointer change and refusal. Decides nothing."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from leptonctl.core import layout
from leptonctl.core.codec import BadRecord, Record, decode, encode, format_of, replace
from leptonctl.core.diagnostic import STALE, Failure, fail
from leptonctl.core.state import Author, HistoryRecord, Mark, Moved, OwnerRecord, Pointer, State, StoreIdentity, Verdict
from leptonctl.spi.storage import Objects, Stamp, StateCorrupt, StateStore
from leptonctl.storage.lineage import LineageStore
from leptonctl.storage.records import read_record

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointers:
    """The state of one project, and the store that holds its history. `folder` is the store's place, for messages."""

    states: StateStore
    objects: Objects
    project: str

    def read(self) -> State | None:
        """The state, or None before the first apply.

        Failure when the state and the store do not belong together: a marked store whose state is gone is never "create everything",
        a store that is not the state's (not mounted, another one) is never built into, a state that was replaced is read-only.
        """
        found = self._stamped()
        if found is None:
            self._refuse_orphans()
            return None
        state = found[0]
        self._check_store(state)
        return state

    def lineage(self, state: State) -> LineageStore:
        """What lies in the store for this state's lineage."""
        return LineageStore(objects=self.objects, lineage=state.lineage)

    def begin(self) -> State:
        """The state, made on the first apply: a new lineage, marked in the store after it is durable."""
        found = self._stamped()
        if found is None:
            self._refuse_orphans()
            fresh = State(
                lineage=secrets.token_hex(16), project=self.project, id=secrets.token_hex(8), store=self._identity(),
                revision=1, write=secrets.token_hex(8),
            )  # fmt: skip
            if not self.states.swap(None, encode(fresh), _stamp(fresh)):
                return self.begin()
            state = fresh
        else:
            state = found[0]
        mark = OwnerRecord(project=self.project, state=state.id, generation=state.generation)
        self.objects.create(layout.owner(state.lineage), encode(mark))
        self._check_store(state)
        return state

    def move(self, change: Move, note: Note | None = None) -> State:
        """Apply a pure move to the newest state until it sticks. `note` goes into the history when the serial grows.

        `change` is called again after every lost race; it raises Failure when it no longer holds.
        """
        return self._swap(lambda before: (after := change(before), note if after.serial != before.serial else None))

    def note(self, note: Note) -> State:
        """Add a record to the history though no pointer moves: the serial stays."""
        return self._swap(lambda before: (replace(before), note))

    def _swap(self, change: Callable[[State], tuple[State, Note | None]]) -> State:
        while True:
            found = self._stamped()
            if found is None:
                raise fail(
                    "missing-state",
                    "The state went away while it was used",
                    self.states.describe(),
                    hint="put the state back and run again",
                )
            before, stamp = found
            after, note = change(before)
            if after is before:
                return before
            after = replace(after, revision=before.revision + 1, write=secrets.token_hex(8))
            if note is not None:
                after = self._with_history(before, after, note)
            elif after.serial != before.serial:
                after = self._with_history(before, after, Note())
            if self.states.swap(stamp, encode(after), _stamp(after)):
                return after

    def _stamped(self) -> tuple[State, Stamp] | None:
        try:
            found = self.states.read()
            return None if found is None else (decode(found[0], State), found[1])
        except StateCorrupt as problem:
            raise _corrupt(self.states.describe(), problem) from problem
        except BadRecord as problem:
            raise _unreadable(self.states.describe(), problem) from problem

    def _refuse_orphans(self) -> None:
        """Failure when the store knows lineages of this project's name: their state is gone, or this is a second clone."""
        for path, data in sorted(self.objects.get_many(self._owners()).items()):
            owner = read_record(data, path, OwnerRecord)
            if owner.project == self.project:
                raise fail(
                    "missing-state",
                    "The store is marked as used, but its state is not there",
                    f"{self.states.describe()} is missing; the store belongs to lineage {path.split('/')[1]} of project {self.project}",
                    hint="put the state back from a backup, or point `store:` to a new place",
                )

    def _owners(self) -> list[str]:
        return [path for path in self.objects.list(layout.PROJECTS) if path.count("/") == 2 and path.endswith("/owner")]  # noqa: PLR2004

    def _identity(self) -> str:
        """Which store this is; a new one is marked."""
        self.objects.create(layout.IDENTITY, encode(StoreIdentity(id=secrets.token_hex(8))))
        return self._store_identity() or ""

    def _store_identity(self) -> str | None:
        found = self.objects.get(layout.IDENTITY)
        return None if found is None else read_record(found[0], layout.IDENTITY, StoreIdentity).id

    def _check_store(self, state: State) -> None:
        found = self._store_identity()
        if state.store and found != state.store:
            place = self.objects.describe()
            why = "is not a store of leptonctl, or an empty one: is it mounted?" if found is None else f"is another store ({found})"
            raise fail(
                "wrong-store",
                "The store is not the one that this state belongs to",
                f"{place} {why} The state names the store {state.store}.",
                hint="mount or name the store that was used before; to begin again, remove the state too",
            )
        owner = self.lineage(state).owner()
        if owner is not None and (owner.state, owner.generation) != (state.id, state.generation):
            raise fail(
                "replaced-state",
                "This state was replaced",
                f"{self.states.describe()} is of generation {state.generation}, the store belongs to generation {owner.generation}",
                hint="use the state that replaced it",
                exit_code=STALE,
            )

    def _with_history(self, before: State, after: State, note: Note) -> State:
        """Written before the swap: a record that lost its race hangs on no chain and is never shown."""
        mark = Mark(serial=after.serial, id=secrets.token_hex(8))
        record = HistoryRecord(
            serial=mark.serial, id=mark.id, previous=before.history, at=now(), author=note.author, changes=tuple(_moves(before, after)),
            held=note.held, environment=note.environment, deployment=note.deployment, evidence=note.evidence,
            recovered_by=note.recovered_by,
        )  # fmt: skip
        self.lineage(before).append_history(record)
        return replace(after, history=mark)


def _stamp(state: State) -> Stamp:
    return Stamp(revision=state.revision, write=state.write)


def _moves(before: State, after: State) -> list[Moved]:
    addresses = sorted({*before.current, *after.current})
    pairs = ((a, before.current.get(a), after.current.get(a)) for a in addresses)
    return [moved(address, old, new) for address, old, new in pairs if old != new]


def moved(address: str, old: Pointer | None, new: Pointer | None) -> Moved:
    """One pointer before and after."""
    return Moved(
        address=address, before=old.digest if old else None, after=new.digest if new else None,
        before_version=old.version if old else None, after_version=new.version if new else None,
        artifact=new.artifact if new else None, package=new.package if new else None,
    )  # fmt: skip


def _corrupt(place: str, problem: StateCorrupt) -> Failure:
    if problem.missing:
        return fail("lost-state", "The state is missing", problem.detail, hint=problem.hint)
    return fail("corrupt-state", "The state cannot be read", problem.detail or place, hint=problem.hint)


def _unreadable(place: str, problem: BadRecord) -> Failure:
    if problem.newer:
        return fail(
            "newer-format",
            "The state has a format this release does not know",
            f"{place}: {problem} (format {format_of(State)}).",
            hint="upgrade leptonctl to the release that wrote the state",
        )
    return fail(
        "corrupt-state",
        "The state cannot be read",
        f"{place} is there, but it is not a state ({problem}). It is not taken for a missing state, and nothing was changed.",
        hint=f"put back the copy before it: cp {place}.backup {place} (results are in the store and are not built again)",
    )
