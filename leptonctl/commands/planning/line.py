"""The straight line of every command that plans: observe -> declare -> settle -> judge -> plan. Writes nothing but a cache."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from leptonctl.commands.planning.folder import folder_problem, local_states
from leptonctl.commands.planning.left_behind import left_behind
from leptonctl.commands.planning.recheck import recheck
from leptonctl.commands.planning.settle import damaged_files, settle, without_results
from leptonctl.commands.planning.variables import variable_becauses
from leptonctl.commands.planning.warnings import moving, warnings
from leptonctl.commands.recorded.recorded_recipes import recipes_before
from leptonctl.commands.session import Session
from leptonctl.core.address import covers, document, expand, member_of, parse, version_of
from leptonctl.core.change import Change, Drift, Keep, Plan, Remove
from leptonctl.core.diagnostic import INVALID, Diagnostic, Failure, error, has_errors
from leptonctl.core.diff import with_becauses
from leptonctl.core.frozen import Frozen, replace
from leptonctl.core.observed import Checkout, Live
from leptonctl.core.plan import Observed, Settled, make_plan, only, without_work
from leptonctl.core.state import Environment as EnvironmentRecord
from leptonctl.core.state import Recipe, State
from leptonctl.deploying.look import is_here, live_digest, look
from leptonctl.deploying.preflight import name_restarts, placement_problems
from leptonctl.deploying.wanted import complete_interrupted
from leptonctl.kinds import rules
from leptonctl.kinds.dataset.version import datasets
from leptonctl.kinds.environment.binding import matching_withdrawals, package_of
from leptonctl.kinds.environment.drift import drift, interrupted
from leptonctl.kinds.environment.holding import note_of_readmission, note_of_withdrawal, problem, span_of_hold, withdraws
from leptonctl.kinds.environment.judging import judge_changes
from leptonctl.kinds.environment.kind import Environment, bindings, environments
from leptonctl.kinds.model.kind import models
from leptonctl.kinds.model.refuted import refuted
from leptonctl.kinds.needed_files import needed_files, needed_imports, prepared
from leptonctl.project import observe
from leptonctl.release import __version__
from leptonctl.spi.platforms import Site
from leptonctl.storage.artifacts import PURGED_HINT


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

    `also`: versions that move besides, as prerequisites do, where that takes no work. `moves`: Failure too when this
    state may not be moved, where that is cheap to tell.
    """
    recorded = session.pointers.read()
    if moves and recorded is not None and "://" not in session.settings.store:
        session.pointers.check(recorded)
    live = observe_environments(session, recorded)
    _look_into_store(session, recorded, live)
    # a switch that was interrupted after its head had moved counts as done: the next apply completes it first
    state = complete_interrupted(recorded, live) if recorded is not None else None

    settled, changes = settle(session, state)
    prerequisites: frozenset[str] = frozenset()
    if addresses:
        addresses = expand(addresses, {*settled.by_address, *(change.address for change in changes)}, session.address_kinds)
        # whoever names an address wants all of it there: `verify --store` says so of what was lost or damaged
        gone = without_results(session, state, addresses)
        if damaged := damaged_files(session, state, addresses):
            session.suspect({**session.suspects, **damaged})
        if gone or damaged:
            settled, changes = settle(session, state, gone | damaged.keys())
        besides = without_work(changes, settled.by_address, also)
        changes, prerequisites = only(changes, settled.by_address, [*addresses, *besides])
        prerequisites |= besides

    changes = judge_changes(changes, bindings(session.declarations), session.declarations, settled, state, command=command)
    changes = _protected_first(_explain(session, settled, state, changes), environments(session.declarations))
    drifted = _find_drift(session, recorded, state, live, changes, addresses)
    checkout = _observe_checkout(session, state, changes)
    purged, copied = _check_purged(session, settled, changes), _check_folder(session, state, changes, drifted)
    diagnostics = (
        *_unreadable(live, addresses),
        *filter(None, [left_behind(session, recorded)]),
        *copied,
        *purged.values(),
        *needed_files(datasets(session.declarations), changes, but=purged),
        *needed_imports(models(session.declarations), changes, session.facts, session.project),
        *refuted(models(session.declarations), changes, settled.results, session.catalog),
        *_check_rules(session, settled, state, changes, checkout, allow_rewind=allow_rewind, command=command),
        # in a copy, whatever listens is the original's
        *(() if copied else _check_placement(session, state, live, changes)),
        *_on_holds(session, settled, state, changes, command),
        *recheck(session, settled, state, {node.address for node in moving(settled, changes)}),
        *warnings(session, settled, changes),
    )

    plan = make_plan(
        state=recorded,
        changes=changes,
        drift=drifted,
        diagnostics=diagnostics,
        observed=Observed(
            configuration={node.address: node.digest for node in settled.nodes},
            data={key[0]: facts.digest for key, facts in session.facts.items()},
            live=live_digest(live),
            tool=__version__,
        ),
        ops=tuple(session.ops),
        only=addresses,
    )
    return Planned(plan=plan, state=state, settled=settled, live=live, checkout=checkout, prerequisites=prerequisites)


