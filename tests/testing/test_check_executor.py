"""The suite of executors: one that keeps its promises passes, and each broken one is caught by name."""

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from lepton_toy.process_executor import ProcessExecutor

from leptonctl.spi.running import Completed, Failed, Lost, Outcome, Progressed, Workplace
from leptonctl.testing import check_executor, executors


def place(folder: Path) -> Workplace:
    return Workplace(project=folder, store="sqlite://store.sqlite", logs=folder / "logs", settings={})


def test_an_executor_that_keeps_its_promises_passes(tmp_path: Path) -> None:
    check_executor(functools.partial(ProcessExecutor, place(tmp_path)), project=tmp_path)


class Twice(ProcessExecutor):
    """Reports the end of a task twice."""

    def poll(self, timeout: float) -> list[Outcome]:
        outcomes = super().poll(timeout)
        return outcomes + [outcome for outcome in outcomes if isinstance(outcome, Completed)]


class SilentDeath(ProcessExecutor):
    """Never reports that a worker has died."""

    def poll(self, timeout: float) -> list[Outcome]:
        return [outcome for outcome in super().poll(timeout) if not isinstance(outcome, Lost) or outcome.cancelled]


class DropsProgress(ProcessExecutor):
    def poll(self, timeout: float) -> list[Outcome]:
        return [outcome for outcome in super().poll(timeout) if not isinstance(outcome, Progressed)]


class ForgetsTheReason(ProcessExecutor):
    def poll(self, timeout: float) -> list[Outcome]:
        return [Lost(id=o.id, why="failed") if isinstance(o, Failed) else o for o in super().poll(timeout)]


class CancelsQuietly(ProcessExecutor):
    def cancel(self) -> None:
        self.close()


class LeavesThemRunning(ProcessExecutor):
    def close(self) -> None:
        self._waiting.clear()


@pytest.mark.parametrize(
    ("broken", "check", "what"),
    [
        (Twice, executors._check_values, "nothing is reported of a task that has ended"),
        (SilentDeath, executors._check_deaths, "every task ends"),
        (DropsProgress, executors._check_progress, "progress is reported"),
        (ForgetsTheReason, executors._check_refusals, "a step that refuses its inputs fails"),
        (CancelsQuietly, executors._check_cancelling, "every task ends"),
        (LeavesThemRunning, executors._check_closing, "a stopped step does nothing more"),
    ],
)
def test_a_broken_promise_is_named(
    broken: type[ProcessExecutor], check: Callable[..., None], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "PATIENCE_S", 4.0)
    opened: list[ProcessExecutor] = []

    def open_one() -> ProcessExecutor:
        opened.append(broken(place(tmp_path)))
        return opened[-1]

    try:
        with pytest.raises(AssertionError, match=f"not met: {what}"):
            if check in (executors._check_cancelling, executors._check_closing):
                check(open_one, tmp_path)
            else:
                check(open_one())
    finally:
        for executor in opened:
            ProcessExecutor.close(executor)
