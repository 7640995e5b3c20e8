"""What is missing from the store, or damaged there, although the state relies on it. Writes nothing."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from leptonctl.commands.session import Session
from leptonctl.core.address import member_of, parse, version_of
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.observed import Live
from leptonctl.core.state import State


class BoundFiles(Frozen):
    """The files of what is bound, at the addresses of bindings and of their versions.

    `suspects`: the addresses whose server on this host does not serve them, since they may be damaged.
    """

    by_address: Mapping[str, frozenset[str]] = field(default_factory=dict)
    suspects: frozenset[str] = frozenset()

    @property
    def suspicious(self) -> frozenset[str]:
        """The digests of the files that may be damaged."""
        return frozenset().union(*(self.by_address[address] for address in self.suspects))


NOTHING_BOUND = BoundFiles()


def bound_files(session: Session, state: State | None, live: Mapping[str, Live]) -> BoundFiles:
    """The files of what the recorded environments bind.

    None of a remote store, where asking is not cheap: a heal, a bind and `verify` check what they use.
    """
    if state is None or "://" in session.settings.store:
        return BoundFiles()
    by_address: dict[str, frozenset[str]] = {}
    suspects: set[str] = set()
    for name, record in state.environments.items():
        one, number = live.get(name), record.deployment
        if one is None or record.destroyed:
            continue
        files = _files_of(session, state, name, number)
        by_address |= files
        follows = one.head is not None and one.head.deployment == number
        if one.here and not (follows and one.answering is not None and one.answering.deployment == number):
            suspects |= files.keys()
    return BoundFiles(by_address=by_address, suspects=frozenset(suspects))


def lost_addresses(session: Session, state: State | None, bound: BoundFiles = NOTHING_BOUND) -> frozenset[str]:
    """Addresses whose artifact, or any file of what is bound, is missing from the store, or that lost one to a purge.

    Of the suspects of `bound`, also if any file is damaged or a result is missing.
    """
    artifacts = {a: {pointer.artifact} for a, pointer in state.current.items() if pointer.artifact is not None} if state else {}
    needed = {address: digests | bound.by_address.get(address, frozenset()) for address, digests in artifacts.items()}
    present = session.store.present({digest for digests in needed.values() for digest in digests}) if needed else set()
    pointers = state.current if state else {}
    removed = (
        session.store.tombstones_by_key({step.key for pointer in pointers.values() for step in pointer.steps.values()}) if pointers else {}
    )
    purged = {a for a, pointer in pointers.items() if any(step.key in removed for step in pointer.steps.values())}
    incomplete = without_results(session, state, [*bound.suspects])
    return frozenset(purged | incomplete | {address for address, digests in needed.items() if not digests <= present})


def _files_of(session: Session, state: State, name: str, number: int) -> dict[str, frozenset[str]]:
    """The files of the bindings of an environment, at the addresses of the bindings and of their versions."""
    deployment = None
    with suppress(Failure):  # the command that needs the record reports that it is damaged
        deployment = session.lineage(state).deployment(name, number)
    files: dict[str, frozenset[str]] = {}
    for address, pointer in state.entries(member_of("environment", name, "")).items():
        model = parse(address).member or ""
        # without the record of a deployment it is bound again under another number, which takes the results
        route = deployment.main(model) if deployment is not None else None
        digests = frozenset(route.files.values()) if route is not None else frozenset()
        checks = {route.checks} if route is not None and route.checks else set()
        version = version_of("model", model, pointer.version or "")
        files |= {address: digests | checks, version: digests | files.get(version, frozenset())}
    return files


def without_results(session: Session, state: State | None, addresses: Sequence[str]) -> frozenset[str]:
    """Those of the addresses that lack the result of a step, an artifact of one, or the checks of a binding, or whose checks are damaged.

    Reads every result, so only where asked for.
    """
    if state is None:
        return frozenset()
    pointers = {a: state.current[a] for a in addresses if a in state.current}
    keys = {step.key for pointer in pointers.values() for step in pointer.steps.values()}
    found = session.store.find(keys).results if keys else {}
    return frozenset(
        address
        for address, pointer in pointers.items()
        if any(step.key not in found for step in pointer.steps.values()) or not _has_checks(session, state, address)
    )


def damaged_files(session: Session, state: State | None, addresses: Sequence[str]) -> dict[str, frozenset[str]]:
    """The artifacts of these addresses whose bytes are not those of their digest. Reads them all, so only where asked for."""
    if state is None:
        return {}
    keys = {a: {step.key for step in state.current[a].steps.values()} for a in addresses if a in state.current}
    found = session.store.find(set().union(*keys.values())).results if keys else {}
    needed = {a: {d for key in of_a if key in found for d in found[key].artifacts.values()} for a, of_a in keys.items()}
    damaged = {digest for digest in set().union(*needed.values()) if not session.store.is_sound(digest)} if needed else set()
    return {address: frozenset(digests & damaged) for address, digests in needed.items() if digests & damaged}


def _has_checks(session: Session, state: State, address: str) -> bool:
    """Whether the checks that are in force with a binding, if there are any, can be read."""
    place, pointer = parse(address), state.current[address]
    if place.member is None or pointer.deployment is None:
        return True
    deployment = session.lineage(state).intact_deployment(place.name, pointer.deployment)
    route = deployment.main(place.member) if deployment is not None else None
    return route is None or route.checks is None or session.store.is_sound(route.checks)
