"""What a switch writes before the head moves: the pending switch and the deployment, under a number that is not used yet."""

from collections.abc import Collection

from leptonctl.core.deployment import Deployment, ServerRecord
from leptonctl.core.state import Author, Environment, Pending
from leptonctl.deploying.desired import Desired, deployment_after, environment_after, moves, served_packages, with_served
from leptonctl.deploying.fence import Locked
from leptonctl.storage.pointers import now


def last_number(locked: Locked) -> int:
    """The highest deployment number in head, state and records: all but the last few records may have been collected."""
    recorded = locked.state.environments.get(locked.name)
    numbers = [locked.head.head.deployment, recorded.deployment if recorded else 0]
    return max([*numbers, *locked.lineage.deployments(locked.name)])


def serial_after(locked: Locked) -> int:
    """The serial of the binding to come: at least the head's, since servers refuse a lower one and the state may be an older copy."""
    return max(locked.state.serial + 1, locked.head.head.serial)


def writes(
    locked: Locked, desired: Desired, author: Author, *, number: int, url: str | None, reports: Collection[ServerRecord]
) -> tuple[Pending, Deployment | None]:
    """The pending switch to a deployment number, and that deployment; None when the environment is destroyed.

    `reports`: of the servers that the platform observes, in addition to the records in the store.
    """
    at = now()
    environment = _environment(locked, desired, number, url, reports)
    deployment = _deployment(locked, desired, environment, author, number=number, at=at) if environment is not None else None
    pending = Pending(
        deployment=deployment.deployment if deployment else 0,
        claim=locked.claim.id,
        token=locked.token,
        pointers=moves(locked.state, locked.name, desired, number, at),
        environment=environment,
        seals=desired.seals,
        author=author,
        evidence=desired.evidence,
        held=desired.held,
        holds=desired.holds,
        acts=desired.acts,
    )
    return pending, deployment


def _deployment(locked: Locked, desired: Desired, environment: Environment, author: Author, *, number: int, at: str) -> Deployment | None:
    if desired.environment is None:
        return None
    serial, previous = serial_after(locked), locked.head.head.deployment
    return deployment_after(
        locked.state, locked.name, desired, environment, number=number, serial=serial, previous=previous, at=at, author=author
    )


def _environment(locked: Locked, desired: Desired, number: int, url: str | None, reports: Collection[ServerRecord]) -> Environment | None:
    """The environment's record, with what servers have reported of the deployment being replaced."""
    in_force = locked.head.head.deployment
    after = environment_after(locked.state.environments.get(locked.name), desired.environment, number=number, url=url)
    replaced = locked.lineage.intact_deployment(locked.name, in_force) if in_force else None
    if after is None or replaced is None or replaced.incarnation != after.incarnation:
        return after
    return with_served(after, served_packages(replaced, (*locked.lineage.servers(locked.name), *reports)))
