"""What is missing from the store or damaged, of what the state counts on. Writes nothing."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from leptonctl.commands.session import Session
from leptonctl.core.address import member_of, parse, version_of
from leptonctl.core.diagnostic import Failure
from leptonctl.core.observed import Live
from leptonctl.core.state import State


def lost_addresses(session: Session, state: State | None) -> frozenset[str]:
    """Addresses whose artifact, or any file of what is bound, is missing from the store, or that lost one to a purge.

    Of those whose server reports trouble, also if any file is damaged or a result is missing.
    """
    artifacts = {a: {pointer.artifact} for a, pointer in state.current.items() if pointer.artifact is not None} if state else {}
    needed = {address: digests | set(session.needed.get(address, ())) for address, digests in artifacts.items()}
    present = session.store.present({digest for digests in needed.values() for digest in digests}) if needed else set()
    pointers = state.current if state else {}
    keys = {step.key for pointer in pointers.values() for step in pointer.steps.values()}
    tombstones = session.store.tombstones_by_key(keys) if keys else {}
    purged = {a for a, pointer in pointers.items() if any(step.key in tombstones for step in pointer.steps.values())}
    suspected = without_results(session, state, [*session.suspects])
    return frozenset(purged | suspected | {address for address, digests in needed.items() if not digests <= present})


def look_into_store(session: Session, state: State | None, live: Mapping[str, Live]) -> None:
    """Tell the session which files bindings need, and which of them may be damaged: those that this host's servers do not serve.

    On a remote store nothing is asked for that; a heal, a bind and `verify` check what they use.
    """
    if state is None or "://" in session.settings.store:
        return
    suspects: dict[str, frozenset[str]] = {}
    for name, record in state.environments.items():
        one, number = live.get(name), record.deployment
        if one is None or record.destroyed:
            continue
        files = _bound_files(session, state, name, number)
        session.needed = {**session.needed, **files}
        follows = one.head is not None and one.head.deployment == number
        if one.here and not (follows and one.answering is not None and one.answering.deployment == number):
            suspects |= files
    session.suspect(suspects)


def _bound_files(session: Session, state: State, name: str, number: int) -> dict[str, frozenset[str]]:
    """The files of the bindings of an environment, at the addresses of the bindings and of their versions."""
    deployment = None
    with suppress(Failure):  # whoever needs the record reports that it is damaged
        deployment = session.lineage(state).deployment(name, number)
    files: dict[str, frozenset[str]] = {}
    for address, pointer in state.entries(member_of("environment", name, "")).items():
        model = parse(address).member or ""
        # without the record of a deployment it is bound anew under another number, which takes the results
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
