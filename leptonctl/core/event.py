"""What happens while a plan is carried out: a closed set of frozen types, told to a Reporter."""

from collections.abc import Mapping
from typing import ClassVar, Protocol, TypeAlias

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.frozen import Frozen
from leptonctl.core.gate import Judgement
from leptonctl.core.values import Json


class ApplyStarted(Frozen):
    """`command` is apply, build, rollback …; `steps` is how many will be done, `reuse` how many are adopted."""

    type: ClassVar[str] = "apply_started"
    command: str
    plan_id: str
    steps: int
    reuse: int


class StepStarted(Frozen):
    type: ClassVar[str] = "step_started"
    op: str
    address: str
    name: str
    key: str | None
    forecast_s: float | None = None


class StepProgress(Frozen):
    type: ClassVar[str] = "step_progress"
    op: str
    address: str
    name: str
    seconds: float
    message: str = ""
    iteration: int | None = None
    of: int | None = None
    loss: float | None = None


class StepFinished(Frozen):
    """`adopted`: another builder's result was taken, or one that was there. `judgements` on a bind."""

    type: ClassVar[str] = "step_finished"
    op: str
    address: str
    name: str
    key: str | None
    seconds: float
    adopted: bool = False
    metrics: dict[str, Json] | None = None
    judgements: tuple[Judgement, ...] = ()
    message: str = ""


class StepFailed(Frozen):
    """`gate`: a binding was held by its gate (exit 6), not an error of the step."""

    type: ClassVar[str] = "step_failed"
    op: str
    address: str
    name: str
    key: str | None
    seconds: float
    diagnostic: Diagnostic
    gate: bool = False
    judgements: tuple[Judgement, ...] = ()


class StepSkipped(Frozen):
    """`because` is the op and address of what failed before it."""

    type: ClassVar[str] = "step_skipped"
    op: str
    address: str
    name: str
    key: str | None
    because: str


class ApplyFinished(Frozen):
    """`done`: how many steps of each op were done, under the op's past participle, in the order of the table of ops.

    `healed`: environments that serve again what is bound. `changed`: those whose settings moved, and no binding.
    """

    type: ClassVar[str] = "apply_finished"
    ok: bool
    done: Mapping[str, int]
    failed: int
    skipped: int
    serial: int
    seconds: float
    healed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


Event: TypeAlias = ApplyStarted | StepStarted | StepProgress | StepFinished | StepFailed | StepSkipped | ApplyFinished


class Reporter(Protocol):
    """Told every event, in order, from one thread at a time. Must not raise."""

    def __call__(self, event: Event) -> None: ...
