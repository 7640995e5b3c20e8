"""Compares what serves with the state: drift with its class. Pure."""

from collections.abc import Collection, Iterator, Mapping

from leptonctl.core.address import document
from leptonctl.core.change import Drift, DriftClass
from leptonctl.core.deployment import ServerRecord
from leptonctl.core.observed import Live
from leptonctl.core.state import State
from leptonctl.kinds.dataset.version import Dataset, broken_pins


def drift(
    state: State | None,
    live: Mapping[str, Live],
    datasets: Mapping[str, Dataset],
    prepared: Collection[str] = (),
) -> Iterator[Drift]:
    """One Drift for every difference. prepared: dataset versions whose files a step reads, so that a bad one is an error instead."""
    if state is not None:
        for name in sorted(live.keys() & state.environments.keys()):
            yield from _environment_drift(name, live[name], state)
    yield from _changed_files(datasets, prepared)


def interrupted_switches(state: State, live: Mapping[str, Live]) -> Iterator[Drift]:
    """Environments whose switch was interrupted after the head had moved: the next apply completes the binding from the head."""
    for name, pending in state.pending.items():
        head = live[name].head if name in live else None
        if head is not None and head.deployment == pending.deployment:
            reason = "an interrupted apply had switched the servers; its binding is completed"
            yield Drift(address=document("environment", name), drift_class="heal", reason=reason, live=pending.deployment)


def _environment_drift(name: str, live: Live, state: State) -> Iterator[Drift]:
    address = document("environment", name)
    recorded = state.environments[name].deployment
    if not state.entries(address + "/"):
        return
    if live.head is not None and live.head.deployment != recorded and name not in state.pending:
        reason = "the head in the store names another deployment than the recorded one"
        yield Drift(address=address, drift_class="heal", reason=reason, recorded=recorded, live=live.head.deployment)
    elif live.head is None and live.problem is None and recorded and name not in state.pending:
        reason = "the head in the store is missing: it is written again"
        yield Drift(address=address, drift_class="heal", reason=reason, recorded=recorded)
    elif live.here:
        yield from _own_server(address, live, recorded, is_pending=name in state.pending)
    elif not live.servers:
        drift_class: DriftClass = "note" if live.placement == "elsewhere" else "unobserved"
        yield Drift(address=address, drift_class=drift_class, reason=why_unserved(name, live), recorded=recorded)
    elif name not in state.pending:
        yield from _other_servers(address, live, recorded)
    if live.here:
        yield from _silent_servers(address, live)


def _own_server(address: str, live: Live, recorded: int, *, is_pending: bool) -> Iterator[Drift]:
    """What is wrong with this host's server."""
    if live.answering is None:
        reason = "the server of this environment does not answer" if live.running else "the server of this environment is not running"
        yield Drift(address=address, drift_class="heal", reason=live.reason or reason, recorded=recorded)
    elif live.answering.deployment != recorded and not is_pending:
        reason = "the server serves another deployment than the recorded one"
        if live.answering.note:
            reason += f": {live.answering.note}"
        yield Drift(address=address, drift_class="heal", reason=reason, recorded=recorded, live=live.answering.deployment)


def _silent_servers(address: str, live: Live) -> Iterator[Drift]:
    """Other servers that show no sign of life, while this host's server answers."""
    for server in live.servers:
        # a server that answers is alive even without a heartbeat: it may use another copy of the store
        answers = live.answering is not None and live.answering.id == server.id
        if live.answering is not None and not server.stopped and server.id not in live.alive and not answers:
            yield Drift(address=address, drift_class="note", reason=f"server {server.id} shows no sign of life; {_forget_hint(server)}")


def why_unserved(name: str, live: Live) -> str:
    """Why nothing is known to serve an environment that this host does not run and no server is registered for."""
    if live.placement == "elsewhere":
        return f"served by nobody{'' if live.was_served else ' yet'}: run `leptonctl serve {name}` where it belongs"
    return "no server of this environment can be seen from here"


def _other_servers(address: str, live: Live, recorded: int) -> Iterator[Drift]:
    """The servers of other hosts that are unhealthy, from their records. Only those hosts can repair them."""
    for server in live.servers:
        reason = health_problem(server, live, recorded)
        if reason:
            # a silent server of a host that heals it by an apply of its own is not known to be dead
            silent = live.placement == "here" and server.id not in live.alive
            drift_class: DriftClass = "unobserved" if silent else "note"
            if server.id not in live.alive and not silent:
                reason += f"; {_forget_hint(server)}"
            yield Drift(address=address, drift_class=drift_class, reason=f"unhealthy: {reason}", recorded=recorded, live=server.deployment)


def _forget_hint(server: ServerRecord) -> str:
    """How to remove the record of a server that is gone for good."""
    return f"`leptonctl server forget {server.id}` removes its record"


def health_problem(server: ServerRecord, live: Live, recorded: int, *, naming: bool = True) -> str:
    """Why a server is not healthy, from its record; "" if it is. naming: begin with the server's id."""
    answers = live.answering is not None and live.answering.id == server.id
    why = server.note or "; ".join(f"deployment {number}: {reason}" for number, reason in server.failed.items())
    if server.id not in live.alive and not answers:
        what = "shows no sign of life"
    elif server.deployment != recorded:
        serves = f"deployment {server.deployment}" if server.deployment else "nothing"
        what = f"serves {serves}, not deployment {recorded}" + (f" ({why})" if why else "")
    else:
        what = f"reports: {why}" if why else ""
    return f"server {server.id} {what}" if what and naming else what


def _changed_files(datasets: Mapping[str, Dataset], prepared: Collection[str]) -> Iterator[Drift]:
    """A note for every pinned file that is gone or has other bytes and that no step reads: its results remain."""
    for dataset in datasets.values():
        if dataset.address in prepared:
            continue  # an error says so
        for broken in broken_pins(dataset):
            which = "test file" if broken.at else "source file"
            reason = f"its pinned {which} was overwritten" if broken.digest else f"its pinned {which} is gone"
            yield Drift(address=dataset.address, drift_class="note", reason=reason, recorded=broken.pin, live=broken.digest)
