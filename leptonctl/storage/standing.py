"""Whether a state and a store belong together (protocols 3): the store's identity, the lineage's owner, and which is ahead."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime

from leptonctl.core import layout
from leptonctl.core.codec import encode
from leptonctl.core.deployment import Epoch, Head
from leptonctl.core.diagnostic import STALE, Failure, fail
from leptonctl.core.frozen import Frozen
from leptonctl.core.state import State
from leptonctl.core.store_records import LineageName, OwnerRecord, StoreIdentity
from leptonctl.spi.storage import Objects
from leptonctl.storage.lineage import LineageStore
from leptonctl.storage.owner import user_name
from leptonctl.storage.records import read_record

BEGIN_AGAIN = (
    "; if it is lost for good, restore the store and the state from one backup; without one, keep this state,"
    " set `state:` and `store:` both to new places and run `leptonctl plan`"
)
"""The state is the only record of what serves, so no hint says to remove it."""


class Standing(Frozen):
    """A store's identity and the owner of a lineage in it; None for what is not recorded."""

    identity: str | None = None
    owner: OwnerRecord | None = None


def read_standing(objects: Objects, lineage: str | None) -> Standing:
    """Read the store's identity and the lineage's owner at once."""
    owner = layout.owner(lineage) if lineage is not None else ""
    contents = objects.get_many([layout.IDENTITY, *([owner] if owner else [])])
    identity = contents.get(layout.IDENTITY)
    return Standing(
        identity=None if identity is None else read_record(identity, layout.IDENTITY, StoreIdentity).id,
        owner=read_record(contents[owner], owner, OwnerRecord) if owner in contents else None,
    )


def lineages_of(objects: Objects, project: str) -> dict[str, OwnerRecord]:
    """The lineages in the store that were begun under this project's name and still belong to it, with their owners."""
    lineages = [layout.name_from(path.rpartition("/")[2]) for path in objects.list(layout.lineages(project))]
    owners = {layout.owner(lineage): lineage for lineage in lineages}
    records = objects.get_many(owners) if owners else {}
    read = {owners[path]: read_record(records[path], path, OwnerRecord) for path in sorted(records)}
    return {lineage: owner for lineage, owner in read.items() if owner.project == project}


def begin_store(objects: Objects) -> str:
    """The identity of a store; a new store gets one here, unless another process gave it one first."""
    objects.create(layout.IDENTITY, encode(StoreIdentity(id=os.urandom(8).hex())))
    identity = read_standing(objects, None).identity
    if identity is None:
        raise fail(
            "corrupt-record",
            "A record of the store cannot be read",
            f"{layout.IDENTITY} of {objects.describe()} exists, but it is not a file.",
            hint="set `store:` to a folder of its own",
        )
    return identity


def begin_lineage(objects: Objects, state: State) -> None:
    """Mark a lineage in its store. Failure `wrong-store` when it must have been marked before: its pointers have moved."""
    if state.serial:
        raise _wrong_store(
            f"{objects.describe()} does not contain lineage {state.lineage}, which this state has moved {state.serial} times:"
            " it was removed there, or an older copy of the store was restored.",
            f"restore {layout.project(state.lineage)} of the store from a backup{BEGIN_AGAIN}",
        )
    mark_lineage(objects, state)


def mark_lineage(objects: Objects, state: State) -> None:
    """Write the owner of a lineage and the project's name for it, unless they exist."""
    objects.create_many({
        layout.lineage_name(state.project, state.lineage): encode(LineageName(project=state.project, lineage=state.lineage)),
        layout.owner(state.lineage): encode(owner_record(state)),
    })  # fmt: skip


def owner_record(state: State) -> OwnerRecord:
    """The record by which this state owns its lineage."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    return OwnerRecord(project=state.project, state=state.id, generation=state.generation, at=at, by=user_name())


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
        f"mount the store that was used before, or set `store:` to it{BEGIN_AGAIN}",
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
        f"{place} has generation {state.generation}; it was replaced{when}{who} by state {owner.state} of generation {owner.generation}.",
        hint="use the state that replaced it; if that one is lost, `leptonctl state adopt` makes this project continue from the store",
        exit_code=STALE,
    )


def refuse_apart(lineage: LineageStore, state: State, place: str) -> None:
    """Failure `store-ahead` or `store-behind` when state and store have not seen the same changes: a copy of one was put back.

    It costs one listing of at most `layout.HISTORY_CHUNK` names, one look-up and one batch of heads, so it is done when a run
    begins, not in every plan.
    """
    heads = dict(sorted(lineage.heads(state.tokens).items()))
    _refuse_ahead(lineage, state, place, heads)
    _refuse_behind(lineage, state, place, heads)


def _refuse_ahead(lineage: LineageStore, state: State, place: str, heads: Mapping[str, Head]) -> None:
    """Failure `store-ahead` when the store has records of changes that this state has not: an earlier state was restored.

    If the state has not moved since it was read, there are no false alarms: a history record is published, and a head moved, only after
    the state that holds them is durable.
    """
    serial = lineage.newest_serial(state.serial)
    if serial is not None:
        raise _ahead(place, f"is at serial {state.serial}, but the history in the store is at serial {serial}")
    for environment, head in heads.items():
        if head.epoch > Epoch(generation=state.generation, token=state.tokens[environment]):
            raise _ahead(place, f"has not issued the token with which environment/{environment} was last moved")


def _refuse_behind(lineage: LineageStore, state: State, place: str, heads: Mapping[str, Head]) -> None:
    """Failure `store-behind` when the store lacks what this state has moved: an older copy of the store was put back.

    A head moves before the binding is written, and a takeover fences the heads: one that names an earlier deployment under an earlier
    epoch is older. Of the history, one sign alone proves nothing: the newest record is written after the state, or may have been
    deleted; the copy of the state is written before it, perhaps by a writer that lost the race.
    """
    for environment, head in heads.items():
        record = state.environments.get(environment)
        bound = record.deployment if record is not None and not record.destroyed else 0
        if head.deployment < bound and head.epoch < Epoch(generation=state.generation, token=state.tokens[environment]):
            raise _older_state(
                place, lineage, f"records deployment {bound} of environment/{environment}", f"has only come to deployment {head.deployment}"
            )
    if state.history is None or lineage.has_record(state.history):
        return
    copy = lineage.roots()
    if copy is None or copy.serial < state.serial:
        known = f"has only come to serial {copy.serial}" if copy is not None else "has no copy of it"
        raise _older_state(place, lineage, f"is at serial {state.serial}", known)


def _older_state(place: str, lineage: LineageStore, recorded: str, stored: str) -> Failure:
    return fail(
        "store-behind",
        "The store is behind this state: an older copy of the store was put back",
        f"{place} {recorded}, but {lineage.objects.describe()} {stored}. What was built and recorded since is missing there.",
        hint="put the newer store back; if it is lost, `leptonctl state adopt` keeps this state, and the next apply builds what is missing",
    )


def _ahead(place: str, why: str) -> Failure:
    return fail(
        "store-ahead",
        "The store is ahead of this state: an earlier state was restored",
        f"{place} {why}. Using it would bring back versions that were already replaced, and lose their history.",
        hint="`leptonctl state adopt` takes over what the store knows; `leptonctl state restore FILE` continues from a backup",
    )


def _wrong_store(detail: str, hint: str) -> Failure:
    return fail("wrong-store", "The store is not the one that this state belongs to", detail, hint=hint)
