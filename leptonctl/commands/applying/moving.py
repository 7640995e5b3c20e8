"""Moves the environments of an apply, each under its own lock: lock, decide, compose, switch.

The failure of one does not affect the others.
"""

import time
from collections.abc import Mapping
from pathlib import Path

from leptonctl.commands.applying.bind_events import count_withdrawn, report_moved, report_unmoved
from leptonctl.commands.applying.healing import heal_environment, to_heal
from leptonctl.commands.applying.held import acts_of_holds, holds_after, unmoved_entry
from leptonctl.commands.applying.routes import export_of, package_of, route_of
from leptonctl.commands.applying.run import Run
from leptonctl.commands.applying.withdrawing import withdrawals_after
from leptonctl.commands.session import Session
from leptonctl.core.address import covers, document, parse, version_of
from leptonctl.core.change import Change, Remove
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import replace
from leptonctl.core.holds import Withdrawal
from leptonctl.core.manifest import GRAPH_FILE
from leptonctl.core.node_records import pointer_of, recipe_of
from leptonctl.core.state import Environment as EnvironmentRecord
from leptonctl.core.state import Pointer, Seal, State, StepPointer
from leptonctl.deploying.desired import Desired, pointers_after
from leptonctl.deploying.look import is_here
from leptonctl.kinds.environment.gates import verdict_of
from leptonctl.kinds.environment.judging import Decision, Move, decide
from leptonctl.kinds.environment.kind import Environment, bindings, environments
from leptonctl.spi.platforms import placement
from leptonctl.storage.folder_identity import path_of
from leptonctl.storage.owner import host_name
from leptonctl.storage.pointers import now


def move_environments(run: Run) -> None:
    """Move every environment that has changes, declared ones first."""
    moving = {change.place.name for change in run.planned.plan.moving if change.place.kind == "environment"}
    declared = [name for name in environments(run.session.declarations) if name in moving]
    for name in [*declared, *sorted(moving - set(declared))]:
        _move(run, name)


def _move(run: Run, name: str) -> None:
    """Move one environment; report and count its bindings, also those that do not move."""
    started, here, switch = time.monotonic(), run.is_here(name), run.switch(name)
    changes = tuple(change for change in run.planned.plan.moving if covers(document("environment", name), change.address))
    decision = Decision()
    try:
        with switch.hold(name, here=here) as locked:
            move = _move_of(run, name, changes, locked.state)
            decision = decide(move, run.built.obstacle)
            report_unmoved(run, decision)
            desired = compose(run.session, move, decision)
            outcome = switch.move(locked, desired, here=here)
    except Failure as failure:
        moving = [one.change.address for one in decision.ready] or [change.address for change in changes]
        members = [address for address in moving if parse(address).member is not None]
        run.report_failure([("bind", address) for address in members or moving], failure, started)
        return
    if not outcome.moved and name in to_heal(run) - run.tally.mended:
        # everything was held in the end, so the move has mended nothing
        heal_environment(run, name)
    report_moved(run, name, decision, outcome, round(time.monotonic() - started, 3))
    count_withdrawn(run, name, desired.acts, changes)


def _move_of(run: Run, name: str, changes: tuple[Change, ...], state: State) -> Move:
    """The move with the results of this apply's own steps, and what is bound now."""
    keys, results = run.evidence()
    settled = replace(run.planned.settled, keys=keys, results=results)
    return Move(name=name, changes=changes, declarations=run.session.declarations, settled=settled, state=state, author=run.author)


def compose(session: Session, move: Move, decision: Decision) -> Desired:
    """The desired environment. Stores every recipe that a pointer or a seal names before it returns."""
    declared = environments(move.declarations).get(move.name)
    bound = {one.change.address: _binding_pointer(session, one.change, move) for one in decision.ready}
    own = _own_pointer(move)
    nodes = (move.settled.by_address[address] for address, pointer in {**bound, **own}.items() if pointer is not None)
    session.store.put_recipes({node.declaration: recipe_of(node) for node in nodes})
    checks = {one.change.address: one.checks for one in decision.ready if not isinstance(one.change, Remove)}
    judged = [(one.change.address, one.judgements) for one in decision.ready]
    newly_held = [one for one in decision.held if not one.is_known]
    judged += [(one.change.address, one.judgements) for one in newly_held]
    at = now()
    withdrawals, acts = withdrawals_after(move, decision.ready, bound, at)
    returning = bool(decision.ready) and all(one.change.is_return for one in decision.ready)
    bindings = {**bound, **own} if bound or move.itself else {}
    environment = _record(move, declared, withdrawals, session.root, returning=returning)
    # nothing serves a destroyed environment, and what does not move has its routes
    after = pointers_after(move.state, move.name, bindings) if bindings and environment is not None else {}
    return Desired(
        bindings=bindings,
        environment=environment,
        routes={address: route_of(session, address, pointer, checks) for address, pointer in after.items()},
        seals=_seals(session, declared, bound, move),
        before={one.change.address: (one.change.before, one.change.before_version) for one in decision.ready},
        evidence=tuple(verdict_of(address, judgement) for address, judgements in judged for judgement in judgements),
        held=tuple(unmoved_entry(one.change) for one in newly_held),
        returning=returning,
        holds=holds_after(move, decision, at),
        acts=(*acts, *acts_of_holds(newly_held)),
    )


