"""The right to move an environment: its lock in the state and its epoch in the head, and what the one before left (protocols 1, 2).

A holder that slept is refused by both: the state no longer knows its claim and token, and the head is no longer the one that it
compares with. Knows no platform and no process.
"""

import time
from collections.abc import Callable

from leptonctl.core import layout
from leptonctl.core.address import document
from leptonctl.core.deployment import Epoch
from leptonctl.core.diagnostic import LOCKED, STALE, Failure, fail
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.state import Environment, Pending, State
from leptonctl.deploying.wanted import completed, dropped, witnessed
from leptonctl.spi.platforms import Say
from leptonctl.storage.claims import Registration, holding, lock_environment, own, unlocked
from leptonctl.storage.lineage import HeadAt, LineageStore
from leptonctl.storage.owner import describe
from leptonctl.storage.pointers import Note, Pointers

LOCK_POLL_S = 0.1
HEAD_TRIES = 100


class Locked(Frozen):
    """An environment that is held: every move asserts the claim and the token, every head replaces the one written before.

    `settled` is the switch of a predecessor that was completed, None when none was.
    """

    name: str
    pointers: Pointers
    claim: Registration
    token: int
    state: State
    head: HeadAt
    settled: Pending | None = None

    @property
    def lineage(self) -> LineageStore:
        """The store of the environment's records."""
        return self.pointers.lineage(self.state)

    @property
    def epoch(self) -> Epoch:
        """Who may move the head."""
        return self.state.epoch(self.token)

    def move(self, change: Callable[[State], State], note: Note | None = None) -> "Locked":
        """Move the state. Failure `taken-over` (exit 5) when another holds the environment by now."""
        return replace(self, state=self.pointers.move(lambda state: change(self.mine(state)), note))

    def newest(self) -> "Locked":
        """The same hold with state and head as they are now. Failure `taken-over` when another holds the environment."""
        state, head = self.pointers.read(), self.lineage.head(self.name)
        if state is None or head is None or head.head.epoch != self.epoch:
            raise _moved_on(self.name, head)
        return replace(self, state=self.mine(state), head=head)

    def mine(self, state: State) -> State:
        """The same state. Failure `taken-over` (exit 5) unless claim and token are still in it."""
        return mine(self.pointers, state, self.name, self.claim, self.token)

    def point(self, *, deployment: int, serial: int, staged: int) -> "Locked":
        """Write the head over the one that this holder wrote last. Failure `taken-over` when another has written since."""
        head = self.lineage.move_head(
            self.name,
            self.head,
            epoch=self.epoch,
            holder=describe(self.claim.owner),
            deployment=deployment,
            serial=serial,
            staged=staged,
        )
        found = head or self.lineage.head(self.name)
        # a back end that repeats a request whose answer was lost is refused by its own write
        if found is None or (found.head.epoch, found.head.deployment, found.head.serial, found.head.staged) != (
            self.epoch,
            deployment,
            serial,
            staged,
        ):
            raise _moved_on(self.name, found)
        return replace(self, head=found)


def lock(pointers: Pointers, claim: Registration, name: str, *, wait_s: float, say: Say, force: bool = False) -> tuple[State, int]:
    """Hold an environment in the state; gives the state and the token. A living holder is waited for, then Failure `lock-held`.

    `force`: take it from a living holder too, whose next write is refused.
    """
    deadline = time.monotonic() + wait_s
    waiting = False
    while True:
        try:
            state = pointers.move(lambda s: lock_environment(_freed(s, name) if force else s, name, claim))
        except Failure as refused:
            if refused.exit_code != LOCKED:
                raise _named(pointers, name, claim, refused) from refused
            if time.monotonic() > deadline:
                raise
            if not waiting:
                waiting = True
                say(f"waiting: {refused.diagnostics[0].detail}")
            time.sleep(LOCK_POLL_S)
        else:
            return state, state.locks[name].token


