"""Switches one environment in one move (law 8): pending, deployment record, staged, ready, head, binding.

The order is that of protocols 1. Until the head moves, a failure leaves everything as it was; once it has moved, the binding
counts, whatever interrupts the rest. Works for any platform: knows no process and no port.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from leptonctl.core.deployment import Deployment
from leptonctl.core.diagnostic import INVALID, STALE, Failure, did_you_mean, fail
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.state import Author, Environment, State
from leptonctl.core.values import Json
from leptonctl.deploying import fence
from leptonctl.deploying.fence import Locked
from leptonctl.deploying.phases import Passage, carry, verb
from leptonctl.deploying.wanted import Wanted, moved_since
from leptonctl.spi.platforms import Platform, Say, Site, filled, placement
from leptonctl.storage.claims import Registration, unlocked
from leptonctl.storage.pointers import Note, Pointers

POINTS = ("lock", "epoch", "settle", "pending", "record", "staged", "ready", "head", "activate", "bind", "clear")
"""The points just before a switch writes (or waits), at which tests stop it."""


class Outcome(Frozen):
    """The outcome of a switch. `deployment`: the one in force by the head, 0 for none.

    moved: the head and the bindings moved. lagging: why some servers do not follow yet, "" when all do. served: at least one
    server has reported each model. recovered: the pending switch of a predecessor was completed first.
    """

    state: State
    deployment: int
    moved: bool = False
    lagging: str = ""
    served: bool = False
    recovered: bool = False


class Switch(Frozen):
    """Moves environments; one object per apply. `root`: the project's folder; `store`: the URI of its store.

    claim: registered while the apply runs. say: called with lines of progress. checkpoint: called with each of POINTS, before
    the phase of that name. wait_s: how long to wait for a living holder of the environment.
    """

    pointers: Pointers
    claim: Registration
    author: Author
    platforms: Mapping[str, Platform]
    root: Path
    store: str
    say: Say = lambda _line: None
    checkpoint: Callable[[str], None] = lambda _point: None
    wait_s: float = 90.0

    def move(self, name: str, decide: Callable[[State], Wanted], *, here: bool) -> Outcome:
        """Carry one environment from its gates to its binding under one lock.

        `decide` is called with the state once the environment is locked, fenced and settled. If it moves no pointer, only the
        bindings that are newly held are recorded. `here`: this folder on this machine runs the environment.

        Failure: `lock-held` (exit 4), `taken-over`, `stale-binding` (exit 5), `not-ready` and the platform's own.
        """
        with self.locked(name, here=here) as locked:
            wanted = decide(locked.state)
            if wanted.bindings or wanted.environment is None:
                return self.run(locked, wanted, here=here)
            if wanted.held:
                note = Note(author=self.author, environment=name, evidence=wanted.evidence, held=wanted.held, acts=wanted.acts)
                self.pointers.note(note, lambda state: locked.mine(state).holding(wanted.holds))
            return _unmoved(locked)

    def recover(self, name: str, *, here: bool, force: bool = False) -> Outcome:
        """Complete or drop a predecessor's pending switch, under lock and fence. `force`: take the lock from a living holder too."""
        with self.locked(name, here=here, force=force) as locked:
            return _unmoved(locked)

    @contextmanager
    def locked(self, name: str, *, here: bool, force: bool = False) -> Iterator[Locked]:
        """Hold an environment while the block runs: locked, fenced, and with a predecessor's pending switch settled."""
        self.checkpoint("lock")
        state, token = fence.lock(self.pointers, self.claim, name, wait_s=self.wait_s, say=self.say, force=force)
        try:
            self.checkpoint("epoch")
            locked = fence.fence(self.pointers, self.claim, name, state, token)
            self.checkpoint("settle")
            locked = self._settled(locked, here=here)
            yield locked
        except BaseException:
            with suppress(Failure):
                self.pointers.move(lambda s: unlocked(s, name, self.claim))
            raise
        self.checkpoint("clear")
        fence.release(locked)

    def run(self, locked: Locked, wanted: Wanted, *, here: bool) -> Outcome:
        """Carry out a switch on an environment that is held."""
        stale = moved_since(locked.state, wanted.before)
        if stale:
            detail = f"{', '.join(stale)}: changed since the plan; what was built stays in the store"
            hint = "run `leptonctl plan` again"
            raise fail("stale-binding", "A binding has changed since it was planned", detail, hint=hint, exit_code=STALE)
        passage = carry(self._passage(locked, wanted, here=here))
        after = passage.locked
        return Outcome(
            state=after.state,
            deployment=passage.number,
            moved=True,
            lagging=passage.lagging,
            served=_all_served(after.state, after.name, passage.deployment),
            recovered=after.settled is not None,
        )

    def site(self, name: str, state: State, platform: Platform, written: Mapping[str, Json], *, here: bool) -> Site:
        """An environment in the form that its platform takes; `written`: the mapping under `platform:`.

        `here`: this folder on this host may start what serves, unless the placement says that it runs elsewhere.
        """
        return Site(
            root=self.root,
            store=self.store,
            objects=self.pointers.objects,
            lineage=state.lineage,
            environment=name,
            settings=filled(platform.settings, written),
            here=here and placement(written) == "here",
        )

    def platform(self, written: Mapping[str, Json]) -> Platform:
        """The platform that `platform:` names."""
        kind = str(written.get("type", "server"))
        platform = self.platforms.get(kind)
        if platform is None:
            hint = did_you_mean(kind, self.platforms) or "install the package that provides it"
            raise fail("unknown-platform", "No platform of this type is installed", f"`type: {kind}`", hint=hint, exit_code=INVALID)
        return platform

    def _settled(self, locked: Locked, *, here: bool) -> Locked:
        """Settle a predecessor's switch. If it ended what serves from here, by a destroy or a new placement, stop that too."""
        old = locked.state.environments.get(locked.name)
        locked = fence.settle(locked)
        new = locked.state.environments.get(locked.name)
        if locked.settled is not None and old is not None and not old.destroyed:
            before = self._place(locked, old, here=here)
            if new is None or new.destroyed or _leaves(before, self._place(locked, new, here=here)):
                verb(before[0].remove, before[1], self.say)
        return locked

    def _passage(self, locked: Locked, wanted: Wanted, *, here: bool) -> Passage:
        old = locked.state.environments.get(locked.name)
        environment = wanted.environment or old
        platform, site = self._place(locked, environment, here=here)
        previous = self._place(locked, old, here=here) if old is not None and not old.destroyed else None
        return Passage(
            locked=locked,
            wanted=wanted,
            platform=platform,
            site=replace(site, returning=wanted.returning),
            author=self.author,
            say=self.say,
            checkpoint=self.checkpoint,
            old=old,
            leaving=previous if previous is not None and _leaves(previous, (platform, site)) else None,
        )

    def _place(self, locked: Locked, environment: Environment | None, *, here: bool) -> tuple[Platform, Site]:
        settings = environment.platform if environment else {}
        platform = self.platform(settings)
        return platform, self.site(locked.name, locked.state, platform, settings, here=here)


def _leaves(before: tuple[Platform, Site], after: tuple[Platform, Site]) -> bool:
    """Whether what serves now has to stop: another platform takes over, or servers elsewhere do."""
    return before[0].name != after[0].name or (before[1].here and not after[1].here)


def _all_served(state: State, name: str, deployment: Deployment | None) -> bool:
    environment = state.environments.get(name)
    if deployment is None or environment is None:
        return False
    routes = [(model, deployment.main(model)) for model in deployment.models]
    return all(route is not None and route.package in environment.served.get(model, {}) for model, route in routes)


def _unmoved(locked: Locked) -> Outcome:
    return Outcome(state=locked.state, deployment=locked.head.head.deployment, recovered=locked.settled is not None)
