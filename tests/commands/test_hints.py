"""Hints that are the right edit: where a person who read only the README was misled, each with a brother."""

import json
from pathlib import Path

import pytest

from tests import projects

YAML = """\
kind: Project
name: hints
executor: {parallelism: 1}
---
kind: Dataset
name: d
target: y
columns: {who: {ignore: true}, town: {}}
versions:
  one: {source: d.csv}
---
kind: Model
name: m
dataset: d@one
task: classification
preprocess: [{columns: [town], use: one_hot}]
algorithm: decision_tree
versions: {v1: {}}
---
kind: Environment
name: dev
platform: {type: server, host: 127.0.0.1, port: 1}
models: {m: v1}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    lines = [f"w{n},{('Ulm', 'Bonn', '')[n % 3]},{n * 7 % 11},{'abc'[n % 3]}" for n in range(60)]
    (tmp_path / "d.csv").write_text("who,town,x,y\n" + "\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "leptonctl.yaml").write_text(YAML, encoding="utf-8")
    return tmp_path


def refused(root: Path, *words: str, code: int) -> str:
    result = projects.run(*words, cwd=root)
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout + result.stderr


@pytest.mark.parametrize("columns", ["categorical", "[town]"])
def test_an_imputer_of_text_names_the_fill_value_of_the_dataset(root: Path, columns: str) -> None:
    """Whether that follows from the YAML or from the data."""
    projects.edit(root / "leptonctl.yaml", "[{columns: [town], use: one_hot}]", f"[{{columns: {columns}, use: imputer}}]")
    text = refused(root, "build", code=3 if columns == "categorical" else 1)
    name = "NAME" if columns == "categorical" else "town"
    assert "error[wrong-column-type]" in text
    assert f"columns: {{{name}: {{missing: TEXT}}}}" in " ".join(text.split())


@pytest.mark.parametrize("use", ["split: {by: who}", "split: {column: who}", "id: who"])
def test_a_version_that_reads_a_column_which_the_base_ignores_is_told_to_say_so(root: Path, use: str) -> None:
    projects.edit(root / "leptonctl.yaml", "  one: {source: d.csv}", f"  one: {{source: d.csv}}\n  two: {{source: d.csv, {use}}}")
    text = refused(root, "validate", code=3)
    assert "leptonctl.yaml:11:" in text
    assert "write `columns: {who: {ignore: false}}` in the version" in text
    projects.edit(root / "leptonctl.yaml", f"{use}}}", f"{use}, columns: {{who: {{ignore: false}}}}}}")
    assert "ignored-column" not in projects.run("validate", cwd=root).stderr


def test_a_column_that_one_place_ignores_and_reads_is_named_there(root: Path) -> None:
    projects.edit(root / "leptonctl.yaml", "target: y", "target: y\nid: who")
    text = refused(root, "validate", code=3)
    assert "leptonctl.yaml:9:" in text
    assert "hint: remove `ignore`" in text


def test_a_binding_before_any_apply_is_bound_first(root: Path) -> None:
    assert "hint: bind it: `leptonctl apply`; or" in refused(root, "predict", "dev/m", "--input", "d.csv", code=1)


def test_init_says_how_another_target_is_chosen(root: Path, tmp_path: Path) -> None:
    text = refused(root, "init", "--from", "d.csv", "--target", "town", code=1)
    assert "error[project-exists]" in text
    assert "move leptonctl.yaml away" in text
    other = tmp_path / "other"
    other.mkdir()
    (other / "d.csv").write_bytes((root / "d.csv").read_bytes())
    assert "target: y: the last column; `--target COL` picks another" in projects.run("init", "--from", "d.csv", cwd=other).stdout
    (other / "leptonctl.yaml").unlink()
    assert "picks another" not in projects.run("init", "--from", "d.csv", "--target", "town", cwd=other).stdout


def test_what_is_not_prepared_is_shown_as_declared(root: Path) -> None:
    """One declared column was `1 features` of a file that has more; macro averages had a positive class."""
    assert "Columns that are declared\n" in projects.run("show", "d@one", cwd=root).stdout
    projects.edit(root / "leptonctl.yaml", "versions: {v1: {}}", "evaluate: {metrics: [f1]}\nversions: {v1: {}}")
    assert projects.run("build", "m@v1", cwd=root).returncode == 0
    assert "Columns: 2 features and the target" in projects.run("show", "d@one", cwd=root).stdout
    shown = projects.run("show", "m@v1", cwd=root).stdout
    assert "test rows, macro\n" in shown
    assert json.loads(projects.run("show", "m@v1", "--json", cwd=root).stdout)["version"]["average"] == "macro"


def test_new_rows_without_a_value_in_a_column(root: Path) -> None:
    """`is string for the version before, number here`, of cells that are not there."""
    assert projects.run("build", "m@v1", cwd=root).returncode == 0
    lines = [f"w{n},,{n},{'abc'[n % 3]}" for n in range(60)]
    (root / "new.csv").write_text("who,town,x,y\n" + "\n".join(lines) + "\n", encoding="utf-8")
    text = refused(root, "update", "m", "--data", "new.csv", code=1)
    assert "All cells of town are missing" in text
    assert "`columns: {town: {type: string}}`" in text


@pytest.mark.parametrize("metric", ["accuracy_cv", "cv_accuracy_mean", "cv_accuracy"])
def test_a_gate_on_the_folds_is_told_what_gates_ask(root: Path, metric: str) -> None:
    with (root / "leptonctl.yaml").open("a", encoding="utf-8") as file:
        file.write(f"gates: {{{metric}: {{min: 0.5}}}}\n")
    text = " ".join(refused(root, "plan", code=3).split())
    assert "gates use the test rows: write `accuracy`; `show` and `leaderboard` have the folds" in text
