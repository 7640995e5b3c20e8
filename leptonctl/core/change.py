"""Changes, drift and the plan that holds them: closed sets of frozen types."""

from collections.abc import Mapping
from typing import ClassVar, Literal, TypeAlias

from leptonctl.core.address import Address, parse
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.gate import Hold, Judgement
from leptonctl.core.values import Action, Json, Span, Step

DriftClass: TypeAlias = Literal["heal", "note", "decision", "unobserved"]


class Because(Frozen):
    """One declared field that changed. `path` is dotted (`params.C`); `span` is where the new value is written, if it is."""

    path: str
    before: Json
    after: Json
    span: Span | None = None


class PlannedStep(Frozen):
    """A step in a plan. `cached`: a result exists and is adopted. `forecast_s` is None without earlier builds. The rest as in Step.

    `decided`: the output that the step decides, None while it is not known.
    """

    step: Step
    key: str | None
    cached: bool
    forecast_s: float | None = None
    decided: Json = None

    @property
    def name(self) -> str:
        return self.step.name

    @property
    def op(self) -> str:
        return self.step.op

    @property
    def address(self) -> str:
        return self.step.address

    @property
    def spec(self) -> str:
        return self.step.spec

    @property
    def effect(self) -> bool:
        return self.step.effect


class Change(Frozen):
    """A pointer that differs. `before`/`after` are digests (None: absent); for a binding also the version names.

    `placement`: of an environment and its bindings, where it will run, `here` or `elsewhere`; None for everything else.
    """

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
    placement: str | None = None
    span: Span | None = None
    hold: Hold | None = None

    @property
    def place(self) -> Address:
        """The parts of its address."""
        return parse(self.address)

    @property
    def is_held(self) -> bool:
        """Whether the change is known to be held. No gate holds a return."""
        return self.hold is not None or (not self.is_return and any(judgement.passed is False for judgement in self.judgements))

    @property
    def is_newly_held(self) -> bool:
        """Whether the hold, as it is now, is new: no run has met it before."""
        return self.is_held and not (self.hold is not None and self.hold.since)

    @property
    def is_pending(self) -> bool:
        """Whether an apply would do anything for it. A hold that a run has met before leaves only what is still to be built."""
        computes = any(not planned.cached and not planned.step.effect for planned in self.steps)
        return not self.is_held or self.is_newly_held or computes


class Create(Change):
    action: ClassVar[Action] = "create"


class Update(Change):
    action: ClassVar[Action] = "update"


class Remove(Change):
    """An effect is undone: a binding or an environment is no longer declared."""

    action: ClassVar[Action] = "remove"


class Forget(Change):
    """A dataset or version is no longer declared; its results stay until `gc`."""

    action: ClassVar[Action] = "forget"


class Keep(Change):
    action: ClassVar[Action] = "keep"


class Drift(Frozen):
    """What serves differs from the state.

    heal: apply repairs it; note: nothing needs it now; decision: a person has to decide; unobserved: it cannot be reached.
    """

    address: str
    drift_class: DriftClass
    reason: str
    recorded: Json = None
    live: Json = None

    @property
    def place(self) -> Address:
        """The parts of its address."""
        return parse(self.address)


class Plan(Frozen):
    """The complete list of what would change. Apply does nothing that is not in it.

    `ops` are the ops to count, in order. `binding` is what a saved plan is bound to: part -> digest (lineage, serial,
    pointers, configuration, data, live, tool, steps); `plan_id` is the digest of all of them. `only`: the addresses that
    it is limited to; none: all.
    """

    plan_id: str
    effect_id: str
    lineage: str | None
    serial: int
    changes: tuple[Change, ...]
    drift: tuple[Drift, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    ops: tuple[str, ...] = ()
    binding: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()

    @property
    def moving(self) -> tuple[Change, ...]:
        """All changes except those that keep a pointer."""
        return tuple(c for c in self.changes if not isinstance(c, Keep))

    @property
    def summary(self) -> dict[str, int]:
        """Counts: addresses by action, cached steps as `reuse`, others by op, held bindings, warnings. No count is left out."""
        counts = dict.fromkeys((*ACTIONS, "reuse", *self.ops, "held", "warnings"), 0)
        counts["warnings"] = sum(problem.severity == "warning" for problem in self.diagnostics)
        specs: set[str] = set()
        for change in self.changes:
            counts[change.action] += 1
            counts["held"] += change.is_held
            for step in change.steps:
                # two versions with equal recipes share one step
                if step.spec in specs:
                    continue
                specs.add(step.spec)
                counts["reuse" if step.cached else step.op] += 1
        return counts

    @property
    def complete(self) -> bool:
        """Whether everything is known before apply."""
        return not any(c.known_after_apply for c in self.changes)

    @property
    def holds(self) -> bool:
        """Whether a binding is known at plan time to be held."""
        return any(c.is_held for c in self.changes)

    @property
    def newly_holds(self) -> bool:
        """Whether one of these holds is not recorded yet (protocols 9)."""
        return any(c.is_newly_held for c in self.changes)

    @property
    def has_effect(self) -> bool:
        """Whether anything differs from what is declared, or has to be healed."""
        return bool(self.moving) or any(d.drift_class == "heal" for d in self.drift)

    @property
    def is_pending(self) -> bool:
        """Whether an apply would do anything: exit 2 with --detailed-exitcode. A known hold has no exit code of its own (protocols 9)."""
        return any(change.is_pending for change in self.moving) or any(d.drift_class == "heal" for d in self.drift)

    @property
    def applyable(self) -> bool:
        """Whether there are changes (or drift to heal), no error, and no binding known to be held."""
        return self.has_effect and not self.holds and not any(d.severity == "error" for d in self.diagnostics)


ACTIONS: tuple[Action, ...] = ("create", "update", "remove", "forget", "keep")