def observe_environments(session: Session, state: State | None) -> dict[str, Live]:
    """What serves each recorded environment now."""
    if state is None:
        return {}

    def site(name: str, record: EnvironmentRecord) -> Site:
        return session.site(state, name, record.platform, here=is_here(record, session.root))

    return look(session.catalog.platforms, site, session.liveness, session.lineage(state), state)


def _look_into_store(session: Session, state: State | None, live: Mapping[str, Live]) -> None:
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


def _explain(session: Session, settled: Settled, state: State | None, changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes, each update with the YAML fields that caused it, also through variables. Reads only the recipes of updates."""
    current = state.current if state else {}
    declarations = {c.address: current[c.address].declaration for c in changes if c.action == "update" and c.address in current}
    recipes = session.recipes(set(declarations.values())) if declarations else {}
    explained = (with_becauses(c, settled.by_address.get(c.address), recipes.get(declarations.get(c.address, ""))) for c in changes)
    # the documents as written are read only for what changed
    traced = (variable_becauses(change, session.documents) if change.because else change for change in explained)
    placed = tuple(_placed(change, environments(session.declarations)) for change in traced)
    if state is None:
        return placed
    declared = {environment.address: environment for environment in environments(session.declarations).values()}
    return tuple(name_restarts(change, declared.get(change.address), state, session.catalog.platforms) for change in placed)


def _protected_first(changes: Sequence[Change], declared: Mapping[str, Environment]) -> tuple[Change, ...]:
    """The changes, those of protected environments before those of others, since they matter most to who reads the plan.

    The order in which environments move is that of their declaration.
    """
    places = [index for index, change in enumerate(changes) if change.place.kind == "environment"]
    protected = {name for name, environment in declared.items() if environment.protected}
    ordered = list(changes)
    for place, index in zip(places, sorted(places, key=lambda i: changes[i].place.name not in protected), strict=True):
        ordered[place] = changes[index]
    return tuple(ordered)


def _placed(change: Change, declared: Mapping[str, Environment]) -> Change:
    """The change with the placement of its environment, where it has one that is still declared."""
    address = change.place
    environment = declared.get(address.name) if address.kind == "environment" else None
    return replace(change, placement=environment.placement) if environment is not None else change


def _observe_checkout(session: Session, state: State | None, changes: Sequence[Change]) -> Checkout:
    """The commit, observed only when something moves: Git costs milliseconds."""
    moving = {c.address for c in changes if not isinstance(c, Keep)}
    protected = [e for e in environments(session.declarations).values() if e.protected]
    if not any(environment.holds(address) for environment in protected for address in moving):
        return observe.checkout(session.root, (), ()) if moving else Checkout()
    records = [state.environments[e.name] for e in protected if state and e.name in state.environments]
    commits = [record.commit for record in records if record.commit is not None]
    return observe.checkout(session.root, sorted(session.sources), commits)


def _check_rules(
    session: Session,
    settled: Settled,
    state: State | None,
    changes: Sequence[Change],
    checkout: Checkout,
    *,
    allow_rewind: bool,
    command: str,
) -> tuple[Diagnostic, ...]:
    """The diagnostics of changes that may not be applied. Failure (exit 3) for those that no flag allows."""
    declared = environments(session.declarations)
    problems: list[Diagnostic] = []
    if state is not None:
        edited = rules.edited_seals(settled.by_address, state)
        recipes = session.recipes(set(edited.values())) if edited else {}
        before: dict[str, Recipe] = {}
        for place, declaration in edited.items():
            before |= recipes_before(session, place, recipes[declaration]) if declaration in recipes else {}
        problems += rules.sealed(settled.by_address, state, recipes, _purged_versions(session, state, edited), before)
    problems += rules.protection(declared, changes, state)
    declared_bindings, built = bindings(session.declarations), session.declarations.built
    problems += rules.readmissions(declared_bindings, changes, built, state, settled.results, way_back=command == "rollback")
    problems += local_states(session)
    if has_errors(problems):
        raise Failure(problems, INVALID)
    rewinds = rules.rewind(declared, changes, state, checkout)
    return tuple(problem for problem in rewinds if not (allow_rewind and problem.id.startswith("rewind")))


def _purged_versions(session: Session, state: State, versions: Iterable[str]) -> frozenset[str]:
    """Those of the versions that were made from what was purged, as they are or as a binding still has them."""
    found = set()
    for version in versions:
        place = parse(version)
        bound = (p for a, p in state.current.items() if p.version == place.version and parse(a).member == place.name)
        keys = {step.key for pointer in (state.current.get(version), *bound) if pointer for step in pointer.steps.values()}
        seen: set[str] = set()
        while keys:
            seen |= keys
            read = (result.provenance.get("read") for result in session.store.newest(keys).values())
            keys = {str(key) for one in read if isinstance(one, dict) for key in one.values()} - seen
        if session.store.removed(seen):
            found.add(version)
    return frozenset(found)


def _on_holds(session: Session, settled: Settled, state: State | None, changes: Sequence[Change], command: str) -> Iterator[Diagnostic]:
    """A warning for each hold that an earlier run has met, and a note for each package that the plan would withdraw."""
    declared, binding_of = environments(session.declarations), bindings(session.declarations)
    for change in changes:
        if change.hold is not None and change.hold.since:
            yield problem(change, change.hold, span_of_hold(change.hold, change.judgements, change))
        binding = binding_of.get(change.address)
        if binding is None or isinstance(change, Keep) or change.is_held:
            continue
        package = package_of(binding, session.declarations.built, settled.results)
        if binding.readmit is not None and any(
            w.id == binding.readmit.withdrawal and w.readmitted is None
            for w in matching_withdrawals(binding, session.declarations.built, state, settled.results)
        ):
            yield note_of_readmission(change, binding.readmit)
        if withdraws(change, state, declared.get(binding.environment), command, package):
            yield note_of_withdrawal(change)


def _check_purged(session: Session, settled: Settled, changes: Sequence[Change]) -> dict[str, Diagnostic]:
    """Errors for steps that would make again what was purged, by address: the same declaration reads the same rows."""
    keys = {step.key: change.address for change in changes for step in change.steps if step.key is not None and not step.cached}
    problems: dict[str, Diagnostic] = {}
    for key, tombstone in session.store.purged(keys).items():
        node = settled.by_address.get(keys[key])
        detail = f"it held what was purged on {tombstone.at} by {tombstone.by} ({tombstone.subject}); the same file holds it still"
        span = node.span if node else None
        problems[keys[key]] = error("purged", "A result was purged and is not built again", detail, span=span, hint=PURGED_HINT)
    return problems


def _check_placement(session: Session, state: State | None, live: Mapping[str, Live], changes: Sequence[Change]) -> list[Diagnostic]:
    """What prevents environments that would move from running where they are declared, according to their platforms."""
    moving = [change.address for change in changes if not isinstance(change, Keep)]
    # an environment that is kept as it is runs where it runs
    kept = {change.address for change in changes if change.is_held}
    problems: list[Diagnostic] = []
    leaving = {c.place.name for c in changes if isinstance(c, Remove) and c.place.member is None}
    for environment in environments(session.declarations).values():
        # without a binding nothing has to run
        if environment.bindings and environment.address not in kept and any(environment.holds(address) for address in moving):
            record = state.environments.get(environment.name) if state else None
            here = is_here(record, session.root)
            site = session.site(state or State(lineage="", project=""), environment.name, environment.platform, here=here)
            problems += placement_problems(environment, record, live.get(environment.name), site, session.catalog.platforms, leaving)
    return problems


def _check_folder(session: Session, state: State | None, changes: Sequence[Change], drifted: Sequence[Drift]) -> list[Diagnostic]:
    """An error when environments would be moved or healed in a folder that is a copy of the one that runs them."""
    addresses = [c.address for c in changes if not isinstance(c, Keep)] + [d.address for d in drifted if d.drift_class == "heal"]
    problem = folder_problem(session, state, {parse(a).name for a in addresses if parse(a).kind == "environment"})
    return [problem] if problem is not None else []


def _unreadable(live: Mapping[str, Live], addresses: Sequence[str]) -> Iterator[Diagnostic]:
    """The damaged heads of the environments that are planned: they cannot be moved, whatever else is done."""
    for name, one in live.items():
        address = document("environment", name)
        if one.problem is not None and (not addresses or any(covers(address, a) or covers(a, address) for a in addresses)):
            yield one.problem


def _find_drift(
    session: Session,
    recorded: State | None,
    state: State | None,
    live: Mapping[str, Live],
    changes: Sequence[Change],
    addresses: Sequence[str],
) -> tuple[Drift, ...]:
    """Where what is live differs from the state, for these addresses (none: all). `recorded`: the state with interrupted switches."""
    differences = drift(state, live, datasets(session.declarations), prepared(changes))
    lines = [*(interrupted(recorded, live) if recorded else ()), *differences]
    return tuple(line for line in lines if not addresses or any(line.address == a or covers(line.address, a) for a in addresses))
