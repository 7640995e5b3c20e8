"""Switches one environment in one move (law 8): pending, deployment record, staged, ready, head, binding.

The order is that of protocols 1. Until the head moves, a failure leaves everything as it was; once it has moved, the binding
counts, whatever interrupts the rest. Works for any platform: knows no process and no port.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Literal, TypeAlias

from leptonctl.core.deployment import Deployment, ServerRecord
from leptonctl.core.diagnostic import STALE, Failure, fail
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.plan import moved_addresses
from leptonctl.core.state import Author, Environment, Pending, State
from leptonctl.deploying import fence
from leptonctl.deploying.desired import Desired, add_pending, drop_pending
from leptonctl.deploying.fence import Locked
from leptonctl.deploying.sites import Sites, verb
from leptonctl.deploying.written import last_number, serial_after, writes
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.platforms import Platform, Say, Site
from leptonctl.storage.claims import Registration, unlock_environment
from leptonctl.storage.pointers import Note, Pointers

Point: TypeAlias = Literal["lock", "epoch", "settle", "pending", "record", "staged", "ready", "head", "activate", "bind", "clear"]
"""Just before a switch writes or waits, in the order in which it does."""


class Outcome(Frozen):
    """The outcome of a switch. `deployment`: the one in force by the head, 0 for none.

    moved: the head and the bindings moved. lagging: why some servers do not follow yet, "" when all do. served: at least one
    server has reported each model.
    """

    state: State
    deployment: int
    moved: bool = False
    lagging: str = ""
    served: bool = False


class Switch(Frozen):
    """Moves environments; one object per apply.

    claim: registered while the apply runs. say: called with lines of progress. checkpoint: called with each Point, before the
    phase of that name. wait_s: how long to wait for a living holder of the environment.
    """

    pointers: Pointers
    claim: Registration
    author: Author
    sites: Sites
    say: Say = lambda _line: None
    checkpoint: Callable[[Point], None] = lambda _point: None
    wait_s: float = 90.0

    @contextmanager
    def hold(self, name: str, *, here: bool, force: bool = False) -> Iterator[Locked]:
        """Hold an environment while the block runs: locked, fenced, and with a predecessor's pending switch settled.

        `here`: this folder on this machine runs the environment. `force`: take the lock from a living holder too.
        Failure: `lock-held` (exit 4), `taken-over` (exit 5).
        """
        self.checkpoint("lock")
        state, token = fence.lock(self.pointers, self.claim, name, wait_s=self.wait_s, say=self.say, force=force)
        try:
            self.checkpoint("epoch")
            locked = fence.fence(self.pointers, self.claim, name, state, token)
            self.checkpoint("settle")
            locked = self._settle(locked, here=here)
            yield locked
        except BaseException:
            with suppress(Failure):
                self.pointers.move(lambda s: unlock_environment(s, name, self.claim))
            raise
        self.checkpoint("clear")
        fence.release(locked)

    def move(self, locked: Locked, desired: Desired, *, here: bool) -> Outcome:
        """Carry out a switch, or, if no pointer moves, record the bindings that are newly held.

        Failure: `taken-over`, `stale-binding` (exit 5), `not-ready` and the platform's own.
        """
        if desired.bindings or desired.environment is None:
            return self.carry_out(locked, desired, here=here)
        if desired.held:
            note = Note(author=self.author, environment=locked.name, evidence=desired.evidence, held=desired.held, acts=desired.acts)
            locked.note(note, lambda state: state.holding(desired.holds))
        return _outcome(locked)

    def carry_out(self, locked: Locked, desired: Desired, *, here: bool) -> Outcome:
        """Switch, even if no pointer moves. Errors are raised after the state has been brought in line with the head."""
        stale = moved_addresses(locked.state, desired.before)
        if stale:
            detail = f"{', '.join(stale)}: changed since the plan; what was built stays in the store"
            hint = "run `leptonctl plan` again"
            raise fail("stale-binding", "A binding has changed since it was planned", detail, hint=hint, exit_code=STALE)
        passage = self._passage(locked, desired, here=here)
        try:
            passage = _record(passage)
            passage = _stage(passage)
            passage = _move_head(passage)
            passage = _activate(passage)
            passage = _bind(passage)
        except BaseException:
            _follow_head(passage)
            raise
        after = passage.locked
        return Outcome(
            state=after.state,
            deployment=passage.number,
            moved=True,
            lagging=passage.lagging,
            served=_all_served(after.state, after.name, passage.deployment),
        )

    def recover(self, name: str, *, here: bool, force: bool = False) -> Outcome:
        """Complete or drop a predecessor's pending switch, under lock and fence. `force`: take the lock from a living holder too."""
        with self.hold(name, here=here, force=force) as locked:
            return _outcome(locked)

    def place(self, locked: Locked, environment: Environment | None, *, here: bool) -> tuple[Platform, Site]:
        """Where the environment runs according to a record of it."""
        written = environment.platform if environment else {}
        return self.sites.platform(written), self.sites.site(locked.state.lineage, locked.name, written, here=here)

    def _settle(self, locked: Locked, *, here: bool) -> Locked:
        """Settle a predecessor's switch. If it ended what serves from here, by a destroy or a new placement, stop that too."""
        old = locked.state.environments.get(locked.name)
        locked = fence.settle(locked)
        new = locked.state.environments.get(locked.name)
        if locked.settled is not None and old is not None and not old.destroyed:
            platform, site = self.place(locked, old, here=here)
            if new is None or new.destroyed or _leaves((platform, site), self.place(locked, new, here=here)):
                verb(platform.remove, site, self.say)
        return locked

    def _passage(self, locked: Locked, desired: Desired, *, here: bool) -> "_Passage":
        old = locked.state.environments.get(locked.name)
        platform, site = self.place(locked, desired.environment or old, here=here)
        previous = self.place(locked, old, here=here) if old is not None and not old.destroyed else None
        return _Passage(
            locked=locked,
            desired=desired,
            platform=platform,
            site=replace(site, returning=desired.returning),
            author=self.author,
            say=self.say,
            checkpoint=self.checkpoint,
            leaving=previous if previous is not None and _leaves(previous, (platform, site)) else None,
        )


