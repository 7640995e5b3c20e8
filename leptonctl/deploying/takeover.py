"""Puts a state in charge of its lineage: `state restore` and `state adopt` (protocols 3).

The owner's generation grows first, by compare-and-swap: from then on the state before can only be read. Then every head gets an
epoch of the new generation, so that a switch under way is refused. Only then is the state written. If that is cut off in
between, no state is in charge, and the same command finishes it.
"""

import os
from collections.abc import Callable

from leptonctl.core.diagnostic import STALE, Failure, fail
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.state import Author, HistoryRecord, Mark, Owner, State
from leptonctl.deploying.desired import complete_switch, drop_pending, served_packages
from leptonctl.storage.lineage import LineageStore
from leptonctl.storage.lineage_survey import Survey, fence_heads, replace_owner, survey
from leptonctl.storage.owner import describe
from leptonctl.storage.pointers import Pointers, moves, now
from leptonctl.storage.standing import mark_lineage, owner_record

TRIES = 20
Rebuild = Callable[[LineageStore, Survey, State | None], State]
"""(lineage, what the store knows, the state that is stored) -> the state to put in charge; its stamps do not matter."""


class Request(Frozen):
    """`base`: the history record to which a restore goes back; None when nothing is replaced. `owner`: this process."""

    lineage: str
    author: Author
    owner: Owner
    base: Mark | None = None


def take_over(pointers: Pointers, request: Request, rebuild: Rebuild) -> State:
    """Write the state that `rebuild` gives, above everything that the store and the stored state have seen; returns it as read back.

    Failure `taken-over` (exit 5) when another process takes over at the same time.
    """
    part = LineageStore(objects=pointers.objects, lineage=request.lineage)
    before = pointers.stored_state()
    _publish_newest(part, before[0] if before else None)
    seen = survey(pointers.objects, request.lineage)
    restored = settle_pending(part, seen, rebuild(part, seen, before[0] if before else None))
    known = (before[0] if before else None, restored)
    fresh = replace(
        restored,
        id=os.urandom(8).hex(),
        generation=seen.generation(known) + 1,
        applies={},
        locks={},
        pending={},
        tokens={name: seen.token(name, known) + 1 for name in {*seen.environments, *restored.tokens, *restored.environments}},
    )
    _take_owner(pointers, seen, fresh)
    _fence(part, seen, fresh, describe(request.owner))
    state = _write(pointers, request, part, fresh)
    return _read_back(pointers, state)


def settle_pending(part: LineageStore, seen: Survey, state: State) -> State:
    """The state with its pending switches completed, or dropped, as the heads say (protocols 2)."""
    for name, pending in state.pending.items():
        at = seen.heads.get(name)
        if at is None or at.head.deployment != pending.deployment:
            state = drop_pending(state, name)
            continue
        deployment = part.intact_deployment(name, pending.deployment) if pending.deployment else None
        state = complete_switch(state, name, served_packages(deployment, part.servers(name)) if deployment else {})
    return state


def _publish_newest(part: LineageStore, before: State | None) -> None:
    """The newest record of the state that is replaced may exist in it alone."""
    if before is not None and before.lineage == part.lineage and before.latest is not None:
        part.append_history(before.latest)


def _take_owner(pointers: Pointers, seen: Survey, fresh: State) -> None:
    if seen.owner is None:
        mark_lineage(pointers.objects, fresh)
    elif not replace_owner(pointers.objects, seen.lineage, seen.owner, owner_record(fresh)):
        raise _lost_race("another process took over the lineage at the same moment")


def _fence(part: LineageStore, seen: Survey, fresh: State, holder: str) -> None:
    deployments = {name: record.deployment for name, record in fresh.environments.items() if not record.destroyed}
    epochs = {name: fresh.epoch(token) for name, token in fresh.tokens.items()}
    for _ in range(TRIES):
        moved = fence_heads(part, seen, epochs, deployments=deployments, holder=holder)
        if not moved:
            return
        # a switch under way wrote it before it was fenced: judge the heads as they are now
        seen = survey(part.objects, part.lineage)
        for name in moved:
            head = seen.heads.get(name)
            if head is not None and head.head.epoch.generation >= fresh.generation and head.head.epoch != epochs[name]:
                raise _lost_race(f"the head of environment/{name} was taken over by {head.head.holder}")
        epochs = {name: epochs[name] for name in moved}
    raise _lost_race("the heads in the store keep moving")


def _write(pointers: Pointers, request: Request, part: LineageStore, fresh: State) -> State:
    """Write the state on top of what is stored by now: another takeover, since beaten, may have written its own."""
    for _ in range(TRIES):
        before = pointers.stored_state()
        old = before[0] if before else None
        if old is not None and old.lineage == fresh.lineage and old.generation >= fresh.generation:
            break
        _publish_newest(part, old)
        seen = survey(pointers.objects, request.lineage)
        serial = seen.serial((old, fresh)) + 1
        previous = Mark(serial=seen.newest.serial, id=seen.newest.id) if seen.newest is not None else None
        record = HistoryRecord(
            serial=serial,
            id=os.urandom(8).hex(),
            previous=previous,
            at=now(),
            author=request.author,
            changes=tuple(moves(old or seen.copy or replace(fresh, current={}), fresh)),
            base=request.base if request.base != previous else None,
        )
        state = replace(
            fresh,
            serial=serial,
            revision=_revision(old, fresh),
            write=os.urandom(8).hex(),
            history=Mark(serial=record.serial, id=record.id),
            latest=record,
        )
        if pointers.install(before[1] if before else None, state):
            return state
    raise _lost_race("another process wrote the state at the same time")


def _revision(before: State | None, fresh: State) -> int:
    """The next revision of what is stored; above that of the restored state when nothing is."""
    return before.revision + 1 if before is not None else fresh.revision + 1


def _read_back(pointers: Pointers, state: State) -> State:
    """The state as it is stored and owned now."""
    stored = pointers.stored_state()
    owner = pointers.lineage(state).owner()
    if stored is None or stored[0] != state or owner is None or (owner.state, owner.generation) != (state.id, state.generation):
        raise _lost_race("what was read back is not what was written")
    pointers.admit(state)
    return state


def _lost_race(why: str) -> Failure:
    return fail(
        "taken-over",
        "Another process took over this lineage",
        why,
        hint="see `leptonctl state show`, and run the same command again if that is still what you want",
        exit_code=STALE,
    )
