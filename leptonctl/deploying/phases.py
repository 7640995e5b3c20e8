"""The phases of a switch under way, one function each: pending, record, staged, ready, head, activate, bind (law 8, protocols 1).

Until the head moves a failure leaves everything as it was; once it has moved the binding is a fact, whatever cuts it short.
"""

from collections.abc import Callable
from contextlib import suppress

from leptonctl.core.deployment import Deployment
from leptonctl.core.diagnostic import Failure, fail
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.state import Author, Environment, Pending
from leptonctl.deploying import fence
from leptonctl.deploying.fence import Locked
from leptonctl.deploying.wanted import Wanted, deployment_after, dropped, environment_after, moves, pended, with_served, witnessed
from leptonctl.spi.learning import ProviderError
from leptonctl.spi.platforms import Platform, Say, Site
from leptonctl.storage.pointers import now


class Passage(Frozen):
    """A switch under way. `leaving` is the platform that served until now, where that is another.

    `deployment` is what comes into force, None when the environment is given up; `pending` is what completes it after a crash.
    """

    locked: Locked
    wanted: Wanted
    platform: Platform
    site: Site
    author: Author
    say: Say
    checkpoint: Callable[[str], None]
    old: Environment | None = None
    leaving: tuple[Platform, Site] | None = None
    pending: Pending | None = None
    deployment: Deployment | None = None
    lagging: str = ""

    @property
    def number(self) -> int:
        """The number that the head will name."""
        return self.deployment.deployment if self.deployment else 0


def carry(passage: Passage) -> Passage:
    """Carry a switch through. What fails is raised after the environment was left as the head says."""
    try:
        passage = _pending(passage)
        passage = _staged(passage)
        passage = _headed(passage)
        passage = _activated(passage)
        return _bound(passage)
    except BaseException:
        _settled_by_head(passage)
        raise


def _pending(passage: Passage) -> Passage:
    """Write the pending switch and its deployment under a number that nobody has used."""
    number = _last_number(passage) + 1
    while True:
        passage = _pended(_numbered(passage, number))
        passage.checkpoint("record")
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
            serial=_serial(passage),
            previous=locked.head.head.deployment,
            at=at,
            author=passage.author,
        )
    pending = Pending(
        deployment=deployment.deployment if deployment else 0,
        claim=locked.claim.id,
        token=locked.token,
        pointers=moves(locked.state, locked.name, wanted, number, at),
        environment=environment,
        seals=wanted.seals,
        author=passage.author,
        evidence=wanted.evidence,
        held=wanted.held,
    )
    return replace(passage, pending=pending, deployment=deployment)


def _pended(passage: Passage) -> Passage:
    pending, name = passage.pending, passage.locked.name
    assert pending is not None
    passage.checkpoint("pending")
    return replace(passage, locked=passage.locked.move(lambda state: pended(state, name, pending)))


def _staged(passage: Passage) -> Passage:
    """Have the deployment got ready beside the one in force, and wait until all that serve could serve it."""
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
        # nobody gets ready what another has taken off the stage: that is told first
        locked.newest()
        raise
    return passage


def _headed(passage: Passage) -> Passage:
    """Put the deployment in force. Refused when another has fenced meanwhile."""
    serial = passage.deployment.serial if passage.deployment else _serial(passage)
    passage.checkpoint("head")
    return replace(passage, locked=passage.locked.point(deployment=passage.number, serial=serial, staged=0))


def _activated(passage: Passage) -> Passage:
    """Wait until what serves follows. The head has moved: who lags is named, and does not undo it."""
    passage.checkpoint("activate")
    # whoever has taken over since may have started what this would stop
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


def _bound(passage: Passage) -> Passage:
    """Write the binding, and what servers report of it as served."""
    passage.checkpoint("bind")
    assert passage.pending is not None
    note = fence.switched(passage.locked.name, passage.pending)
    return replace(passage, locked=fence.complete(passage.locked, passage.pending, note))


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
            passage.platform.remove(passage.site, passage.say)


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
    """The highest number that anything knows: of the records all but the last few may be gone."""
    locked = passage.locked
    known = [locked.head.head.deployment, passage.old.deployment if passage.old else 0]
    return max([*known, *locked.lineage.deployments(locked.name)])


def _serial(passage: Passage) -> int:
    """The serial of the binding to come. Servers refuse one that is lower than the head's: a state may have been put back."""
    return max(passage.locked.state.serial + 1, passage.locked.head.head.serial)


def verb(act: Callable[..., None], *arguments: object) -> None:
    """A verb of a platform; what it says is wrong becomes a failure of the switch."""
    try:
        act(*arguments)
    except ProviderError as problem:
        raise fail(problem.id, problem.summary, problem.detail, hint=problem.hint) from problem
