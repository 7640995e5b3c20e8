"""Looks at the servers of the recorded environments and hands over what it saw as values. Changes nothing."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leptonctl.core.observed import Live
from leptonctl.core.record import State
from leptonctl.core.values import Json
from leptonctl.deploying import processes as servers
from leptonctl.storage.store import Store

PROBE_S = 1.0


def host_name() -> str:
    """How this host is named in state and store."""
    return socket.gethostname()


def live(state: State | None, store: Store, root: Path) -> dict[str, Live]:
    """What serves each recorded environment now."""
    return {name: _live(name, record, state.lineage, store, root) for name, record in state.environments.items()} if state else {}


def _live(name: str, record: Mapping[str, Any], lineage: str, store: Store, root: Path) -> Live:
    url = record.get("url")
    here = record.get("host") == host_name()
    status = servers.probe(str(url), PROBE_S) if url and here else None
    if status is not None and (status["environment"] != name or status.get("lineage") not in (None, "", lineage)):
        # another project's server has the port now
        status = None
    known = servers.server_record(root, name) if here else None
    head = store.head(name)
    return Live(
        here=here,
        running=known is not None and servers.is_running(known),
        status=status,
        head=head[0] if head else None,
        servers=tuple(store.servers(name)),
    )


def lost(state: State | None, store: Store) -> frozenset[str]:
    """Addresses whose artifact the store does not hold."""
    named = {a: entry.artifact for a, entry in state.current.items() if entry.artifact is not None} if state else {}
    gone = {digest for digest in set(named.values()) if not store.has_artifact(digest)}
    return frozenset(a for a, digest in named.items() if digest in gone)


def live_digest(live: Mapping[str, Live]) -> Json:
    """What of the live servers binds a saved plan: which deployment is in force where."""
    return {name: (one.status or {}).get("deployment") if one.status else None for name, one in live.items()}


def port_problem(environment: str, host: str, port: int, store: Store) -> str | None:
    """Who keeps this host from serving an environment at an address; None when it is free or its own server answers there."""
    if servers.port_free(host, port):
        return None
    status = servers.probe(servers.url_of(host, port), PROBE_S)
    if status is None:
        return f"{host}:{port} is used by another program"
    if status.get("id") in {server.get("id") for server in store.servers(environment)} and status.get("environment") == environment:
        return None
    return f"{host}:{port} is used by the server of environment {status.get('environment')} of another project"
