"""Moves the environments of an apply: judges the gates, composes the new set, switches. One failing leaves the others alone."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from leptonctl.commands.entries import entry_of
from leptonctl.commands.run import Run
from leptonctl.core.change import Change, Judgement, Remove
from leptonctl.core.diagnostic import ERROR, GATE, STALE, Diagnostic, Failure, error
from leptonctl.core.event import StepFailed, StepFinished, StepProgress, StepSkipped
from leptonctl.core.graph import Keys, resolve_keys
from leptonctl.core.record import Entry, State
from leptonctl.core.values import Json, Node, Result
from leptonctl.deploying.switch import Switch, Target, moved_since, problem_of
from leptonctl.kinds.configuration import is_return
from leptonctl.kinds.environment import Binding, Environment
from leptonctl.kinds.gates import judgements
from leptonctl.storage.claims import Claim
from leptonctl.storage.pointers import now

Judged = tuple[Change, tuple[Judgement, ...]]


@dataclass(slots=True, kw_only=True)
class Environments:
    """The environment part of one apply. `refused`: environment -> what its gates held."""

    run: Run
    claim: Claim
    commit: str | None
    refused: dict[str, list[Judged]] = field(default_factory=dict)

    def move(self) -> None:
        """Every environment with something to do, declared ones first."""
        plan = self.run.planned.plan
        touched = {_name(c.address) for c in plan.moving if c.address.startswith("environment/")}
        touched |= {_name(d.address) for d in plan.drift if d.drift_class == "heal"}
        declared = [name for name in self.run.planned.configuration.environments if name in touched]
        for name in [*declared, *sorted(touched - set(declared))]:
            self._environment(name)

    def _environment(self, name: str) -> None:
        changes = [c for c in self.run.planned.plan.moving if _name(c.address) == name]
        bindings = [c for c in changes if c.address.count("/") == 2]  # noqa: PLR2004 - environment/E/M
        switch = self._switch(name)
        started = time.monotonic()
        try:
            state = switch.lock(name)
        except Failure as held:
            self._all_failed(name, bindings or changes, held, started)
            return
        try:
            keys, results = self._evidence(state)
            ready = list(self._gated(bindings, state, keys, results))
            own = [c for c in changes if c not in bindings]
            if ready or own:
                self._switched(name, switch, ready, state, keys, results, started)
            elif self.refused.get(name):
                switch.refuse(self._target(name, [], state, keys, results))
            elif not changes:
                switch.heal(self._target(name, [], state, keys, results))
        except Failure as failure:
            self._all_failed(name, bindings or changes, failure, started)
        finally:
            switch.unlock(name)

    def _switched(
        self, name: str, switch: Switch, ready: list[Judged], state: State, keys: Keys,
        results: Mapping[str, Result], started: float,
    ) -> None:  # fmt: skip
        target = self._target(name, ready, state, keys, results)
        switch.run(target, self.run.planned.live.get(name))
        for change, found in ready:
            self.run.bound += 1
            seconds = round(time.monotonic() - started, 3)
            self.run.reporter(
                StepFinished(op="bind", address=change.address, key=None, seconds=seconds, judgements=found, message=_move(change))
            )

    def _gated(self, bindings: list[Change], state: State, keys: Keys, results: Mapping[str, Result]) -> Iterator[Judged]:
        """The bindings that may move, with their evidence. What is held is told and counted."""
        ready: list[Judged] = []
        held: list[Change] = []
        for change in bindings:
            if isinstance(change, Remove):
                ready.append((change, ()))
                continue
            binding = self._binding(change.address)
            obstacle = self._obstacle(change, binding, keys, results)
            if obstacle is not None:
                self._skip(change, obstacle)
                held.append(change)
                continue
            # asked again: an artifact that was lost and built anew may have come out as other bytes
            returning = is_return(binding, self.run.planned.configuration, state, results)
            found = judgements(binding, self.run.planned.configuration, keys, state, results, is_return=returning)
            stale = moved_since(state, self._expecting(change))
            problem = _stale(change) if stale else None if returning else _refusal(change, found)
            if problem is None:
                ready.append((change, found))
            else:
                self._hold(change, problem, found, STALE if stale else GATE)
                if not stale:
                    self.refused.setdefault(_name(change.address), []).append((change, found))
                held.append(change)
        environment = self.run.planned.configuration.environments.get(_name(bindings[0].address)) if bindings else None
        if held and environment is not None and environment.together:
            for change, _ in ready:
                self._skip(change, f"bind of {held[0].address}")
            return
        yield from ready

    def _obstacle(self, change: Change, binding: Binding, keys: Keys, results: Mapping[str, Result]) -> str | None:
        """The step whose missing result keeps this binding from being judged or moved."""
        built = self.run.built
        model = binding.model.address
        node = self._node(model)
        places = [*((model, step.op) for step in node.steps), *((s.address, s.op) for s in change.steps if s.op != "bind")]
        failed = built.obstacle(places)
        if failed is not None:
            return failed
        # a model that stands outside this plan must be in place already
        export = keys.of(model, "export")
        entry = self.run.planned.state.current.get(model) if self.run.planned.state else None
        in_place = export in results or (entry is not None and entry.steps.get("export") == export)
        return None if in_place else f"export of {model}"

    def _target(self, name: str, ready: list[Judged], state: State, keys: Keys, results: Mapping[str, Result]) -> Target:
        environment = self.run.planned.configuration.environments.get(name)
        entries = {change.address: self._entry(change, state, keys, results) for change, _ in ready}
        recorded = state.environments.get(name, {})
        refused = self.refused.get(name, [])
        return Target(
            name=name,
            bindings=entries,
            environment=self._environment_entry(name, state),
            platform=environment.platform if environment else cast("dict[str, Json]", recorded.get("platform") or {}),
            protected=environment.protected if environment else bool(recorded.get("protected")),
            requests=environment.requests if environment else str(recorded.get("requests") or "lenient"),
            seals=self._seals(environment, entries, state),
            before={change.address: (change.before, change.before_version) for change, _ in ready},
            evidence=[gate for change, found in (*ready, *refused) for gate in _evidence(change, found)],
            held=[_held(change) for change, _ in refused],
        )

    def _entry(self, change: Change, state: State, keys: Keys, results: Mapping[str, Result]) -> Entry | None:
        """What the binding points at: the version's own entry, as it is built now."""
        if isinstance(change, Remove):
            return None
        binding = self._binding(change.address)
        node = self._node(binding.model.address)
        made = entry_of(node, keys, results, state.current.get(node.address))
        steps = {"prepare": str(binding.model.prepare.key), **made.steps}
        recipe: dict[str, Json] = {"model": binding.model.declared.name, "version": binding.model.declared.version}
        metadata: dict[str, Json] = {"checks": binding.model.dataset.checks}
        return replace(
            made, steps=steps, version=binding.model.declared.version, recipe=recipe, reads={}, seconds={}, metadata=metadata, effect=True
        )

    def _environment_entry(self, name: str, state: State) -> Entry | None:
        address = f"environment/{name}"
        if name not in self.run.planned.configuration.environments:
            # no longer declared: given up when the plan says so, and as it was when only a binding of it is taken out
            given_up = any(c.address == address for c in self.run.planned.plan.moving)
            return None if given_up else state.current.get(address)
        node = self._node(address)
        return Entry(digest=node.digest, recipe=node.recipe, metadata=node.metadata, effect=True)

    def _seals(self, environment: Environment | None, entries: Mapping[str, Entry | None], state: State) -> dict[str, dict[str, Json]]:
        if environment is None or not environment.protected:
            return {}
        seals: dict[str, dict[str, Json]] = {}
        bound = {a: e for a, e in {**state.entries(environment.address + "/"), **entries}.items() if e is not None}
        for address, entry in bound.items():
            model = f"model/{address.rpartition('/')[2]}@{entry.version}"
            node = next((n for n in self.run.planned.nodes if n.address == model and n.digest == entry.digest), None)
            if node is not None:
                seals[model] = {"digest": entry.digest, "recipe": node.recipe, "environment": environment.name, "at": now()}
        return seals

    def _evidence(self, state: State) -> tuple[Keys, dict[str, Result]]:
        planned = self.run.planned
        results = {**planned.results, **{r.key: r for r in self.run.built.results.values()}}
        return resolve_keys(planned.nodes, state.current, results), results

    def _switch(self, name: str) -> Switch:
        session = self.run.session
        started = time.monotonic()

        def progress(message: str) -> None:
            seconds = round(time.monotonic() - started, 3)
            self.run.reporter(StepProgress(op="bind", address=f"environment/{name}", seconds=seconds, message=message))

        return Switch(
            pointers=session.pointers, store=session.store, root=session.root, store_uri=session.store_uri, claim=self.claim,
            command=self.run.command, commit=self.commit, progress=progress,
        )  # fmt: skip

    def _expecting(self, change: Change) -> Target:
        return Target(
            name="", bindings={}, environment=None, platform={}, protected=False, requests="lenient", seals={},
            before={change.address: (change.before, change.before_version)},
        )  # fmt: skip

    def _binding(self, address: str) -> Binding:
        return self.run.planned.configuration.bindings[address]

    def _node(self, address: str) -> Node:
        return next(n for n in self.run.planned.nodes if n.address == address)

    def _skip(self, change: Change, because: str) -> None:
        self.run.skipped += 1
        self.run.reporter(StepSkipped(op="bind", address=change.address, key=None, because=because))

    def _hold(self, change: Change, problem: Diagnostic, found: tuple[Judgement, ...], code: int) -> None:
        self.run.held += 1
        self.run.codes.append(code)
        self.run.reporter(
            StepFailed(op="bind", address=change.address, key=None, seconds=0.0, diagnostic=problem, gate=code == GATE, judgements=found)
        )

    def _all_failed(self, name: str, changes: list[Change], failure: Failure, started: float) -> None:
        self.run.codes.append(failure.exit_code or ERROR)
        # where nothing was to move it is the healing that failed
        for address in [change.address for change in changes] or [f"environment/{name}"]:
            self.run.held += 1
            seconds = round(time.monotonic() - started, 3)
            self.run.reporter(StepFailed(op="bind", address=address, key=None, seconds=seconds, diagnostic=problem_of(failure)))


