"""An executor without processes: it runs a step when it is polled, so that a test decides in which order steps end, and how."""

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from leptonctl.spi.learning import ProviderError
from leptonctl.spi.running import Bench, Completed, Failed, Lost, Outcome, StepError, Task
from leptonctl.storage.store import Store


def first(waiting: list[Task]) -> list[Task]:
    """The steps end one by one, in the order in which they were handed out."""
    return waiting[:1]


@dataclass(slots=True, kw_only=True)
class FakeExecutor:
    """`choose` says which of the steps under way end at a poll. `inputs["do"]` is obeyed: `fail`, `lose` or `interrupt`."""

    project: Path
    store: Store
    choose: Callable[[list[Task]], list[Task]] = first
    submitted: list[str] = field(default_factory=list)
    most: int = 0
    cancelled: bool = False
    closed: bool = False
    _waiting: list[Task] = field(default_factory=list)

    def submit(self, task: Task) -> None:
        assert task.id not in {waiting.id for waiting in self._waiting}
        self.submitted.append(task.id)
        self._waiting.append(task)
        self.most = max(self.most, len(self._waiting))

    def poll(self, timeout: float) -> list[Outcome]:
        del timeout
        ending = list(self.choose(list(self._waiting)))
        for task in ending:
            self._waiting.remove(task)
        return [self._end(task) for task in ending]

    def cancel(self) -> None:
        self.cancelled = True
        self._waiting.clear()

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _end(self, task: Task) -> Outcome:
        do = task.inputs.get("do")
        if do == "interrupt":
            raise KeyboardInterrupt
        if do == "lose":
            return Lost(id=task.id, why="It went away.")
        module, _, function = task.run.partition(":")
        bench = Bench(project=self.project, artifacts=self.store, progress=lambda **_: None)
        try:
            produced = getattr(importlib.import_module(module), function)(dict(task.inputs), task.needs, bench)
        except ProviderError as problem:
            error = StepError(
                id=problem.id, summary=problem.summary, detail=problem.detail, hint=problem.hint,
                file=problem.file, line=problem.line, column=problem.column,
            )  # fmt: skip
            return Failed(id=task.id, error=error, seconds=0.5)
        return Completed(id=task.id, produced=produced, seconds=1.5, provenance={"pid": os.getpid()})
