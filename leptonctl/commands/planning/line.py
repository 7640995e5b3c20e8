"""The straight line of every command that plans: observe -> declare -> settle -> judge -> plan. Writes nothing but a cache."""

from collections.abc import Mapping, Sequence

from leptonctl.commands.planning.checks import Actual, Draft, problems_of
from leptonctl.commands.planning.lost import BoundFiles, bound_files, damaged_files, lost_addresses, without_results
from leptonctl.commands.planning.variables import variable_becauses
from leptonctl.commands.session import Session
from leptonctl.core.address import covers, expand
from leptonctl.core.change import Change, Drift, Keep, Plan
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.diff import diff, with_becauses
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.graph import in_order, resolve_keys
from leptonctl.core.observed import Checkout, Live
from leptonctl.core.plan import (
    Observed,
    Settled,
    addresses_to_rebuild,
    deciding_keys,
    make_plan,
    only,
    sister_keys,
    with_forecasts,
    with_steps,
    without_work,
)
from leptonctl.core.result import Result
from leptonctl.core.state import Environment as EnvironmentRecord
from leptonctl.core.state import State
from leptonctl.deploying.desired import complete_interrupted
from leptonctl.deploying.look import is_here, live_digest, look
from leptonctl.deploying.preflight import name_restarts
from leptonctl.kinds.dataset.version import datasets
from leptonctl.kinds.environment.drift import drift, interrupted_switches
from leptonctl.kinds.environment.judging import Basis, judge_changes
from leptonctl.kinds.environment.kind import Environment, environments
from leptonctl.kinds.kind import Recorded
from leptonctl.kinds.needed_files import prepared_datasets
from leptonctl.project import observe
from leptonctl.release import __version__
from leptonctl.spi.platforms import Site


class Planned(Frozen):
    """A plan with everything it was made from, for apply. `state` is None before the first apply."""

    plan: Plan
    state: State | None
    settled: Settled
    live: Mapping[str, Live]
    checkout: Checkout
    prerequisites: frozenset[str] = frozenset()


def plan_project(
    session: Session,
    *,
    addresses: Sequence[str] = (),
    also: Sequence[str] = (),
    allow_rewind: bool = False,
    command: str = "apply",
    moves: bool = True,
) -> Planned:
    """The plan for these addresses (none: all). Failure (exit 3) when the configuration is invalid. `command`: what it is made for.

    `also`: further versions to move, as prerequisites are, where that takes no work. `moves`: Failure too when this
    state may not be moved, where that is cheap to tell.
    """
    actual, bound = _observe(session, moves=moves)
    settled, changes = settle(session, actual.state, lost_addresses(session, actual.state, bound))
    prerequisites: frozenset[str] = frozenset()
    if addresses:
        addresses = expand(addresses, {*settled.by_address, *(change.address for change in changes)}, session.address_kinds)
        if lost := _all_lost(session, actual.state, addresses, bound):
            settled, changes = settle(session, actual.state, lost)
        changes, prerequisites = _limit(settled, changes, addresses, also)
    basis = Basis(declarations=session.declarations, settled=settled, state=actual.state)
    changes = _explain(session, basis, judge_changes(changes, basis, command=command))
    draft = Draft(
        actual=actual,
        settled=settled,
        changes=changes,
        drift=_find_drift(session, actual, changes, addresses),
        checkout=_observe_checkout(session, actual.state, changes),
        addresses=addresses,
        command=command,
        allow_rewind=allow_rewind,
    )
    plan = _plan_of(session, draft, problems_of(session, draft))
    return Planned(plan=plan, state=actual.state, settled=settled, live=actual.live, checkout=draft.checkout, prerequisites=prerequisites)


# --- observe -----------------------------------------------------------------------------------------------------------


def _observe(session: Session, *, moves: bool) -> tuple[Actual, BoundFiles]:
    """What is recorded and what serves, and the files of what is bound, which are checked from now on where they may be damaged."""
    recorded = session.pointers.read()
    if moves and recorded is not None and "://" not in session.settings.store:
        session.pointers.check(recorded)
    live = observe_environments(session, recorded)
    # a switch that was interrupted after its head had moved counts as done: the next apply completes it first
    state = complete_interrupted(recorded, live) if recorded is not None else None
    bound = bound_files(session, recorded, live)
    session.suspect(bound.suspicious)
    return Actual(recorded=recorded, state=state, live=live), bound


def observe_environments(session: Session, state: State | None) -> dict[str, Live]:
    """What serves each recorded environment now."""
    if state is None:
        return {}

    def site(name: str, record: EnvironmentRecord) -> Site:
        return session.sites.site(state.lineage, name, record.platform, here=is_here(record, session.root))

    return look(session.catalog.platforms, site, session.liveness, session.lineage(state), state)


def _observe_checkout(session: Session, state: State | None, changes: Sequence[Change]) -> Checkout:
    """The commit, observed only when something moves: Git costs milliseconds."""
    moving = {c.address for c in changes if not isinstance(c, Keep)}
    protected = [e for e in environments(session.declarations).values() if e.protected]
    if not any(environment.holds(address) for environment in protected for address in moving):
        return observe.checkout(session.root, (), ()) if moving else Checkout()
    records = [state.environments[e.name] for e in protected if state and e.name in state.environments]
    commits = [record.commit for record in records if record.commit is not None]
    return observe.checkout(session.root, sorted(session.sources), commits)


