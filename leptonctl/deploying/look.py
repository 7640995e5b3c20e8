"""What serves each recorded environment now, as values. Changes nothing."""

from collections.abc import Callable, Mapping

from leptonctl.core.observed import Live
from leptonctl.core.state import Environment, State
from leptonctl.core.values import Json
from leptonctl.deploying.fleet import Fleet
from leptonctl.spi.platforms import Platform, Site
from leptonctl.storage.lineage import LineageStore
from leptonctl.storage.liveness import Liveness
from leptonctl.storage.owner import host_name

Sites = Callable[[str, Environment], Site]
"""(name, record) -> the environment as its platform sees it."""


def is_here(record: Environment | None) -> bool:
    """Whether this host runs an environment: a new one runs where it is applied first."""
    return record is None or record.destroyed or record.host in {"", host_name()}


def look(platforms: Mapping[str, Platform], site: Sites, liveness: Liveness, lineage: LineageStore, state: State) -> dict[str, Live]:
    """What serves the environments of a state. One that was destroyed, or whose platform is not installed, is not looked at."""
    found = {}
    for name, record in state.environments.items():
        platform = platforms.get(str(record.platform.get("type", "server")))
        if not record.destroyed and platform is not None:
            found[name] = _live(name, platform, site(name, record), Fleet(lineage=lineage, environment=name, liveness=liveness))
    return found


def _live(name: str, platform: Platform, site: Site, fleet: Fleet) -> Live:
    head = fleet.lineage.head(name)
    seen = platform.observe(site)
    return Live(
        here=site.here,
        running=seen.running,
        answering=seen.answering,
        head=head.head if head else None,
        servers=seen.servers,
        alive=frozenset(server.id for server in seen.servers if not server.stopped and fleet.lives(server)),
        reason=seen.reason,
    )


def live_digest(live: Mapping[str, Live]) -> Json:
    """What of the live servers binds a saved plan: which deployment is in force where."""
    return {name: one.answering.deployment if one.answering else None for name, one in live.items()}
