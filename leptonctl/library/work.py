"""Calls that run steps: their progress by callback, what they did, and the failure of one that did only a part."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from leptonctl.commands.outcome import Outcome
from leptonctl.core.change import Plan as PlanValue
from leptonctl.core.diagnostic import INTERRUPTED, OK, Diagnostic, Failure, error
from leptonctl.core.event import ApplyFinished, Event, StepFailed, StepFinished, StepSkipped
from leptonctl.library.reports import WIDTH, Report

Progress = Callable[[Event], object]
"""Called with every event, in order, from one thread at a time."""


class Work(Report):
    """What a build, an apply, a rollback or a promotion did. `command`: which of these. `events`: in order.

    `held`: addresses of bindings that are held, by a gate or otherwise, and were held before. `commit_hint`: the command that commits the
    edit of the YAML, "" without an edit.
    """

    command: str
    plan: PlanValue
    events: tuple[Event, ...]
    held: tuple[str, ...] = ()
    withdrawn: tuple[Mapping[str, str], ...] = ()
    commit_hint: str = ""

    @property
    def finished(self) -> ApplyFinished | None:
        """The last event; None if nothing was started."""
        return next((event for event in reversed(self.events) if isinstance(event, ApplyFinished)), None)

    @property
    def done(self) -> Mapping[str, int]:
        """How many steps were done, by kind: trained, exported, evaluated, bound … Adopted results do not count."""
        return self.finished.done if self.finished else {}

    @property
    def serial(self) -> int:
        """The serial of the state afterwards: it grows with every change of a pointer."""
        return self.finished.serial if self.finished else self.plan.serial

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Warnings and notes of the steps, and what failed or is held."""
        return tuple(problems(self.events, everything=True))

    def to_json(self) -> dict[str, Any]:
        """The last line that the command prints with `--json`; {} if nothing was started."""
        from leptonctl.views.event_json import event_to_json

        return event_to_json(self.finished) if self.finished else {}

    def text(self, *, color: bool = False) -> str:
        from leptonctl.views.events import Console, did_anything
        from leptonctl.views.plan_text import render

        if self.finished is None or not did_anything(self.finished):
            return render(self.plan, color=color, width=WIDTH)
        lines: list[str] = []
        console = Console(lines.append, color=color, tty=False, width=WIDTH, room=WIDTH, clock=lambda: 0.0)
        for event in self.events:
            console(event)
        return "".join(lines).rstrip("\n")


class Unfinished(Failure):
    """A failure of a call that did only a part of its work, see `work`. The results are in the store, and another call continues."""

    def __init__(self, diagnostics: Iterable[Diagnostic], exit_code: int, work: Work) -> None:
        super().__init__(diagnostics, exit_code)
        self.work = work


class Recorder:
    """A reporter that keeps the events and passes them on. An exception in the callback ends the callbacks, not the work.

    `first`: called before the first event is passed on.
    """

    def __init__(self, progress: Progress | None) -> None:
        self.events: list[Event] = []
        self.problem: BaseException | None = None
        self.first: Callable[[], None] | None = None
        self._progress = progress

    def __call__(self, event: Event) -> None:
        if not self.events and self.first is not None:
            self.first()
        self.events.append(event)
        if self._progress is None or self.problem is not None:
            return
        try:
            self._progress(event)
        except Exception as problem:  # noqa: BLE001 - the caller gets it when the work has ended
            self.problem = problem

    def conclude(self, command: str, outcome: Outcome) -> Work:
        """The finished work. Raises Unfinished, KeyboardInterrupt, or the exception of the callback."""
        work = Work(
            command=command,
            plan=outcome.plan,
            events=tuple(self.events),
            held=outcome.held,
            withdrawn=outcome.withdrawn,
            commit_hint=outcome.commit_hint,
        )
        if outcome.exit_code == INTERRUPTED:
            raise KeyboardInterrupt
        if outcome.exit_code != OK:
            failed = tuple(problems(self.events)) or (error("step-failed", f"The {command} was not finished"),)
            raise Unfinished(failed, outcome.exit_code, work)
        if self.problem is not None:
            raise self.problem
        return work


def problems(events: Iterable[Event], *, everything: bool = False) -> Iterable[Diagnostic]:
    """What failed or is held, without repeats. `everything`: also the notices of finished steps."""
    collected: dict[Diagnostic, None] = {}
    for event in events:
        match event:
            case StepFailed(diagnostic=diagnostic):
                collected[diagnostic] = None
            case StepSkipped(diagnostic=diagnostic) if diagnostic is not None:
                collected[diagnostic] = None
            case StepFinished(notices=notices) if everything:
                collected.update(dict.fromkeys(notices))
    return collected
