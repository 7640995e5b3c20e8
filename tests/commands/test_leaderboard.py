"""`leaderboard`: all declared versions and all builds ever, best first, and the YAML of any of them back."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from leptonctl.views.style import text_width
from tests import projects


def board(root: Path, *arguments: str) -> dict:
    result = projects.run("leaderboard", *arguments, "--json", cwd=root)
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout)


def digest(root: Path, address: str) -> str:
    result = projects.run("explain", address, "--json", cwd=root)
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout)["digest"]


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "cv_f1_mean"])
def test_the_best_comes_first_by_the_direction_of_the_metric(looking: Path, metric: str) -> None:
    shown = board(looking, "line", "--by", metric)
    values = [row["value"] for row in shown["rows"]]
    assert values == sorted(values, reverse=metric != "log_loss")
    assert shown["better"] == ("lower" if metric == "log_loss" else "higher")
    assert {row["version"] for row in shown["rows"]} == {"v1", "v2", "v3"}


def test_the_first_gated_metric_counts_by_default(looking: Path) -> None:
    assert board(looking, "model/line")["metric"] == "log_loss"
    text = projects.run("leaderboard", "line", cwd=looking).stdout
    assert "by log_loss ↓" in text


def test_gated_metrics_stand_before_others_and_stay_where_room_is_short(looking: Path) -> None:
    assert list(board(looking, "line", "--by", "cv_f1_mean")["directions"])[:3] == ["log_loss", "accuracy", "f1"]
    narrow = projects.run("leaderboard", "line", cwd=looking, COLUMNS="72").stdout
    assert re.search(r"log_loss ↓.*accuracy ↑", narrow)
    assert re.search(r"Left out at this width: .*f1", " ".join(narrow.split()))


def test_ties_keep_the_order_of_the_yaml(tmp_path: Path) -> None:
    versions = {"z": "{}", "b": "{description: the same}", "a": "{params: {C: 1.0}}"}
    root = projects.tiny_project(tmp_path, models={"line": versions}, environments={})
    assert projects.run("build", cwd=root).returncode == 0
    assert [row["version"] for row in board(root, "line")["rows"]] == ["z", "b", "a"]


def test_what_was_built_and_is_not_declared_is_listed_and_its_yaml_comes_back(looking_copy: Callable[[], Path]) -> None:
    """The recipe through a variable, and (brother) a version whose base block has changed in every field since."""
    root = looking_copy()
    file = root / "leptonctl.yaml"
    before = {version: digest(root, f"line@{version}") for version in ("v1", "v2", "v3")}
    projects.edit(file, "strength: 0.5", "strength: 0.25")
    projects.edit(file, "params: {C: 1.0}", "params: {C: 3.0, max_iter: 300}\nfeatures: [x, color]\nseed: 11\nexport: {opset: 17}")
    projects.edit(
        file, "preprocess: [{columns: [color], use: one_hot}]\nalgorithm", "preprocess: [{columns: numeric, use: imputer}]\nalgorithm"
    )
    shown = board(root, "line")
    former = {row["digest"]: row for row in shown["rows"] if not row["declared"]}
    assert set(former) == set(before.values())
    assert all(row["value"] is not None and row["built"] for row in former.values())
    assert all(row["value"] is None for row in shown["rows"] if row["declared"])
    for old in before.values():
        name = old.removeprefix("sha256:")[:12]
        entry = board(root, "line", "--yaml", name)["entry"]
        text = projects.run("leaderboard", "line", "--yaml", name, cwd=root).stdout
        assert entry["yaml"] in text
        projects.edit(file, "  v1: {description", f"{text}  v1: {{description")
        assert digest(root, f"line@{entry['version']}") == old
    again = json.loads(projects.run("plan", "--json", cwd=root).stdout)
    work = [s for c in again["changes"] for s in c["steps"] if "-" in c["address"].partition("@")[2] and not s["cached"]]
    assert work == [], "what comes back is not trained again"


def test_a_declared_version_comes_back_under_its_own_name(looking_copy: Callable[[], Path]) -> None:
    root = looking_copy()
    old = digest(root, "line@v3")
    text = projects.run("leaderboard", "line", "--yaml", "v3", cwd=root).stdout
    projects.edit(
        root / "leptonctl.yaml",
        "  v3: {algorithm: decision_tree, params: {max_depth: 3}, preprocess: [{columns: [color], use: one_hot}], seed: 4}\n",
        text,
    )
    assert digest(root, "line@v3") == old


def test_a_recipe_whose_data_are_not_declared_any_more_is_refused(looking_copy: Callable[[], Path]) -> None:
    root = looking_copy()
    old = digest(root, "line@v1").removeprefix("sha256:")[:12]
    projects.edit(root / "leptonctl.yaml", "target: side\n", "target: side\nsplit: {test: 0.4}\n")
    result = projects.run("leaderboard", "line", "--yaml", old, cwd=root)
    assert result.returncode == 1
    assert "error[cannot-write-back]" in result.stderr
    assert "points@first" in result.stderr


def test_names_that_do_not_exist(looking: Path) -> None:
    for arguments, problem in (
        (["lines"], "unknown-address"),
        (["line", "--by", "confusion_matrix"], "unknown-metric"),
        (["line", "--yaml", "v9"], "unknown-address"),
    ):
        result = projects.run("leaderboard", *arguments, cwd=looking)
        assert (result.returncode, f"error[{problem}]" in result.stderr) == (1, True), result.stderr


@pytest.mark.parametrize("columns", [80, 120])
def test_it_fits_the_width_and_says_what_it_left_out(looking: Path, columns: int) -> None:
    """E8: the column that orders the list stays; a pipe has all of them."""
    text = projects.run("leaderboard", "line", cwd=looking, COLUMNS=str(columns)).stdout
    assert max(map(text_width, text.splitlines())) <= columns
    assert "log_loss ↓" in text
    assert "Left out at this width" in text
    whole = projects.run("leaderboard", "line", cwd=looking).stdout
    assert "Left out" not in whole
    assert "cv_f1_mean" in whole


def test_recipes_are_the_same_recorded_and_computed(looking_copy: Callable[[], Path]) -> None:
    root = looking_copy()
    recorded = board(root, "line")
    shutil.rmtree(root / ".leptonctl/store/recipes")
    assert board(root, "line") == recorded
    # a version that was edited since is what the YAML says
    projects.edit(root / "leptonctl.yaml", "strength: 0.5", "strength: 0.25")
    edited = {row["version"]: row["params"] for row in board(root, "line")["rows"] if row["declared"]}
    before = {row["version"]: row["params"] for row in recorded["rows"]}
    assert [version for version in before if edited[version] != before[version]] == ["v2"]
