"""`history`: every pointer change, every refusal by a gate and every build, newest first; of one address when it is given."""

from leptonctl.commands.builds import builds
from leptonctl.commands.session import Session
from leptonctl.core.address import covers, full
from leptonctl.core.diagnostic import did_you_mean, fail
from leptonctl.core.state import HistoryRecord, Moved
from leptonctl.core.values import Json
from leptonctl.storage.lineage import Hole
from leptonctl.views.plan_json import verdict_to_json


def history(session: Session, address: str | None) -> dict[str, Json]:
    """The object of `history --json`. A record that the chain names and the store does not hold is an entry that says so."""
    state = session.pointers.read()
    if state is None:
        return {"entries": [], "builds": []}
    found = builds(session.store)
    records = list(session.pointers.history(state))
    known = {*state.current, *_named(records), *(str(build["address"]) for build in found)}
    wanted = full(address, known, session.address_kinds) if address else None
    entries = [entry for record in records if (entry := _entry(record, wanted)) is not None]
    if wanted is not None:
        # what is gone, or was never let in, has a history too
        found = [build for build in found if covers(wanted, str(build["address"]))]
        if not any(covers(wanted, other) for other in known):
            raise fail("unknown-address", "No such address", f"the history names no {address}", hint=did_you_mean(wanted, known))
    return {"entries": [*entries], "builds": [*found]}


def _named(records: list[HistoryRecord | Hole]) -> set[str]:
    return {moved.address for r in records if not isinstance(r, Hole) for moved in (*r.changes, *r.held)}


def _entry(record: HistoryRecord | Hole, wanted: str | None) -> dict[str, Json] | None:
    """A record as JSON, less what does not concern the wanted address; None when nothing does."""
    if isinstance(record, Hole):
        return _hole(record)
    changes = [_moved(m) for m in record.changes if wanted is None or covers(wanted, m.address)]
    held = [_moved(m) for m in record.held if wanted is None or covers(wanted, m.address)]
    if not changes and not held:
        return None
    author = record.author
    entry: dict[str, Json] = {
        "serial": record.serial, "id": record.id, "at": record.at, "command": author.command, "by": author.by, "host": author.host,
        "commit": author.commit, "environment": record.environment, "deployment": record.deployment,
        "evidence": [verdict_to_json(verdict) for verdict in record.evidence], "changes": [*changes],
    }  # fmt: skip
    if held:
        entry["held"] = [*held]
    if record.recovered_by is not None:
        entry["recovered_by"] = record.recovered_by
    return entry


def _hole(hole: Hole) -> dict[str, Json]:
    return {
        "serial": hole.mark.serial, "id": hole.mark.id, "at": "", "command": "", "by": None, "host": None, "commit": None,
        "environment": None, "deployment": None, "evidence": [], "changes": [], "missing": f"{hole.path} {hole.reason}",
    }  # fmt: skip


def _moved(moved: Moved) -> dict[str, Json]:
    return {
        "address": moved.address, "before": moved.before, "after": moved.after, "before_version": moved.before_version,
        "after_version": moved.after_version, "artifact": moved.artifact, "package": moved.package,
    }  # fmt: skip
