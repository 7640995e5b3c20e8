"""Live reality against state: drift lines with their class. Pure."""

from collections.abc import Iterator, Mapping

from leptonctl.core.address import document
from leptonctl.core.change import Drift
from leptonctl.core.observed import Live, SourceFacts, SourceKey
from leptonctl.core.state import State
from leptonctl.kinds.dataset import Dataset


def drift(
    state: State | None, live: Mapping[str, Live], datasets: Mapping[str, Dataset], facts: Mapping[SourceKey, SourceFacts]
) -> Iterator[Drift]:
    """One line for every difference."""
    if state is not None:
        for name, one in live.items():
            yield from _environment(name, one, state)
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
    wanted = state.environments[name].deployment
    if not state.entries(address + "/"):
        return
    serving = live.answering.deployment if live.answering else None
    if live.head is not None and live.head.deployment != wanted and name not in state.pending:
        reason = "the head of the store names another deployment than the one recorded"
        yield Drift(address=address, drift_class="heal", reason=reason, recorded=wanted, live=live.head.deployment)
    elif live.here and live.answering is None:
        reason = "the server of this environment does not answer" if live.running else "the server of this environment does not run"
        yield Drift(address=address, drift_class="heal", reason=live.reason or reason, recorded=wanted)
    elif live.answering is not None and serving != wanted and name not in state.pending:
        reason = "the server serves another deployment than the one recorded"
        if live.answering.note:
            reason += f": {live.answering.note}"
        yield Drift(address=address, drift_class="heal", reason=reason, recorded=wanted, live=serving)
    elif not live.here and not live.alive:
        reason = "no server of this environment can be seen from here"
        yield Drift(address=address, drift_class="unobserved", reason=reason, recorded=wanted)
    answers = live.answering.id if live.answering else None
    for server in live.servers:
        # who answers lives, though no beat of it is seen: its store may be another copy of this one
        silent = not server.stopped and server.id not in live.alive and server.id != answers
        if silent and not (live.here and live.answering is None):
            yield Drift(address=address, drift_class="note", reason=f"server {server.id} shows no sign of life")


def _overwritten(datasets: Mapping[str, Dataset], facts: Mapping[SourceKey, SourceFacts]) -> Iterator[Drift]:
    """A pinned file that is gone or has other bytes: its results stand, nothing needs it now."""
    seen_of = {key[0]: seen for key, seen in facts.items()}
    for dataset in datasets.values():
        pin, path = dataset.declared.fields.get("digest"), dataset.declared.fields.get("source")
        seen = seen_of.get(path) if isinstance(path, str) else None
        if seen is None or not isinstance(pin, str) or seen.digest == pin:
            continue
        reason = "its pinned source file was overwritten" if seen.digest else "its pinned source file is gone"
        yield Drift(address=dataset.address, drift_class="note", reason=reason, recorded=pin, live=seen.digest)
