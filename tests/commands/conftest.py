"""Projects of small models that are built once, for all tests that look at them or copy them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import projects

PROJECT = """\
kind: Project
name: looking
format: 1
executor: {parallelism: 1}
vars: {strength: 0.5}
---
kind: Dataset
name: points
description: Points on two sides of a line
target: side
columns:
  x: {type: number, min: 0, max: 10}
  color: {type: string, missing: none}
versions:
  first: {source: points.csv}
---
kind: Model
name: line
dataset: points@first
task: classification
preprocess: [{columns: [color], use: one_hot}]
algorithm: logistic_regression
params: {C: 1.0}
evaluate: {metrics: [f1, accuracy, log_loss], cross_validation: 3, positive: below}
versions:
  v1: {description: As it came}
  v2: {params: {C: "{{ vars.strength }}"}}
  v3: {algorithm: decision_tree, params: {max_depth: 3}, preprocess: [{columns: [color], use: one_hot}], seed: 4}
---
kind: Environment
name: dev
platform: {type: server, host: 127.0.0.1, port: 1}
models: {line: v2}
gates: {log_loss: {max: 0.9}, accuracy: {min: 0.999}, f1: {max_drop: 0.2}, flips: {max: 0.5}}
"""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions v1 to v3 of the model `line`, built; environment dev, which binds v1, has not been applied."""
    versions = {"v1": "{}", "v2": "{params: {C: 0.5}}", "v3": "{params: {C: 0.1}}"}
    root = projects.tiny_project(tmp_path_factory.mktemp("built"), {"line": versions})
    assert projects.run("build", cwd=root).returncode == 0
    return root


@pytest.fixture(scope="session")
def _looking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("looking") / "project"
    root.mkdir()
    (root / "leptonctl.yaml").write_text(PROJECT, encoding="utf-8")
    lines = projects.points(60).splitlines()
    colors = ["red", "", "blue", "green"]
    rows = [f"{line},{colors[number % 4]}" for number, line in enumerate(lines[1:])]
    (root / "points.csv").write_text("\n".join([lines[0] + ",color", *rows]) + "\n", encoding="utf-8")
    built = projects.run("build", cwd=root)
    assert built.returncode == 0, built.stdout + built.stderr
    return root


@pytest.fixture(scope="session")
def looking(_looking: Path) -> Path:
    """The project, to be read only: every version is built, nothing is bound."""
    return _looking


@pytest.fixture
def looking_copy(_looking: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes a copy that a test may edit."""

    def copy() -> Path:
        return projects.copy_of(_looking, tmp_path / "project")

    return copy
