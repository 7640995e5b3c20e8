"""Nodes, keys and changes, with every result that decides them: asks the store until nothing new is needed. Writes nothing."""

from collections.abc import Mapping, Sequence

from leptonctl.commands.session import Session
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
    """Those of the addresses that lack the result of a step, or an artifact of one. Reads every result, so only where asked for."""
    pointers = {a: state.current[a] for a in addresses if a in state.current} if state else {}
    keys = {step.key for pointer in pointers.values() for step in pointer.steps.values()}
    found = session.store.find(keys).results if keys else {}
    return frozenset(a for a, pointer in pointers.items() if any(step.key not in found for step in pointer.steps.values()))


def _lost(session: Session, state: State | None) -> frozenset[str]:
    """Addresses whose artifact is missing from the store."""
    artifacts = {a: pointer.artifact for a, pointer in state.current.items() if pointer.artifact is not None} if state else {}
    present = session.store.present(artifacts.values()) if artifacts else frozenset()
    return frozenset(address for address, digest in artifacts.items() if digest not in present)


def _forecast(session: Session, settled: Settled, changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes with the expected duration of their steps, from earlier builds."""
    sisters = sister_keys(settled, changes)
    keys = {key for sister in sisters.values() for key in sister}
    return with_forecasts(changes, sisters, {**settled.results, **session.store.results(keys - settled.results.keys())})
