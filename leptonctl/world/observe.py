"""Looks at the world before planning and hands it over as values: files, results, live servers, the commit. Changes nothing but a cache."""

import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from leptonctl.core.catalog import Catalog
from leptonctl.core.observed import Checkout, Live, SourceFacts, SourceKey
from leptonctl.core.record import State
from leptonctl.core.values import Json
from leptonctl.spi import ProviderError, SourceOptions
from leptonctl.world import git
from leptonctl.world.digests import Digests, inside
from leptonctl.world.store.store import Store

PROBE_S = 1.0


def source_facts(
    keys: Iterable[SourceKey], root: Path, roots: tuple[str, ...], catalog: Catalog, digests: Digests
) -> dict[SourceKey, SourceFacts]:
    """The content digest and the header of every file that a dataset names."""
    found = {key: _facts(key, root, roots, catalog, digests) for key in dict.fromkeys(keys)}
    digests.save()
    return found


def _facts(key: SourceKey, root: Path, roots: tuple[str, ...], catalog: Catalog, digests: Digests) -> SourceFacts:
    path, encoding, delimiter = key
    source = catalog.source_for(path)
    try:
        file = inside(root, path, roots)
        content = digests.digest(file)
    except ProviderError as problem:
        return SourceFacts(problem=(problem.id, problem.summary, problem.detail, problem.hint))
    if source is None:
        return SourceFacts(digest=content)
    try:
        columns = digests.columns(file, source, SourceOptions(encoding=encoding, delimiter=delimiter))
    except ProviderError:
        # what is wrong inside the file is reported with its line when it is read
        return SourceFacts(digest=content)
    return SourceFacts(digest=content, columns=tuple(columns))


def host_name() -> str:
    """How this host is named in state and store."""
    return socket.gethostname()


def live(state: State | None, store: Store, root: Path) -> dict[str, Live]:
    """What serves each recorded environment now."""
    return {name: _live(name, record, state.lineage, store, root) for name, record in state.environments.items()} if state else {}


def _live(name: str, record: Mapping[str, Any], lineage: str, store: Store, root: Path) -> Live:
    from leptonctl.world import live as servers

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


def checkout(root: Path, files: Iterable[str], commits: Iterable[str]) -> Checkout:
    """The commit at hand, the declared files that it does not hold, and which of `commits` it contains."""
    commit = git.head(root, files)
    if commit is None:
        return Checkout(contains=dict.fromkeys(commits))
    return Checkout(commit=commit.hash, dirty=commit.dirty, contains={c: git.contains(root, c, commit.hash) for c in commits})


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
    from leptonctl.world import live as servers

    if servers.port_free(host, port):
        return None
    status = servers.probe(servers.url_of(host, port), PROBE_S)
    if status is None:
        return f"{host}:{port} is used by another program"
    if status.get("id") in {server.get("id") for server in store.servers(environment)} and status.get("environment") == environment:
        return None
    return f"{host}:{port} is used by the server of environment {status.get('environment')} of another project"
