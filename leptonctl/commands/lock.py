"""`lock`: lists the claims of applies and the locks of environments, and releases one by force."""

from leptonctl.commands.session import Session
from leptonctl.core.address import document
from leptonctl.core.codec import plain
from leptonctl.core.diagnostic import did_you_mean, fail
from leptonctl.core.frozen import replace
from leptonctl.core.state import Owner, State
from leptonctl.core.values import Json
from leptonctl.storage.claims import TERM_S
from leptonctl.storage.owner import describe


def locks(session: Session) -> list[dict[str, Json]]:
    """Every claim and lock, and whether its holder is alive, as far as is known here."""
    state = session.pointers.read()
    if state is None:
        return []
    rows: list[dict[str, Json]] = []
    for id_, claim in state.applies.items():
        row = _row(session, f"claim/{id_}", claim.owner, claim.beat)
        rows.append({"id": id_, "kind": "apply", "addresses": [*claim.addresses], "phase": claim.phase, **row})
    for name, lock in state.locks.items():
        row = _row(session, f"lock/{name}/{lock.token}", lock.owner, lock.beat)
        address = document("environment", name)
        rows.append({"id": address, "kind": "environment", "addresses": [address], "phase": "binding", **row})
    return rows


def release(session: Session, lock_id: str) -> dict[str, Json]:
    """Take a claim or lock from its holder. If the holder is still alive, the fence refuses its next write."""
    rows = {str(row["id"]): row for row in locks(session)}
    if lock_id not in rows:
        raise fail("unknown-lock", "No such lock", lock_id, hint=did_you_mean(lock_id, rows) or "leptonctl lock list")

    def move(state: State) -> State:
        applies = {id_: claim for id_, claim in state.applies.items() if id_ != lock_id}
        others = {name: lock for name, lock in state.locks.items() if lock_id not in (document("environment", name), lock.claim)}
        return replace(state, applies=applies, locks=others)

    session.pointers.move(move)
    return {"released": rows[lock_id]}


def _row(session: Session, name: str, owner: Owner, beat: int) -> dict[str, Json]:
    return {
        "owner": plain(owner),
        "describe": describe(owner),
        "beat": beat,
        "held": session.liveness.alive(name, owner, beat, TERM_S),
    }
