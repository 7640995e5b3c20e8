"""Moves the environments of an apply: judges the gates, composes the new deployment, switches. Each may fail on its own."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from leptonctl.commands.built_pointers import pointer_of, recipe_of
from leptonctl.commands.routes import FILES, export_of, package_of, route_of
from leptonctl.commands.run import Run, author_of
from leptonctl.commands.session import Session
from leptonctl.commands.who import owner_of
from leptonctl.core.address import covers, document, parse, version_of
from leptonctl.core.change import Change, Remove
from leptonctl.core.deployment import Route
from leptonctl.core.diagnostic import GATE, STALE, Diagnostic, Failure, error
from leptonctl.core.event import StepFailed, StepFinished, StepProgress, StepSkipped
from leptonctl.core.frozen import replace
from leptonctl.core.gate import Judgement
from leptonctl.core.plan import Settled
from leptonctl.core.state import Author, Moved, Pointer, Seal, State, StepPointer
from leptonctl.core.state import Environment as EnvironmentRecord
from leptonctl.core.values import Json
from leptonctl.deploying.heal import heal
from leptonctl.deploying.look import is_here
from leptonctl.deploying.switch import Switch
from leptonctl.deploying.wanted import Wanted, moved_since
from leptonctl.kinds import binding as binding_of
from leptonctl.kinds.binding import Binding
from leptonctl.kinds.environment import Environment, bindings, environments
from leptonctl.kinds.gates import refusal, verdict_of
from leptonctl.kinds.judging import judge
from leptonctl.storage.claims import Registration, claimed, without_dead
from leptonctl.storage.owner import host_name
from leptonctl.storage.pointers import now

Judged = tuple[Change, tuple[Judgement, ...]]


@dataclass(slots=True, kw_only=True)
class Environments:
    """The environment part of one apply."""

    run: Run
    claim: Registration
    commit: str | None

    def heal(self) -> None:
        """Heal the environments that this apply does not move anyway, before anything is built (law 10)."""
        moving = {parse(c.address).name for c in self.run.planned.plan.moving if parse(c.address).kind == "environment"}
        for drift in self.run.planned.plan.drift:
            name = parse(drift.address).name
            if drift.drift_class == "heal" and name not in moving:
                self._heal(name)

    def move(self) -> None:
        """Move every environment that has changes, declared ones first."""
        touched = {parse(c.address).name: None for c in self.run.planned.plan.moving if parse(c.address).kind == "environment"}
        declared = [name for name in environments(self.run.session.declarations) if name in touched]
        for name in [*declared, *sorted(touched.keys() - set(declared))]:
            _Move(run=self.run, claim=self.claim, commit=self.commit, name=name).carry_out()

    def _heal(self, name: str) -> None:
        switch = switch_for(self.run, self.claim, self.commit, name)
        state = self.run.planned.state
        started = time.monotonic()
        try:
            self._check(name)
            heal(switch, name, here=is_here(state.environments.get(name) if state else None), routes=self._route)
        except Failure as failure:
            self.run.failed([("bind", document("environment", name))], failure, started)
            return
        self.run.healed.append(name)

    def _check(self, name: str) -> None:
        """Failure when a bound artifact is damaged in the store: a server would refuse it without a hint how to mend it."""
        state = self.run.planned.state
        for address, pointer in (state.entries(f"{document('environment', name)}/") if state else {}).items():
            self._route(address, pointer)

    def _route(self, address: str, pointer: Pointer) -> Route:
        return route_of(self.run.session, address, pointer, {})


@dataclass(slots=True, kw_only=True)
class _Move:
    """The move of one environment: decided once the environment is locked, reported once it has moved."""

    run: Run
    claim: Registration
    commit: str | None
    name: str
    ready: list[Judged] = field(default_factory=list)
    held: list[Judged] = field(default_factory=list)
    checks: dict[str, dict[str, Json]] = field(default_factory=dict)

    def carry_out(self) -> None:
        """Lock, judge, switch; report and count the bindings that do not move."""
        started = time.monotonic()
        address = document("environment", self.name)
        changes = [c for c in self.run.planned.plan.moving if covers(address, c.address)]
        try:
            switch_for(self.run, self.claim, self.commit, self.name).move(
                self.name, lambda state: self._decide(state, changes), here=self._here()
            )
        except Failure as failure:
            moving = [change.address for change, _ in self.ready] or [c.address for c in changes]
            self.run.failed([("bind", a) for a in moving if parse(a).member is not None] or [("bind", a) for a in moving], failure, started)
            return
        if not self.ready and not self.held and not self.run.skipped:
            self.run.changed.append(self.name)
        seconds = round(time.monotonic() - started, 3)
        for change, found in self.ready:
            self.run.effects.append("bind")
            finished = StepFinished(
                op="bind", address=change.address, name="bind", key=None, seconds=seconds, judgements=found, message=_versions(change)
            )
            self.run.reporter(finished)

    def _here(self) -> bool:
        state = self.run.planned.state
        return is_here(state.environments.get(self.name) if state else None)

    def _decide(self, state: State, changes: list[Change]) -> Wanted:
        """What the environment should be, with the gates judged against what is bound now. Called once it is locked."""
        keys, results = self.run.evidence()
        settled = replace(self.run.planned.settled, keys=keys, results=results)
        for change in changes:
            if parse(change.address).member is not None:
                self._judge(change, state, settled)
        declared = environments(self.run.session.declarations).get(self.name)
        if (self.held or self.run.skipped) and declared is not None and declared.together and len(self.ready) < self._count(changes):
            for change, _ in self.ready:
                self._skip(change, f"bind of {self._first_left(changes)}")
            self.ready.clear()
        moving = {change.address: self._pointer(change, settled, state) for change, _ in self.ready}
        own = self._own_pointer(changes, state)
        # a pointer names its declaration, so the recipe has to be in the store first
        nodes = (settled.by_address[address] for address, pointer in {**moving, **own}.items() if pointer is not None)
        self.run.session.store.put_recipes({node.declaration: recipe_of(node) for node in nodes})
        return Wanted(
            bindings={**moving, **own} if moving or self._own_moves(changes) else {},
            environment=self._record(declared, changes, state),
            routes=lambda address, pointer: route_of(self.run.session, address, pointer, self.checks),
            seals=self._seals(declared, moving, state),
            before={change.address: (change.before, change.before_version) for change, _ in self.ready},
            evidence=tuple(verdict_of(c.address, j) for c, found in (*self.ready, *self.held) for j in found),
            held=tuple(_moved(change) for change, _ in self.held),
            returning=bool(self.ready) and all(change.is_return for change, _ in self.ready),
        )

    def _count(self, changes: list[Change]) -> int:
        return sum(parse(c.address).member is not None for c in changes)

    def _first_left(self, changes: list[Change]) -> str:
        ready = {change.address for change, _ in self.ready}
        return next(c.address for c in changes if parse(c.address).member is not None and c.address not in ready)

    # --- gates -----------------------------------------------------------------------------------------------------

    def _judge(self, change: Change, state: State, settled: Settled) -> None:
        """Decide whether a binding may move, with the evidence; report and count it if it may not."""
        if isinstance(change, Remove):
            self.ready.append((change, ()))
            return
        binding = bindings(self.run.session.declarations)[change.address]
        obstacle = self._obstacle(change, binding, settled)
        if obstacle is not None:
            self._skip(change, obstacle)
            return
        declarations = self.run.session.declarations
        # decided again, since an artifact that was lost and rebuilt may be another package now
        returning = binding_of.is_return(binding, declarations.built, state, settled.results)
        found = judge(binding, declarations, settled, state, returning=returning)
        if moved_since(state, {change.address: (change.before, change.before_version)}):
            self._hold(change, _stale(change), found, STALE)
        elif not returning and (reason := refusal(found)):
            self._hold(change, _refused(change, reason, found), found, GATE)
            self.held.append((change, found))
        else:
            self.checks[change.address] = binding.checks
            self.ready.append((replace(change, is_return=returning), found))

    def _obstacle(self, change: Change, binding: Binding, settled: Settled) -> str | None:
        """The step whose missing result prevents this binding from being judged or moved, or None."""
        model = settled.by_address[binding.model.address]
        places = [*(step.place for step in model.steps), *(s.step.place for s in change.steps if not s.effect)]
        failed_step = self.run.built.obstacle(places)
        if failed_step is not None:
            return failed_step
        # a model that is not part of this plan must be built already
        export = settled.keys.of(model.address, "export")
        pointer = settled.current.get(model.address)
        in_place = export in settled.results or (pointer is not None and pointer.key("export") == export)
        return None if in_place else f"export of {model.address}"

    def _skip(self, change: Change, because: str) -> None:
        self.run.skipped += 1
        self.run.reporter(StepSkipped(op="bind", address=change.address, name="bind", key=None, because=because))

    def _hold(self, change: Change, problem: Diagnostic, found: tuple[Judgement, ...], code: int) -> None:
        self.run.held += 1
        self.run.codes.append(code)
        self.run.reporter(
            StepFailed(
                op="bind",
                address=change.address,
                name="bind",
                key=None,
                seconds=0.0,
                diagnostic=problem,
                gate=code == GATE,
                judgements=found,
            )
        )

    # --- the environment after the move ----------------------------------------------------------------------------

    def _pointer(self, change: Change, settled: Settled, state: State) -> Pointer | None:
        """The new pointer of the binding, to the version as it is built now; None when the binding is removed."""
        if isinstance(change, Remove):
            return None
        binding = bindings(self.run.session.declarations)[change.address]
        node, model = settled.by_address[change.address], settled.by_address[binding.model.address]
        built = pointer_of(model, settled.keys, settled.results, state.current.get(model.address))
        rows = binding.model.prepare
        steps = {**pointer_of_steps(rows.name, rows.op, rows.key), **built.steps}
        export = export_of(self.run.session, built)
        return replace(
            built, steps=steps, declaration=node.declaration, package=package_of(export), version=binding.version, effect=True,
            artifact=export.artifacts.get(FILES[0]),
        )  # fmt: skip

    def _own_moves(self, changes: list[Change]) -> bool:
        return any(parse(c.address).member is None for c in changes)

    def _own_pointer(self, changes: list[Change], state: State) -> dict[str, Pointer | None]:
        """The environment's own pointer if it is declared and moves, by address."""
        address = document("environment", self.name)
        node = self.run.planned.settled.by_address.get(address)
        if node is None:
            return {}
        recorded = state.current.get(address)
        if recorded is not None and recorded.digest == node.digest and not self._own_moves(changes):
            return {}
        return {address: Pointer(digest=node.digest, declaration=node.declaration, effect=True)}

    def _record(self, declared: Environment | None, changes: list[Change], state: State) -> EnvironmentRecord | None:
        """The environment's record as wanted; None when it is destroyed."""
        recorded = state.environments.get(self.name)
        if declared is None:
            # no longer declared: destroyed if the plan says so, unchanged if only one of its bindings is removed
            return None if self._own_moves(changes) else recorded
        return EnvironmentRecord(
            platform=declared.platform,
            protected=declared.protected,
            requests=declared.requests,
            host=host_name() if is_here(recorded) or recorded is None else recorded.host,
            commit=self.commit,
        )

    def _seals(self, declared: Environment | None, moving: Mapping[str, Pointer | None], state: State) -> dict[str, Seal]:
        """A seal for every version bound in a protected environment after the switch. Its recipe is stored before the seal names it."""
        if declared is None or not declared.protected:
            return {}
        seals: dict[str, Seal] = {}
        after = {**state.entries(declared.address + "/"), **moving}
        by_address = self.run.planned.settled.by_address
        for address, pointer in after.items():
            version = version_of("model", parse(address).member or "", pointer.version or "") if pointer else ""
            node = by_address.get(version)
            if pointer is not None and node is not None and node.digest == pointer.digest and version not in state.sealed:
                self.run.session.store.put_recipes({node.declaration: recipe_of(node)})
                seals[version] = Seal(digest=node.digest, declaration=node.declaration, environment=declared.name, at=now())
        return seals


