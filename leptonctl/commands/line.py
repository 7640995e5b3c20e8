"""The straight line of every command that plans: observe -> declare -> settle -> judge -> plan. Writes nothing but a cache."""

from collections.abc import Iterator, Mapping, Sequence

from leptonctl import __version__
from leptonctl.commands.session import Session
from leptonctl.commands.variables import variable_becauses
from leptonctl.core.address import covers, expand, parse
from leptonctl.core.change import Change, Drift, Keep, Plan
from leptonctl.core.diagnostic import INVALID, Diagnostic, Failure, error, has_errors
from leptonctl.core.diff import diff, with_becauses
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.graph import in_order, resolve_keys
from leptonctl.core.observed import Checkout, Live
from leptonctl.core.plan import Observed, Settled, make_plan, only, sister_keys, unmet, wanted_keys, with_forecasts, with_steps
from leptonctl.core.result import Result
from leptonctl.core.state import Environment as EnvironmentRecord
from leptonctl.core.state import State
from leptonctl.deploying.look import is_here, live_digest, look
from leptonctl.deploying.wanted import completed, dropped
from leptonctl.kinds import binding as binding_of
from leptonctl.kinds import rules
from leptonctl.kinds.dataset import datasets
from leptonctl.kinds.drift import drift, interrupted
from leptonctl.kinds.environment import Environment, bindings, environments
from leptonctl.kinds.judging import judge
from leptonctl.kinds.kind import Recorded
from leptonctl.project import observe
from leptonctl.spi.platforms import Observation, Site, restarts


class Planned(Frozen):
    """A plan with all it was made from, for apply. `state` is None before the first apply."""

    plan: Plan
    state: State | None
    settled: Settled
    live: Mapping[str, Live]
    checkout: Checkout
    prerequisites: frozenset[str] = frozenset()


def planned(session: Session, *, addresses: Sequence[str] = (), allow_rewind: bool = False) -> Planned:
    """The plan for these addresses (none: all). Failure (exit 3) when the configuration is invalid."""
    found = session.pointers.read()
    if found is not None and "://" not in session.settings.store:
        session.pointers.check(found)
    live = observed(session, found)
    state = recovered(found, live)
    settled, changes = settle(session, state)
    prerequisites: frozenset[str] = frozenset()
    if addresses:
        known = {*settled.by_address, *(change.address for change in changes)}
        addresses = expand(addresses, known, kinds_of(session))
        changes, prerequisites = only(changes, settled.by_address, addresses)
    changes = explained(session, settled, state, judged(session, settled, state, changes))
    checkout = checkout_for(session, state, changes)
    diagnostics = (
        *ruled(session, settled, state, changes, checkout, allow_rewind=allow_rewind),
        *misplaced(session, state, live, changes),
    )
    plan = make_plan(
        state=found,
        changes=changes,
        drift=drifts(session, found, state, live, addresses),
        diagnostics=diagnostics,
        observed=Observed(
            configuration={node.address: node.digest for node in settled.nodes},
            data={key[0]: seen.digest for key, seen in session.facts.items()},
            live=live_digest(live),
            tool=__version__,
        ),
        ops=tuple(session.ops),
    )
    return Planned(plan=plan, state=state, settled=settled, live=live, checkout=checkout, prerequisites=prerequisites)


def observed(session: Session, state: State | None) -> dict[str, Live]:
    """What serves each recorded environment now."""
    if state is None:
        return {}

    def site(name: str, record: EnvironmentRecord) -> Site:
        return session.site(state, name, record.platform, here=is_here(record))

    return look(session.catalog.platforms, site, session.liveness, session.lineage(state), state)


def recovered(state: State | None, live: Mapping[str, Live]) -> State | None:
    """The state as it will be when interrupted switches are settled: bound where the head has moved, else as before."""
    if state is None:
        return None
    after = state
    for name, pending in state.pending.items():
        head = live[name].head if name in live else None
        moved = head is not None and head.deployment == pending.deployment
        after = completed(after, name, {}) if moved else dropped(after, name)
    return after


def kinds_of(session: Session) -> tuple[str, ...]:
    """How addresses begin, in the order in which a short one is looked up: what changes most often first."""
    return tuple(kind.address for kind in reversed(tuple(session.kinds.values())))


# --- settle: nodes, keys and changes with every result that decides them --------------------------------------------


def settle(session: Session, state: State | None) -> tuple[Settled, tuple[Change, ...]]:
    """Ask for results until nothing new is wanted. What stands on results that are gone does not count as current."""
    results: dict[str, Result] = {}
    asked: set[str] = set()
    gone = lost(session, state)
    recorded = state.current if state else {}
    while True:
        sound = state.without(gone) if state and gone else state
        settled = _settled(session, sound, results)
        changes = diff(settled.nodes, recorded, settled.keys, gone)
        missing = wanted_keys(settled, changes) - asked
        if missing:
            asked |= missing
            results.update(session.store.results(missing))
            continue
        changes = with_steps(settled, changes)
        unbuilt = unmet(settled, changes)
        if not unbuilt:
            return settled, forecast(session, settled, changes)
        gone |= unbuilt


def _settled(session: Session, state: State | None, results: Mapping[str, Result]) -> Settled:
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


def lost(session: Session, state: State | None) -> frozenset[str]:
    """Addresses whose artifact the store does not hold."""
    named = {a: pointer.artifact for a, pointer in state.current.items() if pointer.artifact is not None} if state else {}
    there = session.store.present(named.values()) if named else frozenset()
    return frozenset(address for address, digest in named.items() if digest not in there)


