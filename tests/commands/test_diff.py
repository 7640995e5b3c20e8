"""`diff` of versions and of bindings, with metrics and flips; `explain` names where a field is written. E9."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from leptonctl.views.style import text_width
from tests import projects

STAGING = """\
---
kind: Environment
name: staging
platform: {type: server, host: 127.0.0.1, port: 2}
models: {line: v3}
"""


def diff(root: Path, a: str, b: str) -> dict:
    result = projects.run("diff", a, b, "--json", cwd=root)
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout)


def explained(root: Path, name: str) -> dict:
    result = projects.run("explain", name, "--json", cwd=root)
    assert result.returncode == 0, result.stdout + result.stderr
    return {field["path"]: field for field in json.loads(result.stdout)["fields"]}


def test_bindings_are_compared_as_the_versions_that_they_bind(looking_copy: Callable[[], Path]) -> None:
    root = looking_copy()
    with (root / "leptonctl.yaml").open("a", encoding="utf-8") as file:
        file.write(STAGING)
    of_bindings, of_versions = diff(root, "dev/line", "staging/line"), diff(root, "line@v2", "line@v3")
    assert (of_bindings["a"], of_bindings["a_version"], of_bindings["b_version"]) == (
        "environment/dev/line",
        "model/line@v2",
        "model/line@v3",
    )
    assert of_bindings["metrics"] == of_versions["metrics"]
    assert of_bindings["metrics"]["f1"]["a"] is not None
    assert of_bindings["fields"] == of_versions["fields"]
    assert of_bindings["flips"] == of_versions["flips"] != None  # noqa: E711 - the chain also says that there are flips
    text = projects.run("diff", "dev/line", "staging/line", cwd=root).stdout
    assert "environment/dev/line stands for model/line@v2" in text
    assert "log_loss ↓" in text


def test_a_binding_and_a_version_and_a_former_recipe(looking_copy: Callable[[], Path]) -> None:
    """Brothers: mixed sides, and a recipe that is only in the store."""
    root = looking_copy()
    assert diff(root, "dev/line", "line@v2")["fields"] == []
    old = json.loads(projects.run("show", "line@v2", "--json", cwd=root).stdout)["version"]["digest"]
    projects.edit(root / "leptonctl.yaml", "strength: 0.5", "strength: 0.25")
    changed = diff(root, f"line@{old.removeprefix('sha256:')[:10]}", "line@v2")
    assert changed["fields"] == [{"path": "params.C", "a": 0.5, "b": 0.25}]
    assert changed["metrics"]["f1"]["a"] is not None
    assert changed["metrics"]["f1"]["b"] is None


def test_gated_metrics_come_first(looking: Path) -> None:
    assert list(diff(looking, "line@v1", "line@v3")["metrics"])[:3] == ["log_loss", "accuracy", "f1"]
    assert diff(looking, "line@v1", "line@v3")["metrics"]["cv_log_loss_mean"]["better"] == "lower"


@pytest.mark.parametrize("columns", [80, 120])
def test_it_fits_the_width(looking: Path, columns: int) -> None:
    for command in (("diff", "dev/line", "line@v3"), ("explain", "line@v3"), ("explain", "dev/line")):
        lines = projects.run(*command, cwd=looking, COLUMNS=str(columns)).stdout.splitlines()
        assert [line for line in lines if text_width(line) > columns and "sha256:" not in line and " by " not in line] == []
        assert not any("…" in line for line in lines)


def test_explain_calls_no_written_field_a_default(looking_copy: Callable[[], Path]) -> None:
    """What is written elsewhere in the YAML has its place: the model of a binding, the target, how the file is read."""
    root = looking_copy()
    projects.edit(root / "leptonctl.yaml", "target: side\n", "target: side\nencoding: utf-8\nmissing_values: [none]\n")
    lines = (root / "leptonctl.yaml").read_text(encoding="utf-8").splitlines()
    dataset, model, binding = (explained(root, name) for name in ("points@first", "line@v1", "dev/line"))
    for field, text in (
        (dataset["source.options.encoding"], "encoding:"), (dataset["source.options.missing_values"], "missing_values:"), (dataset["source.format"], "source:"),
        (model["target"], "target:"), (model["data.source.options.encoding"], "encoding:"), (binding["model"], "models:"),
    ):  # fmt: skip
        assert field["line"] is not None, field
        assert text in lines[field["line"] - 1]
    assert explained(root, "line@v2")["params.C"]["line"] is not None
    assert dataset["split.method"]["line"] is None, "nothing is written about the split"


def test_figures_of_other_test_rows_are_marked_and_measured_again_on_common_ones(tmp_path: Path) -> None:
    root = projects.tiny_project(
        tmp_path, {"line": {"v1": "{}", "v2": "{dataset: points@more}", "v3": "{params: {C: 0.5}}"}}, environments={}
    )
    (root / "data" / "more.csv").write_text(projects.points(60) + "".join(projects.points(60, seed=7).splitlines(keepends=True)[1:]))
    with (root / "data.yaml").open("a", encoding="utf-8") as file:
        file.write("  more: {source: data/more.csv}\n")
    assert projects.run("build", cwd=root).returncode == 0
    apart = diff(root, "line@v1", "line@v2")
    assert apart["same_test_rows"] is False
    common = apart["common"]
    assert 0 < common["rows"] == apart["flips"]["rows"]
    assert common["reason"] == ""
    assert set(common["metrics"]) == {name for name in apart["metrics"] if not name.startswith("cv_")}
    assert common["metrics"]["accuracy"].keys() == {"a", "b"}
    text = projects.run("diff", "line@v1", "line@v2", cwd=root, COLUMNS="80").stdout
    assert f"on {common['rows']} common rows" in text
    first = next(line for line in text.splitlines() if line.startswith("accuracy"))
    assert first.endswith("*")
    assert max(map(text_width, text.splitlines())) <= 80
    # the same rows compare as they are
    same = diff(root, "line@v1", "line@v3")
    assert (same["same_test_rows"], same["common"]) == (True, None)
    assert "*" not in projects.run("diff", "line@v1", "line@v3", cwd=root).stdout


def test_the_digest_that_the_leaderboard_prints_is_a_name(looking_copy: Callable[[], Path]) -> None:
    root = looking_copy()
    old = json.loads(projects.run("show", "line@v2", "--json", cwd=root).stdout)["version"]["digest"].removeprefix("sha256:")[:12]
    projects.edit(root / "leptonctl.yaml", "strength: 0.5", "strength: 0.25")
    board = projects.run("leaderboard", "line", cwd=root).stdout
    assert old in board
    assert f"line --yaml {old}" in " ".join(board.split())
    assert diff(root, old, "line@v2")["fields"] == diff(root, f"line@{old}", "line@v2")["fields"] != []
    assert f"digest {old}" in projects.run("show", old, cwd=root).stdout
    # a declared one too, and for `verify`
    now = json.loads(projects.run("show", "line@v1", "--json", cwd=root).stdout)["version"]["digest"].removeprefix("sha256:")[:12]
    for name in (now, f"line@{now}"):
        result = projects.run("verify", name, "--json", cwd=root)
        assert json.loads(result.stdout)["address"] == "model/line@v1", result.stdout + result.stderr
    bare = projects.run("diff", "v1", "v2", cwd=root)
    assert "hint: write line@v1: a version is named with its model" in bare.stderr


def test_environments_differ_in_their_gates_too(tmp_path: Path) -> None:
    """Gates of the environment and of the model alike: what is not listed is equal."""
    gated = "models: {line: v1}\ngates: {accuracy: {min: 0.5}, flips: {max: 0.1}}"
    root = projects.tiny_project(
        tmp_path,
        {"line": {"v1": "{}"}},
        environments={"dev": gated, "prod": gated.replace("0.5", "0.9").replace(", flips: {max: 0.1}", "")},
    )
    result = projects.run("diff", "dev", "prod", "--json", cwd=root)
    assert result.returncode == 0, result.stderr
    found = {field["path"]: (field["a"], field["b"]) for field in json.loads(result.stdout)["fields"] if "gates" in field["path"]}
    assert found == {"gates.line.accuracy.min": (0.5, 0.9), "gates.line.flips.max": (0.1, None)}


@pytest.mark.parametrize(("op", "name"), [("prepare", "test.parquet"), ("export", "manifest.json"), ("prepare", "train.rows")])
def test_damaged_artifacts_leave_the_recorded_figures(looking_copy: Callable[[], Path], op: str, name: str) -> None:
    root = looking_copy()
    before = diff(root, "line@v2", "line@v3")
    assert before["flips"] is not None
    store = root / ".leptonctl" / "store"
    records = [json.loads(file.read_bytes()) for file in (store / "results").rglob("*") if file.is_file()]
    for digest in {record["artifacts"][name] for record in records if record["op"] == op}:
        (damaged,) = (store / "artifacts").rglob(digest.partition(":")[2])
        damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    after = diff(root, "line@v2", "line@v3")
    assert after["flips"] is None
    assert after["metrics"] == before["metrics"]


def test_a_positive_class_that_both_are_measured_by_is_no_difference(looking_copy: Callable[[], Path]) -> None:
    """Only the recipe of a version with a threshold has it."""
    root = looking_copy()
    lines = "  v4: {threshold: 0.3}\n  v5: {threshold: 0.3, evaluate: {positive: above}}\n"
    projects.edit(root / "leptonctl.yaml", "---\nkind: Environment", f"{lines}---\nkind: Environment")
    for of, known in (("line@v4", None), ("line@v5", ("below", "above"))):
        fields = {field["path"]: (field["a"], field["b"]) for field in diff(root, "line@v1", of)["fields"]}
        assert fields["threshold"] == (None, 0.3)
        assert fields.get("positive") == known
