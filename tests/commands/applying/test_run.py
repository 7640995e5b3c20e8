"""A run of steps: how many are submitted at a time, and how it ends when it is interrupted."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from leptonctl.building.local import LocalExecutor
from leptonctl.commands.applying.run import AT_ONCE, Run, executor_ahead, parallelism
from leptonctl.commands.planning.line import plan_project
from leptonctl.commands.session import Session
from leptonctl.core.diagnostic import fail
from leptonctl.core.event import ApplyFinished, Event, StepFailed
from leptonctl.core.frozen import replace
from leptonctl.core.values import Json
from leptonctl.kinds.project import Settings
from leptonctl.project.catalog import load_catalog
from leptonctl.spi.running import ExecutorBackend, Workplace
from tests import projects

apply_command = import_module("leptonctl.commands.apply")


@pytest.mark.parametrize(("block", "expected"), [("", 2), ("executor: {parallelism: 5}\n", 5)])
def test_the_executors_own_setting(tmp_path: Path, block: str, expected: int) -> None:
    (tmp_path / "leptonctl.yaml").write_text(f"kind: Project\nname: p\nformat: 1\n{block}")
    assert parallelism(Session.open(tmp_path)) == expected


@pytest.mark.parametrize(("written", "default", "expected"), [({}, None, AT_ONCE), ({}, 3, 3), ({"parallelism": 0}, 3, 1)])
def test_an_executor_of_another_package(tmp_path: Path, written: dict[str, Json], default: int | None, expected: int) -> None:
    described = {"parallelism": {"type": "integer", "default": default}} if default else {"niceness": {"type": "integer", "default": 1}}
    theirs = ExecutorBackend(name="theirs", description="d", open=LocalExecutor, settings=described)
    session = Session(root=tmp_path)
    session.catalog = replace(load_catalog(), executors={"theirs": theirs})
    session.settings = Settings(executor="theirs", executor_settings=written)
    assert parallelism(session) == expected


class Opened:
    """An executor of another package that only says what became of it."""

    def __init__(self, place: Workplace) -> None:
        self.place, self.closed = place, False

    def close(self) -> None:
        self.closed = True


def opened_by(root: Path, *, starts_ahead: bool, take: bool = False) -> tuple[list[Opened], list[Opened]]:
    """The executors that were open within `executor_ahead`, and those that were closed by it."""
    session, opened = Session.open(root), list[Opened]()

    def open_(place: Workplace) -> Any:
        opened.append(Opened(place))
        return opened[-1]

    theirs = replace(session.catalog.executors["local"], open=open_, starts_ahead=starts_ahead)
    session.catalog = replace(session.catalog, executors={"local": theirs})
    with executor_ahead(session, plan_project(session).plan) as executor:
        within = [*opened]
        if take:
            executor()
    return within, [one for one in opened if one.closed]


def test_an_executor_that_starts_ahead_is_opened_when_steps_will_come(tiny: Callable[..., Path]) -> None:
    root = tiny(environments={})
    (within,), (closed,) = opened_by(root, starts_ahead=True)
    assert within.place.ahead[:2] == ("leptonctl.learning.steps.prepare", "leptonctl.learning.steps.train")
    assert len(set(within.place.ahead)) == len(within.place.ahead)
    assert closed is within
    # the caller that takes it closes it
    assert opened_by(root, starts_ahead=True, take=True)[1] == []
    # others are opened at the first task
    assert opened_by(root, starts_ahead=False) == ([], [])
    assert projects.run("build", cwd=root).returncode == 0
    # what has a result needs no worker, although the pointers will move
    assert opened_by(root, starts_ahead=True) == ([], [])


def test_a_failure_is_reported_even_if_no_step_was_planned(tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that only forgets: the failure is the event before the last one."""
    root = tiny(environments={})
    assert projects.run("build", cwd=root).returncode == 0
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    projects.edit(root / "model-line.yaml", "  v2: {params: {C: 0.5}}\n", "")
    monkeypatch.chdir(root)
    events: list[Event] = []

    def refuse(*_: object) -> None:
        raise fail("store-failed", "The store could not be read or written", "it is full", hint="make room")

    monkeypatch.setattr(Run, "record", refuse)
    outcome = apply_command.apply(Session.open(root), apply_command.Request(), consent=lambda _: True, reporter=events.append)
    assert outcome.exit_code == 1
    assert isinstance(events[-2], StepFailed)
    assert (events[-2].address, events[-2].diagnostic.id) == ("model/line@v2", "store-failed")
    assert isinstance(events[-1], ApplyFinished)
    assert not events[-1].ok
