"""The seam of an executor: tasks in, outcomes out. Owns no process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self, TypeAlias

from leptonctl.core.values import Json, Op, Result
from leptonctl.spi.running import Made

STEPS: Mapping[str, str] = {
    op: f"leptonctl.learning.steps.{op}" for op in ("prepare", "train", "export", "evaluate", "cross_validate", "compare")
}
"""Which module runs an op: its `run(inputs, needs, bench)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One step to be done. `id` is the caller's and comes back with every outcome."""

    id: str
    op: Op
    inputs: Mapping[str, Json]
    needs: Mapping[str, Result] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    id: str
    seconds: float
    message: str = ""
    iteration: int | None = None
    of: int | None = None
    loss: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """`provenance` is of the process that did it; the artifacts are durable, the result is not recorded yet."""

    id: str
    made: Made
    seconds: float
    provenance: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The step said no. `error` has id, summary, detail, hint, file, line (int) and column (text), absent ones None or ""."""

    id: str
    error: dict[str, Json]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The step did not come to an end: its worker died or was stopped. `why` is a sentence, `log` the end of what it wrote."""

    id: str
    why: str
    log: str = ""
    cancelled: bool = False


Outcome: TypeAlias = Progressed | Completed | Failed | Lost


class Executor(Protocol):
    """Runs tasks somewhere. Every task ends in exactly one of Completed, Failed and Lost."""

    def submit(self, task: Task) -> None:
        """Take a task; it starts when there is room."""
        ...

    def poll(self, timeout: float) -> list[Outcome]:
        """What happened since the last call, in order. Waits up to `timeout` seconds for the first; [] when none came."""
        ...

    def cancel(self) -> None:
        """Stop everything at once; what was running or waiting is reported Lost by the next `poll`."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...