def forecast(session: Session, settled: Settled, changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes with what earlier builds say of how long their steps will take."""
    sisters = sister_keys(settled, changes)
    wanted = {key for keys in sisters.values() for key in keys}
    return with_forecasts(changes, sisters, {**settled.results, **session.store.results(wanted - settled.results.keys())})


# --- judge: gates, causes, rules -------------------------------------------------------------------------------------


def judged(session: Session, settled: Settled, state: State | None, changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes of bindings with their gates judged, and whether they are returns."""
    wanted = bindings(session.declarations)
    return tuple(_judged(session, binding_of.with_unbind_step(change), wanted, settled, state) for change in changes)


def _judged(session: Session, change: Change, wanted: Mapping[str, binding_of.Binding], settled: Settled, state: State | None) -> Change:
    binding = wanted.get(change.address)
    if binding is None or isinstance(change, Keep):
        return change
    declarations = session.declarations
    returning = binding_of.is_return(binding, declarations.built, state, settled.results)
    found = judge(binding, declarations, settled, state, is_return=returning)
    unknown = () if returning else tuple(f"gates.{j.gate.metric}.{j.gate.rule}" for j in found if j.passed is None)
    moves = (change.before, change.before_version) != (change.after, change.after_version)
    reason = f"return to {change.after_version}, served here before" if returning and moves else change.reason
    return replace(change, judgements=found, is_return=returning, reason=reason, known_after_apply=(*change.known_after_apply, *unknown))


def explained(session: Session, settled: Settled, state: State | None, changes: Sequence[Change]) -> tuple[Change, ...]:
    """The updates with the written fields that moved them, through variables too. Recipes are read for what moves alone."""
    current = state.current if state else {}
    moving = {c.address: current[c.address].declaration for c in changes if c.action == "update" and c.address in current}
    recipes = session.store.recipes(set(moving.values())) if moving else {}
    found = (with_becauses(c, settled.by_address.get(c.address), recipes.get(moving.get(c.address, ""))) for c in changes)
    return tuple(restarting(session, state, variable_becauses(change, session.documents)) for change in found)


def restarting(session: Session, state: State | None, change: Change) -> Change:
    """The update of an environment, saying which of the edited settings restart what serves it."""
    if state is None or change.action != "update":
        return change
    wanted = environments(session.declarations).get(parse(change.address).name)
    if wanted is not None and wanted.address != change.address:
        return change
    record = state.environments.get(wanted.name) if wanted else None
    if wanted is None or record is None or wanted.platform["type"] != record.platform["type"]:
        return change
    settings = restarts(session.catalog.platforms[str(wanted.platform["type"])].settings, record.platform, wanted.platform)
    return replace(change, reason=f"what serves is restarted for {' and '.join(settings)}") if settings else change


def checkout_for(session: Session, state: State | None, changes: Sequence[Change]) -> Checkout:
    """The commit, looked at only when something moves: Git costs milliseconds."""
    guarded = [e for e in environments(session.declarations).values() if e.protected]
    moving = {c.address for c in changes if not isinstance(c, Keep)}
    if not any(e.holds(a) for e in guarded for a in moving):
        return observe.checkout(session.root, (), ()) if moving else Checkout()
    records = [state.environments[e.name] for e in guarded if state and e.name in state.environments]
    commits = [record.commit for record in records if record.commit is not None]
    return observe.checkout(session.root, sorted(session.sources), commits)


def ruled(
    session: Session, settled: Settled, state: State | None, changes: Sequence[Change], checkout: Checkout, *, allow_rewind: bool
) -> tuple[Diagnostic, ...]:
    """What may not be planned. Failure (exit 3) for what no flag allows."""
    wanted = environments(session.declarations)
    problems: list[Diagnostic] = []
    if state is not None:
        edited = rules.edited_seals(settled.by_address, state)
        recipes = session.store.recipes(set(edited.values())) if edited else {}
        problems += rules.sealed(settled.by_address, state, recipes)
    problems += rules.protection(wanted, changes, state)
    if has_errors(problems):
        raise Failure(problems, INVALID)
    going_back = rules.rewind(wanted, changes, state, checkout)
    return tuple(problem for problem in going_back if not (allow_rewind and problem.id.startswith("rewind")))


def misplaced(session: Session, state: State | None, live: Mapping[str, Live], changes: Sequence[Change]) -> Iterator[Diagnostic]:
    """What keeps environments that would move from running where they are declared, as their platforms say."""
    moving = [change.address for change in changes if not isinstance(change, Keep)]
    for environment in environments(session.declarations).values():
        if not any(address != environment.address and environment.holds(address) for address in moving):
            continue
        one = live.get(environment.name)
        if one is not None and not one.here:
            continue
        platform = session.catalog.platforms[str(environment.platform["type"])]
        recorded = state.environments.get(environment.name) if state else None
        unchanged = recorded is not None and recorded.platform == environment.platform
        observation = Observation(running=one.running, answering=one.answering, servers=one.servers) if one and unchanged else None
        site = session.site(state or State(lineage="", project=""), environment.name, environment.platform, here=True)
        for problem in platform.problems(site, observation):
            at = ("platform", problem.setting) if problem.setting else ("platform",)
            yield error(problem.id, problem.summary, problem.detail, span=environment.declared.at(*at), hint=problem.hint)


def drifts(
    session: Session, before: State | None, state: State | None, live: Mapping[str, Live], addresses: Sequence[str]
) -> tuple[Drift, ...]:
    """Where live reality differs, for these addresses (none: all). `before`: the state as it is, with interrupted switches."""
    found = [*(interrupted(before, live) if before else ()), *drift(state, live, datasets(session.declarations), session.facts)]
    return tuple(d for d in found if not addresses or any(d.address == a or covers(d.address, a) for a in addresses))


def declared_environment(session: Session, name: str) -> Environment | None:
    """An environment as declared."""
    return environments(session.declarations).get(name)
