"""The servers of an environment by their records in the store: which live, which are ready, which lag. From any machine (protocols 4)."""

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path

from leptonctl.core.deployment import Epoch, Head, ServerRecord
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.state import Environment, Owner
from leptonctl.spi.platforms import Say, Site
from leptonctl.storage.durable import DOT_FOLDER
from leptonctl.storage.lineage import LineageStore
from leptonctl.storage.liveness import Liveness, beats_file
from leptonctl.storage.owner import is_alive

TERM_S = 15.0
"""How long a server's beat must stay unchanged, on our clock, before it counts as dead. Servers beat at least every 5 s."""
STALE_S = 86_400.0
"""After how long without a sign of life a server's record counts for nothing and is removed. One that lives after all writes it again."""
POLL_S, SAY_S = 0.05, 1.0
ENDS_POLL_S = 0.2


class Fleet(Frozen):
    """The registered servers of one environment, and the beats seen from them."""

    lineage: LineageStore
    environment: str
    liveness: Liveness = field(default_factory=Liveness)

    def registered_servers(self) -> tuple[ServerRecord, ...]:
        """All registered servers, except those that recorded their stop."""
        ours = (self.lineage.lineage, self.environment)
        return tuple(s for s in self.lineage.servers(self.environment) if not s.stopped and (s.lineage, s.environment) == ours)

    def living(self) -> tuple[ServerRecord, ...]:
        """The servers that live. One that was never seen before counts as living until its beat has been unchanged for the term."""
        return tuple(server for server in self.registered_servers() if self.lives(server))

    def head(self) -> Head:
        """The head; before the first switch, one without a deployment."""
        stored = self.lineage.head(self.environment)
        return stored.head if stored else Head(epoch=Epoch(), nonce="")

    def lives(self, server: ServerRecord) -> bool:
        """Whether a server lives: by its process if it can be checked from here, otherwise by its beat."""
        return self.liveness.alive(self._name(server), owner_of(server), server.beat, TERM_S)

    def last_contact(self, server: ServerRecord, now: float) -> float:
        """When a server was last heard of, by this machine's clock, after `lives` was asked. Both in seconds since 1970.

        The server's own clock is believed only for a beat of which nothing else is known, and never if it shows the future.
        """
        if is_alive(owner_of(server)) is not None:
            return min(server.heartbeat or server.started, now)
        unchanged_s, moved = self.liveness.stillness(self._name(server))
        return now - unchanged_s if moved else min(server.heartbeat or server.started, now - unchanged_s)

    def was_served(self, record: Environment | None = None) -> bool:
        """Whether a server has served the environment, by its record in the state or by those of the servers, also stopped ones."""
        return bool(record and record.served) or any(server.deployment for server in self.lineage.servers(self.environment))

    def _name(self, server: ServerRecord) -> str:
        return f"server/{self.lineage.lineage}/{self.environment}/{server.id}/{server.pid}-{server.started}"

    def watch(self, timeout_s: float, say: Say, what: str) -> Iterator[tuple[tuple[ServerRecord, ...], bool]]:
        """Yield the living servers and whether the timeout is over, again and again; the first time that it is over is the last."""
        start = last_line = time.monotonic()
        while True:
            now = time.monotonic()
            living, late = self.living(), now - start > timeout_s
            yield living, late
            if late:
                return
            if now - last_line > SAY_S:
                last_line = now
                say(f"waiting for {len(living)} server{'s' if len(living) != 1 else ''} to be {what}")
            time.sleep(POLL_S)

    def is_stale(self, server: ServerRecord, now: float) -> bool:
        """Whether a server has shown no sign of life for long. `now` is in seconds since 1970 by this machine's clock.

        Its own clock counts only if it is this machine's too; otherwise its beat must have been seen unchanged for as long.
        """
        if self.lives(server):
            return False
        if is_alive(owner_of(server)) is False:
            return now - max(server.heartbeat, server.started) > STALE_S
        return self.liveness.stillness(self._name(server))[0] > STALE_S

    def reap(self, now: float) -> list[str]:
        """Remove the stale records of servers and return their ids. `now` as in `is_stale`."""
        stale = [s.id for s in self.lineage.servers(self.environment) if self.is_stale(s, now)]
        for id_ in stale:
            self.lineage.remove_server(self.environment, id_)
        return stale


@dataclass(slots=True, kw_only=True)
class Roll:
    """Which servers were seen to live during one wait: by their process, or by a beat that moved."""

    fleet: Fleet
    _first: dict[str, int] = dataclass_field(default_factory=dict)
    _lived: set[str] = dataclass_field(default_factory=set)

    def lost_servers(self, living: Collection[ServerRecord]) -> list[ServerRecord]:
        """The servers that lived, and none of which does any more or said that it stops. Empty while one lives."""
        for server in living:
            first = self._first.setdefault(server.id, server.beat)
            if server.beat != first or is_alive(owner_of(server)):
                self._lived.add(server.id)
        return [] if living else [server for server in self.fleet.registered_servers() if server.id in self._lived]


def ends(fleet: Fleet, server: ServerRecord, say: Say) -> bool:
    """Whether a registered server is dead or stops. Where its process cannot be checked, waits until its beat moves or the term is over."""
    known = is_alive(owner_of(server))
    if known is not None:
        return not known
    waiting = False
    while True:
        now = next((other for other in fleet.registered_servers() if other.id == server.id), None)
        if now is None or not fleet.lives(now):
            return True
        if now.beat != server.beat:
            return False
        if not waiting:
            waiting = True
            say(f"waiting up to {TERM_S:g} s for a sign of life of server {server.id} ({runs_on(server)})")
        time.sleep(ENDS_POLL_S)


def runs_on(server: ServerRecord) -> str:
    """The host and the process of a server, for people."""
    return f"pid {server.pid} on {server.host}"


def nobody(environment: str, *, was_served: bool) -> str:
    """What to say about an environment elsewhere that no server serves. `was_served`: one has done so before."""
    return f"served by nobody{'' if was_served else ' yet'}: run `leptonctl serve {environment}` where it belongs"


def fleet(site: Site) -> Fleet:
    """The servers of a site. The beats seen are kept in the project's folder from one command to the next."""
    return Fleet(
        lineage=LineageStore(objects=site.objects, lineage=site.lineage),
        environment=site.environment,
        liveness=Liveness(memory=seen_file(site.root)),
    )


def seen_file(root: Path) -> Path | None:
    """The file where a project's commands keep the beats they have seen; None before `.leptonctl` exists."""
    folder = root / DOT_FOLDER
    return beats_file(folder / "cache") if folder.is_dir() else None


def owner_of(server: ServerRecord) -> Owner:
    """A server's process in the form that liveness takes."""
    return Owner(host=server.host, machine=server.machine, boot=server.boot, namespace=server.namespace, pid=server.pid, start=server.start)


def server_list(servers: Collection[ServerRecord], why: Callable[[ServerRecord], str] = lambda _server: "") -> str:
    """The ids of servers for a sentence, each followed by its reason if it has one."""
    return ", ".join(f"{s.id} ({reason})" if (reason := why(s)) else s.id for s in servers)
