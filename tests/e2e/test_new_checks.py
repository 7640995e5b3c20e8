"""Checks that are declared after the rows were prepared: they hold for the rows that are there, and nothing is trained."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import projects

DATA = "kind: Dataset\nname: points\ntarget: side\ncolumns:\n  x: {min: 0}\nversions: {first: {source: data/points.csv}}\n"


@pytest.fixture
def root(tiny: Callable[..., Path]) -> Path:
    root = tiny({"line": {"v1": "{}"}}, {"dev": "models: {line: v1}"})
    (root / "data.yaml").write_text(DATA, encoding="utf-8")
    done = projects.run("apply", "--yes", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def column(root: Path, name: str) -> list[str]:
    with (root / "data" / "points.csv").open(encoding="utf-8") as file:
        return [row[name] for row in csv.DictReader(file)]


def test_a_new_check_is_run_on_prepared_rows(root: Path) -> None:
    """B4, with every kind of check as brothers."""
    x = [float(cell) for cell in column(root, "x")]
    sides = column(root, "side")
    cases = {
        "x: {min: 5}": (sum(v < 5 for v in x), "below the minimum 5"),
        "x: {max: 2.5}": (sum(v > 2.5 for v in x), "above the maximum 2.5"),
        "x: {values: [1.5, 2.5]}": (sum(v not in (1.5, 2.5) for v in x), "not among the allowed values"),
        "side: {values: [above]}": (sides.count("below"), "not among the allowed values"),
        "side: {unique: true}": (len(sides) - 2, "equal to a cell of another row"),
    }
    for declared, (count, description) in cases.items():
        (root / "data.yaml").write_text(DATA.replace("x: {min: 0}", declared), encoding="utf-8")
        done = projects.run("plan", "--json", cwd=root)
        assert done.returncode == 1, declared
        (problem,) = json.loads(done.stdout)["diagnostics"]
        assert (problem["id"], problem["file"], problem["line"]) == ("data-contract", "data.yaml", 5)
        assert f"{count} cells are {description}" in problem["detail"]
        assert projects.run("apply", "--yes", cwd=root).returncode == 1, declared
    assert projects.run("build", cwd=root).returncode == 1
    done = projects.run("apply", "--yes", "--json", cwd=root)
    assert "apply_started" not in done.stdout


def test_a_check_that_the_rows_meet_computes_nothing(root: Path) -> None:
    """At the edge too: a limit that is a cell, which float32 would round to the wrong side."""
    x = sorted(column(root, "x"), key=float)
    for declared in (
        f"x: {{min: {x[0]}, max: {x[-1]}, nullable: false}}",
        "side: {values: [above, below]}",
        "x: {unique: false, nullable: true}",
    ):
        (root / "data.yaml").write_text(DATA.replace("x: {min: 0}", declared), encoding="utf-8")
        done = projects.run("apply", "--yes", "--json", cwd=root)
        assert done.returncode == 0, done.stdout
        finished = projects.finished(done)
        assert (finished["prepared"], finished["trained"], finished["evaluated"]) == (0, 0, 0)
    assert projects.run("plan", "--detailed-exitcode", cwd=root).returncode == 0
    (root / ".leptonctl" / "cache" / "checks.json").write_text("not JSON", encoding="utf-8")
    assert projects.run("plan", "--detailed-exitcode", cwd=root).returncode == 0, "a cache may be lost"
    (root / "data.yaml").write_text(DATA.replace("x: {min: 0}", "x: {min: 5}"), encoding="utf-8")
    assert projects.run("plan", cwd=root).returncode == 1, "what was met were other checks"


def test_rows_that_were_built_but_never_applied_are_checked_when_they_are_adopted(tiny: Callable[..., Path]) -> None:
    root = tiny({"line": {"v1": "{}"}}, {"dev": "models: {line: v1}"})
    assert projects.run("build", cwd=root).returncode == 0
    (root / "data.yaml").write_text(DATA.replace("min: 0", "min: 5"), encoding="utf-8")
    done = projects.run("apply", "--yes", "--json", cwd=root)
    assert done.returncode == 1, done.stdout
    assert "below the minimum 5" in done.stdout + done.stderr
    assert not projects.state_file(root).exists()


SHARED = """kind: Dataset
name: points
target: side
versions:
  first: {source: data/points.csv}
  low: {source: data/points.csv, columns: {x: {min: 5}}}
  words: {source: data/points.csv, columns: {side: {values: [above]}}}
  met: {source: data/points.csv, columns: {x: {min: -1000}}}
"""


@pytest.mark.parametrize("command", [("apply", "--yes"), ("build",)])
def test_versions_that_share_rows_within_one_run_are_checked_each(tiny: Callable[..., Path], command: tuple[str, ...]) -> None:
    """Checks are in no key: one version prepares the rows, the others take them, and each has checks of its own."""
    versions = {name: f"{{dataset: points@{name}}}" for name in ("first", "low", "words", "met")}
    root = tiny({"line": versions}, {"dev": "models: {line: first}"})
    (root / "data.yaml").write_text(SHARED, encoding="utf-8")
    done = projects.run(*command, "--json", cwd=root)
    assert done.returncode == 1, done.stdout + done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    failed = {event["address"]: event["diagnostic"] for event in events if event["type"] == "step_failed"}
    assert [*failed] == ["dataset/points@low", "dataset/points@words"]
    assert [(one["id"], one["line"]) for one in failed.values()] == [("data-contract", 6), ("data-contract", 7)]
    assert "below the minimum 5" in failed["dataset/points@low"]["detail"]
    assert projects.finished(done)["prepared"] == 1
    assert projects.finished(done)["trained"] == 1, "what meets its checks is built"


def test_rows_that_break_the_checks_of_the_first_version_are_prepared_for_the_next(tiny: Callable[..., Path]) -> None:
    root = tiny({"line": {"v1": "{dataset: points@first}"}}, {"dev": "models: {line: v1}"})
    lines = SHARED.splitlines(keepends=True)
    (root / "data.yaml").write_text("".join([*lines[:4], lines[5], lines[4]]), encoding="utf-8")
    done = projects.run("apply", "--yes", "--json", cwd=root)
    assert done.returncode == 1, done.stdout
    assert (projects.finished(done)["prepared"], projects.finished(done)["failed"]) == (1, 1)
