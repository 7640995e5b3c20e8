"""Live reality against state: drift lines with their class, and how an interrupted switch is completed. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

from leptonctl.core.change import Drift
from leptonctl.core.observed import Live, SourceFacts, SourceKey
from leptonctl.core.record import Entry, State, entry_from_json
from leptonctl.core.values import Json
from leptonctl.kinds.dataset import Dataset

HEARTBEAT_S = 15.0


def drift(
    state: State | None, live: Mapping[str, Live], datasets: Mapping[str, Dataset], facts: Mapping[SourceKey, SourceFacts], now: float
) -> Iterator[Drift]:
    """One line for every difference. `now`: seconds since 1970, to tell fresh heartbeats from old ones."""
    for name, one in live.items():
        if state is not None:
            yield from _environment(name, one, state, now)
    yield from _overwritten(datasets, facts)


def interrupted(state: State, live: Mapping[str, Live]) -> Iterator[Drift]:
    """Environments whose switch was cut off after the head had moved: the next apply completes the binding from the head."""
    for name, pending in state.pending.items():
        head = live[name].head if name in live else None
        if head is not None and head.get("deployment") == pending.get("deployment"):
            reason = "an interrupted apply had switched the servers; its binding is completed"
            yield Drift(address=f"environment/{name}", drift_class="heal", reason=reason, recorded=None, live=pending.get("deployment"))


def recovered(state: State, heads: Mapping[str, Mapping[str, Json] | None]) -> State:
    """The state with every interrupted switch completed from the head, or dropped when the head had not moved.

    `heads`: environment -> the deployment in force by the store. The same state when nothing is pending.
    """
    for name, pending in state.pending.items():
        head = heads.get(name)
        if head is not None and head.get("deployment") == pending.get("deployment"):
            state = completed(state, name)
        state = replace(state, pending={n: p for n, p in state.pending.items() if n != name})
    return state


def completed(state: State, name: str) -> State:
    """The pending switch of an environment written into its pointers."""
    pending = state.pending[name]
    entries = cast("dict[str, dict[str, Json] | None]", pending.get("entries") or {})
    moved: dict[str, Entry | None] = {a: entry_from_json(e) if e is not None else None for a, e in entries.items()}
    record = cast("dict[str, Json] | None", pending.get("environment"))
    environments = {n: r for n, r in state.environments.items() if n != name}
    if record is not None:
        environments[name] = record
    sealed = {**cast("dict[str, dict[str, Json]]", pending.get("sealed") or {}), **state.sealed}
    state = replace(state, environments=environments, sealed=sealed, pending={n: p for n, p in state.pending.items() if n != name})
    return state.moved(moved)


def _environment(name: str, live: Live, state: State, now: float) -> Iterator[Drift]:
    address = f"environment/{name}"
    record = state.environments[name]
    wanted = record.get("deployment")
    if not state.entries(address + "/"):
        return
    if live.here and live.status is None:
        reason = "the server of this environment does not run" if not live.running else "the server of this environment does not answer"
        yield Drift(address=address, drift_class="heal", reason=reason, recorded=wanted)
    elif live.status is not None and live.status.get("deployment") != wanted and name not in state.pending:
        reason = "the server serves another deployment than the one recorded"
        yield Drift(address=address, drift_class="heal", reason=reason, recorded=wanted, live=live.status.get("deployment"))
    elif not live.here and not any(_fresh(s, now) for s in live.servers):
        yield Drift(
            address=address, drift_class="unobserved", reason="no server of this environment can be seen from here", recorded=wanted
        )
    for server in live.servers:
        if not server.get("stopped") and not _fresh(server, now) and not (live.here and live.status is None):
            seconds = int(now - float(cast("float", server.get("heartbeat") or 0)))
            yield Drift(address=address, drift_class="note", reason=f"server {server.get('id')} was last seen {seconds} s ago")


def _fresh(server: Mapping[str, Json], now: float) -> bool:
    heartbeat = server.get("heartbeat")
    return not server.get("stopped") and isinstance(heartbeat, int | float) and now - heartbeat < HEARTBEAT_S


def _overwritten(datasets: Mapping[str, Dataset], facts: Mapping[SourceKey, SourceFacts]) -> Iterator[Drift]:
    """A pinned file that is gone or has other bytes: its results stand, nothing needs it now."""
    for dataset in datasets.values():
        pin = dataset.declared.fields.get("digest")
        path = dataset.declared.fields.get("source")
        for key, seen in facts.items():
            if key[0] != path or not isinstance(pin, str) or seen.digest == pin:
                continue
            reason = "its pinned source file was overwritten" if seen.digest else "its pinned source file is gone"
            yield Drift(address=dataset.address, drift_class="note", reason=reason, recorded=pin, live=seen.digest)
            break
