"""One project of small models, built once for all tests that copy it."""

from pathlib import Path

import pytest

from tests import projects


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions v1 to v3 of the model `line`, built; environment dev, which binds v1, has not been applied."""
    versions = {"v1": "{}", "v2": "{params: {C: 0.5}}", "v3": "{params: {C: 0.1}}"}
    root = projects.tiny_project(tmp_path_factory.mktemp("built"), {"line": versions})
    assert projects.run("build", cwd=root).returncode == 0
    return root