def _refusal(change: Change, found: tuple[Judgement, ...]) -> Diagnostic | None:
    """What says that a gate does not let this binding through, or None."""
    failing = [j for j in found if j.passed is not True]
    if not failing:
        return None
    said = "; ".join(_said(j) for j in failing)
    return error(
        "gate-failed",
        "A gate does not let this version through",
        f"{change.address} stays at {change.before_version or 'nothing'}: {said}",
        span=failing[0].gate.span,
        hint="bind another version, or change the gate in a reviewed commit",
    )


def _said(judgement: Judgement) -> str:
    gate = judgement.gate
    value = "not known" if judgement.value is None else f"{judgement.value:.6g}"
    note = f" ({judgement.note})" if judgement.note else ""
    return f"{gate.metric} {value}, {gate.rule} {gate.limit:g}{note}"


def _stale(change: Change) -> Diagnostic:
    detail = f"{change.address} is no longer what this plan would replace; what was built stays in the store"
    return error("stale-binding", "The binding moved meanwhile", detail, hint="plan again")


def _held(change: Change) -> Json:
    """What was to move and did not, in the form of a history record's `changes`."""
    versions: dict[str, Json] = {"before_version": change.before_version, "after_version": change.after_version}
    return {"address": change.address, "before": change.before, "after": change.after, **versions}


def _evidence(change: Change, found: tuple[Judgement, ...]) -> list[Json]:
    return [
        {
            "address": change.address,
            "metric": j.gate.metric,
            "rule": j.gate.rule,
            "limit": j.gate.limit,
            "passed": j.passed,
            "value": j.value,
            "bound": j.bound,
            "candidate": j.candidate,
            "note": j.note,
        }
        for j in found
    ]


def _move(change: Change) -> str:
    return f"{change.before_version or 'nothing'} → {change.after_version or 'nothing'}"


def _name(address: str) -> str:
    return address.split("/")[1] if address.startswith("environment/") else ""
