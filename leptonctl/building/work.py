"""The input and the outcome of a run of steps, and which step waits for which. Values only: the scheduler decides the order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field

from leptonctl.core.change import Change, PlannedStep
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.frozen import Frozen, field
from leptonctl.core.result import Result
from leptonctl.core.state import Owner, Pointer
from leptonctl.core.values import Ops, Span, Step, StepPlace
from leptonctl.spi.running import StepError


@dataclass(slots=True, kw_only=True)
class Built:
    """The outcome of the steps so far: results by place, and why other places have none. `done`: the op of each step computed.

    `warnings`: the notices of all results that were computed or adopted. `ops`: the op of every step of the run.
    """

    ops: dict[StepPlace, str] = dataclass_field(default_factory=dict)
    results: dict[StepPlace, Result] = dataclass_field(default_factory=dict)
    failed: dict[StepPlace, Diagnostic] = dataclass_field(default_factory=dict)
    skipped: dict[StepPlace, str] = dataclass_field(default_factory=dict)
    done: list[str] = dataclass_field(default_factory=list)
    warnings: list[Diagnostic] = dataclass_field(default_factory=list)

    def complete(self, change: Change) -> bool:
        """Whether all steps of a change have results."""
        return all(step.step.place in self.results for step in change.steps if not step.effect)

    def obstacle(self, places: Iterable[StepPlace]) -> str | None:
        """The first failed step among these or before a skipped one of these, as `OP of ADDRESS`."""
        for place in places:
            if place in self.skipped:
                return self.skipped[place]
            if place in self.failed:
                return f"{self._label(place)} of {place[0]}"
        return None

    def _label(self, place: StepPlace) -> str:
        """The op of a step, or its name where its address has several steps of that op."""
        address, name = place
        op = self.ops.get(place, name)
        return op if [self.ops[other] for other in self.ops if other[0] == address].count(op) == 1 else name


class Advice:
    """The questions of a scheduler to the side that knows what steps mean. These answers are for steps that mean nothing.

    Asked from one thread. A result is stored before anything is asked about it.
    """

    def locate(self, address: str, problem: StepError | None) -> Span | None:  # noqa: ARG002
        """The place in the YAML at which the error of a step is reported. `problem`: None where the step did not fail by itself."""
        return None

    def notices(self, address: str, result: Result) -> tuple[Diagnostic, ...]:  # noqa: ARG002
        """The warnings in a result. Asked once for each step that is computed or adopted, not for what the plan knew as cached."""
        return ()

    def refusal(self, step: Step, result: Result) -> Diagnostic | None:  # noqa: ARG002
        """Why a step may not adopt a result that was computed for another one; None where it may."""
        return None

    def remark(self, step: Step, result: Result) -> str:  # noqa: ARG002
        """A result in one line, "" for nothing to say. Asked in the order in which steps end, cached ones too."""
        return ""

    def figures(self, result: Result) -> Mapping[str, float]:  # noqa: ARG002
        """The numbers in a result that are reported when its step ends. Not asked for what the plan knew as cached."""
        return {}

    def earlier_keys(self) -> Mapping[StepPlace, tuple[str, ...]]:
        """The keys that steps had in builds that no pointer knows, newest first. Costly: asked at most once, when a step has no result."""
        return {}


class Work(Frozen):
    """The input of a run: the steps' keys and results as far as the plan knew them, and the pointers before the run.

    `project` is the one that builds, and `lineage` its lineage if it has been applied, for the provenance.
    """

    ops: Ops
    keys: Mapping[StepPlace, str | None]
    current: Mapping[str, Pointer]
    known: Mapping[str, Result]
    owner: Owner
    parallelism: int
    project: str = ""
    lineage: str | None = None
    advice: Advice = field(default_factory=Advice)


@dataclass(slots=True, kw_only=True)
class Ready:
    """A step whose needs have results, with its key and (for early cutoff) the digest of what it reads by content.

    `order` is its position in the plan: ready steps run in this order, so that one version is done before the next.
    """

    planned: PlannedStep
    needs: Mapping[str, Result]
    key: str
    content: str
    order: int

    def __lt__(self, other: "Ready") -> bool:
        return self.order < other.order


def predecessors(steps: Mapping[StepPlace, PlannedStep]) -> dict[StepPlace, tuple[StepPlace, ...]]:
    """The steps for which each step waits: those of the run that it reads, by place or by the key that they will have."""
    by_key = {step.key: place for place, step in steps.items() if step.key is not None}

    def read_by(step: Step) -> Iterable[StepPlace]:
        yield from (place for place in step.needs.values() if place in steps)
        yield from (place for key in step.needed_keys.values() if (place := by_key.get(key)) is not None and place != step.place)

    return {place: tuple(dict.fromkeys(read_by(planned.step))) for place, planned in steps.items()}
