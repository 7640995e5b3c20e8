"""Runs the steps of a plan: in parallel, each key once, adopting what others built. Never runs a step that is not listed.

graphlib says which steps are ready; results are read in batches; the work of this process is linear in the number of steps.
"""

import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from leptonctl.building.failures import step_diagnostic
from leptonctl.building.known import KnownResults
from leptonctl.building.results import adopted_result, built_result
from leptonctl.building.work import Built, Ready, Work, predecessors
from leptonctl.core import layout
from leptonctl.core.change import Change, PlannedStep
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.event import Reporter, StepFailed, StepFinished, StepProgress, StepSkipped, StepStarted
from leptonctl.core.graph import content_of, key_from
from leptonctl.core.result import Result
from leptonctl.core.values import Step, StepPlace
from leptonctl.spi.running import Completed, Executor, Failed, Lost, Outcome, Progressed, Task
from leptonctl.storage.leases import StepLeases
from leptonctl.storage.owner import describe
from leptonctl.storage.store import Store

POLL_S = 0.05
ELSEWHERE_S = 0.2
"""How often to look for the result of a key that another process builds."""


@dataclass(slots=True, kw_only=True)
class Scheduler:
    """One run over the steps of some changes."""

    store: Store
    open_executor: Callable[[], Executor]
    reporter: Reporter
    work: Work
    built: Built = field(default_factory=Built)
    _known: KnownResults = field(init=False)
    _predecessors: dict[StepPlace, tuple[StepPlace, ...]] = field(init=False, default_factory=dict)
    _queue: list[Ready] = field(init=False, default_factory=list)
    _order: dict[StepPlace, int] = field(init=False, default_factory=dict)
    _elsewhere: list[Ready] = field(init=False, default_factory=list)
    _reported: set[str] = field(init=False, default_factory=set)
    _running: dict[str, Ready] = field(init=False, default_factory=dict)
    _twins: dict[str, list[Ready]] = field(init=False, default_factory=dict)
    _leases: StepLeases = field(init=False)
    _executor: Executor | None = field(init=False, default=None)
    _last_look: float = field(init=False, default=0.0)
    _ended: list[StepPlace] = field(init=False, default_factory=list)

    def run(self, changes: Sequence[Change]) -> Built:
        """Run every step of the changes except effects. KeyboardInterrupt stops the running steps and is raised again."""
        steps = {step.step.place: step for change in changes for step in change.steps if not step.effect}
        self.built.ops.update({place: step.step.op for place, step in steps.items()})
        self._predecessors = predecessors(steps)
        self._order = {place: number for number, place in enumerate(steps)}
        self._known = KnownResults(store=self.store, work=self.work, built=self.built)
        with StepLeases(self.store, self.work.owner) as self._leases:
            try:
                self._carry_out(steps)
            except BaseException:
                if self._executor is not None:
                    self._executor.cancel()
                raise
            finally:
                if self._executor is not None:
                    self._executor.close()
        return self.built

    def _carry_out(self, steps: Mapping[StepPlace, PlannedStep]) -> None:
        order = TopologicalSorter(self._predecessors)
        order.prepare()
        while order.is_active():
            new = order.get_ready()
            self._sort_ready([steps[place] for place in new])
            self._start()
            order.done(*self._collect_ended(wait=not new))

    # --- steps that are ready --------------------------------------------------------------------------------------

    def _sort_ready(self, new: Sequence[PlannedStep]) -> None:
        """Skip, adopt or queue steps whose needs have ended."""
        if not new:
            return
        due = [step for step in new if not self._skip(step)]
        # a step that has a result reads nothing
        self._known.fetch(step.key for step in due if step.key is not None)
        self._known.fetch(key for step in due if step.key not in self._known for key in self._known.needed_keys(step.step))
        all_ready = [ready for step in due if (ready := self._prepare(step)) is not None]
        self._known.fetch(ready.key for ready in all_ready)
        earlier_keys = {r.planned.step.place: self._known.earlier_keys(r) for r in all_ready if r.content and r.key not in self._known}
        self._known.fetch(key for keys in earlier_keys.values() for key in keys)
        for ready in all_ready:
            results = (self._known.get(key) for key in earlier_keys.get(ready.planned.step.place, ()))
            earlier = next((result for result in results if result is not None and result.content == ready.content), None)
            if ready.key in self._known:
                self._finish(ready, self._known[ready.key], 0.0, adopted=not ready.planned.cached)
            elif earlier is not None:
                self._adopt(ready, earlier)
            else:
                heapq.heappush(self._queue, ready)

    def _skip(self, planned: PlannedStep) -> bool:
        obstacle = self.built.obstacle(self._predecessors[planned.step.place])
        if obstacle is None:
            return False
        self.built.skipped[planned.step.place] = obstacle
        self._ended.append(planned.step.place)
        step = planned.step
        self.reporter(StepSkipped(op=step.op, address=step.address, name=step.name, key=planned.key, because=obstacle))
        return True

    def _prepare(self, planned: PlannedStep) -> Ready | None:
        step = planned.step
        if planned.key is not None and planned.key in self._known:
            return Ready(planned=planned, needs={}, key=planned.key, content="", order=self._order[step.place])
        needs: dict[str, Result] = {}
        for role in (*step.needs, *step.needed_keys):
            result = self._known.needed_result(step, role)
            if result is None:
                self._fail_missing(planned)
                return None
            needs[role] = result
        key = planned.key or key_from(step, needs)
        if key is None:
            msg = f"the key of {step.name} of {step.address} cannot be completed from its needs"
            raise RuntimeError(msg)
        return Ready(planned=planned, needs=needs, key=key, content=content_of(step, needs, self.work.ops), order=self._order[step.place])

    def _adopt(self, ready: Ready, earlier: Result) -> None:
        """Record an earlier result of equal contents under the new key: nothing is computed (early cutoff)."""
        self._finish(ready, self.store.put_result(adopted_result(ready, earlier)), 0.0, adopted=True)

    # --- steps that run --------------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Submit queued steps while the executor has room."""
        self._look_elsewhere()
        while self._queue and len(self._running) < self.work.parallelism:
            ready = heapq.heappop(self._queue)
            if ready.key in self._known:
                self._finish(ready, self._known[ready.key], 0.0, adopted=True)
            elif ready.key in self._twins:
                self._twins[ready.key].append(ready)
            else:
                self._submit(ready)

    def _submit(self, ready: Ready) -> None:
        if not self._leases.take(ready.key):
            self._elsewhere.append(ready)
            self._report_wait(ready)
            return
        # the last holder of the lease may have finished since we last looked
        self._known.fetch([ready.key])
        if ready.key in self._known:
            self._leases.release(ready.key)
            self._finish(ready, self._known[ready.key], 0.0, adopted=True)
            return
        step = ready.planned.step
        task = f"{step.address} {step.name}"
        self._running[task], self._twins[ready.key] = ready, []
        forecast = ready.planned.forecast_s
        self.reporter(StepStarted(op=step.op, address=step.address, name=step.name, key=ready.key, forecast_s=forecast))
        if self._executor is None:
            self._executor = self.open_executor()
        run = self.work.ops[step.op].run
        assert run is not None, "an op without a step function has effects only"
        inputs, queued = dict(step.inputs), len(self._queue)
        self._executor.submit(Task(id=task, op=step.op, run=run, inputs=inputs, needs=ready.needs, key=ready.key, queued=queued))

    def _report_wait(self, ready: Ready) -> None:
        """Report once for each key which other process builds it."""
        if ready.key in self._reported:
            return
        self._reported.add(ready.key)
        name = layout.step_lease(ready.key)
        holder = self.store.leases(name.partition("/")[0]).get(name)
        who = describe(holder) if holder else "another process"
        step = ready.planned.step
        self.reporter(StepProgress(op=step.op, address=step.address, name=step.name, seconds=0.0, message=f"waits for {who}"))

    def _look_elsewhere(self) -> None:
        """Queue again the steps that other processes build: they may have finished or given up."""
        if not self._elsewhere or time.monotonic() - self._last_look < ELSEWHERE_S:
            return
        self._last_look = time.monotonic()
        self._known.fetch(ready.key for ready in self._elsewhere)
        for ready in self._elsewhere:
            heapq.heappush(self._queue, ready)
        self._elsewhere.clear()

    def _collect_ended(self, *, wait: bool) -> list[StepPlace]:
        """The places that have ended since the last call. `wait`: there is nothing else to do, so wait a moment for an outcome."""
        if not self._ended and wait:
            if self._executor is not None and self._running:
                for outcome in self._executor.poll(POLL_S):
                    self._process(outcome)
            elif self._elsewhere:
                time.sleep(POLL_S)
        elif self._executor is not None and self._running:
            for outcome in self._executor.poll(0):
                self._process(outcome)
        ended, self._ended = self._ended, []
        return ended

    def _process(self, outcome: Outcome) -> None:
        ready = self._running.get(outcome.id)
        if ready is None:
            return  # the step has ended; the executor may have sent this before
        if isinstance(outcome, Progressed):
            self._progress(ready.planned.step, outcome)
            return
        del self._running[outcome.id]
        twins = self._twins.pop(ready.key)
        try:
            if isinstance(outcome, Completed):
                ours = built_result(ready, outcome, self.work)
                in_force = self.store.put_result(ours)
                # equal bytes bring an earlier record back into force, but they were still built here
                same = (in_force.artifacts, in_force.outputs) == (ours.artifacts, ours.outputs)
                self._finish(ready, in_force, outcome.seconds, adopted=not same)
            else:
                self._fail(ready, outcome)
        finally:
            self._leases.release(ready.key)
        # steps with the same key adopt its result, or try themselves
        for twin in twins:
            heapq.heappush(self._queue, twin)

    # --- outcomes --------------------------------------------------------------------------------------------------

    def _progress(self, step: Step, outcome: Progressed) -> None:
        event = StepProgress(
            op=step.op, address=step.address, name=step.name, seconds=outcome.seconds, message=outcome.message,
            iteration=outcome.iteration, of=outcome.of, loss=outcome.loss, notice=outcome.notice,
        )  # fmt: skip
        self.reporter(event)

    def _finish(self, ready: Ready, result: Result, seconds: float, *, adopted: bool) -> None:
        step = ready.planned.step
        self._known.add(result)
        refusal = self.work.advice.refusal(step, result) if adopted else None
        if refusal is not None:
            self._end_failed(ready.planned, ready.key, refusal, seconds)
            return
        self.built.results[step.place] = result
        self._ended.append(step.place)
        remark = self.work.advice.remark(step, result)
        if ready.planned.cached:
            return
        if not adopted:
            self.built.done.append(step.op)
        notices = self.work.advice.notices(step.address, result)
        self.built.warnings.extend(notices)
        figures = self.work.advice.figures(result)
        event = StepFinished(
            op=step.op, address=step.address, name=step.name, key=result.key, seconds=seconds, adopted=adopted,
            metrics=dict(figures) or None, message=remark, notices=notices,
        )  # fmt: skip
        self.reporter(event)

    def _fail(self, ready: Ready, outcome: Failed | Lost) -> None:
        step = ready.planned.step
        problem = outcome.error if isinstance(outcome, Failed) else None
        diagnostic = step_diagnostic(outcome, self.work.advice.locate(step.address, problem))
        seconds = outcome.seconds if isinstance(outcome, Failed) else 0.0
        self._end_failed(ready.planned, ready.key, diagnostic, seconds)

    def _fail_missing(self, planned: PlannedStep) -> None:
        """Fail a step because a result that it reads has been removed since the plan."""
        problem = error(
            "missing-result",
            "A result that this step reads is not in the store",
            f"{planned.name} of {planned.address}",
            span=self.work.advice.locate(planned.address, None),
            hint="run `leptonctl plan` again",
        )
        self._end_failed(planned, planned.key, problem, 0.0)

    def _end_failed(self, planned: PlannedStep, key: str | None, diagnostic: Diagnostic, seconds: float) -> None:
        step = planned.step
        self.built.failed[step.place] = diagnostic
        self._ended.append(step.place)
        self.reporter(StepFailed(op=step.op, address=step.address, name=step.name, key=key, seconds=seconds, diagnostic=diagnostic))
