"""The spam example, built once: its copies bind without training."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import projects


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """`root`: a copy of the spam example after `leptonctl build`, no pointer moved, no server. `finished`: the last event of the build."""
    root = projects.copy_example("spam-filter", tmp_path_factory.mktemp("built"))
    done = projects.run("build", "--json", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    return SimpleNamespace(root=root, finished=json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="session")
def built_line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of one small model and environment prod, built only."""
    root = projects.tiny_project(tmp_path_factory.mktemp("line"), None, {"prod": "models: {line: v1}"})
    assert projects.run("build", cwd=root).returncode == 0
    return root


@pytest.fixture
def line(built_line: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it on a free port."""
    root = tmp_path / "line"
    shutil.copytree(built_line, root)
    projects.new_ports(root)
    yield root
    projects.stop_servers(root)


@pytest.fixture
def spam(built: SimpleNamespace, tmp_path: Path) -> Iterator[Path]:
    """A copy of the built spam example on free ports, committed."""
    root = tmp_path / "spam"
    shutil.copytree(built.root, root)
    projects.new_ports(root)
    projects.commit(root, "Serve v1 in prod")
    yield root
    projects.stop_servers(root)