class _Passage(Frozen):
    """A switch under way. `leaving`: the platform that served until now, if it is another one.

    `deployment`: the one to come into force, None when the environment is destroyed; `pending`: what completes it after a crash.
    """

    locked: Locked
    desired: Desired
    platform: Platform
    site: Site
    author: Author
    say: Say
    checkpoint: Callable[[Point], None]
    leaving: tuple[Platform, Site] | None = None
    pending: Pending | None = None
    deployment: Deployment | None = None
    lagging: str = ""

    @property
    def number(self) -> int:
        """The number that the head will name."""
        return self.deployment.deployment if self.deployment else 0


def _record(passage: _Passage) -> _Passage:
    """Write the pending switch and its deployment under an unused number."""
    locked, url = passage.locked, passage.platform.url(passage.site.settings)
    reports = _reports(*(passage.leaving or (passage.platform, passage.site)))
    number = last_number(locked) + 1
    while True:
        pending, deployment = writes(passage.locked, passage.desired, passage.author, number=number, url=url, reports=reports)
        passage.checkpoint("pending")
        locked = passage.locked.move(partial(add_pending, name=locked.name, pending=pending))
        passage = replace(passage, locked=locked, pending=pending, deployment=deployment)
        passage.checkpoint("record")
        if deployment is None or locked.lineage.put_deployment(deployment):
            return passage
        # a holder that was suspended has written a record under this number meanwhile
        number += 1


