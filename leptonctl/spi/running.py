"""The seam of running steps: what a step function takes and returns, and what an executor is.

A step function is `run(inputs, needs, bench) -> Produced`. It runs in a worker process, reads and writes artifacts through the
bench, and records nothing: the caller writes the result record after the step has returned. An executor is a value,
found by the entry point `leptonctl.executors` under the `type:` that YAML names; it passes `leptonctl.testing.check_executor`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self, TypeAlias

from leptonctl.core.frozen import Frozen, field
from leptonctl.core.result import Result
from leptonctl.core.values import Json
from leptonctl.spi.learning import Checkpoint, Progress, Schema

THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS", "POLARS_MAX_THREADS",
)  # fmt: skip
"""How many threads numerical libraries use. All are set to 1 where a step runs, so that its bytes are the same everywhere."""

LIBRARIES = (
    "leptonctl", "scikit-learn", "numpy", "scipy", "skl2onnx", "onnx", "onnxruntime", "polars",
    "xgboost", "xgboost-cpu", "lightgbm", "torch",
)  # fmt: skip
"""The packages that decide what a step computes: a result records their versions as far as they are installed."""


class Artifacts(Protocol):
    """The part of the store that steps see. Digests are `sha256:<hex>`."""

    def put_artifact(self, data: bytes) -> str:
        """Store bytes durably under their digest and return it; storing it again is free."""
        ...

    def get_artifact(self, digest: str) -> bytes:
        """The bytes, checked against the digest. Raises KeyError when absent, ValueError when they do not match."""
        ...


def no_progress(*, message: str = "", iteration: int | None = None, of: int | None = None, loss: float | None = None) -> None:
    """A `Progress` that nobody follows."""


class Bench(Frozen):
    """What a step works with. `project` is the folder that data paths are relative to. `progress` may be called at any rate.

    `check_key(key_id, mark)` returns whether `mark` equals the one that the store has for this key id (the first one is
    recorded): a wrong secret key is noticed without storing the key. `checkpoint` saves the progress of a long step that can resume.
    """

    project: Path
    artifacts: Artifacts
    progress: Progress = no_progress
    check_key: Callable[[str, str], bool] = lambda _id, _mark: True
    checkpoint: Checkpoint | None = None


class Produced(Frozen):
    """What a step returns: artifacts by file name, and its outputs. Becomes a Result."""

    artifacts: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Json] = field(default_factory=dict)


Needs: TypeAlias = Mapping[str, Result]
StepFunction: TypeAlias = Callable[[dict[str, Json], Needs, Bench], Produced]


class Task(Frozen):
    """One step to do. `id` is the caller's and part of every outcome; `run` names the step function, "module:function".

    `key` is the step's key, under which a checkpoint may be kept; "" for none.
    queued: how many more tasks are ready and will be submitted when there is room; their durations are not known.
    """

    id: str
    op: str
    run: str
    inputs: Mapping[str, Json]
    needs: Mapping[str, Result] = field(default_factory=dict)
    key: str = ""
    queued: int = 0


class Progressed(Frozen):
    """The step is in progress, `seconds` after its start. `notice`: the message is a notice for people, not just progress."""

    id: str
    seconds: float
    message: str = ""
    iteration: int | None = None
    of: int | None = None
    loss: float | None = None
    notice: bool = False


class Completed(Frozen):
    """The step is done: its artifacts are durable, its result is not recorded yet. `provenance` describes the process that ran it."""

    id: str
    produced: Produced
    seconds: float
    provenance: Mapping[str, Json]


class StepError(Frozen):
    """Why a step refused, as the parts of a diagnostic. `file`, `line` and `column` (a name or a number) point into the data."""

    id: str
    summary: str
    detail: str = ""
    hint: str = ""
    file: str | None = None
    line: int | None = None
    column: str | None = None


class Failed(Frozen):
    """The step refused its inputs."""

    id: str
    error: StepError
    seconds: float


class Lost(Frozen):
    """The step did not finish: its worker died or was stopped. `why` is a sentence, `log` the end of the worker's output."""

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
        """The outcomes since the last call, in order. Waits up to `timeout` seconds for the first one; [] when there is none."""
        ...

    def cancel(self) -> None:
        """Stop everything at once; what was running or waiting is reported Lost by the next `poll`."""
        ...

    def close(self) -> None:
        """End all workers. Tasks that are not done are dropped; call `cancel` first to have them reported."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Workplace(Frozen):
    """What an executor is opened with. `store` is the URI as written in the project file; `logs` is a folder to create when needed.

    `ahead`: the modules with the functions of the steps to come, for an executor that `starts_ahead`; empty if none is certain to come.
    """

    project: Path
    store: str
    logs: Path
    settings: Mapping[str, Json]
    ahead: Sequence[str] = ()


class ExecutorBackend(Frozen):
    """One `type:` of executor. `settings`: the JSON Schemas of the properties other than `type`, with defaults and descriptions.

    A setting called `parallelism` is the number of tasks that are submitted at a time. `starts_ahead`: it can start before the first task,
    so it is opened as soon as tasks are certain to come, while the command still prepares; others are opened at the first task.
    """

    name: str
    description: str
    open: Callable[[Workplace], Executor]
    settings: Mapping[str, Schema] = field(default_factory=dict)
    starts_ahead: bool = False
