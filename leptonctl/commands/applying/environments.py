"""Heals and moves the environments of an apply, each under its own lock. The failure of one does not affect the others."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from leptonctl.commands.applying.built_pointers import recipe_of
from leptonctl.commands.applying.composition import compose
from leptonctl.commands.applying.decision import Decision, Held, Move, Ready, Skipped, decide
from leptonctl.commands.applying.routes import route_of
from leptonctl.commands.applying.run import Run
from leptonctl.commands.who import author_of
from leptonctl.core.address import covers, document, parse
from leptonctl.core.change import Change, Remove
from leptonctl.core.deployment import Route
from leptonctl.core.diagnostic import GATE, Failure
from leptonctl.core.event import StepFailed, StepFinished, StepProgress, StepSkipped
from leptonctl.core.frozen import replace
from leptonctl.core.holds import Act
from leptonctl.core.state import Author, Pointer, State
from leptonctl.deploying.fleet import Fleet, nobody
from leptonctl.deploying.heal import heal
from leptonctl.deploying.look import is_here
from leptonctl.deploying.switch import Switch
from leptonctl.deploying.wanted import Wanted
from leptonctl.kinds.environment.kind import environments
from leptonctl.spi.platforms import placement
from leptonctl.storage.claims import Registration


def _no_route(address: str, _pointer: Pointer) -> Route:
    raise AssertionError(address)


NOTHING = Wanted(bindings={}, environment=None, routes=_no_route)


@dataclass(slots=True, kw_only=True)
class Environments:
    """The environment part of one apply. `commit`: the one that it applies, None when unknown. `mended`: those it has tried to heal."""

    run: Run
    claim: Registration
    commit: str | None
    mended: set[str] = field(default_factory=set)

    def heal(self) -> None:
        """Heal the environments that this apply does not move anyway, before anything is built (law 10)."""
        for name in sorted(self._to_heal() - self._moving(held=False)):
            self._heal(name)

    def move(self) -> None:
        """Move every environment that has changes, declared ones first."""
        moving = self._moving()
        declared = [name for name in environments(self.run.session.declarations) if name in moving]
        for name in [*declared, *sorted(moving - set(declared))]:
            self._move(name)

    def _moving(self, *, held: bool = True) -> set[str]:
        """The environments with changes; without `held`, those of which not all changes are known to be held."""
        changes = [c for c in self.run.planned.plan.moving if c.place.kind == "environment"]
        return {c.place.name for c in changes if held or not c.is_held}

    def _to_heal(self) -> set[str]:
        return {drift.place.name for drift in self.run.planned.plan.drift if drift.drift_class == "heal"}

    def _heal(self, name: str) -> None:
        started = time.monotonic()
        self.mended.add(name)
        try:
            self._check_artifacts(name)
            self._keep_recipes(name)
            heal(self._switch(name), name, here=self._is_here(name), routes=self._route)
        except Failure as failure:
            self.run.failed([("bind", document("environment", name))], failure, started)
        else:
            self.run.healed.append(name)

    def _check_artifacts(self, name: str) -> None:
        """Failure when a bound artifact is damaged in the store: a server would refuse it without a hint how to repair it."""
        state = self.run.planned.state
        for address, pointer in (state.entries(f"{document('environment', name)}/") if state else {}).items():
            self._route(address, pointer)

    def _keep_recipes(self, name: str) -> None:
        """Write the recipes of what is bound as it is declared: an older copy of the store may have been put back."""
        state, settled = self.run.planned.state, self.run.planned.settled
        entries = state.entries(document("environment", name)) if state else {}
        nodes = {pointer.declaration: settled.by_address.get(address) for address, pointer in entries.items()}
        self.run.session.store.put_recipes({d: recipe_of(node) for d, node in nodes.items() if node is not None and node.declaration == d})

    def _route(self, address: str, pointer: Pointer) -> Route:
        return route_of(self.run.session, address, pointer, {})

    def _move(self, name: str) -> None:
        """Lock, decide, switch; report and count the bindings that do not move."""
        started = time.monotonic()
        changes = tuple(c for c in self.run.planned.plan.moving if covers(document("environment", name), c.address))
        decision, wanted = Decision(), NOTHING

        def settle(state: State) -> Wanted:
            nonlocal decision, wanted
            keys, results = self.run.evidence()
            settled = replace(self.run.planned.settled, keys=keys, results=results)
            declarations = self.run.session.declarations
            move = Move(name=name, changes=changes, declarations=declarations, settled=settled, state=state, author=self._author)
            decision = decide(move, self.run.built)
            self._report(decision)
            wanted = compose(self.run.session, move, decision)
            return wanted

        try:
            outcome = self._switch(name).move(name, settle, here=self._is_here(name))
        except Failure as failure:
            moving = [one.change.address for one in decision.ready] or [change.address for change in changes]
            bindings = [address for address in moving if parse(address).member is not None]
            self.run.failed([("bind", address) for address in bindings or moving], failure, started)
            return
        if not outcome.moved and name in self._to_heal() - self.mended:
            # everything was held in the end, so the move has mended nothing
            self._heal(name)
        if not decision.outcomes:
            self.run.changed.append(name)
        note = outcome.lagging or self._unserved(name, outcome.state)
        for one in decision.ready:
            self._report_bound(one, round(time.monotonic() - started, 3), note)
        self.run.withdrawn += [
            {"environment": name, "id": act.withdrawal, "model": act.model, "version": act.version, **_other_build(act, changes)}
            for act in wanted.acts
            if act.kind == "withdrawn"
        ]

    def _is_here(self, name: str) -> bool:
        state = self.run.planned.state
        return is_here(state.environments.get(name) if state else None, self.run.session.root)

    def _switch(self, name: str) -> Switch:
        """A switch for one environment, which reports its progress under that environment's address."""
        started = time.monotonic()

        def say(line: str) -> None:
            seconds = round(time.monotonic() - started, 3)
            self.run.reporter(StepProgress(op="bind", address=document("environment", name), name="bind", seconds=seconds, message=line))

        return self.run.session.switch(self.claim, self._author, say)

    @property
    def _author(self) -> Author:
        return replace(author_of(self.run.owner, self.run.command), commit=self.commit)

    def _report(self, decision: Decision) -> None:
        """Report the bindings that do not move, with the reason, and count them for the exit code."""
        for outcome in decision.outcomes:
            address = outcome.change.address
            if isinstance(outcome, Held | Skipped) and outcome.hold is not None:
                self.run.holds.append(address)
            if isinstance(outcome, Held) and outcome.is_known:
                because, diagnostic = outcome.hold.reason if outcome.hold else "", outcome.problem
                skipped = StepSkipped(op="bind", address=address, name="bind", key=None, because=because, diagnostic=diagnostic)
                self.run.reporter(skipped)
            elif isinstance(outcome, Held):
                self.run.held += 1
                self.run.codes.append(outcome.exit_code)
                self._report_held(outcome)
            elif isinstance(outcome, Skipped):
                self.run.skipped += 1
                self.run.reporter(StepSkipped(op="bind", address=address, name="bind", key=None, because=outcome.because))

    def _report_held(self, held: Held) -> None:
        self.run.reporter(
            StepFailed(
                op="bind",
                address=held.change.address,
                name="bind",
                key=None,
                seconds=0.0,
                diagnostic=held.problem,
                gate=held.exit_code == GATE,
                judgements=held.judgements,
            )
        )

    def _unserved(self, name: str, state: State) -> str:
        """What is still to be done for an environment elsewhere that no living server serves; "" if one does."""
        record = state.environments.get(name)
        if record is None or record.destroyed or placement(record.platform) == "here":
            return ""
        session = self.run.session
        fleet = Fleet(lineage=session.lineage(state), environment=name, liveness=session.liveness)
        return "" if fleet.living() else nobody(name, was_served=fleet.was_served(record))

    def _report_bound(self, ready: Ready, seconds: float, note: str) -> None:
        self.run.effects.append("bind")
        self.run.reporter(
            StepFinished(
                op="bind",
                address=ready.change.address,
                name="bind",
                key=None,
                seconds=seconds,
                judgements=ready.judgements,
                message=_versions(ready.change) + (f"; {note}" if note and not isinstance(ready.change, Remove) else ""),
            )
        )


def _versions(change: Change) -> str:
    return f"{change.before_version or 'unbound'} → {change.after_version or 'unbound'}"


def _other_build(act: Act, changes: Iterable[Change]) -> dict[str, str]:
    """The digest of a withdrawn version where another build of this version is bound now."""
    change = next((c for c in changes if c.place.member == act.model), None)
    if change is None or change.before is None or change.after_version != act.version:
        return {}
    return {"digest": change.before}