def _stage(passage: _Passage) -> _Passage:
    """Have the deployment prepared next to the one in force, and wait until all servers could serve it."""
    if passage.deployment is None:
        return passage
    head = passage.locked.head.head
    passage.checkpoint("staged")
    locked = passage.locked.point(deployment=head.deployment, serial=head.serial, staged=passage.number)
    passage = replace(passage, locked=locked)
    passage.checkpoint("ready")
    try:
        locked.newest()
        verb(passage.platform.stage, passage.site, passage.deployment, passage.say)
        verb(passage.platform.ready, passage.site, passage.deployment, passage.say)
    except Failure:
        # no server gets ready for a deployment that another holder has unstaged: report that first
        locked.newest()
        raise
    return passage


def _move_head(passage: _Passage) -> _Passage:
    """Put the deployment in force. Failure `taken-over` when another holder has fenced meanwhile."""
    serial = passage.deployment.serial if passage.deployment else serial_after(passage.locked)
    passage.checkpoint("head")
    return replace(passage, locked=passage.locked.point(deployment=passage.number, serial=serial, staged=0))


def _activate(passage: _Passage) -> _Passage:
    """Wait until the servers follow. The head has moved, so a server that lags is named but undoes nothing."""
    passage.checkpoint("activate")
    # a successor may have started what this would stop
    passage.locked.newest()
    lagging = ""
    try:
        if passage.deployment is None:
            passage.platform.remove(passage.site, passage.say)
        if passage.leaving is not None:
            platform, site = passage.leaving
            platform.remove(site, passage.say)
        passage.platform.activate(passage.site, passage.locked.head.head, passage.say)
    except ProviderError as late:
        lagging = late.detail or late.summary
        passage.say(lagging)
    return replace(passage, lagging=lagging)


def _bind(passage: _Passage) -> _Passage:
    """Write the binding, and record as served what servers report of it."""
    passage.checkpoint("bind")
    assert passage.pending is not None
    note = fence.switch_note(passage.locked.name, passage.pending)
    reports = _reports(passage.platform, passage.site)
    return replace(passage, locked=fence.complete(passage.locked, passage.pending, note, reports))


def _reports(platform: Platform, site: Site) -> tuple[ServerRecord, ...]:
    """What the servers of a platform answer now. Those of another package need not write records to the store."""
    try:
        observation = platform.observe(site)
    except ProviderError:
        return ()
    return (*observation.servers, *filter(None, [observation.answering]))


def _follow_head(passage: _Passage) -> None:
    """Bring the state in line with the head after an error: servers follow the head, so bind what it names, or drop the switch."""
    with suppress(Failure, ProviderError):
        locked = passage.locked.newest()
        pending = locked.state.pending.get(locked.name)
        if pending is None or (pending.claim, pending.token) != (locked.claim.id, locked.token):
            return
        in_force = locked.head.head.deployment
        if pending.deployment == in_force:
            locked = fence.complete(locked, pending, fence.switch_note(locked.name, pending))
        else:
            locked = locked.move(lambda state: drop_pending(state, locked.name))
            locked.point(deployment=in_force, serial=locked.head.head.serial, staged=0)
        if not in_force:
            # nothing is in force, so what was started for this switch has nothing to serve
            passage.platform.remove(passage.site, passage.say)


def _leaves(before: tuple[Platform, Site], after: tuple[Platform, Site]) -> bool:
    """Whether what serves now has to stop: another platform takes over, or servers elsewhere do."""
    return before[0].name != after[0].name or (before[1].here and not after[1].here)


def _all_served(state: State, name: str, deployment: Deployment | None) -> bool:
    environment = state.environments.get(name)
    if deployment is None or environment is None:
        return False
    routes = [(model, deployment.main(model)) for model in deployment.models]
    return all(route is not None and route.package in environment.served.get(model, {}) for model, route in routes)


def _outcome(locked: Locked) -> Outcome:
    return Outcome(state=locked.state, deployment=locked.head.head.deployment)