# --- declare and settle ----------------------------------------------------------------------------------------------


def settle(session: Session, state: State | None, lost: frozenset[str] | None = None) -> tuple[Settled, tuple[Change, ...]]:
    """The nodes and their changes, with every result that decides them: asks the store until nothing new is needed.

    `lost`: the addresses whose results are lost, by default all that `lost_addresses` finds. What depends on them is not current.
    """
    results: dict[str, Result] = {}
    requested: set[str] = set()
    lost = lost_addresses(session, state) if lost is None else lost
    recorded = state.current if state else {}
    while True:
        sound = state.without_builds(lost) if state and lost else state
        settled = _settle_once(session, sound, results)
        changes = diff(settled.nodes, recorded, settled.keys, lost)
        missing = deciding_keys(settled, changes) - requested
        if missing:
            requested |= missing
            results.update(session.store.results(missing))
            continue
        changes = with_steps(settled, changes)
        unbuilt = addresses_to_rebuild(settled, changes)
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


def _all_lost(session: Session, state: State | None, addresses: Sequence[str], bound: BoundFiles) -> frozenset[str]:
    """All that is lost, if these addresses lack a result or a file of theirs is damaged: a command that names them needs all of it."""
    missing, damaged = without_results(session, state, addresses), damaged_files(session, state, addresses)
    if not missing and not damaged:
        return frozenset()
    session.suspect(digest for digests in damaged.values() for digest in digests)
    return lost_addresses(session, state, bound) | missing | damaged.keys()


def _forecast(session: Session, settled: Settled, changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes with the expected duration of their steps, from earlier builds."""
    sisters = sister_keys(settled, changes)
    keys = {key for sister in sisters.values() for key in sister}
    return with_forecasts(changes, sisters, {**settled.results, **session.results(keys - settled.results.keys())})


def _limit(
    settled: Settled, changes: Sequence[Change], addresses: Sequence[str], also: Sequence[str]
) -> tuple[tuple[Change, ...], frozenset[str]]:
    """The changes at these addresses, at their prerequisites, and at those of `also` that move without work; and the latter two."""
    further = without_work(changes, settled.by_address, also)
    limited, prerequisites = only(changes, settled.by_address, [*addresses, *further])
    return limited, prerequisites | further


# --- explain ---------------------------------------------------------------------------------------------------------


def _explain(session: Session, basis: Basis, changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes, each update with the YAML fields that caused it, also through variables. Reads only the recipes of updates."""
    settled, state = basis.settled, basis.state
    current = state.current if state else {}
    declarations = {c.address: current[c.address].declaration for c in changes if c.action == "update" and c.address in current}
    recipes = session.recipes(set(declarations.values())) if declarations else {}
    explained = (with_becauses(c, settled.by_address.get(c.address), recipes.get(declarations.get(c.address, ""))) for c in changes)
    # the documents as written are read only for what changed
    traced = (variable_becauses(change, session.documents) if change.because else change for change in explained)
    declared = environments(session.declarations)
    placed = tuple(_add_placement(change, declared) for change in traced)
    if state is not None:
        by_address = {environment.address: environment for environment in declared.values()}
        placed = tuple(name_restarts(change, by_address.get(change.address), state, session.catalog.platforms) for change in placed)
    return _put_protected_first(placed, declared)


def _put_protected_first(changes: Sequence[Change], declared: Mapping[str, Environment]) -> tuple[Change, ...]:
    """The changes, those of protected environments before those of others, since they matter most to who reads the plan.

    The order in which environments move is that of their declaration.
    """
    places = [index for index, change in enumerate(changes) if change.place.kind == "environment"]
    protected = {name for name, environment in declared.items() if environment.protected}
    ordered = list(changes)
    for place, index in zip(places, sorted(places, key=lambda i: changes[i].place.name not in protected), strict=True):
        ordered[place] = changes[index]
    return tuple(ordered)


def _add_placement(change: Change, declared: Mapping[str, Environment]) -> Change:
    """The change with the placement of its environment, where it has one that is still declared."""
    address = change.place
    environment = declared.get(address.name) if address.kind == "environment" else None
    return replace(change, placement=environment.placement) if environment is not None else change


# --- plan ------------------------------------------------------------------------------------------------------------


def _find_drift(session: Session, actual: Actual, changes: Sequence[Change], addresses: Sequence[str]) -> tuple[Drift, ...]:
    """Where what is live differs from the state, for these addresses (none: all)."""
    differences = drift(actual.state, actual.live, datasets(session.declarations), prepared_datasets(changes))
    lines = [*(interrupted_switches(actual.recorded, actual.live) if actual.recorded else ()), *differences]
    return tuple(line for line in lines if not addresses or any(line.address == a or covers(line.address, a) for a in addresses))


def _plan_of(session: Session, draft: Draft, diagnostics: tuple[Diagnostic, ...]) -> Plan:
    return make_plan(
        state=draft.actual.recorded,
        changes=draft.changes,
        drift=draft.drift,
        diagnostics=diagnostics,
        observed=Observed(
            configuration={node.address: node.digest for node in draft.settled.nodes},
            data={key[0]: facts.digest for key, facts in session.facts.items()},
            live=live_digest(draft.actual.live),
            tool=__version__,
        ),
        ops=tuple(session.ops),
        only=draft.addresses,
    )
