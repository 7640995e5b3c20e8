"""Reads and moves the state: compare-and-swap with retry, a history record for every pointer change and refusal. Decides nothing."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from leptonctl.core.diagnostic import fail
from leptonctl.core.record import State, from_json, to_json
from leptonctl.core.values import Json
from leptonctl.storage.state import StateStore, corrupt
from leptonctl.storage.store import Store

Move = Callable[[State], State]


def now() -> str:
    """The time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointers:
    """The state of one project, and the store that holds its history."""

    states: StateStore
    store: Store
    project: str

    def read(self) -> State | None:
        """The state, or None before the first apply. A marked store whose state is gone is an error, never "create everything"."""
        raw = self.states.read()
        if raw is not None:
            return self._parsed(raw)
        lineage = self.store.lineage(self.project)
        if lineage is None:
            return None
        raise fail(
            "missing-state",
            "The store is marked as used, but its state is not there",
            f"{self.states.describe()} is missing; the store belongs to lineage {lineage} of project {self.project}",
            hint="put the state back from a backup, or point `store:` to a new place",
        )

    def begin(self) -> State:
        """The state, made on the first apply: a new lineage, marked in the store after it is durable."""
        state = self.read()
        if state is None:
            fresh = State(lineage=secrets.token_hex(16), project=self.project, revision=1)
            if not self.states.swap(None, to_json(fresh)):
                return self.begin()
            state = fresh
        self.store.mark_lineage(self.project, state.lineage)
        return state

    def move(self, change: Move, record: Mapping[str, Json] | None = None) -> State:
        """Apply a pure move to the newest state until it sticks. `record` goes into the history when the serial grows.

        `change` is called anew after every lost race; it raises Failure when it no longer holds.
        """
        while True:
            raw = self.states.read()
            if raw is None:
                raise fail(
                    "missing-state",
                    "The state went away while it was used",
                    self.states.describe(),
                    hint="put the state back and run again",
                )
            before = self._parsed(raw)
            after = change(before)
            if after is before:
                return before
            after = replace(after, revision=before.revision + 1)
            if after.serial != before.serial:
                after = self._with_history(before, after, record or {})
            if self.states.swap(before.revision, to_json(after)):
                return after

    def note(self, record: Mapping[str, Json]) -> State:
        """Add a record to the history though no pointer moves: the serial stays."""
        while True:
            before = self.read()
            assert before is not None, "there is something to tell of"
            after = self._with_history(before, replace(before, revision=before.revision + 1), record)
            if self.states.swap(before.revision, to_json(after)):
                return after

    def _parsed(self, raw: Mapping[str, Json]) -> State:
        try:
            return from_json(raw)
        except ValueError as reason:
            raise corrupt(self.states.describe(), str(reason)) from reason

    def _with_history(self, before: State, after: State, record: Mapping[str, Json]) -> State:
        """Written before the swap: a record that lost its race hangs on no chain and is never shown."""
        mark: dict[str, Json] = {"serial": after.serial, "id": secrets.token_hex(8)}
        moved = [
            _moved(address, before, after)
            for address in sorted({*before.current, *after.current})
            if before.current.get(address) != after.current.get(address)
        ]
        full: dict[str, Json] = {**mark, "previous": before.history, "at": now(), **record, "changes": moved}
        self.store.append_history(after.serial, str(mark["id"]), full)
        return replace(after, history=mark)


def _moved(address: str, before: State, after: State) -> Json:
    old, new = before.current.get(address), after.current.get(address)
    return {
        "address": address,
        "before": old.digest if old else None,
        "after": new.digest if new else None,
        "before_version": old.version if old else None,
        "after_version": new.version if new else None,
        "artifact": new.artifact if new else None,
    }
