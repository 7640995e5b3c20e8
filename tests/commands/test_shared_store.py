"""Two projects with a model of one name on one store: each lists what its lineage built, and what its declarations key to."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import projects

OWN = {"line": {"v1": "{}", "v2": "{params: {C: 0.5}}"}}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """`a` has applied v1 and v2, and built another v2 before; `b` built v1 from equal data, which it adopted, and a `v9` of its own."""
    folder = tmp_path_factory.mktemp("shared")
    a, b = (projects.tiny_project(folder / name, OWN, {}, project=f"store: {folder}/store\n") for name in "ab")
    projects.edit(b / "leptonctl.yaml", "name: tiny", "name: other")
    projects.edit(b / "model-line.yaml", "v2: {params: {C: 0.5}}", "v9: {params: {C: 7.0}}")
    projects.edit(a / "model-line.yaml", "C: 0.5", "C: 0.25")
    assert projects.run("build", cwd=a).returncode == 0
    projects.edit(a / "model-line.yaml", "C: 0.25", "C: 0.5")
    for root in (a, b):
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
    yield a, b
    for root in (a, b):
        projects.stop_servers(root)


def rows(root: Path) -> dict[tuple[str, str], str | None]:
    """(version, its C) -> the other project that built it."""
    shown = json.loads(projects.run("leaderboard", "line", "--json", cwd=root).stdout)
    return {(row["version"], str(row["params"].get("C", 1.0))): row["project"] for row in shown["rows"]}


def builds(root: Path) -> dict[str, str | None]:
    shown = json.loads(projects.run("history", "--json", cwd=root).stdout)
    return {build["address"]: build["project"] for build in shown["builds"]}


def test_a_project_lists_its_own_builds(pair: tuple[Path, Path]) -> None:
    a, b = pair
    assert rows(a) == {("v1", "1.0"): None, ("v2", "0.5"): None, ("v2", "0.25"): None}
    assert set(builds(a)) == {"dataset/points@first", "model/line@v1", "model/line@v2"}
    assert set(builds(a).values()) == {None}
    # what it keys to is named with who built it
    assert rows(b) == {("v1", "1.0"): "tiny", ("v9", "7.0"): None}
    assert builds(b) == {"dataset/points@first": "tiny", "model/line@v1": "tiny", "model/line@v9": None}
    assert "project tiny" in projects.run("history", cwd=b).stdout
    assert "project tiny" in projects.run("leaderboard", "line", cwd=b).stdout
    assert "project tiny" not in projects.run("history", cwd=a).stdout


def test_anothers_version_is_not_found_by_its_name(pair: tuple[Path, Path]) -> None:
    a, _ = pair
    for words in (("show", "line@v9"), ("diff", "line@v1", "line@v9"), ("leaderboard", "line", "--yaml", "v9")):
        refused = projects.run(*words, cwd=a)
        assert (refused.returncode, "error[unknown-address]" in refused.stderr) == (1, True), refused.stdout + refused.stderr


def test_a_copy_with_a_lineage_of_its_own_is_another_project(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """The brother: both have one name, so only the lineage tells their builds apart."""
    a, _ = pair
    copy = Path(shutil.copytree(a, tmp_path / "copy"))
    assert projects.run("state", "adopt", "--copy", "--yes", cwd=copy).returncode == 0
    projects.edit(copy / "model-line.yaml", "v2: {params: {C: 0.5}}", "v2: {params: {C: 0.5}}\n  v3: {params: {C: 3.0}}")
    assert projects.run("build", cwd=copy).returncode == 0
    assert ("v3", "3.0") in rows(copy)
    assert "model/line@v3" not in builds(a)
    assert all(version != "v3" for version, _ in rows(a))
