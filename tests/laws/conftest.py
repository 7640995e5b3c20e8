"""One applied project for all tests of edits, and copies of it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import projects
from tests.laws import matrix


# in random order the tests of other packages come in between
@pytest.fixture(scope="session")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project of `matrix`, applied; its servers run until the last test.

    It is moved then, so that a copy counts as the folder that they were started for.
    """
    root = tmp_path_factory.mktemp("matrix") / "applied"
    matrix.write_project(root)
    done = projects.run("apply", "--yes", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    moved = root.rename(root.with_name("moved"))
    yield moved
    projects.stop_servers(moved)


@pytest.fixture
def copy(applied: Path, tmp_path: Path) -> Path:
    """The applied project in a folder of its own. Its state still names the servers of the first, which are queried and never changed.

    They still write into the first store: half-written files there are left out. Nor is it recorded as a copy, which moves nothing.
    """
    return Path(shutil.copytree(applied, tmp_path / "copy", ignore=shutil.ignore_patterns(".temporary", "folder")))


@pytest.fixture
def served_copy(copy: Path) -> Iterator[Path]:
    """A copy with servers of its own."""
    matrix.own_servers(copy)
    started = projects.run("apply", "--yes", cwd=copy)
    assert started.returncode == 0, started.stdout + started.stderr
    yield copy
    projects.stop_servers(copy)
