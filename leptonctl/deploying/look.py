"""Observes what serves each recorded environment now. Changes nothing."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.observed import Live
from leptonctl.core.state import Environment, State
from leptonctl.core.values import Json
from leptonctl.deploying.fleet import Fleet
from leptonctl.spi.platforms import Platform, Site, placement
from leptonctl.storage import folder_identity
from leptonctl.storage.lineage import HeadAt, LineageStore
from leptonctl.storage.liveness import Liveness
from leptonctl.storage.owner import host_name
from leptonctl.storage.records import BadRecordAt

Sites = Callable[[str, Environment], Site]
"""(name, record) -> the environment in the form that its platform takes."""


def is_here(record: Environment | None, root: Path) -> bool:
    """Whether the project's folder on this host runs an environment: a new one runs where it is applied first."""
    if record is None or record.destroyed or not record.host:
        return True
    return record.host == host_name() and not folder_identity.is_other(root, record.folder)


def look(platforms: Mapping[str, Platform], site: Sites, liveness: Liveness, lineage: LineageStore, state: State) -> dict[str, Live]:
    """What serves the environments of a state. Destroyed ones are left out, and those whose platform is not installed."""
    live = {}
    for name, record in {**_beginning(state), **_recorded_environments(state)}.items():
        platform = platforms.get(str(record.platform.get("type", "server")))
        if platform is not None:
            fleet = Fleet(lineage=lineage, environment=name, liveness=liveness)
            live[name] = _live(record, platform, site(name, record), fleet)
    return live


def _recorded_environments(state: State) -> dict[str, Environment]:
    return {name: record for name, record in state.environments.items() if not record.destroyed}


def _beginning(state: State) -> dict[str, Environment]:
    """Environments whose first switch was interrupted: whether their head has moved decides if they are bound."""
    return {name: pending.environment for name, pending in state.pending.items() if pending.environment is not None}


def _live(record: Environment, platform: Platform, site: Site, fleet: Fleet) -> Live:
    head, problem = _head(fleet)
    observation = platform.observe(site)
    now = time.time()
    # a record that the next switch removes is no longer news
    servers = tuple(server for server in observation.servers if not fleet.is_stale(server, now))
    alive = frozenset(server.id for server in servers if not server.stopped and fleet.lives(server))
    return Live(
        here=site.here,
        placement=placement(record.platform),
        running=observation.running,
        answering=observation.answering,
        head=head.head if head else None,
        servers=servers,
        alive=alive,
        seen={server.id: fleet.last_contact(server, now) for server in servers},
        was_served=fleet.was_served(record),
        reason=observation.reason,
        problem=problem,
    )


def _head(fleet: Fleet) -> tuple[HeadAt | None, Diagnostic | None]:
    """The head of an environment, or why it cannot be read: what serves can be observed without it."""
    try:
        return fleet.lineage.head(fleet.environment), None
    except BadRecordAt as failure:
        return None, failure.diagnostics[0]


def live_digest(live: Mapping[str, Live]) -> Json:
    """What a saved plan depends on: environment -> the deployment that its server answers with."""
    return {name: one.answering.deployment if one.answering else None for name, one in live.items()}
