"""The right to move an environment: its lock in the state, its epoch in the head, and the pending switch of a predecessor.

A holder that was suspended is refused by both: the state no longer has its claim and token, and the head is no longer the one
that it compares with (protocols 1, 2). Knows no platform and no process.
"""

import time
from collections.abc import Callable, Iterable

from leptonctl.core import layout
from leptonctl.core.address import document
from leptonctl.core.deployment import Epoch, ServerRecord
from leptonctl.core.diagnostic import LOCKED, Failure, fail
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.state import Environment, Pending, State
from leptonctl.deploying.desired import complete_switch, drop_pending, served_packages
from leptonctl.spi.platforms import Say
from leptonctl.storage.claims import Registration, check_claim, check_lock, lock_environment, takeover, unlock_environment
from leptonctl.storage.lineage import HeadAt, LineageStore
from leptonctl.storage.owner import describe
from leptonctl.storage.pointers import Note, Pointers

LOCK_POLL_S = 0.1
HEAD_TRIES = 100


class Locked(Frozen):
    """An environment that is held: every move checks the claim and the token, every new head replaces the one written before.

    `settled`: the predecessor's switch that was completed, or None.
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
        """The part of the store that holds the environment's records."""
        return self.pointers.lineage(self.state)

    @property
    def epoch(self) -> Epoch:
        """The epoch under which this holder moves the head."""
        return self.state.epoch(self.token)

    def move(self, change: Callable[[State], State], note: Note | None = None) -> "Locked":
        """Move the state. Failure `taken-over` (exit 5) when another apply holds the environment by now."""
        return replace(self, state=self.pointers.move(self._guard(change), note))

    def note(self, note: Note, change: Callable[[State], State]) -> State:
        """Record a note in the history with a change of the state that moves no pointer. Failure as of `move`."""
        return self.pointers.note(note, self._guard(change))

    def newest(self) -> "Locked":
        """Read state and head again. Failure `taken-over` when another apply holds the environment."""
        state, head = self.pointers.read(), self.lineage.head(self.name)
        if state is None or head is None or head.head.epoch != self.epoch:
            raise _takeover(self.name, head)
        self.check(state)
        return replace(self, state=state, head=head)

    def check(self, state: State) -> None:
        """Failure `taken-over` (exit 5) unless the claim is in the state and holds the environment under the token."""
        try:
            check_claim(state, self.claim)
            check_lock(state, self.name, self.claim, self.token)
        except Failure as failure:
            raise _with_successor(self.pointers, self.name, self.claim, failure, state.epoch(self.token)) from failure

    def _guard(self, change: Callable[[State], State]) -> Callable[[State], State]:
        def check_and_change(state: State) -> State:
            self.check(state)
            return change(state)

        return check_and_change

    def point(self, *, deployment: int, serial: int, staged: int) -> "Locked":
        """Replace the head that this holder wrote last. Failure `taken-over` when another holder has written since."""
        head = self.lineage.move_head(
            self.name,
            self.head,
            epoch=self.epoch,
            holder=describe(self.claim.owner),
            deployment=deployment,
            serial=serial,
            staged=staged,
        )
        current = head or self.lineage.head(self.name)
        # a back end that repeats a request after its answer was lost is refused by its own first write: compare the values
        if current is None or (current.head.epoch, current.head.deployment, current.head.serial, current.head.staged) != (
            self.epoch,
            deployment,
            serial,
            staged,
        ):
            raise _takeover(self.name, current)
        return replace(self, head=current)


def lock(pointers: Pointers, claim: Registration, name: str, *, wait_s: float, say: Say, force: bool = False) -> tuple[State, int]:
    """Lock an environment in the state; returns the state and the token. Waits for a living holder, then Failure `lock-held`.

    `force`: take the lock from a living holder too, whose next write is then refused.
    """
    deadline = time.monotonic() + wait_s
    waiting = False
    while True:
        try:
            state = pointers.move(lambda s: lock_environment(_without_lock(s, name) if force else s, name, claim))
        except Failure as refused:
            if refused.exit_code != LOCKED:
                raise _with_successor(pointers, name, claim, refused) from refused
            if time.monotonic() > deadline:
                raise
            if not waiting:
                waiting = True
                say(f"waiting: {refused.diagnostics[0].detail}")
            time.sleep(LOCK_POLL_S)
        else:
            return state, state.locks[name].token


