"""Carries out the steps of a plan: in parallel, each key once, adopting what others built. Never performs a step that is not listed.

graphlib says which steps are ready; results are asked for in batches; the work of the parent is linear in the number of steps.
"""

import heapq
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from leptonctl.building.failures import located
from leptonctl.building.work import Built, Ready, Work, waits_for
from leptonctl.core.change import Change, PlannedStep
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.event import Reporter, StepFailed, StepFinished, StepProgress, StepSkipped, StepStarted
from leptonctl.core.graph import content_of, key_from, needed_key
from leptonctl.core.result import Result
from leptonctl.core.values import Json, Place, Step
from leptonctl.spi.running import Completed, Executor, Failed, Lost, Outcome, Progressed, Task
from leptonctl.storage.leases import StepLeases
from leptonctl.storage.store import Store

POLL_S = 0.05
ELSEWHERE_S = 0.2
"""How often a key that another process builds is looked for."""


@dataclass(slots=True, kw_only=True)
class Scheduler:
    """One run over the steps of some changes."""

    store: Store
    executor: Callable[[], Executor]
    reporter: Reporter
    work: Work
    built: Built = field(default_factory=Built)
    _known: dict[str, Result] = field(init=False, default_factory=dict)
    _before: dict[Place, tuple[Place, ...]] = field(init=False, default_factory=dict)
    _queue: list[Ready] = field(init=False, default_factory=list)
    _order: dict[Place, int] = field(init=False, default_factory=dict)
    _elsewhere: list[Ready] = field(init=False, default_factory=list)
    _running: dict[str, Ready] = field(init=False, default_factory=dict)
    _twins: dict[str, list[Ready]] = field(init=False, default_factory=dict)
    _leases: StepLeases = field(init=False)
    _open: Executor | None = field(init=False, default=None)
    _looked: float = field(init=False, default=0.0)
    _endings: list[Place] = field(init=False, default_factory=list)

    def run(self, changes: Sequence[Change]) -> Built:
        """Do every step of the changes but effects. KeyboardInterrupt stops what runs and is raised again."""
        steps = {step.step.place: step for change in changes for step in change.steps if not step.effect}
        self._before = waits_for(steps)
        self._order = {place: number for number, place in enumerate(steps)}
        self._known.update(self.work.known)
        with StepLeases(self.store, self.work.owner) as self._leases:
            try:
                self._carry_out(steps)
            except BaseException:
                if self._open is not None:
                    self._open.cancel()
                raise
            finally:
                if self._open is not None:
                    self._open.close()
        return self.built

    def _carry_out(self, steps: Mapping[Place, PlannedStep]) -> None:
        order = TopologicalSorter(self._before)
        order.prepare()
        while order.is_active():
            fresh = order.get_ready()
            self._arrive([steps[place] for place in fresh])
            self._start()
            order.done(*self._ended(wait=not fresh))

    # --- steps that are ready --------------------------------------------------------------------------------------

    def _arrive(self, fresh: Sequence[PlannedStep]) -> None:
        """Take in steps whose needs have ended: skipped, adopted, or queued."""
        if not fresh:
            return
        todo = [step for step in fresh if not self._skip(step)]
        # what has a result reads nothing
        self._fetch(step.key for step in todo if step.key is not None)
        self._fetch(key for step in todo if step.key not in self._known for key in self._needed_keys(step.step))
        ready = [one for step in todo if (one := self._made_ready(step)) is not None]
        self._fetch(one.key for one in ready)
        earlier = {one.planned.step.place: self._earlier(one) for one in ready if one.content and one.key not in self._known}
        self._fetch(key for key in earlier.values() if key)
        for one in ready:
            before = self._known.get(earlier.get(one.planned.step.place) or "")
            if one.key in self._known:
                self._finish(one, self._known[one.key], 0.0, adopted=not one.planned.cached)
            elif before is not None and before.content == one.content:
                self._adopt(one, before)
            else:
                heapq.heappush(self._queue, one)

    def _skip(self, planned: PlannedStep) -> bool:
        obstacle = self.built.obstacle(self._before[planned.step.place])
        if obstacle is None:
            return False
        self.built.skipped[planned.step.place] = obstacle
        self._endings.append(planned.step.place)
        step = planned.step
        self.reporter(StepSkipped(op=step.op, address=step.address, name=step.name, key=planned.key, because=obstacle))
        return True

    def _made_ready(self, planned: PlannedStep) -> Ready | None:
        step = planned.step
        if planned.key is not None and planned.key in self._known:
            return Ready(planned=planned, needs={}, key=planned.key, content="", order=self._order[step.place])
        needs: dict[str, Result] = {}
        for role in (*step.needs, *step.given):
            result = self._need(step, role)
            if result is None:
                self._lack(planned)
                return None
            needs[role] = result
        key = planned.key or key_from(step, needs)
        if key is None:
            msg = f"the key of {step.name} of {step.address} cannot be completed from its needs"
            raise RuntimeError(msg)
        return Ready(planned=planned, needs=needs, key=key, content=content_of(step, needs, self.work.ops), order=self._order[step.place])

    def _need(self, step: Step, role: str) -> Result | None:
        """The result that a step reads in a role: of this run, or an earlier one's by key."""
        place = step.needs.get(role)
        if place is not None and place in self.built.results:
            return self.built.results[place]
        return self._known.get(needed_key(step, role, self.work.keys, self.work.current) or "")

    def _needed_keys(self, step: Step) -> Iterable[str]:
        for role in (*step.needs, *step.given):
            if step.needs.get(role) not in self.built.results:
                key = needed_key(step, role, self.work.keys, self.work.current)
                if key is not None:
                    yield key

    def _earlier(self, one: Ready) -> str | None:
        """The key that stood at this place before: its result may have been made from equal contents."""
        pointer = self.work.current.get(one.planned.address)
        return pointer.key(one.planned.name) if pointer else None

    def _fetch(self, keys: Iterable[str]) -> None:
        missing = {key for key in keys if key not in self._known}
        if missing:
            self._known.update(self.store.results(missing))

    def _adopt(self, one: Ready, before: Result) -> None:
        """Record an earlier result of equal contents under the new key: nothing is computed (early cutoff)."""
        result = Result(
            key=one.key, op=before.op, artifacts=before.artifacts, outputs=before.outputs, provenance=before.provenance,
            seconds=before.seconds, address=one.planned.address, content=one.content, adopted=before.key,
        )  # fmt: skip
        self._finish(one, self.store.put_result(result), 0.0, adopted=True)

    # --- steps that run --------------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Hand out queued steps while there is room."""
        self._look_elsewhere()
        while self._queue and len(self._running) < self.work.parallelism:
            one = heapq.heappop(self._queue)
            if one.key in self._known:
                self._finish(one, self._known[one.key], 0.0, adopted=True)
            elif one.key in self._twins:
                self._twins[one.key].append(one)
            else:
                self._submit(one)

    def _submit(self, one: Ready) -> None:
        if not self._leases.take(one.key):
            self._elsewhere.append(one)
            return
        # its last holder may have come to the end between our look and this lease
        self._fetch([one.key])
        if one.key in self._known:
            self._leases.release(one.key)
            self._finish(one, self._known[one.key], 0.0, adopted=True)
            return
        step = one.planned.step
        task = f"{step.address} {step.name}"
        self._running[task], self._twins[one.key] = one, []
        forecast = one.planned.forecast_s
        self.reporter(StepStarted(op=step.op, address=step.address, name=step.name, key=one.key, forecast_s=forecast))
        if self._open is None:
            self._open = self.executor()
        run = self.work.ops[step.op].run
        assert run is not None, "an op without a step function has effects only"
        self._open.submit(Task(id=task, op=step.op, run=run, inputs=step.inputs, needs=one.needs))

    def _look_elsewhere(self) -> None:
        """Whether others have come to the end of what they build, or have given it up."""
        if not self._elsewhere or time.monotonic() - self._looked < ELSEWHERE_S:
            return
        self._looked = time.monotonic()
        self._fetch(one.key for one in self._elsewhere)
        for one in self._elsewhere:
            heapq.heappush(self._queue, one)
        self._elsewhere.clear()

    def _ended(self, *, wait: bool) -> list[Place]:
        """The places that have ended since the last call; waits for one when nothing else is to be done."""
        if not self._endings and wait:
            if self._open is not None and self._running:
                for outcome in self._open.poll(POLL_S):
                    self._hear(outcome)
            elif self._elsewhere:
                time.sleep(POLL_S)
        elif self._open is not None and self._running:
            for outcome in self._open.poll(0):
                self._hear(outcome)
        ended, self._endings = self._endings, []
        return ended

    def _hear(self, outcome: Outcome) -> None:
        one = self._running.get(outcome.id)
        if one is None:
            return  # of a step that has ended: an executor may still have had it on the way
        if isinstance(outcome, Progressed):
            self._progress(one.planned.step, outcome)
            return
        del self._running[outcome.id]
        twins = self._twins.pop(one.key)
        try:
            if isinstance(outcome, Completed):
                ours = self._result(one, outcome)
                in_force = self.store.put_result(ours)
                # the same bytes put an earlier record in force again, and were made here all the same
                same = (in_force.artifacts, in_force.outputs) == (ours.artifacts, ours.outputs)
                self._finish(one, in_force, outcome.seconds, adopted=not same)
            else:
                self._fail(one, outcome)
        finally:
            self._leases.release(one.key)
        # what equals it takes its result, or has its own try
        for twin in twins:
            heapq.heappush(self._queue, twin)

    def _result(self, one: Ready, outcome: Completed) -> Result:
        provenance: dict[str, Json] = {**outcome.provenance, "commit": self.work.owner.commit}
        return Result(
            key=one.key, op=one.planned.op, artifacts=outcome.produced.artifacts, outputs=outcome.produced.outputs,
            provenance=provenance, seconds=outcome.seconds, address=one.planned.address, content=one.content,
        )  # fmt: skip

    # --- what came of them -----------------------------------------------------------------------------------------

    def _progress(self, step: Step, outcome: Progressed) -> None:
        event = StepProgress(
            op=step.op, address=step.address, name=step.name, seconds=outcome.seconds, message=outcome.message,
            iteration=outcome.iteration, of=outcome.of, loss=outcome.loss,
        )  # fmt: skip
        self.reporter(event)

    def _finish(self, one: Ready, result: Result, seconds: float, *, adopted: bool) -> None:
        step = one.planned.step
        self.built.results[step.place] = result
        self._known[result.key] = result
        self._endings.append(step.place)
        if one.planned.cached:
            return
        if not adopted:
            self.built.done.append(step.op)
        metrics = result.outputs.get("metrics")
        numbers = {n: v for n, v in metrics.items() if isinstance(v, int | float)} if isinstance(metrics, dict) else {}
        event = StepFinished(
            op=step.op,
            address=step.address,
            name=step.name,
            key=result.key,
            seconds=seconds,
            adopted=adopted,
            metrics=dict(numbers) or None,
        )
        self.reporter(event)

    def _fail(self, one: Ready, outcome: Failed | Lost) -> None:
        step = one.planned.step
        problem = outcome.error if isinstance(outcome, Failed) else None
        diagnostic = located(outcome, self.work.locate(step.address, problem))
        seconds = outcome.seconds if isinstance(outcome, Failed) else 0.0
        self._failed(one.planned, one.key, diagnostic, seconds)

    def _lack(self, planned: PlannedStep) -> None:
        """A need has no result: what an earlier plan saw is gone."""
        problem = error(
            "missing-result",
            "A result that this step reads is not in the store",
            f"{planned.name} of {planned.address}",
            span=self.work.locate(planned.address, None),
            hint="run plan again",
        )
        self._failed(planned, planned.key, problem, 0.0)

    def _failed(self, planned: PlannedStep, key: str | None, diagnostic: Diagnostic, seconds: float) -> None:
        step = planned.step
        self.built.failed[step.place] = diagnostic
        self._endings.append(step.place)
        self.reporter(StepFailed(op=step.op, address=step.address, name=step.name, key=key, seconds=seconds, diagnostic=diagnostic))
