"""What `history` offers to go back to, and the numbers that a refused rollback lists, can be gone back to."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leptonctl.core import layout
from tests import projects

MODELS = {"line": {"v1": "{}", "v2": "{params: {C: 0.5}}"}}


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """v2 serves in dev, after v1. Of two datasets with equal rows, v1 learned from the one that no other version names."""
    root = projects.tiny_project(tmp_path_factory.mktemp("ways"), MODELS)
    (root / "data" / "other.csv").write_text(projects.points(seed=2), encoding="utf-8")
    projects.edit(root / "data.yaml", "versions:\n", "versions:\n  second: {source: data/other.csv}\n")
    projects.edit(root / "model-line.yaml", "v1: {}", "v1: {dataset: points@second}")
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    projects.edit(root / "environment-dev.yaml", "line: v1", "line: v2")
    assert projects.run("apply", "--yes", cwd=root).returncode == 0
    yield root
    projects.stop_servers(root)


def way_back(root: Path, *address: str) -> dict | None:
    done = projects.run("history", *address, "--json", cwd=root)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["way_back"]


def free(root: Path) -> None:
    """As gc does it: the record stays, its artifacts are gone."""
    record = projects.deployments_of(root, "dev")[1].main("line")
    assert record is not None
    projects.stored(root, layout.artifact(record.files["model.onnx"])).unlink()


def purge(root: Path) -> None:
    assert projects.run("purge", "points@second", "--yes", cwd=root).returncode == 0


def retire(root: Path) -> None:
    """Neither the version nor its data are declared: its lines could not be written back."""
    projects.edit(root / "data.yaml", "  second: {source: data/other.csv}\n", "")
    projects.edit(root / "model-line.yaml", "  v1: {dataset: points@second}\n", "")


def read_otherwise(root: Path) -> None:
    projects.edit(root / "data.yaml", "second: {source: data/other.csv}", 'second: {source: data/other.csv, missing_values: ["?"]}')


@pytest.mark.parametrize("spoil", [free, purge, retire, read_otherwise])
def test_only_a_return_that_is_possible_is_offered(spoil: Callable[[Path], None], applied: Path, tmp_path: Path) -> None:
    root = projects.copy_of(applied, tmp_path / "project")
    offered = {"binding": "dev/line", "version": "v1", "deployment": 1, "undoes": 2}
    assert (way_back(root), way_back(root, "dev/line"), way_back(root, "line@v1")) == (offered, offered, None)
    assert "`leptonctl rollback dev/line` brings v1 back" in projects.run("history", cwd=root).stdout
    spoil(root)
    assert way_back(root) is None
    assert "rollback" not in projects.run("history", cwd=root).stdout
    # the brother: the list of a refused rollback
    refused = projects.run("rollback", "dev", "--to", "7", cwd=root)
    assert ("error[unknown-deployment]" in refused.stderr, "you can return to" in refused.stderr) == (True, False), refused.stderr


@pytest.mark.parametrize("now", ["", "  v1: {dataset: points@second, seed: 9}\n"])
def test_a_version_whose_lines_alone_have_gone_is_offered_and_comes_back(now: str, applied: Path, tmp_path: Path) -> None:
    """And (brother) one that was edited in place."""
    root = projects.copy_of(applied, tmp_path / "project")
    projects.edit(root / "model-line.yaml", "  v1: {dataset: points@second}\n", now)
    way = way_back(root)
    assert way is not None
    done = projects.run("rollback", way["binding"], cwd=root)
    assert "consent-missing" in done.stderr, done.stdout + done.stderr
    assert "v2 → v1" in done.stdout