def _binding_pointer(session: Session, change: Change, move: Move) -> Pointer | None:
    """The new pointer of a binding, to the version as it is built now; None when the binding is removed."""
    if isinstance(change, Remove):
        return None
    settled = move.settled
    binding = bindings(move.declarations)[change.address]
    node, model = settled.by_address[change.address], settled.by_address[binding.model.address]
    built = pointer_of(model, settled.keys, settled.results, move.state.current.get(model.address))
    rows = binding.model.prepare
    prepare = {rows.name: StepPointer(op=rows.op, key=rows.key)} if rows.key is not None else {}
    export = export_of(session, built)
    return replace(
        built,
        steps={**prepare, **built.steps},
        declaration=node.declaration,
        package=package_of(export),
        version=binding.version,
        effect=True,
        artifact=export.artifacts.get(GRAPH_FILE),
    )


def _own_pointer(move: Move) -> dict[str, Pointer | None]:
    """The environment's own pointer by its address, if it is declared and differs."""
    address = document("environment", move.name)
    node = move.settled.by_address.get(address)
    if node is None:
        return {}
    recorded = move.state.current.get(address)
    if move.keeps_settings:
        return {}
    if recorded is not None and recorded.digest == node.digest and not move.itself:
        return {}
    return {address: Pointer(digest=node.digest, declaration=node.declaration, effect=True)}


def _record(
    move: Move, declared: Environment | None, withdrawals: tuple[Withdrawal, ...], root: Path, *, returning: bool
) -> EnvironmentRecord | None:
    """The desired record of the environment; None when it is destroyed. `root`: the project's folder.

    A return, or an apply of files that differ from their commit, leaves the commit that later ones must contain (protocols 7).
    """
    recorded = move.state.environments.get(move.name)
    author = move.author
    if declared is None:
        # no longer declared: destroyed if the plan says so, unchanged if only one of its bindings is removed
        return None if move.itself else recorded
    settings = recorded if recorded is not None and move.keeps_settings else declared
    host, folder = (recorded.host, recorded.folder) if recorded else ("", "")
    if placement(settings.platform) == "here" and is_here(recorded, root):
        host, folder = host_name(), path_of(root)
    return EnvironmentRecord(
        platform=settings.platform,
        protected=settings.protected,
        requests=settings.requests,
        host=host,
        folder=folder,
        commit=None if returning or author.dirty else author.commit,
        dirty=author.dirty,
        withdrawals=withdrawals,
    )


def _seals(session: Session, declared: Environment | None, bound: Mapping[str, Pointer | None], move: Move) -> dict[str, Seal]:
    """Seals for the versions that a protected environment binds after the switch, unless they are sealed already.

    One that had to change, since its rows were purged, is sealed again.
    """
    recorded = move.state.environments.get(move.name)
    settings = recorded if move.keeps_settings else declared
    if declared is None or settings is None or not settings.protected:
        return {}
    seals: dict[str, Seal] = {}
    for address, pointer in {**move.state.entries(declared.address + "/"), **bound}.items():
        version = version_of("model", parse(address).member or "", pointer.version or "") if pointer else ""
        node = move.settled.by_address.get(version)
        seal = move.state.sealed.get(version)
        if pointer is not None and node is not None and node.digest == pointer.digest and (seal is None or seal.digest != node.digest):
            session.store.put_recipes({node.declaration: recipe_of(node)})
            seals[version] = Seal(digest=node.digest, declaration=node.declaration, environment=declared.name, at=now())
    return seals
