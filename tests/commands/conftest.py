"""One project of small models, built once for all tests that copy it."""

from pathlib import Path

import pytest

from tests import projects


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions v1 and v2 of the model `line`, built; environment dev, which binds v1, has not been applied."""
    root = projects.tiny_project(tmp_path_factory.mktemp("built"))
    assert projects.run("build", cwd=root).returncode == 0
    return root
