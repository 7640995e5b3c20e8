"""Who is moving which addresses: registrations of running applies and the environments' locks, kept in the state itself.

A claim ends with its holder. If that process ran on this machine and has ended, the claim is free at once; any holder whose `beat`
has not changed for a term of the reader's own clock counts as dead (protocols 4). Every move under a lock checks the lock's
token, so that a holder that was only suspended writes nothing (protocols 1).
"""

import secrets
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress

from leptonctl.core.address import document
from leptonctl.core.diagnostic import LOCKED, STALE, Failure, fail
from leptonctl.core.frozen import Frozen, field, replace
from leptonctl.core.state import Claim, Lock, Owner, State
from leptonctl.storage.liveness import Liveness
from leptonctl.storage.owner import describe
from leptonctl.storage.pointers import Pointers

BEAT_S = 5.0
TERM_S = 60.0
"""How long a beat must stay unchanged before its holder counts as dead: many beats, because a paused machine may resume."""


class Registration(Frozen):
    """This process's claim. `returns`: those of its addresses that return to a package served before."""

    id: str
    owner: Owner
    addresses: frozenset[str]
    returns: frozenset[str] = frozenset()
    liveness: Liveness = field(default_factory=Liveness)


class PointerMoved(Exception):
    """A pointer moved between the plan and the claim."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(address)


@contextmanager
def claim_addresses(
    pointers: Pointers,
    owner: Owner,
    addresses: Collection[str],
    *,
    returns: Collection[str] = (),
    expected: Mapping[str, str | None] | None = None,
    liveness: Liveness | None = None,
) -> Iterator[Registration]:
    """Register the addresses while the block runs. Failure `lock-held` (exit 4) when another apply moves one of them.

    `expected`: address -> digest that the plan saw. Raises PointerMoved when one has changed since.
    """
    claim = Registration(
        id=secrets.token_hex(6), owner=owner, addresses=frozenset(addresses), returns=frozenset(returns), liveness=liveness or Liveness()
    )
    # checked and registered in one swap: between two, another apply could move a pointer
    pointers.move(lambda state: _register(state, claim, expected or {}))
    stop = threading.Event()
    thread = threading.Thread(target=_renew, args=(pointers, claim.id, stop), daemon=True)
    thread.start()
    try:
        yield claim
    except BaseException:
        _end(thread, stop)
        # the error of the block matters more than a claim that stays until this process ends
        with suppress(Failure, OSError):
            pointers.move(lambda state: _release(state, claim.id))
        raise
    _end(thread, stop)
    pointers.move(lambda state: _release(state, claim.id))


def _end(thread: threading.Thread, stop: threading.Event) -> None:
    # joined before the release, so that nothing of ours writes the state once the claim has ended
    stop.set()
    thread.join()


def conflicting_claim(state: State, claim: Registration) -> tuple[str, Claim] | None:
    """The first address of a claim that a living apply already moves, with that apply's registration."""
    for id_, other in state.applies.items():
        if id_ == claim.id or not claim.liveness.alive(f"claim/{id_}", other.owner, other.beat, TERM_S):
            continue
        conflicts = claim.addresses & set(other.addresses)
        # a return never waits for a training: the apply that is building finds its pointer moved and holds
        if other.phase == "building":
            conflicts -= claim.returns
        if conflicts:
            return min(conflicts), other
    return None


def enter_binding(pointers: Pointers, claim: Registration) -> None:
    """Record that this apply has finished building and now moves its pointers. Failure `taken-over` when its claim is gone."""
    pointers.move(lambda state: _begin_binding(state, claim))


def check_claim(state: State, claim: Registration) -> None:
    """Failure `taken-over` (exit 5) when the claim is no longer in the state, because another apply took it over."""
    if claim.id not in state.applies:
        others = [c.owner for c in state.applies.values() if claim.addresses & set(c.addresses)]
        raise takeover(min(claim.addresses, default="this apply"), _successor(others[0] if others else None))


def lock_environment(state: State, environment: str, claim: Registration) -> State:
    """The state with the environment locked by this claim under a new token. Failure `lock-held` when another holds it."""
    check_claim(state, claim)
    lock = state.locks.get(environment)
    if (
        lock is not None
        and lock.claim != claim.id
        and claim.liveness.alive(f"lock/{environment}/{lock.token}", lock.owner, lock.beat, TERM_S)
    ):
        raise lock_held(document("environment", environment), lock.owner)
    token = state.tokens.get(environment, 0) + 1
    return replace(
        state,
        locks={**state.locks, environment: Lock(claim=claim.id, owner=claim.owner, token=token)},
        tokens={**state.tokens, environment: token},
    )


