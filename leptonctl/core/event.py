"""The events of an apply: a closed set of frozen types, passed to a Reporter."""

from collections.abc import Mapping
from typing import ClassVar, Protocol, TypeAlias

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.frozen import Frozen
from leptonctl.core.gate import Judgement
from leptonctl.core.values import Json


class ApplyStarted(Frozen):
    """`command` is apply, build, rollback …; `steps` counts the steps to do, `reuse` those whose results are adopted."""

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
    """`notice`: the message is a notice for people, not just progress."""

    type: ClassVar[str] = "step_progress"
    op: str
    address: str
    name: str
    seconds: float
    message: str = ""
    iteration: int | None = None
    of: int | None = None
    loss: float | None = None
    notice: bool = False


class StepFinished(Frozen):
    """`adopted`: the result existed already, or another builder made it. `judgements` are set on a bind. `notices`: warnings."""

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
    notices: tuple[Diagnostic, ...] = ()


class StepFailed(Frozen):
    """`gate`: a gate held the binding (exit 6); the step itself has no error."""

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
    """`because` is the op and address of the failed step that this one depends on; of a binding that is still held, the reason.

    `diagnostic` is set on the latter: a warning.
    """

    type: ClassVar[str] = "step_skipped"
    op: str
    address: str
    name: str
    key: str | None
    because: str
    diagnostic: Diagnostic | None = None


class ApplyFinished(Frozen):
    """`done`: number of steps by the past participle of their op, in the order of the table of ops.

    `healed`: environments that serve again what is bound. `changed`: environments whose settings changed, but no binding.
    `held`: bindings that are held; `failed` counts those among them that are newly held. `withdrawn`: {environment, id, model,
    version} of each package that was withdrawn, with its `digest` where another build of this version is bound now. `gates`: of a
    build, {address, before_version, after_version, passed, gates} of each binding that an apply would move: `passed` is None while
    a gate is not decided, `gates` is as in `plan --json`.
    `next_apply`: of a rollback, the addresses of the other bindings that use lines which it wrote back: they move with the next apply.
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
    held: int = 0
    withdrawn: tuple[Mapping[str, str], ...] = ()
    warnings: int = 0
    gates: tuple[Mapping[str, Json], ...] = ()
    next_apply: tuple[str, ...] = ()


Event: TypeAlias = ApplyStarted | StepStarted | StepProgress | StepFinished | StepFailed | StepSkipped | ApplyFinished


class Reporter(Protocol):
    """Receives every event, in order, from one thread at a time. Must not raise."""

    def __call__(self, event: Event) -> None: ...
