"""Who is moving which addresses: registrations of running applies and the environments' locks, kept in the state itself.

A claim ends with its holder: a dead process on this host frees it at once, any other when its lease has run out.
"""

import secrets
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import cast

from leptonctl.core.diagnostic import LOCKED, Failure, fail
from leptonctl.core.record import State
from leptonctl.core.values import Json
from leptonctl.storage.owner import describe, is_alive
from leptonctl.storage.pointers import Pointers

LEASE_S = 60.0
RENEW_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One apply's registration. `returns` are those of its addresses that go back to what was served before."""

    id: str
    owner: Mapping[str, Json]
    addresses: frozenset[str]
    returns: frozenset[str]


@contextmanager
def claimed(
    pointers: Pointers,
    owner: Mapping[str, Json],
    addresses: Collection[str],
    returns: Collection[str] = (),
    check: Mapping[str, str | None] | None = None,
) -> Iterator[Claim]:
    """Register the addresses for as long as the block runs. Failure `lock-held` (exit 4) when somebody else moves one of them.

    `check`: address -> digest that the plan saw; a pointer that moved since is Failure `stale-plan`.
    """
    claim = Claim(id=secrets.token_hex(6), owner=owner, addresses=frozenset(addresses), returns=frozenset(returns))
    pointers.move(lambda state: _registered(state, claim, check or {}))
    stop = threading.Event()
    thread = threading.Thread(target=_renew, args=(pointers, claim.id, stop), daemon=True)
    thread.start()
    try:
        yield claim
    finally:
        stop.set()
        thread.join()
        pointers.move(lambda state: _released(state, claim.id))


def holder_of(state: State, claim: Claim) -> tuple[str, Mapping[str, Json]] | None:
    """The address and the registration that stand in the way of a claim."""
    for other_id, other in state.applies.items():
        if other_id == claim.id or not holds(other):
            continue
        taken = claim.addresses & set(_texts(other.get("addresses")))
        # a return never waits for a training: the building apply finds its pointer moved and holds
        if other.get("phase") == "building":
            taken -= claim.returns
        if taken:
            return min(taken), other
    return None


def holds(record: Mapping[str, Json]) -> bool:
    """Whether a claim or lock is still in force: its lease runs and its holder is not known to be dead."""
    owner = record.get("owner")
    until = record.get("lease_until")
    if not isinstance(owner, dict) or not isinstance(until, int | float) or until < time.time():
        return False
    return is_alive(owner) is not False


def set_phase(pointers: Pointers, claim: Claim, phase: str) -> None:
    """Say whether this apply is still building or moves its pointers now."""
    pointers.move(lambda state: _with_apply(state, claim.id, phase=phase))


def lock_environment(state: State, environment: str, claim: Claim) -> State:
    """The state with the environment locked by this claim. Failure `lock-held` when another holds it."""
    lock = state.locks.get(environment)
    if lock is not None and lock.get("claim") != claim.id and holds(lock):
        raise locked(f"environment/{environment}", lock)
    record: dict[str, Json] = {"claim": claim.id, "owner": dict(claim.owner), "lease_until": time.time() + LEASE_S}
    return replace(state, locks={**state.locks, environment: record})


def unlocked(state: State, environment: str, claim: Claim) -> State:
    """The state without this claim's lock on the environment."""
    if state.locks.get(environment, {}).get("claim") != claim.id:
        return state
    return replace(state, locks={name: lock for name, lock in state.locks.items() if name != environment})


def without_dead(state: State) -> State:
    """The state without claims and locks that are no longer in force; the same state when there are none."""
    applies = {name: record for name, record in state.applies.items() if holds(record)}
    locks = {name: lock for name, lock in state.locks.items() if holds(lock)}
    if len(applies) == len(state.applies) and len(locks) == len(state.locks):
        return state
    return replace(state, applies=applies, locks=locks)


def locked(address: str, record: Mapping[str, Json]) -> Failure:
    """The failure that names the holder."""
    owner = record.get("owner")
    who = describe(owner) if isinstance(owner, dict) else "somebody"
    return fail(
        "lock-held",
        "Another apply moves the same addresses",
        f"{address} is held by {who}",
        hint="wait for it, or see `leptonctl lock list`",
        exit_code=LOCKED,
    )


def listed(state: State) -> list[dict[str, Json]]:
    """Every registration and lock, with whether it still holds."""
    rows: list[dict[str, Json]] = []
    for claim_id, record in state.applies.items():
        rows.append({"id": claim_id, "kind": "apply", "addresses": record.get("addresses"), "phase": record.get("phase"), **_shown(record)})
    for environment, record in state.locks.items():
        rows.append(
            {
                "id": f"environment/{environment}",
                "kind": "environment",
                "addresses": [f"environment/{environment}"],
                "phase": "binding",
                **_shown(record),
            }
        )
    return rows


def _shown(record: Mapping[str, Json]) -> dict[str, Json]:
    owner = record.get("owner")
    owner = owner if isinstance(owner, dict) else {}
    return {"owner": dict(owner), "describe": describe(owner), "lease_until": record.get("lease_until"), "held": holds(record)}


def _registered(state: State, claim: Claim, check: Mapping[str, str | None]) -> State:
    in_the_way = holder_of(state, claim)
    if in_the_way is not None:
        raise locked(*in_the_way)
    for address, before in check.items():
        entry = state.current.get(address)
        if (entry.digest if entry else None) != before:
            raise Moved(address)
    record: dict[str, Json] = {
        "owner": dict(claim.owner),
        "addresses": cast("Json", sorted(claim.addresses)),
        "phase": "building",
        "lease_until": time.time() + LEASE_S,
    }
    alive = {name: other for name, other in state.applies.items() if holds(other)}
    return replace(state, applies={**alive, claim.id: record})


class Moved(Exception):
    """A pointer moved between the plan and the claim: plan again."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(address)


def _with_apply(state: State, claim_id: str, **fields: Json) -> State:
    record = state.applies.get(claim_id)
    if record is None:
        return state
    return replace(state, applies={**state.applies, claim_id: {**record, **fields}})


def _released(state: State, claim_id: str) -> State:
    mine = [name for name, lock in state.locks.items() if lock.get("claim") == claim_id]
    if claim_id not in state.applies and not mine:
        return state
    applies = {name: record for name, record in state.applies.items() if name != claim_id}
    return replace(state, applies=applies, locks={name: lock for name, lock in state.locks.items() if name not in mine})


def _renew(pointers: Pointers, claim_id: str, stop: threading.Event) -> None:
    while not stop.wait(RENEW_S):
        # should it fail for long, the lease runs out and the compare-and-swap stays the fence
        with suppress(Failure, OSError):
            pointers.move(lambda state: _renewed(state, claim_id))


def _renewed(state: State, claim_id: str) -> State:
    until = time.time() + LEASE_S
    state = _with_apply(state, claim_id, lease_until=until)
    locks = {name: {**lock, "lease_until": until} if lock.get("claim") == claim_id else lock for name, lock in state.locks.items()}
    return replace(state, locks=locks)


def _texts(value: Json) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
