"""One running apply or build: its steps, its counters, its last event."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from leptonctl.building.scheduler import Scheduler
from leptonctl.building.work import Built, Work
from leptonctl.commands.applying.step_advice import StepAdvice
from leptonctl.commands.applying.tally import Tally
from leptonctl.commands.outcome import Outcome, exit_code
from leptonctl.commands.planning.line import Planned
from leptonctl.commands.session import Session
from leptonctl.commands.who import author_of
from leptonctl.core.address import document
from leptonctl.core.change import Forget, Plan
from leptonctl.core.diagnostic import ERROR, OK, Diagnostic, Failure, error
from leptonctl.core.event import ApplyFinished, ApplyStarted, Reporter, StepFailed, StepProgress, StepSkipped
from leptonctl.core.frozen import replace
from leptonctl.core.graph import Keys, resolve_keys
from leptonctl.core.node_records import pointer_of, recipe_of
from leptonctl.core.result import Result
from leptonctl.core.state import Author, Owner, Pointer, State
from leptonctl.core.values import Json
from leptonctl.deploying.look import is_here
from leptonctl.deploying.switch import Switch
from leptonctl.kinds.notices import as_error
from leptonctl.spi.platforms import filled
from leptonctl.spi.running import Executor, Workplace
from leptonctl.storage.claims import Registration, check_claim
from leptonctl.storage.durable import DOT_FOLDER, LOGS
from leptonctl.storage.pointers import Note, now

AT_ONCE = 16
"""How many steps an executor without a `parallelism` setting gets at once. Each holds a lease, so it never gets all of them."""


class WarningsRefused(Failure):
    """The warnings of steps, in a project that takes them as errors. They are reported already."""


@dataclass(slots=True, kw_only=True)
class Run:
    """One running apply or build.

    `executor`: the one of `executor_ahead`, called at the first task. `claim`: that of an apply that moves pointers. `next_apply`: as
    in the last event.
    """

    session: Session
    planned: Planned
    reporter: Reporter
    command: str
    owner: Owner
    executor: Callable[[], Executor] | None = None
    claim: Registration | None = None
    next_apply: tuple[str, ...] = ()
    started: float = field(default_factory=time.monotonic)
    built: Built = field(default_factory=Built)
    tally: Tally = field(default_factory=Tally)
    advice: StepAdvice = field(init=False)

    def __post_init__(self) -> None:
        self.advice = StepAdvice(session=self.session, planned=self.planned)

    def begin(self, *, effects: bool) -> None:
        """Report how many steps there are."""
        plan = self.planned.plan
        idle = {step.op for change in plan.moving for step in change.steps if step.effect and not effects}
        steps = sum(plan.summary[op] for op in self.session.ops if op not in idle)
        self.reporter(ApplyStarted(command=self.command, plan_id=plan.plan_id, steps=steps, reuse=plan.summary["reuse"]))

    def build(self) -> None:
        """Do the steps and count failures. KeyboardInterrupt is raised again."""
        state, settled = self.planned.state, self.planned.settled
        work = Work(
            ops=self.session.ops,
            keys=settled.keys.by_place,
            current=state.current if state else {},
            known=settled.results,
            owner=self.owner,
            project=self.session.project.name,
            lineage=state.lineage if state else None,
            parallelism=parallelism(self.session),
            advice=self.advice,
        )
        executor = self.executor or (lambda: open_executor(self.session))
        scheduler = Scheduler(store=self.session.store, open_executor=executor, reporter=self.reporter, work=work, built=self.built)
        scheduler.run(self.planned.plan.moving)
        if self.built.failed:
            self.tally.count_error(ERROR)

    @property
    def _warnings(self) -> list[Diagnostic]:
        """The notices of the steps, without those that only say what was done."""
        return [notice for notice in self.built.warnings if notice.severity == "warning"]

    def refuse_warnings(self) -> None:
        """Failure when the steps gave warnings and the project takes them as errors. Each is reported at its step; their results stay."""
        if self.session.settings.warnings == "error" and self.advice.warned:
            for warning, step in self.advice.warned.items():
                self.report_failure([step], Failure([as_error(warning)]), self.started)
            raise WarningsRefused(map(as_error, self.advice.warned))

    def report_failure(self, steps: Sequence[tuple[str, str]], failure: Failure, started: float) -> None:
        """Report and count steps (op, address) that were not done, or a heal that failed."""
        self.tally.count_error(failure.exit_code or ERROR)
        seconds = round(time.monotonic() - started, 3)
        problem = failure.diagnostics[0] if failure.diagnostics else error("step-failed", str(failure))
        for op, address in steps:
            self.tally.count_failed()
            self.reporter(StepFailed(op=op, address=address, name=op, key=None, seconds=seconds, diagnostic=problem))

    def report_end(self, failure: Failure) -> None:
        """Report the failure that ended the run: at each binding that it was to move, or else at its first step."""
        plan = self.planned.plan
        steps = [(step.op, step.address) for change in plan.moving for step in change.steps if not step.cached]
        # a plan that only forgets or heals has no steps
        steps = steps or [("bind", address) for address in (*(c.address for c in plan.moving), *(d.address for d in plan.drift))]
        effects = [(op, address) for op, address in steps if self.session.ops[op].run is None]
        if isinstance(failure, WarningsRefused):
            because = " ".join(next(iter(self.advice.warned.values())))
            for op, address in effects if self.command != "build" else ():
                self.tally.count_skipped()
                self.reporter(StepSkipped(op=op, address=address, name=op, key=None, because=because))
            return
        self.report_failure(effects if self.command != "build" and effects else steps[:1], failure, self.started)

    def record(self) -> None:
        """Move the pointers of what was built and drop the forgotten ones in one write, after storing their recipes."""
        pointers = self._pointers()
        if not pointers:
            return
        by_address = self.planned.settled.by_address
        built = [by_address[address] for address, pointer in pointers.items() if pointer is not None]
        self.session.store.put_recipes({node.declaration: recipe_of(node) for node in built})
        planned_digests = {change.address: change.before for change in self.planned.plan.moving}

        def move(state: State) -> State:
            assert self.claim is not None
            check_claim(state, self.claim)
            current = {address: pointer.digest for address, pointer in state.current.items() if address in pointers}
            still = {address: pointer for address, pointer in pointers.items() if current.get(address) == planned_digests[address]}
            return state.move(still) if still else state

        self.session.pointers.move(move, Note(author=author_of(self.owner, self.command)))

    def _pointers(self) -> dict[str, Pointer | None]:
        """The pointers of nodes whose steps all have results; None for forgotten ones."""
        (keys, results), settled, at = self.evidence(), self.planned.settled, now()
        pointers: dict[str, Pointer | None] = {}
        for change in self.planned.plan.moving:
            node = settled.by_address.get(change.address)
            if isinstance(change, Forget):
                pointers[change.address] = None
            elif node is not None and not node.effect and self.built.complete(change):
                old = settled.current.get(node.address)
                pointers[change.address] = replace(pointer_of(node, keys, results, old), at=at)
        return pointers

    def switch(self, environment: str) -> Switch:
        """A switch that moves one environment under this run's claim, and reports its progress under the environment's address."""
        assert self.claim is not None
        address, started = document("environment", environment), time.monotonic()

        def say(line: str) -> None:
            seconds = round(time.monotonic() - started, 3)
            self.reporter(StepProgress(op="bind", address=address, name="bind", seconds=seconds, message=line))

        return self.session.switch(self.claim, self.author, say)

    @property
    def author(self) -> Author:
        """The author of what this run binds: from the commit that was planned."""
        return replace(author_of(self.owner, self.command), commit=self.planned.checkout.commit)

    def is_here(self, environment: str) -> bool:
        """Whether this folder on this host runs an environment."""
        state = self.planned.state
        return is_here(state.environments.get(environment) if state else None, self.session.root)

    def evidence(self) -> tuple[Keys, dict[str, Result]]:
        """The keys and results after the steps."""
        settled = self.planned.settled
        results = {**settled.results, **{result.key: result for result in self.built.results.values()}}
        return resolve_keys(settled.nodes, settled.current, results), results

    def finish(self, serial: int, gates: Sequence[Mapping[str, Json]] = ()) -> Outcome:
        """Report the last event and return the outcome with the exit code. `gates`: as in the event."""
        tally, code = self.tally, exit_code(self.tally.codes)
        finished = ApplyFinished(
            ok=code == OK,
            done={op.done: self.built.done.count(op.name) + tally.effects.count(op.name) for op in self.session.ops.values()},
            failed=len(self.built.failed) + tally.failed,
            skipped=len(self.built.skipped) + tally.skipped,
            serial=serial,
            seconds=round(time.monotonic() - self.started, 3),
            healed=tuple(tally.healed),
            changed=tuple(tally.changed),
            held=len(tally.held),
            withdrawn=tuple(tally.withdrawn),
            warnings=len(self._warnings),
            gates=tuple(gates),
            # otherwise the edit is undone
            next_apply=self.next_apply if code == OK else (),
        )
        self.reporter(finished)
        return Outcome(plan=self.planned.plan, exit_code=code, finished=finished, held=tuple(tally.held), withdrawn=finished.withdrawn)


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
        # the caller that takes it closes it
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
            logs=session.root / DOT_FOLDER / LOGS,
            settings=executor_settings(session),
            ahead=ahead,
        )
    )