def check_lock(state: State, environment: str, claim: Registration, token: int) -> None:
    """Failure `taken-over` (exit 5) unless this claim holds the environment under this token."""
    lock = state.locks.get(environment)
    if lock is None or (lock.claim, lock.token) != (claim.id, token):
        raise takeover(document("environment", environment), _successor(lock.owner if lock else None))


def unlock_environment(state: State, environment: str, claim: Registration) -> State:
    """The state without this claim's lock on the environment."""
    lock = state.locks.get(environment)
    if lock is None or lock.claim != claim.id:
        return state
    return replace(state, locks={name: other for name, other in state.locks.items() if name != environment})


def drop_dead(state: State, liveness: Liveness) -> State:
    """The state without claims and locks whose holders are dead; the same object when all live."""
    applies = {id_: c for id_, c in state.applies.items() if liveness.alive(f"claim/{id_}", c.owner, c.beat, TERM_S)}
    locks = {env: k for env, k in state.locks.items() if liveness.alive(f"lock/{env}/{k.token}", k.owner, k.beat, TERM_S)}
    if len(applies) == len(state.applies) and len(locks) == len(state.locks):
        return state
    return replace(state, applies=applies, locks=locks)


def lock_held(address: str, owner: Owner) -> Failure:
    """The failure of a claim that must wait for another holder."""
    return fail(
        "lock-held",
        "Another apply moves the same addresses",
        f"{address} is held by {describe(owner)}",
        hint="wait until it ends, or see `leptonctl lock list`",
        exit_code=LOCKED,
    )


def takeover(address: str, by: str) -> Failure:
    """The failure of a holder that was considered dead. `by` names its successor: `by anna@host pid 7: leptonctl apply`."""
    return fail(
        "taken-over",
        "This apply was considered dead, and another one took over",
        f"{address} was taken over {by}; nothing more was changed",
        hint="run `leptonctl plan` again: what was built is in the store",
        exit_code=STALE,
    )


def _successor(owner: Owner | None) -> str:
    return f"by {describe(owner)}" if owner is not None else "by another apply, which has ended"


def _register(state: State, claim: Registration, expected: Mapping[str, str | None]) -> State:
    conflict = conflicting_claim(state, claim)
    if conflict is not None:
        address, other = conflict
        raise lock_held(address, other.owner)
    for address, before in expected.items():
        pointer = state.current.get(address)
        if (pointer.digest if pointer else None) != before:
            raise PointerMoved(address)
    record = Claim(owner=claim.owner, addresses=tuple(sorted(claim.addresses)), returns=tuple(sorted(claim.returns)))
    return replace(state, applies={**drop_dead(state, claim.liveness).applies, claim.id: record})


def _begin_binding(state: State, claim: Registration) -> State:
    check_claim(state, claim)
    return replace(state, applies={**state.applies, claim.id: replace(state.applies[claim.id], phase="binding")})


def _release(state: State, claim_id: str) -> State:
    own_locks = [environment for environment, lock in state.locks.items() if lock.claim == claim_id]
    if claim_id not in state.applies and not own_locks:
        return state
    applies = {id_: record for id_, record in state.applies.items() if id_ != claim_id}
    return replace(state, applies=applies, locks={name: lock for name, lock in state.locks.items() if name not in own_locks})


def _renew(pointers: Pointers, claim_id: str, stop: threading.Event) -> None:
    while not stop.wait(BEAT_S):
        # if this fails for a whole term, the holder counts as dead and the fence refuses its writes
        with suppress(Failure, OSError):
            pointers.move(lambda state: _beat(state, claim_id))


def _beat(state: State, claim_id: str) -> State:
    """The state with the beats of a claim and its locks increased by one; the same object when the claim is gone."""
    claim = state.applies.get(claim_id)
    if claim is None:
        return state
    locks = {name: replace(lock, beat=lock.beat + 1) if lock.claim == claim_id else lock for name, lock in state.locks.items()}
    return replace(state, applies={**state.applies, claim_id: replace(claim, beat=claim.beat + 1)}, locks=locks)