def fence(pointers: Pointers, claim: Registration, name: str, state: State, token: int) -> Locked:
    """Write the own epoch into the head: from now on nobody of a lower one moves it. Failure `taken-over` when a higher one is there."""
    lineage, epoch = pointers.lineage(state), state.epoch(token)
    for _ in range(HEAD_TRIES):
        before = lineage.head(name)
        found = before.head if before else None
        if found is not None and found.epoch > epoch:
            raise taken_over(name, f"by {found.holder}")
        after = lineage.move_head(
            name,
            before,
            epoch=epoch,
            holder=describe(claim.owner),
            deployment=found.deployment if found else 0,
            serial=found.serial if found else 0,
            staged=0,
        )
        if after is not None:
            return Locked(name=name, pointers=pointers, claim=claim, token=token, state=state, head=after)
    path = layout.head(lineage.lineage, name)
    detail = f"{path} in {lineage.objects.describe()} is not the record that belongs there, or is replaced all the time"
    hint = "look what lies there; what is no file is moved away, and the next apply writes the head again"
    raise fail("store-failed", "The head of an environment cannot be written", detail, hint=hint)


def settle(locked: Locked) -> Locked:
    """Complete the switch that a predecessor left pending if the head has moved to its deployment, else drop it (protocols 2)."""
    pending = locked.state.pending.get(locked.name)
    if pending is None:
        return locked
    if locked.head.head.deployment != pending.deployment:
        return locked.move(lambda state: dropped(state, locked.name))
    note = switched(locked.name, pending, recovered_by=describe(locked.claim.owner))
    return replace(complete(locked, pending, note), settled=pending)


def complete(locked: Locked, pending: Pending, note: Note) -> Locked:
    """Bind what a pending switch names. What servers have reported of it is recorded as served."""
    deployment = locked.lineage.deployment(locked.name, pending.deployment) if pending.deployment else None
    served = witnessed(deployment, locked.lineage.servers(locked.name)) if deployment else {}
    return locked.move(lambda state: completed(state, locked.name, served), note)


def switched(name: str, pending: Pending, recovered_by: str | None = None) -> Note:
    """What the history says of a switch."""
    return Note(
        author=pending.author,
        environment=name,
        deployment=pending.deployment or None,
        evidence=pending.evidence,
        held=pending.held,
        recovered_by=recovered_by,
    )


def release(locked: Locked) -> State:
    """Give the environment back. Failure `taken-over` (exit 5) when another holds it: what was bound is theirs to change."""
    return locked.move(lambda state: unlocked(state, locked.name, locked.claim)).state


def mine(pointers: Pointers, state: State, name: str, claim: Registration, token: int) -> State:
    """The same state. Failure `taken-over` (exit 5) unless the claim is in it and holds the environment under this token."""
    try:
        return holding(own(state, claim), name, claim, token)
    except Failure as lost:
        raise _named(pointers, name, claim, lost, state.epoch(token)) from lost


def taken_over(name: str, by: str) -> Failure:
    """The failure of a holder that was taken for dead. `by` says who has gone on: `by anna@host pid 7: leptonctl apply`."""
    return fail(
        "taken-over",
        "This apply was taken for dead, and another has gone on",
        f"{document('environment', name)} was taken over {by}; nothing more was changed",
        hint="plan again: what was built is in the store",
        exit_code=STALE,
    )


def bound(environment: Environment | None) -> int:
    """The deployment that the state says is in force; 0 for none."""
    return 0 if environment is None or environment.destroyed else environment.deployment


def _moved_on(name: str, head: HeadAt | None) -> Failure:
    return taken_over(name, f"by {head.head.holder}" if head else "by somebody who removed its head")


def _named(pointers: Pointers, name: str, claim: Registration, lost: Failure, epoch: Epoch | None = None) -> Failure:
    """The failure of a lost claim, with the name of who has gone on: by lock or claim, or by the head once those are given back."""
    state = pointers.read()
    if state is None:
        return lost
    lock_ = state.locks.get(name)
    others = [c.owner for id_, c in state.applies.items() if id_ != claim.id and claim.addresses & set(c.addresses)]
    owner = lock_.owner if lock_ is not None and lock_.claim != claim.id else next(iter(others), None)
    if owner is not None:
        return taken_over(name, f"by {describe(owner)}")
    head = pointers.lineage(state).head(name)
    if head is None:
        return lost
    if epoch is None:
        return taken_over(name, f"meanwhile, and was last moved by {head.head.holder}")
    return taken_over(name, f"by {head.head.holder}") if head.head.epoch > epoch else lost


def _freed(state: State, name: str) -> State:
    return replace(state, locks={other: lock_ for other, lock_ in state.locks.items() if other != name})