def pointer_of_steps(name: str, op: str, key: str | None) -> dict[str, StepPointer]:
    """One step of a pointer, by name; empty without a key."""
    return {name: StepPointer(op=op, key=key)} if key is not None else {}


def switch_for(run: Run, claim: Registration, commit: str | None, name: str) -> Switch:
    """A switch for one environment, which reports its progress under that environment's address."""
    started = time.monotonic()

    def say(line: str) -> None:
        seconds = round(time.monotonic() - started, 3)
        run.reporter(StepProgress(op="bind", address=document("environment", name), name="bind", seconds=seconds, message=line))

    session = run.session
    author = replace(author_of(run), commit=commit)
    return Switch(
        pointers=session.pointers, claim=claim, author=author, platforms=session.catalog.platforms, root=session.root,
        store=session.settings.store, say=say,
    )  # fmt: skip


def recover(session: Session) -> None:
    """Complete or drop, as the head says, every switch whose apply has died; drop the claims and locks of dead holders."""
    state = session.pointers.read()
    if state is None:
        return
    alive = without_dead(state, session.liveness)
    dead = [name for name, pending in state.pending.items() if pending.claim not in alive.applies]
    if dead:
        owner = owner_of(session)
        with claimed(session.pointers, owner, [], liveness=session.liveness) as claim:
            switch = Switch(
                pointers=session.pointers, claim=claim, author=Author(command="recover", by=owner.user, host=owner.host),
                platforms=session.catalog.platforms, root=session.root, store=session.settings.store,
            )  # fmt: skip
            for name in dead:
                switch.recover(name, here=is_here(state.environments.get(name)))
    session.pointers.move(lambda now_: without_dead(now_, session.liveness))


def _refused(change: Change, reason: str, found: tuple[Judgement, ...]) -> Diagnostic:
    """The diagnostic of a binding that a gate holds."""
    return error(
        "gate-failed",
        "A version did not pass a gate",
        f"{change.address} stays at {change.before_version or 'nothing'}: {reason}",
        span=next(j.gate.span for j in found if j.passed is not True),
        hint="bind another version, or change the gate in a reviewed commit",
    )


def _stale(change: Change) -> Diagnostic:
    detail = f"{change.address}: changed since the plan; what was built stays in the store"
    return error("stale-binding", "A binding has changed since it was planned", detail, hint="run `leptonctl plan` again")


def _moved(change: Change) -> Moved:
    """The history's entry of a binding that was held."""
    return Moved(
        address=change.address, before=change.before, after=change.after,
        before_version=change.before_version, after_version=change.after_version,
    )  # fmt: skip


def _versions(change: Change) -> str:
    return f"{change.before_version or 'nothing'} → {change.after_version or 'nothing'}"
