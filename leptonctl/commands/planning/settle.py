"""Nodes, keys and changes, with every result that decides them: asks the store until nothing new is needed. Writes nothing."""

from collections.abc import Mapping, Sequence

from leptonctl.commands.session import Session
from leptonctl.core.address import parse
from leptonctl.core.change import Change
from leptonctl.core.diff import diff
from leptonctl.core.graph import in_order, resolve_keys
from leptonctl.core.plan import Settled, sister_keys, unmet, wanted_keys, with_forecasts, with_steps
from leptonctl.core.result import Result
from leptonctl.core.state import State
from leptonctl.kinds.kind import Recorded


def settle(session: Session, state: State | None, gone: frozenset[str] = frozenset()) -> tuple[Settled, tuple[Change, ...]]:
    """The nodes and their changes. What depends on results that are lost does not count as current. `gone`: addresses known to be."""
    results: dict[str, Result] = {}
    requested: set[str] = set()
    lost = _lost(session, state) | gone
    recorded = state.current if state else {}
    while True:
        sound = state.without(lost) if state and lost else state
        settled = _settle_once(session, sound, results)
        changes = diff(settled.nodes, recorded, settled.keys, lost)
        missing = wanted_keys(settled, changes) - requested
        if missing:
            requested |= missing
            results.update(session.store.results(missing))
            continue
        changes = with_steps(settled, changes)
        unbuilt = unmet(settled, changes)
        if not unbuilt:
            return settled, _forecast(session, settled, changes)
        lost |= unbuilt


def _settle_once(session: Session, state: State | None, results: Mapping[str, Result]) -> Settled:
    declarations = session.declarations
    effects = [n for kind in session.kinds.values() for n in kind.effects(declarations, Recorded(state=state, results=results))]
    nodes = in_order([*declarations.built.values(), *effects])
    current = state.current if state else {}
    return Settled(
        nodes=nodes,
        keys=resolve_keys(nodes, current, results),
        current=current,
        results=results,
        by_address={node.address: node for node in nodes},
    )


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


def _lost(session: Session, state: State | None) -> frozenset[str]:
    """Addresses whose artifact, or any file of what is bound, is missing from the store, or that lost one to a purge.

    Of those whose server reports trouble, also if any file is damaged or a result is missing.
    """
    artifacts = {a: {pointer.artifact} for a, pointer in state.current.items() if pointer.artifact is not None} if state else {}
    needed = {address: digests | set(session.needed.get(address, ())) for address, digests in artifacts.items()}
    present = session.store.present({digest for digests in needed.values() for digest in digests}) if needed else set()
    pointers = state.current if state else {}
    removed = session.store.removed({step.key for pointer in pointers.values() for step in pointer.steps.values()}) if pointers else {}
    purged = {a for a, pointer in pointers.items() if any(step.key in removed for step in pointer.steps.values())}
    suspected = without_results(session, state, [*session.suspects])
    return frozenset(purged | suspected | {address for address, digests in needed.items() if not digests <= present})


def _forecast(session: Session, settled: Settled, changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes with the expected duration of their steps, from earlier builds."""
    sisters = sister_keys(settled, changes)
    keys = {key for sister in sisters.values() for key in sister}
    return with_forecasts(changes, sisters, {**settled.results, **session.results(keys - settled.results.keys())})
