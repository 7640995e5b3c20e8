"""Compares what serves with the state: drift with its class. Pure."""

from collections.abc import Iterator, Mapping

from leptonctl.core.address import document
from leptonctl.core.change import Drift
from leptonctl.core.observed import Live, SourceFacts, SourceKey
from leptonctl.core.state import State
from leptonctl.kinds.dataset import Dataset


def drift(
    state: State | None, live: Mapping[str, Live], datasets: Mapping[str, Dataset], facts: Mapping[SourceKey, SourceFacts]
) -> Iterator[Drift]:
    """One Drift for every difference."""
    if state is not None:
        for name, environment in live.items():
            yield from _environment(name, environment, state)
    yield from _overwritten(datasets, facts)


def interrupted(state: State, live: Mapping[str, Live]) -> Iterator[Drift]:
    """Environments whose switch was cut off after the head had moved: the next apply completes the binding from the head."""
    for name, pending in state.pending.items():
        head = live[name].head if name in live else None
        if head is not None and head.deployment == pending.deployment:
            reason = "an interrupted apply had switched the servers; its binding is completed"
            yield Drift(address=document("environment", name), drift_class="heal", reason=reason, live=pending.deployment)


def _environment(name: str, live: Live, state: State) -> Iterator[Drift]:
    address = document("environment", name)
    recorded = state.environments[name].deployment
    if not state.entries(address + "/"):
        return
    serving = live.answering.deployment if live.answering else None
    if live.head is not None and live.head.deployment != recorded and name not in state.pending:
        reason = "the head in the store names another deployment than the recorded one"
        yield Drift(address=address, drift_class="heal", reason=reason, recorded=recorded, live=live.head.deployment)
    elif live.here and live.answering is None:
        reason = "the server of this environment does not answer" if live.running else "the server of this environment is not running"
        yield Drift(address=address, drift_class="heal", reason=live.reason or reason, recorded=recorded)
    elif live.answering is not None and serving != recorded and name not in state.pending:
        reason = "the server serves another deployment than the recorded one"
        if live.answering.note:
            reason += f": {live.answering.note}"
        yield Drift(address=address, drift_class="heal", reason=reason, recorded=recorded, live=serving)
    elif not live.here and not live.alive:
        reason = "no server of this environment can be seen from here"
        yield Drift(address=address, drift_class="unobserved", reason=reason, recorded=recorded)
    answers = live.answering.id if live.answering else None
    for server in live.servers:
        # a server that answers is alive even when its beat is not seen: it may use another copy of the store
        silent = not server.stopped and server.id not in live.alive and server.id != answers
        if silent and not (live.here and live.answering is None):
            yield Drift(address=address, drift_class="note", reason=f"server {server.id} shows no sign of life")


def _overwritten(datasets: Mapping[str, Dataset], facts: Mapping[SourceKey, SourceFacts]) -> Iterator[Drift]:
    """A note for every pinned file that is gone or has other bytes: its results remain, and nothing needs it now."""
    by_path = {key[0]: file for key, file in facts.items()}
    for dataset in datasets.values():
        pin, path = dataset.declared.fields.get("digest"), dataset.declared.fields.get("source")
        file = by_path.get(path) if isinstance(path, str) else None
        if file is None or not isinstance(pin, str) or file.digest == pin:
            continue
        reason = "its pinned source file was overwritten" if file.digest else "its pinned source file is gone"
        yield Drift(address=dataset.address, drift_class="note", reason=reason, recorded=pin, live=file.digest)
