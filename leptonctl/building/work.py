"""What a run of steps is given, what came of it, and which step waits for which. Values: the scheduler owns the order of things."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from leptonctl.core.change import Change, PlannedStep
from leptonctl.core.diagnostic import Diagnostic
from leptonctl.core.frozen import Frozen
from leptonctl.core.result import Result
from leptonctl.core.state import Owner, Pointer
from leptonctl.core.values import Ops, Place, Span, Step
from leptonctl.spi.running import StepError


@dataclass(slots=True, kw_only=True)
class Built:
    """What came of the steps so far: results by place, and why others have none."""

    results: dict[Place, Result] = field(default_factory=dict)
    failed: dict[Place, Diagnostic] = field(default_factory=dict)
    skipped: dict[Place, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    def complete(self, change: Change) -> bool:
        """All steps of a change have results."""
        return all(step.step.place in self.results for step in change.steps if not step.effect)

    def obstacle(self, places: Iterable[Place]) -> str | None:
        """The first of these that failed or was skipped, as `NAME of ADDRESS`."""
        for place in places:
            if place in self.skipped:
                return self.skipped[place]
            if place in self.failed:
                return f"{place[1]} of {place[0]}"
        return None


class Work(Frozen):
    """What a run is given: the steps' keys and earlier results as far as the plan knew them, and the pointers before it.

    `locate` gives the place in the YAML that an error of a step is reported at.
    """

    ops: Ops
    keys: Mapping[Place, str | None]
    current: Mapping[str, Pointer]
    known: Mapping[str, Result]
    owner: Owner
    parallelism: int
    locate: Callable[[str, StepError | None], Span | None]


@dataclass(slots=True, kw_only=True)
class Ready:
    """A step whose needs are there, with its key and (for early cutoff) what determines it by content.

    `order` is its place in the plan: of those that are ready the first runs first, so that one version is done before the next.
    """

    planned: PlannedStep
    needs: Mapping[str, Result]
    key: str
    content: str
    order: int

    def __lt__(self, other: "Ready") -> bool:
        return self.order < other.order


def waits_for(steps: Mapping[Place, PlannedStep]) -> dict[Place, tuple[Place, ...]]:
    """What each step waits for: the listed steps that it reads, by place or by the key that they will have."""
    makers = {step.key: place for place, step in steps.items() if step.key is not None}

    def of(step: Step) -> Iterable[Place]:
        yield from (place for place in step.needs.values() if place in steps)
        yield from (maker for key in step.given.values() if (maker := makers.get(key)) is not None and maker != step.place)

    return {place: tuple(dict.fromkeys(of(planned.step))) for place, planned in steps.items()}
