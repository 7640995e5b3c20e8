"""A project folder with a store in which toy nodes are built, and all events of the build."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from leptonctl.building.local import LocalExecutor
from leptonctl.building.scheduler import Scheduler
from leptonctl.building.work import Advice, Built, Work
from leptonctl.core.change import Change
from leptonctl.core.diff import diff
from leptonctl.core.event import Event, StepFailed, StepFinished, StepProgress, StepSkipped, StepStarted
from leptonctl.core.plan import Settled, with_steps
from leptonctl.core.result import Result
from leptonctl.core.state import Owner, Pointer
from leptonctl.core.values import Node, Span
from leptonctl.spi.running import Executor, StepError, Task, Workplace
from leptonctl.storage.folder import STORE
from leptonctl.storage.open import open_store
from leptonctl.storage.store import Store
from tests.building.fake import FakeExecutor, first
from tests.core.toy import OPS, settled

REPO = Path(__file__).parents[2]
OWNER = Owner(user="me", host="here", pid=1, commit="abc")


@contextmanager
def workers_find_the_tests() -> Iterator[None]:
    """Worker processes import the toy steps from here."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(REPO), *filter(None, [before])])
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@dataclass(slots=True, kw_only=True)
class Workshop:
    """Builds nodes. `processes`: with real workers, else with a fake executor, of which `executors` were opened."""

    root: Path
    processes: bool = False
    events: list[Event] = field(default_factory=list)
    executors: list[FakeExecutor] = field(default_factory=list)
    on_event: Callable[[Event], None] = lambda _: None
    choose: Callable[[list[Task]], list[Task]] = first

    @property
    def store(self) -> Store:
        return open_store("store", self.root, {"": STORE})

    @property
    def runs(self) -> list[str]:
        """The names of the steps that were started, in order."""
        file = self.root / "runs.txt"
        return file.read_text().splitlines() if file.exists() else []

    def record(self, event: Event) -> None:
        self.events.append(event)
        self.on_event(event)

    def reported(self, kind: type) -> list[tuple[str, str]]:
        """Address and name of the steps with an event of this kind."""
        return [(e.address, e.name) for e in self.events if isinstance(e, kind)]

    def executor(self) -> Executor:
        if self.processes:
            return LocalExecutor(Workplace(project=self.root, store="store", logs=self.root / "logs", settings={"parallelism": 2}))
        self.executors.append(FakeExecutor(project=self.root, store=self.store, choose=self.choose))
        return self.executors[-1]

    def build(
        self, nodes: Sequence[Node], *, current: Mapping[str, Pointer] | None = None, results: Mapping[str, Result] | None = None,
        lost: frozenset[str] = frozenset(), parallelism: int = 2,
    ) -> Built:  # fmt: skip
        """Build all of the nodes. What exists is adopted: from the plan if `results` has it, otherwise from the store."""
        found = settled(nodes, {a: p for a, p in (current or {}).items() if a not in lost}, results or {})
        return self.carry_out(
            with_steps(found, diff(found.nodes, current or {}, found.keys, lost)), found.keys.by_place, found, parallelism
        )

    def carry_out(self, changes, keys, found, parallelism: int = 2) -> Built:
        self.events.clear()
        work = Work(
            ops=OPS, keys=keys, current=found.current, known=found.results, owner=OWNER, parallelism=parallelism, advice=Spans(found),
        )  # fmt: skip
        try:
            built = Scheduler(store=self.store, open_executor=self.executor, reporter=self.record, work=work).run(changes)
            check_order(self.events)
            return built
        finally:
            assert not self.store.leases(), "no lease is left"
            assert all(executor.closed for executor in self.executors), "no executor is left open"


def check_order(events: Sequence[Event]) -> None:
    """The order that `leptonctl/core/event.py` promises of a run that is not interrupted."""
    running: set[tuple[str, str]] = set()
    ended: list[str] = []
    for event in events:
        match event:
            case StepStarted():
                assert (event.address, event.name) not in running, "a step starts once"
                running.add((event.address, event.name))
            case StepFinished() | StepFailed():
                assert isinstance(event, StepFailed) or event.adopted or (event.address, event.name) in running, (
                    "only adopting needs no start"
                )
                running.discard((event.address, event.name))
                ended.append(event.address)
            case StepProgress():
                assert event.message.startswith("waits for ") or (event.address, event.name) in running, "progress is between start and end"
            case StepSkipped():
                assert event.because.partition(" of ")[2] in ended, "the cause of a skip comes before it"
                ended.append(event.address)
    assert not running, "each step that starts ends"


class Spans(Advice):
    """Errors of steps are reported at their nodes, and the length of what a step wrote."""

    def __init__(self, found: Settled) -> None:
        self._found = found

    def locate(self, address: str, problem: StepError | None) -> Span | None:
        return self._found.by_address[address].span if address in self._found.by_address else None

    def figures(self, result: Result) -> Mapping[str, float]:
        return {"length": result.outputs["length"]} if "length" in result.outputs else {}


def changes_of(nodes: Sequence[Node]) -> tuple[Change, ...]:
    found = settled(nodes, {}, {})
    return with_steps(found, diff(found.nodes, {}, found.keys))
