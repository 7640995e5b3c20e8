"""The servers of an environment as the store tells of them: who lives, who is ready, who lags. From any machine (protocols 4)."""

import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from leptonctl.core import layout
from leptonctl.core.deployment import Epoch, Head, ServerRecord
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.state import Owner, State
from leptonctl.spi.platforms import Say, Site
from leptonctl.spi.storage import Objects
from leptonctl.storage.durable import DOT_FOLDER
from leptonctl.storage.lineage import LineageStore
from leptonctl.storage.liveness import Liveness, beats_file

TERM_S = 15.0
"""How long a server's beat must have been unchanged, on our clock, before it counts as dead. Servers beat every 5 s at least."""
STALE_S = 86_400.0
"""A record that its server has not written for so long is removed. One that lives all the same writes it again."""
POLL_S, SAY_S = 0.05, 1.0


class Fleet(Frozen):
    """The registered servers of one environment, and what was seen of their beats."""

    lineage: LineageStore
    environment: str
    liveness: Liveness = field(default_factory=Liveness)

    def registered(self) -> tuple[ServerRecord, ...]:
        """All that are registered and have not said that they stopped."""
        mine = (self.lineage.lineage, self.environment)
        return tuple(s for s in self.lineage.servers(self.environment) if not s.stopped and (s.lineage, s.environment) == mine)

    def living(self) -> tuple[ServerRecord, ...]:
        """Those that live. One that was never seen before counts as living until its beat has stood still for the term."""
        return tuple(server for server in self.registered() if self.lives(server))

    def head(self) -> Head:
        """The head; one of no deployment where there is none."""
        found = self.lineage.head(self.environment)
        return found.head if found else Head(epoch=Epoch(), nonce="")

    def lives(self, server: ServerRecord) -> bool:
        """Whether a server lives: by its process where that can be asked from here, else by its beat."""
        name = f"server/{self.lineage.lineage}/{self.environment}/{server.id}/{server.pid}-{server.started}"
        return self.liveness.alive(name, owner_of(server), server.beat, TERM_S)

    def watch(self, timeout_s: float, say: Say, what: str) -> Iterator[tuple[tuple[ServerRecord, ...], bool]]:
        """Who lives now, again and again, and whether the time is up: the look at which it is, is the last."""
        began = said = time.monotonic()
        while True:
            now = time.monotonic()
            living, late = self.living(), now - began > timeout_s
            yield living, late
            if late:
                return
            if now - said > SAY_S:
                said = now
                say(f"waiting for {len(living)} server{'s' if len(living) != 1 else ''} to be {what}")
            time.sleep(POLL_S)

    def reap(self, now: float) -> list[str]:
        """Remove the records of servers that have written nothing for long; gives their ids. `now` is in seconds since 1970."""
        found = [s.id for s in self.lineage.servers(self.environment) if now - max(s.heartbeat, s.started) > STALE_S]
        for id_ in found:
            self.lineage.remove_server(self.environment, id_)
        return found


def fleet(site: Site) -> Fleet:
    """The servers of a site. What is seen of beats is kept in the project's folder from one command to the next."""
    return Fleet(
        lineage=LineageStore(objects=site.objects, lineage=site.lineage),
        environment=site.environment,
        liveness=Liveness(memory=seen_file(site.root)),
    )


def seen_file(root: Path) -> Path | None:
    """Where a project's commands keep what they saw of beats; None where there is no folder of ours yet."""
    folder = root / DOT_FOLDER
    return beats_file(folder / "cache") if folder.is_dir() else None


def owner_of(server: ServerRecord) -> Owner:
    """A server's process as liveness asks for it."""
    return Owner(host=server.host, machine=server.machine, boot=server.boot, namespace=server.namespace, pid=server.pid, start=server.start)


def lost(state: State | None, objects: Objects) -> frozenset[str]:
    """Addresses whose artifact the store does not hold."""
    named = {a: p.artifact for a, p in state.current.items() if p.artifact is not None} if state else {}
    there = objects.present({layout.artifact(digest) for digest in named.values()})
    return frozenset(a for a, digest in named.items() if layout.artifact(digest) not in there)


def listed(servers: Collection[ServerRecord], why: Callable[[ServerRecord], str] = lambda _server: "") -> str:
    """Servers in a sentence, each with a reason where there is one."""
    return ", ".join(f"{s.id} ({reason})" if (reason := why(s)) else s.id for s in servers)
