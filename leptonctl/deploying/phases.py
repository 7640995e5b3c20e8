"""The phases of a switch, one function each: pending, record, staged, ready, head, activate, bind (law 8, protocols 1).

Until the head moves, a failure leaves everything as it was; once it has moved, the binding counts, whatever interrupts the rest.
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
    """A switch under way. `leaving`: the platform that served until now, if it is another one.

    `deployment`: the one to come into force, None when the environment is destroyed; `pending`: what completes it after a crash.
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
    """Carry out a switch. Errors are raised after the state has been brought in line with the head."""
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
    """Write the pending switch and its deployment under an unused number."""
    number = _last_number(passage) + 1
    while True:
        passage = _pended(_numbered(passage, number))
        passage.checkpoint("record")
        if passage.deployment is None or passage.locked.lineage.put_deployment(passage.deployment):
            return passage
        # a holder that was suspended has written a record under this number meanwhile
        number += 1


def _numbered(passage: Passage, number: int) -> Passage:
    """The records of the switch for a deployment number."""
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
        holds=wanted.holds,
        acts=wanted.acts,
    )
    return replace(passage, pending=pending, deployment=deployment)


def _pended(passage: Passage) -> Passage:
    pending, name = passage.pending, passage.locked.name
    assert pending is not None
    passage.checkpoint("pending")
    return replace(passage, locked=passage.locked.move(lambda state: pended(state, name, pending)))


def _staged(passage: Passage) -> Passage:
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


def _headed(passage: Passage) -> Passage:
    """Put the deployment in force. Failure `taken-over` when another holder has fenced meanwhile."""
    serial = passage.deployment.serial if passage.deployment else _serial(passage)
    passage.checkpoint("head")
    return replace(passage, locked=passage.locked.point(deployment=passage.number, serial=serial, staged=0))


def _activated(passage: Passage) -> Passage:
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


def _bound(passage: Passage) -> Passage:
    """Write the binding, and record as served what servers report of it."""
    passage.checkpoint("bind")
    assert passage.pending is not None
    note = fence.switched(passage.locked.name, passage.pending)
    return replace(passage, locked=fence.complete(passage.locked, passage.pending, note))


def _settled_by_head(passage: Passage) -> None:
    """Bring the state in line with the head after an error: servers follow the head, so bind what it names, or drop the switch."""
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
            # nothing is in force, so what was started for this switch has nothing to serve
            passage.platform.remove(passage.site, passage.say)


def _environment(passage: Passage, number: int) -> Environment | None:
    """The environment's record, with what servers have reported of the deployment being replaced."""
    locked = passage.locked
    url = passage.platform.url(passage.site.settings)
    after = environment_after(passage.old, passage.wanted.environment, number=number, url=url)
    replaced = locked.lineage.intact_deployment(locked.name, locked.head.head.deployment) if locked.head.head.deployment else None
    if after is None or replaced is None or replaced.incarnation != after.incarnation:
        return after
    return with_served(after, witnessed(replaced, locked.lineage.servers(locked.name)))


def _last_number(passage: Passage) -> int:
    """The highest deployment number in head, state and records: all but the last few records may have been collected."""
    locked = passage.locked
    numbers = [locked.head.head.deployment, passage.old.deployment if passage.old else 0]
    return max([*numbers, *locked.lineage.deployments(locked.name)])


def _serial(passage: Passage) -> int:
    """The serial of the binding to come: at least the head's, since servers refuse a lower one and the state may be an older copy."""
    return max(passage.locked.state.serial + 1, passage.locked.head.head.serial)


def verb(act: Callable[..., None], *arguments: object) -> None:
    """Call a verb of a platform; its ProviderError becomes a Failure of the switch."""
    try:
        act(*arguments)
    except ProviderError as problem:
        raise fail(problem.id, problem.summary, problem.detail, hint=problem.hint) from problem
