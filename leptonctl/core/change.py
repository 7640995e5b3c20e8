"""Changes, drift, gate judgements and the plan that holds them: closed sets of frozen types."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.gate import Judgement
from leptonctl.core.values import Action, Json, Op, Span, Step

DriftClass: TypeAlias = Literal["heal", "note", "decision", "unobserved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """One written thing that moved. `path` is dotted (`params.C`); `span` is where the new value stands, if written."""

    path: str
    before: Json
    after: Json
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A step in a plan. `cached`: a result exists and is adopted. `forecast_s` is None where there is no history. `key` as in Step."""

    op: Op
    address: str
    key: str | None
    spec: str
    cached: bool
    forecast_s: float | None = None
    step: Step | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A pointer that differs. `before`/`after` are digests (None: absent); for a binding also the version names."""

    action: ClassVar[Action]
    address: str
    reason: str = ""
    because: tuple[Because, ...] = ()
    steps: tuple[PlannedStep, ...] = ()
    before: str | None = None
    after: str | None = None
    before_version: str | None = None
    after_version: str | None = None
    known_after_apply: tuple[str, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    is_return: bool = False
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Create(Change):
    action: ClassVar[Action] = "create"


@dataclass(frozen=True, slots=True, kw_only=True)
class Update(Change):
    action: ClassVar[Action] = "update"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove(Change):
    """An effect is undone: a binding or an environment is no longer declared."""

    action: ClassVar[Action] = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget(Change):
    """A dataset or version is no longer declared; its results stay until `gc`."""

    action: ClassVar[Action] = "forget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep(Change):
    action: ClassVar[Action] = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Live differs from state. heal: apply mends it; note: nothing needs it now; decision: a person's; unobserved: not reachable."""

    address: str
    drift_class: DriftClass
    reason: str
    recorded: Json = None
    live: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A complete list of what would change. Apply decides nothing that does not stand here.

    `binding` names what a saved plan is bound to: part -> digest (lineage, serial, pointers, configuration, data, live,
    tool, steps); `plan_id` is the digest of all of them.
    """

    plan_id: str
    effect_id: str
    lineage: str | None
    serial: int
    changes: tuple[Change, ...]
    drift: tuple[Drift, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    binding: Mapping[str, str] = field(default_factory=dict)

    @property
    def moving(self) -> tuple[Change, ...]:
        """All changes but the kept."""
        return tuple(c for c in self.changes if not isinstance(c, Keep))

    @property
    def summary(self) -> dict[str, int]:
        """Counts: addresses by action, uncached steps by op, cached steps as `reuse`. Every counter is present."""
        counts = dict.fromkeys(SUMMARY, 0)
        seen: set[str] = set()
        for change in self.changes:
            counts[change.action] += 1
            for step in change.steps:
                # two versions of equal recipe share one step
                if step.spec in seen:
                    continue
                seen.add(step.spec)
                counts["reuse" if step.cached else step.op] += 1
        return counts

    @property
    def complete(self) -> bool:
        """Nothing is known only after apply."""
        return not any(c.known_after_apply for c in self.changes)

    @property
    def gates_failed(self) -> bool:
        """A gate is known at plan time to fail."""
        return any(j.passed is False for c in self.changes if not c.is_return for j in c.judgements)

    @property
    def has_effect(self) -> bool:
        """Something would be done: exit 2 with --detailed-exitcode."""
        return bool(self.moving) or any(d.drift_class == "heal" for d in self.drift)

    @property
    def applyable(self) -> bool:
        """There are changes (or drift to heal), no error, and no gate known to fail."""
        return self.has_effect and not self.gates_failed and not any(d.severity == "error" for d in self.diagnostics)


SUMMARY = (
    "create", "update", "remove", "forget", "keep", "reuse",
    "prepare", "train", "export", "evaluate", "cross_validate", "compare", "bind",
)  # fmt: skip
