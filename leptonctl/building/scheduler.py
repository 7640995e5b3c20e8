"""Carries out the steps of a plan: in parallel, each key once, adopting what others built. Never performs a step that is not listed."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from leptonctl.building.task import Completed, Executor, Failed, Lost, Outcome, Progressed, Task
from leptonctl.core.change import Change, PlannedStep
from leptonctl.core.diagnostic import Diagnostic, error
from leptonctl.core.event import Event, Reporter, StepFailed, StepFinished, StepProgress, StepSkipped, StepStarted
from leptonctl.core.graph import Place, complete_key, needed_key
from leptonctl.core.record import Entry
from leptonctl.core.values import Json, Op, Result, Span, Step
from leptonctl.storage.objects import Lease
from leptonctl.storage.store import Store

POLL_S = 0.05


@dataclass(slots=True, kw_only=True)
class Built:
    """What came of the steps so far: results by (address, op), and why others have none."""

    results: dict[Place, Result] = field(default_factory=dict)
    failed: dict[Place, Diagnostic] = field(default_factory=dict)
    skipped: dict[Place, str] = field(default_factory=dict)
    done: list[Op] = field(default_factory=list)

    def complete(self, change: Change) -> bool:
        """All steps of a change have results."""
        return all((s.address, s.op) in self.results for s in change.steps if s.op != "bind")

    def obstacle(self, places: Sequence[Place]) -> str | None:
        """The first of these that failed or was skipped, as `address op`."""
        for place in places:
            if place in self.failed or place in self.skipped:
                return self.skipped.get(place) or f"{place[1]} of {place[0]}"
        return None


@dataclass(slots=True, kw_only=True)
class Building:
    """One run over the steps. `locate` gives the place in the YAML that an error of a step is reported at."""

    store: Store
    executor: Callable[[], Executor]
    reporter: Reporter
    owner: Mapping[str, Json]
    keys: Mapping[Place, str | None]
    current: Mapping[str, Entry]
    locate: Callable[[str, Mapping[str, Json]], Span | None]
    parallelism: int
    built: Built = field(default_factory=Built)
    known: dict[str, Result] = field(default_factory=dict)
    _leases: dict[str, Lease] = field(default_factory=dict)
    _running: dict[str, tuple[PlannedStep, str]] = field(default_factory=dict)
    _open: set[Place] = field(default_factory=set)
    _started: Executor | None = None

    def run(self, changes: Sequence[Change]) -> Built:
        """Do every step of the changes but binds. KeyboardInterrupt stops what runs and is raised again."""
        waiting = [step for change in changes for step in change.steps if step.op != "bind"]
        self._open = {(step.address, step.op) for step in waiting}
        try:
            while waiting or self._running:
                waiting = self._start(waiting)
                self._hear(POLL_S if self._running or waiting else 0)
        except BaseException:
            if self._started is not None:
                self._started.cancel()
            raise
        finally:
            for lease in self._leases.values():
                lease.release()
            if self._started is not None:
                self._started.close()
        return self.built

    def _start(self, waiting: Sequence[PlannedStep]) -> list[PlannedStep]:
        """Adopt, skip or submit each waiting step that can be; give back those that cannot yet."""
        left: list[PlannedStep] = []
        for planned in waiting:
            step = planned.step
            assert step is not None
            obstacle = self.built.obstacle(list(step.needs.values()))
            if obstacle is not None:
                self._skip(planned, obstacle)
            elif not self._ready(step) or not self._take(planned, step):
                left.append(planned)
        if left and not self._running and len(left) == len(waiting) and all(not self._ready(s.step) for s in left if s.step):
            for planned in left:
                self._lost_need(planned)
            return []
        return left

    def _ready(self, step: Step) -> bool:
        return all(self._need(step, role) is not None for role in (*step.needs, *step.given))

    def _need(self, step: Step, role: str) -> Result | None:
        """The result a step reads in a role: of this run, or an earlier one's by key."""
        place = step.needs.get(role)
        if place is not None and place in self.built.results:
            return self.built.results[place]
        if place in self._open:
            return None
        key = needed_key(step, role, self.keys, self.current)
        if key is None:
            return None
        if key not in self.known:
            found = self.store.get_result(key)
            if found is None:
                return None
            self.known[key] = found
        return self.known[key]

    def _take(self, planned: PlannedStep, step: Step) -> bool:
        """Adopt the result of a ready step or submit it. False: no room, or somebody else is building this key."""
        needs = {role: found for role in (*step.needs, *step.given) if (found := self._need(step, role)) is not None}
        key = planned.key or self._key(step, needs)
        place = (planned.address, planned.op)
        existing = self.known.get(key)
        if existing is None:
            # looked up only when it could start: thousands may wait, and each is asked for many times a second
            if len(self._running) >= self.parallelism or any(k == key for _, k in self._running.values()):
                return False
            existing = self.store.get_result(key)
        if existing is not None:
            self._finish(planned, existing, 0.0, adopted=not planned.cached)
            return True
        lease = self.store.step_lease(key, dict(self.owner))
        if lease is None:
            return False
        # its last holder may have come to the end between our look and this lease
        existing = self.store.get_result(key)
        if existing is not None:
            lease.release()
            self._finish(planned, existing, 0.0, adopted=not planned.cached)
            return True
        task = f"{place[0]} {place[1]}"
        self._leases[task] = lease
        self._running[task] = (planned, key)
        self.reporter(StepStarted(op=planned.op, address=planned.address, key=key, forecast_s=planned.forecast_s))
        if self._started is None:
            self._started = self.executor()
        self._started.submit(Task(id=task, op=planned.op, inputs=step.inputs, needs=needs))
        return True

    def _key(self, step: Step, needs: Mapping[str, Result]) -> str:
        by_role = {("", role): result.key for role, result in needs.items()}
        flat = Step(
            op=step.op, address=step.address, key=None, spec=step.spec, fields=step.fields, reads=step.reads,
            needs={role: ("", role) for role in needs},  # type: ignore[misc]
        )  # fmt: skip
        key = complete_key(flat, by_role, {}, {result.key: result for result in needs.values()})  # type: ignore[arg-type]
        if key is None:
            msg = f"the key of {step.op} of {step.address} cannot be completed from its needs"
            raise RuntimeError(msg)
        return key

    def _hear(self, timeout: float) -> None:
        if self._started is None or not self._running:
            if timeout:
                time.sleep(timeout)
            return
        for outcome in self._started.poll(timeout):
            self._on(outcome)

    def _on(self, outcome: Outcome) -> None:
        planned, key = self._running[outcome.id]
        if isinstance(outcome, Progressed):
            self.reporter(
                StepProgress(
                    op=planned.op,
                    address=planned.address,
                    seconds=outcome.seconds,
                    message=outcome.message,
                    iteration=outcome.iteration,
                    of=outcome.of,
                    loss=outcome.loss,
                )
            )
            return
        del self._running[outcome.id]
        try:
            if isinstance(outcome, Completed):
                result = Result(
                    key=key, op=planned.op, artifacts=outcome.made.artifacts, outputs=outcome.made.outputs,
                    provenance={**outcome.provenance, "commit": self.owner.get("commit")}, seconds=outcome.seconds,
                )  # fmt: skip
                self._finish(planned, self.store.put_result(result, planned.address), outcome.seconds, adopted=False)
            else:
                self._fail(planned, outcome, key)
        finally:
            self._leases.pop(outcome.id).release()

    def _finish(self, planned: PlannedStep, result: Result, seconds: float, *, adopted: bool) -> None:
        self._open.discard((planned.address, planned.op))
        self.built.results[planned.address, planned.op] = result
        self.known[result.key] = result
        if planned.cached:
            return
        if not adopted:
            self.built.done.append(planned.op)
        metrics = result.outputs.get("metrics")
        shown = metrics if isinstance(metrics, dict) and planned.op != "compare" else None
        self._tell(StepFinished(op=planned.op, address=planned.address, key=result.key, seconds=seconds, adopted=adopted, metrics=shown))

    def _fail(self, planned: PlannedStep, outcome: Failed | Lost, key: str) -> None:
        if isinstance(outcome, Failed):
            given = outcome.error
            told = {name: given.get(name) or "" for name in ("id", "summary", "detail", "hint")}
            file = given.get("file")
            where = f" ({file}:{given['line']})" if file and given.get("line") and str(file) not in str(told["detail"]) else ""
            problem = error(
                str(told["id"]) or "step-failed",
                str(told["summary"]),
                f"{told['detail']}{where}",
                span=self.locate(planned.address, given),
                hint=str(told["hint"]),
            )
            seconds = outcome.seconds
        else:
            hint = "run again: only this step is repeated"
            problem = error("step-lost", "A step did not come to an end", outcome.why, span=self.locate(planned.address, {}), hint=hint)
            seconds = 0.0
        self._open.discard((planned.address, planned.op))
        self.built.failed[planned.address, planned.op] = problem
        self._tell(StepFailed(op=planned.op, address=planned.address, key=key, seconds=seconds, diagnostic=problem))

    def _skip(self, planned: PlannedStep, because: str) -> None:
        self._open.discard((planned.address, planned.op))
        self.built.skipped[planned.address, planned.op] = because
        self._tell(StepSkipped(op=planned.op, address=planned.address, key=planned.key, because=because))

    def _lost_need(self, planned: PlannedStep) -> None:
        """Nothing runs and a need has no result: what an earlier plan saw is gone."""
        problem = error(
            "missing-result",
            "A result that this step reads is not in the store",
            f"{planned.op} of {planned.address}",
            hint="run plan again",
        )
        self.built.failed[planned.address, planned.op] = problem
        self._tell(StepFailed(op=planned.op, address=planned.address, key=planned.key, seconds=0.0, diagnostic=problem))

    def _tell(self, event: Event) -> None:
        self.reporter(event)
