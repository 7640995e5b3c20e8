"""The project of the runbook, built once: its copies bind without training."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import projects
from tests.operations.pages import apply


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project of the page: spam-filter with v1 and v2 on mail@2024-06, whose `id:` is its number; v1 declared for prod, built only."""
    root = projects.tiny_project(
        tmp_path_factory.mktemp("runbook"), {"spam-filter": {"v1": "{}", "v2": "{params: {C: 0.5}}"}}, {"prod": "models: {spam-filter: v1}"}
    )
    header, *rows = projects.points().splitlines()
    numbered = [f"row,{header}", *(f"{number},{row}" for number, row in enumerate(rows, 1))]
    (root / "data" / "points.csv").write_text("\n".join(numbered) + "\n", encoding="utf-8")
    projects.edit(root / "data.yaml", "name: points\n", "name: mail\nid: row\n")
    projects.edit(root / "data.yaml", "first:", '"2024-06":')
    projects.edit(root / "model-spam-filter.yaml", "points@first", "mail@2024-06")
    assert projects.run("build", cwd=root).returncode == 0
    yield root
    projects.stop_servers(root)


@pytest.fixture
def prod(built: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it that is applied: v1 serves."""
    root = tmp_path / "project"
    shutil.copytree(built, root)
    projects.new_ports(root)
    projects.commit(root)
    apply(root)
    yield root
    projects.stop_servers(tmp_path)
