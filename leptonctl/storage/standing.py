"""Whether a state and a store belong together (protocols 3): the store's identity, the lineage's owner, and who is ahead."""

import os
from datetime import UTC, datetime

from leptonctl.core import layout
from leptonctl.core.codec import encode
from leptonctl.core.deployment import Epoch
from leptonctl.core.diagnostic import STALE, Failure, fail
from leptonctl.core.frozen import Frozen
from leptonctl.core.state import LineageName, OwnerRecord, State, StoreIdentity
from leptonctl.spi.storage import Objects
from leptonctl.storage.lineage import LineageStore
from leptonctl.storage.owner import user_name
from leptonctl.storage.records import read_record


class Standing(Frozen):
    """What a store says of itself and of a lineage; None for what it does not say."""

    identity: str | None = None
    owner: OwnerRecord | None = None


def look(objects: Objects, lineage: str | None) -> Standing:
    """One look into the store."""
    owner = layout.owner(lineage) if lineage is not None else ""
    found = objects.get_many([layout.IDENTITY, *([owner] if owner else [])])
    identity = found.get(layout.IDENTITY)
    return Standing(
        identity=None if identity is None else read_record(identity, layout.IDENTITY, StoreIdentity).id,
        owner=read_record(found[owner], owner, OwnerRecord) if owner in found else None,
    )


def lost_lineage(objects: Objects, project: str) -> str | None:
    """A lineage that was begun under this project's name in the store, and still belongs to it."""
    lineages = [layout.word(path.rpartition("/")[2]) for path in objects.list(layout.lineages(project))]
    owners = {layout.owner(lineage): lineage for lineage in lineages}
    found = objects.get_many(owners) if owners else {}
    return next((owners[path] for path in sorted(found) if read_record(found[path], path, OwnerRecord).project == project), None)


def begin_store(objects: Objects) -> str:
    """The identity of a store that may be new: it is marked unless somebody was quicker."""
    objects.create(layout.IDENTITY, encode(StoreIdentity(id=os.urandom(8).hex())))
    identity = look(objects, None).identity
    if identity is None:
        raise fail(
            "corrupt-record",
            "A record of the store cannot be read",
            f"{layout.IDENTITY} of {objects.describe()} is there, but it is not a file.",
            hint="point `store:` to a folder of its own",
        )
    return identity


def begin_lineage(objects: Objects, state: State) -> None:
    """Mark a lineage in its store. Failure `wrong-store` when it must have been marked before, since its pointers have moved."""
    if state.serial:
        raise _wrong_store(
            f"{objects.describe()} knows nothing of lineage {state.lineage}, which this state has moved {state.serial} times:"
            " it was forgotten there, or an older copy of the store was put back.",
            f"put {layout.project(state.lineage)} of the store back from a backup; to begin again, remove the state too",
        )
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    owner = OwnerRecord(project=state.project, state=state.id, generation=state.generation, at=at, by=user_name())
    objects.create_many({
        layout.lineage_name(state.project, state.lineage): encode(LineageName(project=state.project, lineage=state.lineage)),
        layout.owner(state.lineage): encode(owner),
    })  # fmt: skip


def refuse_other_store(standing: Standing, state: State, place: str) -> None:
    """Failure `wrong-store` when the store is not the one that the state names."""
    if standing.identity == state.store:
        return
    if standing.identity is None:
        why = f"{place} is empty, or not a store of leptonctl: is it mounted?"
    else:
        why = f"{place} is another store ({standing.identity})."
    raise _wrong_store(
        f"{why} The state belongs to store {state.store}.",
        "mount or name the store that was used before; to begin again, remove the state too",
    )


def refuse_replaced(owner: OwnerRecord, state: State, place: str) -> None:
    """Failure `replaced-state` (exit 5) when the lineage belongs to another state, or to a later generation of this one."""
    if (owner.state, owner.generation) == (state.id, state.generation):
        return
    when = f" on {owner.at}" if owner.at else ""
    who = f" by {owner.by}" if owner.by else ""
    raise fail(
        "replaced-state",
        "This state was replaced, and can only be read",
        f"{place} is of generation {state.generation}; it was replaced{when}{who} by state {owner.state} of generation {owner.generation}.",
        hint="use the state that replaced it",
        exit_code=STALE,
    )


def refuse_ahead(lineage: LineageStore, state: State, place: str) -> None:
    """Failure `store-ahead` when the store has seen what this state has not: an earlier state was put back.

    Exact, since a history record is published and a head is moved only after the state that says so is durable. One listing of
    at most `layout.HISTORY_CHUNK` names and one batch of heads: done where a run begins, not in every plan.
    """
    serial = lineage.newest_serial(state.serial)
    if serial is not None:
        raise _ahead(place, f"is at serial {state.serial}, the history in the store at serial {serial}")
    for environment, head in sorted(lineage.heads(state.tokens).items()):
        if head.epoch > Epoch(generation=state.generation, token=state.tokens[environment]):
            raise _ahead(place, f"has not issued the token that environment/{environment} was last moved with")


def _ahead(place: str, why: str) -> Failure:
    return fail(
        "store-ahead",
        "The store is ahead of this state: an earlier state was put back",
        f"{place} {why}. Going on would bring back what was already replaced, and lose its history.",
        hint="put the newest copy of the state back",
    )


def _wrong_store(detail: str, hint: str) -> Failure:
    return fail("wrong-store", "The store is not the one that this state belongs to", detail, hint=hint)
