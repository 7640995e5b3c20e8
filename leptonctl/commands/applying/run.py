"""One running apply or build: its steps, its counters, its last event."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from leptonctl.building.scheduler import Scheduler
from leptonctl.building.work import Built, Work
from leptonctl.commands.applying.best_so_far import BestSoFar
from leptonctl.commands.outcome import Outcome, exit_code
from leptonctl.commands.planning.line import Planned
from leptonctl.commands.planning.recheck import adopted, adopted_notices
from leptonctl.commands.planning.references import earlier_keys
from leptonctl.commands.session import Session
from leptonctl.core.change import Plan
from leptonctl.core.diagnostic import ERROR, OK, Diagnostic, Failure, error
from leptonctl.core.event import ApplyFinished, ApplyStarted, Reporter, StepFailed, StepSkipped
from leptonctl.core.graph import Keys, resolve_keys
from leptonctl.core.result import Result
from leptonctl.core.state import Owner
from leptonctl.core.values import Json, Path, Span, value_at
from leptonctl.kinds.notices import hardened, notices, read_features, warning_rules
from leptonctl.spi.platforms import filled
from leptonctl.spi.running import Executor, StepError, Workplace

# id of a step's error -> the field of the YAML that it is about
FIELDS: Mapping[str, Path] = {
    "average-needs-two-classes": ("evaluate", "average"),
    "bad-delimiter": ("delimiter",),
    "bad-sample-weight": ("sample_weight",),
    "decision-not-possible": ("threshold",),
    "empty-split": ("split",),
    "header-order": ("header",),
    "header-width": ("header",),
    "missing-library": ("algorithm",),
    "no-threshold": ("threshold",),
    "not-monotonic": ("monotonic",),
    "missing-secret": ("privacy", "key"),
    "bad-rule": ("checks",),
    "row-check": ("checks",),
    "split-impossible": ("split",),
    "search-failed": ("search",),
    "too-few-rows-for-search": ("search",),
    "too-few-rows-for-folds": ("evaluate", "cross_validation"),
    "too-few-rows-to-calibrate": ("calibrate",),
    "too-many-neighbors": ("params", "n_neighbors"),
    "unknown-class": ("evaluate", "positive"),
    "unknown-class-weight": ("class_weight",),
    "unknown-encoding": ("encoding",),
    "wrong-key": ("privacy", "key_id"),
}

AT_ONCE = 16
"""How many steps an executor without a `parallelism` setting gets at once. Each holds a lease, so it never gets all of them."""


class WarningsRefused(Failure):
    """The warnings of steps, in a project that takes them as errors. They are reported already."""


@dataclass(slots=True, kw_only=True)
class Run:
    """One running apply or build.

    `effects`: the op of each pointer moved; `held`: how many bindings did not move; `holds`: the bindings that are held, known
    ones too; `withdrawn`, `healed`, `changed`, `next_apply`: as in the last event.
    `executor`: the one of `executor_ahead`, called at the first task.
    """

    session: Session
    planned: Planned
    reporter: Reporter
    command: str
    owner: Owner
    executor: Callable[[], Executor] | None = None
    next_apply: tuple[str, ...] = ()
    started: float = field(default_factory=time.monotonic)
    built: Built = field(default_factory=Built)
    codes: list[int] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    held: int = 0
    holds: list[str] = field(default_factory=list)
    withdrawn: list[dict[str, str]] = field(default_factory=list)
    skipped: int = 0
    healed: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    _features: dict[str, frozenset[str]] | None = None
    _noticed: dict[Diagnostic, tuple[str, str]] = field(default_factory=dict)
    """The warnings of the steps, each with the op and the address of its step."""

    def begin(self, *, effects: bool) -> None:
        """Report how many steps there are."""
        plan = self.planned.plan
        idle = {step.op for change in plan.moving for step in change.steps if step.effect and not effects}
        steps = sum(plan.summary[op] for op in self.session.ops if op not in idle)
        self.reporter(ApplyStarted(command=self.command, plan_id=plan.plan_id, steps=steps, reuse=plan.summary["reuse"]))

    def build(self) -> None:
        """Do the steps and count failures. KeyboardInterrupt is raised again."""
        settled = self.planned.settled
        work = Work(
            ops=self.session.ops,
            keys=settled.keys.by_place,
            current=self.planned.state.current if self.planned.state else {},
            earlier=partial(earlier_keys, self.session, self.planned),
            known=settled.results,
            owner=self.owner,
            project=self.session.project.name,
            lineage=self.planned.state.lineage if self.planned.state else None,
            parallelism=parallelism(self.session),
            locate=self._locate,
            notices=self._notices,
            refusal=lambda step, result: adopted(self.session, step, result),
            remark=BestSoFar(settled.by_address).remark,
        )
        executor = self.executor or (lambda: open_executor(self.session))
        scheduler = Scheduler(store=self.session.store, executor=executor, reporter=self.reporter, work=work, built=self.built)
        scheduler.run(self.planned.plan.moving)
        if self.built.failed:
            self.codes.append(ERROR)

    @property
    def _warnings(self) -> list[Diagnostic]:
        """The notices of the steps, without those that only say what was done."""
        return [notice for notice in self.built.warnings if notice.severity == "warning"]

    def refuse_warnings(self) -> None:
        """Failure when the steps gave warnings and the project takes them as errors. Each is reported at its step; their results stay."""
        if self.session.settings.warnings == "error" and self._noticed:
            for warning, step in self._noticed.items():
                self.failed([step], Failure([hardened(warning)]), self.started)
            raise WarningsRefused(map(hardened, self._noticed))

    def failed(self, steps: Sequence[tuple[str, str]], failure: Failure, started: float) -> None:
        """Report and count steps (op, address) that were not done, or a heal that failed."""
        self.codes.append(failure.exit_code or ERROR)
        seconds = round(time.monotonic() - started, 3)
        problem = failure.diagnostics[0] if failure.diagnostics else error("step-failed", str(failure))
        for op, address in steps:
            self.held += 1
            self.reporter(StepFailed(op=op, address=address, name=op, key=None, seconds=seconds, diagnostic=problem))

    def cut_off(self, failure: Failure) -> None:
        """Report the failure that ended the run: at each binding that it was to move, or else at its first step."""
        plan = self.planned.plan
        steps = [(step.op, step.address) for change in plan.moving for step in change.steps if not step.cached]
        # a plan that only forgets or heals has no steps
        steps = steps or [("bind", address) for address in (*(c.address for c in plan.moving), *(d.address for d in plan.drift))]
        effects = [(op, address) for op, address in steps if self.session.ops[op].run is None]
        if isinstance(failure, WarningsRefused):
            because = " ".join(next(iter(self._noticed.values())))
            for op, address in effects if self.command != "build" else ():
                self.skipped += 1
                self.reporter(StepSkipped(op=op, address=address, name=op, key=None, because=because))
            return
        self.failed(effects if self.command != "build" and effects else steps[:1], failure, self.started)

    def evidence(self) -> tuple[Keys, dict[str, Result]]:
        """The keys and results after the steps."""
        settled = self.planned.settled
        results = {**settled.results, **{result.key: result for result in self.built.results.values()}}
        return resolve_keys(settled.nodes, settled.current, results), results

    def finish(self, serial: int, gates: Sequence[Mapping[str, Json]] = ()) -> Outcome:
        """Report the last event and return the outcome with the exit code. `gates`: as in the event."""
        code = exit_code(self.codes)
        finished = ApplyFinished(
            ok=code == OK,
            done={op.done: self.built.done.count(op.name) + self.effects.count(op.name) for op in self.session.ops.values()},
            failed=len(self.built.failed) + self.held,
            skipped=len(self.built.skipped) + self.skipped,
            serial=serial,
            seconds=round(time.monotonic() - self.started, 3),
            healed=tuple(self.healed),
            changed=tuple(self.changed),
            held=len(self.holds),
            withdrawn=tuple(self.withdrawn),
            warnings=len(self._warnings),
            gates=tuple(gates),
            # otherwise lines are taken back
            next_apply=self.next_apply if code == OK else (),
        )
        self.reporter(finished)
        return Outcome(plan=self.planned.plan, exit_code=code, finished=finished, held=tuple(self.holds), withdrawn=finished.withdrawn)

    def _notices(self, address: str, result: Result) -> tuple[Diagnostic, ...]:
        node = self.planned.settled.by_address.get(address)
        if self._features is None:
            self._features = read_features(self.planned.settled.nodes)
        (recipe, rules), features = (node.recipe, warning_rules(node)) if node else ({}, None), self._features.get(address)
        found: tuple[Diagnostic, ...] = ()
        for one in (result, *adopted_notices(self.session, address, result)):
            found += notices(one, address, node.span if node else None, recipe=recipe, features=features, rules=rules)
        self._noticed.update((notice, (result.op, address)) for notice in found if notice.severity == "warning")
        return found

    def _locate(self, address: str, problem: StepError | None) -> Span | None:
        """The place of a step's error in the YAML: the name of the column, or the field at fault, or the version."""
        node = self.planned.settled.by_address.get(address)
        if node is None:
            return None
        if problem is not None and problem.column is not None:
            # a column's name occurs as a key of the contract, as an item of a list, or as a scalar
            contract = (place for path, place in node.origins.items() if path[-2:] == ("columns", problem.column))
            elsewhere = (place for path, place in node.origins.items() if path and value_at(node.recipe, path) == problem.column)
            span = next(contract, None) or next(elsewhere, None)
            if span is not None:
                return span
        about = FIELDS.get(problem.id) if problem else None
        places: list[Path] = [about, ("data", *about)] if about else []
        return next((node.origins[path] for path in (*places, ("source",)) if path in node.origins), node.span)


