"""A project that was applied by the library, once, for the tests that look at it or copy it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from leptonctl import Event, Project
from leptonctl.library.work import Work
from tests import projects


class Applied:
    """An applied project, what the apply returned, and the events with which its callback was called, each with its thread."""

    def __init__(self, root: Path, work: Work, calls: list[tuple[Event, int]]) -> None:
        self.root, self.work, self.calls = root, work, calls
        self.project = Project.load(root)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Applied:
    """Built only: an apply of a copy starts a server and trains nothing."""
    root = projects.tiny_project(tmp_path_factory.mktemp("library"))
    calls: list[tuple[Event, int]] = []
    work = Project.load(root).build(progress=lambda event: calls.append((event, threading.get_ident())))
    return Applied(root, work, calls)


@pytest.fixture(scope="session")
def applied(built: Applied, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applied]:
    root = projects.copy_of(built.root, tmp_path_factory.mktemp("library") / "project")
    project = Project.load(root)
    try:
        yield Applied(root, project.apply(project.plan()), [])
    finally:
        projects.stop_servers(root)


@pytest.fixture
def copy(built: Applied, tmp_path: Path) -> Iterator[Path]:
    yield projects.copy_of(built.root, tmp_path / "project")
    projects.stop_servers(tmp_path)
