"""`history`: every change of a pointer, every refusal by a gate and every build, newest first."""

from collections.abc import Iterable

from leptonctl.commands.editing.ways_back import offer
from leptonctl.commands.planning.line import settle
from leptonctl.commands.recorded.builds import builds
from leptonctl.commands.recorded.ownership import ownership
from leptonctl.commands.session import Session
from leptonctl.commands.who import job_to_json
from leptonctl.core.address import covers, document, full, member_of
from leptonctl.core.diagnostic import Failure, did_you_mean, fail
from leptonctl.core.holds import Act
from leptonctl.core.state import HistoryRecord, Mark, Moved, State
from leptonctl.core.values import Json
from leptonctl.storage.lineage import Hole
from leptonctl.storage.records import BadRecordAt
from leptonctl.views.plan_json import verdict_to_json


def history(session: Session, address: str | None) -> dict[str, Json]:
    """The object of `history --json`. A missing or damaged record of the chain is an entry that says so."""
    session = session.as_recorded()
    state = session.pointers.read()
    if state is None:
        return {"entries": [], "builds": [], "way_back": None}
    ours = ownership(session, state, _declared_keys(session, state))
    session.release()
    all_builds = builds(session, ours)
    records = list(session.pointers.history(state))
    replaced = _replaced_marks(records)
    strays = _strays(session, state, records)
    records += strays
    replaced |= {_mark(record) for record in strays}
    # an address that was removed, or never passed a gate, has a history too
    addresses = {*state.current, *_addresses(records), *(str(build["address"]) for build in all_builds)}
    if not address:
        return {"entries": [*_entries(records, replaced, None)], "builds": [*all_builds], "way_back": offer(session, state, records, None)}
    scope = full(address, addresses, session.address_kinds)
    if not any(covers(scope, other) for other in addresses):
        raise fail("unknown-address", "No such address", f"{address} is not in the history", hint=did_you_mean(scope, addresses))
    return {
        "entries": [*_entries(records, replaced, scope)],
        "builds": [build for build in all_builds if covers(scope, str(build["address"]))],
        "way_back": offer(session, state, records, scope),
    }


def _declared_keys(session: Session, state: State) -> Iterable[str | None]:
    """The step keys that are declared now; none if data or a record that they depend on cannot be read."""
    try:
        return settle(session, state)[0].keys.by_place.values()
    except Failure as failure:
        if isinstance(failure, BadRecordAt):
            session.leave_out(failure)
        return ()


def _addresses(records: list[HistoryRecord | Hole]) -> set[str]:
    return {a for r in records if not isinstance(r, Hole) for a in (*(m.address for m in (*r.changes, *r.held)), *_places(r))}


def _entries(records: list[HistoryRecord | Hole], replaced: set[Mark], scope: str | None) -> list[dict[str, Json]]:
    pairs = ((record, _entry(record, scope)) for record in records)
    return [{**entry, "replaced": True} if _mark(record) in replaced else entry for record, entry in pairs if entry is not None]


def _replaced_marks(records: list[HistoryRecord | Hole]) -> set[Mark]:
    """The marks of records that a restore replaced: those between it and the record that it went back to. `records`: newest first."""
    marks: set[Mark] = set()
    until: Mark | None = None
    for record in records:
        if _mark(record) == until:
            until = None
        if until is not None:
            marks.add(_mark(record))
        elif not isinstance(record, Hole):
            until = record.base
    return marks


def _strays(session: Session, state: State, records: list[HistoryRecord | Hole]) -> list[HistoryRecord | Hole]:
    """The records of the store that the chain does not reach, newest first: a state wrote them while it was being replaced."""
    lineage = session.lineage(state)
    visited = {_mark(record) for record in records}
    return [lineage.record(mark) for mark in reversed(lineage.marks()) if mark not in visited]


def _mark(record: HistoryRecord | Hole) -> Mark:
    return record.mark if isinstance(record, Hole) else Mark(serial=record.serial, id=record.id)


def _entry(record: HistoryRecord | Hole, scope: str | None) -> dict[str, Json] | None:
    """A record as JSON, with the changes of the addresses in scope (None: all); None when it has none."""
    if isinstance(record, Hole):
        return _hole_entry(record)
    changes = [_change(m) for m in record.changes if scope is None or covers(scope, m.address)]
    held = [_change(m) for m in record.held if scope is None or covers(scope, m.address)]
    acts = [_act(act) for act, place in zip(record.acts, _places(record), strict=True) if scope is None or covers(scope, place)]
    if not changes and not held and not acts and scope is not None:
        return None
    author = record.author
    entry: dict[str, Json] = {
        "serial": record.serial, "id": record.id, "at": record.at, "command": author.command, "by": author.by, "host": author.host,
        "commit": author.commit, "dirty": author.dirty, "reason": author.reason, "job": job_to_json(author.job),
        "environment": record.environment, "deployment": record.deployment,
        "evidence": [verdict_to_json(verdict) for verdict in record.evidence], "changes": [*changes], "acts": [*acts],
    }  # fmt: skip
    if held:
        entry["held"] = [*held]
    if record.base is not None:
        entry["base"] = record.base.serial
    if record.recovered_by is not None:
        entry["recovered_by"] = record.recovered_by
    return entry


def _places(record: HistoryRecord) -> list[str]:
    """The address of each act: a binding, or the whole environment of a freeze."""
    name = record.environment or ""
    return [member_of("environment", name, act.model) if act.model else document("environment", name) for act in record.acts]


def _act(act: Act) -> dict[str, Json]:
    """An act as JSON, every key present."""
    return {"kind": act.kind, "model": act.model, "version": act.version, "withdrawal": act.withdrawal, "reason": act.reason}


def _hole_entry(hole: Hole) -> dict[str, Json]:
    return {
        "serial": hole.mark.serial, "id": hole.mark.id, "at": "", "command": "", "by": None, "host": None, "commit": None, "dirty": False,
        "reason": "", "job": None, "environment": None, "deployment": None,
        "evidence": [], "changes": [], "acts": [], "missing": f"{hole.path} {hole.reason}",
    }  # fmt: skip


def _change(move: Moved) -> dict[str, Json]:
    return {
        "address": move.address, "before": move.before, "after": move.after, "before_version": move.before_version,
        "after_version": move.after_version, "artifact": move.artifact, "package": move.package,
    }  # fmt: skip