def fence(pointers: Pointers, claim: Registration, name: str, state: State, token: int) -> Locked:
    """Write our epoch into the head, so that no lower one can move it. Failure `taken-over` when the head has a higher one."""
    lineage, epoch = pointers.lineage(state), state.epoch(token)
    for _ in range(HEAD_TRIES):
        before = lineage.head(name)
        head = before.head if before else None
        if head is not None and head.epoch > epoch:
            raise takeover(document("environment", name), f"by {head.holder}")
        after = lineage.move_head(
            name,
            before,
            epoch=epoch,
            holder=describe(claim.owner),
            deployment=head.deployment if head else 0,
            serial=head.serial if head else 0,
            staged=0,
        )
        if after is not None:
            return Locked(name=name, pointers=pointers, claim=claim, token=token, state=state, head=after)
    path = layout.head(lineage.lineage, name)
    detail = f"{path} in {lineage.objects.describe()} is not a file, or another process keeps replacing it."
    hint = f"move {path} away if it is not a file; the next apply writes the head again"
    raise fail("store-failed", "The head of an environment cannot be written", detail, hint=hint)


def settle(locked: Locked) -> Locked:
    """Complete the switch that a predecessor left pending if the head names its deployment, otherwise drop it (protocols 2)."""
    pending = locked.state.pending.get(locked.name)
    if pending is None:
        return locked
    if locked.head.head.deployment != pending.deployment:
        return locked.move(lambda state: drop_pending(state, locked.name))
    note = switch_note(locked.name, pending, recovered_by=describe(locked.claim.owner))
    return replace(complete(locked, pending, note), settled=pending)


def complete(locked: Locked, pending: Pending, note: Note, reports: Iterable[ServerRecord] = ()) -> Locked:
    """Bind what a pending switch names, and record as served what servers have reported of it.

    `reports`: those that the platform observes, in addition to the records in the store.
    """
    deployment = locked.lineage.intact_deployment(locked.name, pending.deployment) if pending.deployment else None
    served = served_packages(deployment, (*locked.lineage.servers(locked.name), *reports)) if deployment else {}
    return locked.move(lambda state: complete_switch(state, locked.name, served), note)


def switch_note(name: str, pending: Pending, recovered_by: str | None = None) -> Note:
    """The history's note of a switch."""
    return Note(
        author=pending.author,
        environment=name,
        deployment=pending.deployment or None,
        evidence=pending.evidence,
        held=pending.held,
        acts=pending.acts,
        recovered_by=recovered_by,
    )


def release(locked: Locked) -> State:
    """Unlock the environment. Failure `taken-over` (exit 5) when another apply holds it, which may change the bindings."""
    return locked.move(lambda state: unlock_environment(state, locked.name, locked.claim)).state


def number_in_force(environment: Environment | None) -> int:
    """The number of the deployment in force according to the state; 0 for none."""
    return 0 if environment is None or environment.destroyed else environment.deployment


def _takeover(name: str, head: HeadAt | None) -> Failure:
    return takeover(document("environment", name), f"by {head.head.holder}" if head else "by a process that removed its head")


def _with_successor(pointers: Pointers, name: str, claim: Registration, failure: Failure, epoch: Epoch | None = None) -> Failure:
    """The failure of a lost claim with the name of its successor, from its lock or claim, or from the head once those are released."""
    state = pointers.read()
    if state is None:
        return failure
    lock_ = state.locks.get(name)
    others = [c.owner for id_, c in state.applies.items() if id_ != claim.id and claim.addresses & set(c.addresses)]
    owner = lock_.owner if lock_ is not None and lock_.claim != claim.id else next(iter(others), None)
    if owner is not None:
        return takeover(document("environment", name), f"by {describe(owner)}")
    head = pointers.lineage(state).head(name)
    if head is None:
        return failure
    if epoch is None:
        return takeover(document("environment", name), f"meanwhile, and was last moved by {head.head.holder}")
    return takeover(document("environment", name), f"by {head.head.holder}") if head.head.epoch > epoch else failure


def _without_lock(state: State, name: str) -> State:
    return replace(state, locks={other: lock_ for other, lock_ in state.locks.items() if other != name})
