"""Switches one environment in one move (law 8): pending, deployment record, staged, ready, head, binding.

The order is that of protocols 1. Until the head moves a failure leaves everything as it was; once it has moved the binding is a
fact, whatever cuts the switch short. Works for any platform: knows no process and no port.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from leptonctl.core.deployment import Deployment
from leptonctl.core.diagnostic import INVALID, STALE, Failure, did_you_mean, fail
from leptonctl.core.state import Author, Environment, Pending, State
from leptonctl.core.values import Json
from leptonctl.deploying import fence
from leptonctl.deploying.fence import Locked
from leptonctl.deploying.wanted import (
    Wanted,
    deployment_after,
    dropped,
    environment_after,
    moved_since,
    moves,
    pended,
    with_served,
    witnessed,
)
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.platforms import Platform, Say, Site, filled
from leptonctl.storage.claims import Registration, unlocked
from leptonctl.storage.pointers import Note, Pointers, now

POINTS = ("lock", "epoch", "settle", "pending", "record", "staged", "ready", "head", "activate", "bind", "clear")
"""Where a switch stands just before it writes (or waits): what tests stop it at."""
PLACEMENT = ("type", "run")
"""What stands under `platform:` beside the platform's own settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an environment. `deployment` is the one in force by the head, 0 for none.

    moved: the head and the bindings moved. lagging: why not all that serve follow yet, "" when they do. served: at least one
    server has reported all of it. recovered: a switch that another had left was completed first.
    """

    state: State
    deployment: int
    moved: bool = False
    lagging: str = ""
    served: bool = False
    recovered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The means of moving environments: one for an apply. `root` is the project's folder, `store` the URI of its store.

    claim: registered for as long as the apply runs. say: told how far it is. checkpoint: called with each of POINTS, before
    what it names. wait_s: how long a living holder of the environment is waited for.
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

        `decide` is called with the state once the environment is locked, fenced and settled. Where it wants no pointer moved, what
        its gates held is recorded and nothing else happens. `here`: this folder on this machine runs the environment.

        Failure: `lock-held` (exit 4), `taken-over`, `stale-binding` (exit 5), `not-ready` and what the platform says.
        """
        with self.locked(name, here=here) as locked:
            wanted = decide(locked.state)
            if wanted.bindings or wanted.environment is None:
                return self.run(locked, wanted, here=here)
            if wanted.held:
                locked.mine(locked.state)
                self.pointers.note(Note(author=self.author, environment=name, evidence=wanted.evidence, held=wanted.held))
            return _unmoved(locked)

    def recover(self, name: str, *, here: bool, force: bool = False) -> Outcome:
        """Complete or drop what another left of a switch, under lock and fence. `force`: take the lock from a living holder too."""
        with self.locked(name, here=here, force=force) as locked:
            return _unmoved(locked)

    @contextmanager
    def locked(self, name: str, *, here: bool, force: bool = False) -> Iterator[Locked]:
        """Hold an environment: locked, fenced, and settled from what a predecessor left. Given back at the end."""
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
        """Carry a switch through on an environment that is held."""
        stale = moved_since(locked.state, wanted.before)
        if stale:
            detail = f"{', '.join(stale)}: no longer what this plan would replace; what was built stays in the store"
            raise fail("stale-binding", "What this plan would replace has moved meanwhile", detail, hint="plan again", exit_code=STALE)
        passage = self._passage(locked, wanted, here=here)
        try:
            passage = _pending(passage)
            passage = _staged(passage)
            passage = _headed(passage)
            passage = _activated(passage)
            return _bound(passage)
        except BaseException:
            _settled_by_head(passage)
            raise

    def site(self, name: str, state: State, platform: Platform, written: Mapping[str, Json], *, here: bool) -> Site:
        """An environment as its platform sees it; `written` is what stands under `platform:`."""
        return Site(
            root=self.root,
            store=self.store,
            objects=self.pointers.objects,
            lineage=state.lineage,
            environment=name,
            settings=filled(platform.settings, written),
            here=here,
        )

    def platform(self, written: Mapping[str, Json]) -> Platform:
        """The platform that `platform:` names."""
        kind = str(written.get("type", "server"))
        found = self.platforms.get(kind)
        if found is None:
            hint = did_you_mean(kind, self.platforms) or "install the package that brings it"
            raise fail("unknown-platform", "No platform of this type is installed", f"`type: {kind}`", hint=hint, exit_code=INVALID)
        return found

    def _settled(self, locked: Locked, *, here: bool) -> Locked:
        """A destroy that is completed for another stops what serves, too."""
        old = locked.state.environments.get(locked.name)
        locked = fence.settle(locked)
        new = locked.state.environments.get(locked.name)
        if locked.settled is not None and old is not None and (new is None or new.destroyed):
            platform = self.platform(old.platform)
            _verb(platform.remove, self.site(locked.name, locked.state, platform, old.platform, here=here), self.say)
        return locked

    def _passage(self, locked: Locked, wanted: Wanted, *, here: bool) -> "Passage":
        old = locked.state.environments.get(locked.name)
        environment = wanted.environment or old
        written = environment.platform if environment else {}
        platform = self.platform(written)
        site = replace(self.site(locked.name, locked.state, platform, written, here=here), returning=wanted.returning)
        return Passage(switch=self, locked=locked, wanted=wanted, platform=platform, site=site, old=old)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A switch on its way. `deployment` is what comes into force, None when the environment is given up; `pending` once written."""

    switch: Switch
    locked: Locked
    wanted: Wanted
    platform: Platform
    site: Site
    old: Environment | None
    pending: Pending | None = None
    deployment: Deployment | None = None
    lagging: str = ""

    @property
    def number(self) -> int:
        """The number that the head will name."""
        return self.deployment.deployment if self.deployment else 0


def _pending(passage: Passage) -> Passage:
    """Write the pending switch and its deployment under a number that nobody has used."""
    number = _last_number(passage) + 1
    while True:
        passage = _pended(_numbered(passage, number))
        passage.switch.checkpoint("record")
        if passage.deployment is None or passage.locked.lineage.put_deployment(passage.deployment):
            return passage
        # one that slept has written a record under this number meanwhile
        number += 1


def _numbered(passage: Passage, number: int) -> Passage:
    """The records of the switch as they are under a number."""
    locked, wanted, at = passage.locked, passage.wanted, now()
    environment = _environment(passage, number)
    deployment = None
    if wanted.environment is not None and environment is not None:
        deployment = deployment_after(
            locked.state,
            locked.name,
            wanted,
            environment,
            number=number,
            previous=locked.head.head.deployment,
            at=at,
            author=passage.switch.author,
        )
    pending = Pending(
        deployment=deployment.deployment if deployment else 0,
        claim=locked.claim.id,
        token=locked.token,
        pointers=moves(locked.state, locked.name, wanted, number, at),
        environment=environment,
        seals=wanted.seals,
        author=passage.switch.author,
        evidence=wanted.evidence,
        held=wanted.held,
    )
    return replace(passage, pending=pending, deployment=deployment)


def _pended(passage: Passage) -> Passage:
    pending, name = passage.pending, passage.locked.name
    assert pending is not None
    passage.switch.checkpoint("pending")
    return replace(passage, locked=passage.locked.move(lambda state: pended(state, name, pending)))


def _staged(passage: Passage) -> Passage:
    """Have the deployment got ready beside the one in force, and wait until all that serve could serve it."""
    if passage.deployment is None:
        return passage
    head = passage.locked.head.head
    passage.switch.checkpoint("staged")
    locked = passage.locked.point(deployment=head.deployment, serial=head.serial, staged=passage.number)
    passage = replace(passage, locked=locked)
    passage.switch.checkpoint("ready")
    _verb(passage.platform.stage, passage.site, passage.deployment, passage.switch.say)
    _verb(passage.platform.ready, passage.site, passage.deployment, passage.switch.say)
    return passage


def _headed(passage: Passage) -> Passage:
    """Put the deployment in force. Refused when another has fenced meanwhile."""
    serial = passage.deployment.serial if passage.deployment else passage.locked.state.serial + 1
    passage.switch.checkpoint("head")
    return replace(passage, locked=passage.locked.point(deployment=passage.number, serial=serial, staged=0))


def _activated(passage: Passage) -> Passage:
    """Wait until what serves follows. The head has moved: who lags is named, and does not undo it."""
    passage.switch.checkpoint("activate")
    lagging = ""
    try:
        if passage.deployment is None:
            passage.platform.remove(passage.site, passage.switch.say)
        _leave_platform(passage)
        passage.platform.activate(passage.site, passage.locked.head.head, passage.switch.say)
    except ProviderError as late:
        lagging = late.detail or late.summary
        passage.switch.say(lagging)
    return replace(passage, lagging=lagging)


def _leave_platform(passage: Passage) -> None:
    """Stop what serves on the platform that the environment leaves."""
    old, switch = passage.old, passage.switch
    if old is None or old.destroyed or old.platform.get("type") == passage.platform.name or "type" not in old.platform:
        return
    left = switch.platform(old.platform)
    left.remove(switch.site(passage.locked.name, passage.locked.state, left, old.platform, here=passage.site.here), switch.say)


def _bound(passage: Passage) -> Outcome:
    """Write the binding, and what servers report of it as served."""
    passage.switch.checkpoint("bind")
    assert passage.pending is not None
    locked = fence.complete(passage.locked, passage.pending, fence.switched(passage.locked.name, passage.pending))
    return Outcome(
        state=locked.state,
        deployment=passage.number,
        moved=True,
        lagging=passage.lagging,
        served=_all_served(locked.state, locked.name, passage.deployment),
        recovered=locked.settled is not None,
    )


def _settled_by_head(passage: Passage) -> None:
    """What cut the switch short is raised again; servers follow the head, so what it names is bound, and else nothing has moved."""
    with suppress(Failure, ProviderError):
        locked = passage.locked.newest()
        pending = locked.state.pending.get(locked.name)
        if pending is None or (pending.claim, pending.token) != (locked.claim.id, locked.token):
            return
        in_force = locked.head.head.deployment
        if pending.deployment == in_force:
            locked = fence.complete(locked, pending, fence.switched(locked.name, pending))
        else:
            locked = locked.move(lambda state: dropped(state, locked.name))
            locked.point(deployment=in_force, serial=locked.head.head.serial, staged=0)
        if not in_force:
            # nothing is served: what was started for this has nothing to serve
            passage.platform.remove(passage.site, passage.switch.say)


def _environment(passage: Passage, number: int) -> Environment | None:
    """The environment's record, with what servers have reported of the deployment that is left."""
    locked = passage.locked
    url = passage.platform.url(passage.site.settings)
    after = environment_after(passage.old, passage.wanted.environment, number=number, url=url)
    left = locked.lineage.deployment(locked.name, locked.head.head.deployment) if locked.head.head.deployment else None
    if after is None or left is None or left.incarnation != after.incarnation:
        return after
    return with_served(after, witnessed(left, locked.lineage.servers(locked.name)))


def _last_number(passage: Passage) -> int:
    """The highest number that anything knows: of the records some may be gone."""
    locked = passage.locked
    head, before = locked.head.head, locked.before
    known = [head.deployment, head.staged, before.staged if before else 0, passage.old.deployment if passage.old else 0]
    return max([*known, *locked.lineage.deployments(locked.name)])


def _all_served(state: State, name: str, deployment: Deployment | None) -> bool:
    environment = state.environments.get(name)
    if deployment is None or environment is None:
        return False
    routes = [(model, deployment.main(model)) for model in deployment.models]
    return all(route is not None and route.package in environment.served.get(model, {}) for model, route in routes)


def _unmoved(locked: Locked) -> Outcome:
    return Outcome(state=locked.state, deployment=locked.head.head.deployment, recovered=locked.settled is not None)


def _verb(act: Callable[..., None], *arguments: object) -> None:
    """A verb of a platform; what it says is wrong becomes a failure of the switch."""
    try:
        act(*arguments)
    except ProviderError as problem:
        raise fail(problem.id, problem.summary, problem.detail, hint=problem.hint) from problem