def parallelism(session: Session) -> int:
    """How many steps are submitted at a time: the executor's setting, or AT_ONCE for one without, which has its own queue."""
    setting = executor_settings(session).get("parallelism")
    return max(1, setting) if isinstance(setting, int) else AT_ONCE


def executor_settings(session: Session) -> dict[str, Json]:
    """The settings of the project's executor, with its defaults."""
    return filled(session.catalog.executors[session.settings.executor].settings, session.settings.executor_settings)


@contextmanager
def executor_ahead(session: Session, plan: Plan) -> Iterator[Callable[[], Executor]]:
    """Opens the project's executor. Where steps are to be done, that is now: its first worker imports while the command prepares."""
    functions = (session.ops[step.op].run for change in plan.moving for step in change.steps if not step.cached)
    modules = tuple(dict.fromkeys(function.partition(":")[0] for function in functions if function is not None))
    if not modules or not session.catalog.executors[session.settings.executor].starts_ahead:
        yield lambda: open_executor(session)
        return
    waiting = [open_executor(session, modules)]
    try:
        # whoever takes it closes it
        yield lambda: waiting.pop() if waiting else open_executor(session)
    finally:
        for executor in waiting:
            executor.close()


def open_executor(session: Session, ahead: Sequence[str] = ()) -> Executor:
    """The project's executor, which starts no process before its first task, unless it knows which modules it needs (`ahead`)."""
    backend = session.catalog.executors[session.settings.executor]
    return backend.open(
        Workplace(
            project=session.root,
            store=session.settings.store,
            logs=session.root / ".leptonctl" / "logs",
            settings=executor_settings(session),
            ahead=ahead,
        )
    )
