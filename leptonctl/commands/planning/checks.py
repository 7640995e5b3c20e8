"""What is wrong with a plan, or worth a remark: holds, rules, placement, purged results. Reads what it must; changes nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from leptonctl.commands.planning.folder import folder_problem, local_states
from leptonctl.commands.planning.left_behind import forgotten_state
from leptonctl.commands.planning.recheck import recheck
from leptonctl.commands.planning.warnings import moving, warnings
from leptonctl.commands.recorded.recorded_recipes import recipes_before
from leptonctl.commands.session import Session
from leptonctl.core.address import covers, document, parse
from leptonctl.core.change import Change, Drift, Keep, Remove
from leptonctl.core.diagnostic import INVALID, Diagnostic, Failure, error, has_errors
from leptonctl.core.frozen import Frozen
from leptonctl.core.observed import Checkout, Live
from leptonctl.core.plan import Settled
from leptonctl.core.state import State
from leptonctl.core.store_records import Recipe
from leptonctl.deploying.look import is_here
from leptonctl.deploying.preflight import placement_problems
from leptonctl.kinds import rules
from leptonctl.kinds.dataset.version import datasets
from leptonctl.kinds.environment.binding import matching_withdrawals, package_of
from leptonctl.kinds.environment.holding import note_of_readmission, note_of_withdrawal, problem, span_of_hold, withdraws
from leptonctl.kinds.environment.kind import bindings, environments
from leptonctl.kinds.model.contract_conflicts import contract_conflicts
from leptonctl.kinds.model.kind import models
from leptonctl.kinds.needed_files import needed_files, needed_imports
from leptonctl.storage.artifacts import PURGED_HINT


class Actual(Frozen):
    """What there is, before anything is declared. `recorded`: the state as it is stored, None before the first apply.

    `state`: the same with interrupted switches settled. `live`: what serves each recorded environment.
    """

    recorded: State | None
    state: State | None
    live: Mapping[str, Live]


class Draft(Frozen):
    """A plan without its diagnostics. `addresses`: what it is limited to, none: all. `command`: what it is made for."""

    actual: Actual
    settled: Settled
    changes: tuple[Change, ...]
    drift: tuple[Drift, ...]
    checkout: Checkout
    addresses: Sequence[str]
    command: str
    allow_rewind: bool

    @property
    def state(self) -> State | None:
        return self.actual.state


def problems_of(session: Session, draft: Draft) -> tuple[Diagnostic, ...]:
    """All diagnostics of a plan. Failure (exit 3) for changes that no option allows."""
    settled, changes, state = draft.settled, draft.changes, draft.state
    purged, copied = _purged_steps(session, draft), _copied_folder(session, draft)
    return (
        *_unreadable_heads(draft),
        *filter(None, [forgotten_state(session, draft.actual.recorded)]),
        *copied,
        *purged.values(),
        *needed_files(datasets(session.declarations), changes, but=purged),
        *needed_imports(models(session.declarations), changes, session.facts, session.project),
        *contract_conflicts(models(session.declarations), changes, settled.results, session.catalog),
        *_broken_rules(session, draft),
        # in a copy, whatever listens is the original's
        *(() if copied else _placement(session, draft)),
        *_holds(session, draft),
        *recheck(session, settled, state, {node.address for node in moving(settled, changes)}),
        *warnings(session, settled, changes),
    )


def _unreadable_heads(draft: Draft) -> Iterator[Diagnostic]:
    """The damaged heads of the environments that are planned: they cannot be moved, whatever else is done."""
    for name, one in draft.actual.live.items():
        address = document("environment", name)
        if one.problem is not None and (not draft.addresses or any(covers(address, a) or covers(a, address) for a in draft.addresses)):
            yield one.problem


def _copied_folder(session: Session, draft: Draft) -> list[Diagnostic]:
    """An error when environments would be moved or healed in a folder that is a copy of the one that runs them."""
    addresses = [c.address for c in draft.changes if not isinstance(c, Keep)] + [d.address for d in draft.drift if d.drift_class == "heal"]
    problem = folder_problem(session, draft.state, {parse(a).name for a in addresses if parse(a).kind == "environment"})
    return [problem] if problem is not None else []


def _purged_steps(session: Session, draft: Draft) -> dict[str, Diagnostic]:
    """Errors for steps that would make again what was purged, by address: the same declaration reads the same rows."""
    keys = {step.key: change.address for change in draft.changes for step in change.steps if step.key is not None and not step.cached}
    problems: dict[str, Diagnostic] = {}
    for key, tombstone in session.store.purged_results(keys).items():
        node = draft.settled.by_address.get(keys[key])
        detail = f"it held what was purged on {tombstone.at} by {tombstone.by} ({tombstone.subject}); the same file holds it still"
        span = node.span if node else None
        problems[keys[key]] = error("purged", "A result was purged and is not built again", detail, span=span, hint=PURGED_HINT)
    return problems


def _broken_rules(session: Session, draft: Draft) -> tuple[Diagnostic, ...]:
    """The diagnostics of changes that may not be applied. Failure (exit 3) for those that no flag allows."""
    settled, changes, state = draft.settled, draft.changes, draft.state
    declared = environments(session.declarations)
    problems: list[Diagnostic] = []
    if state is not None:
        edited = rules.edited_seals(settled.by_address, state)
        recipes = session.recipes(set(edited.values())) if edited else {}
        before: dict[str, Recipe] = {}
        for place, declaration in edited.items():
            before |= recipes_before(session, place, recipes[declaration]) if declaration in recipes else {}
        problems += rules.seal_breaches(settled.by_address, state, recipes, purged=_purged_versions(session, state, edited), before=before)
    problems += rules.protection(declared, changes, state)
    declared_bindings, built = bindings(session.declarations), session.declarations.built
    problems += rules.readmissions(declared_bindings, changes, built, state, settled.results, way_back=draft.command == "rollback")
    problems += local_states(session)
    if has_errors(problems):
        raise Failure(problems, INVALID)
    rewinds = rules.rewind(declared, changes, state, draft.checkout)
    return tuple(problem for problem in rewinds if not (draft.allow_rewind and problem.id.startswith("rewind")))


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
        if session.store.tombstones_by_key(seen):
            found.add(version)
    return frozenset(found)


def _placement(session: Session, draft: Draft) -> list[Diagnostic]:
    """What prevents environments that would move from running where they are declared, according to their platforms."""
    changes, state, live = draft.changes, draft.state, draft.actual.live
    pending = [change.address for change in changes if not isinstance(change, Keep)]
    # an environment that is kept as it is runs where it runs
    held = {change.address for change in changes if change.is_held}
    problems: list[Diagnostic] = []
    leaving = {c.place.name for c in changes if isinstance(c, Remove) and c.place.member is None}
    for environment in environments(session.declarations).values():
        # without a binding nothing has to run
        if environment.bindings and environment.address not in held and any(environment.holds(address) for address in pending):
            record = state.environments.get(environment.name) if state else None
            here = is_here(record, session.root)
            platform = session.sites.platform(environment.platform)
            site = session.sites.site(state.lineage if state else "", environment.name, environment.platform, here=here)
            problems += placement_problems(environment, record, live.get(environment.name), site, platform, leaving=leaving)
    return problems


def _holds(session: Session, draft: Draft) -> Iterator[Diagnostic]:
    """A warning for each hold that an earlier run has met, and a note for each package that the plan would withdraw."""
    declared, binding_of = environments(session.declarations), bindings(session.declarations)
    for change in draft.changes:
        if change.hold is not None and change.hold.since:
            yield problem(change, change.hold, span_of_hold(change.hold, change.judgements, change))
        binding = binding_of.get(change.address)
        if binding is None or isinstance(change, Keep) or change.is_held:
            continue
        package = package_of(binding, session.declarations.built, draft.settled.results)
        if binding.readmit is not None and any(
            w.id == binding.readmit.withdrawal and w.readmitted is None
            for w in matching_withdrawals(binding, session.declarations.built, draft.state, draft.settled.results)
        ):
            yield note_of_readmission(change, binding.readmit)
        if withdraws(change, draft.state, declared.get(binding.environment), command=draft.command, package=package):
            yield note_of_withdrawal(change)
