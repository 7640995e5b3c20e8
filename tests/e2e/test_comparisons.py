"""`max_drop` and `flips` where two versions read their data in different ways: the right rows, or held with the reason."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sklearn.model_selection import train_test_split

from tests import projects
from tests.e2e.test_gates import apply, bound, plan, prod

DATA = """\
kind: Dataset
name: points
target: side
versions:
  first: {source: data/points.csv, split: {test: 0.4, seed: 1}, privacy: {drop: [x, z]}}
  second: {source: data/points.csv, split: {test: 0.4, seed: 2}, privacy: {drop: [z]}}
  wide: {source: data/wide.csv, split: {test: 0.4, seed: 2}}
  turned: {source: data/points.csv, target: turned, split: {test: 0.4, seed: 1}, privacy: {drop: [z]}}
"""
VERSIONS = {
    "v1": "{dataset: points@first, algorithm: decision_tree, features: [y]}",
    "v2": "{dataset: points@second, algorithm: decision_tree, features: [x, y]}",
    "v3": "{dataset: points@wide, algorithm: decision_tree, features: [x, y]}",
    "v4": "{dataset: points@turned, algorithm: decision_tree, features: [x, y]}",
}


@pytest.fixture
def root(tiny: Callable[..., Path]) -> Path:
    root = tiny({"line": VERSIONS}, {"prod": "models: {line: v1}"}, rows=150)
    with (root / "data" / "points.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row |= {"z": str(number % 5), "turned": "below" if row["side"] == "above" else "above"}
    for name, more in (("points", {}), ("wide", {"w": "1"})):
        with (root / "data" / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*rows[0], *more])
            writer.writeheader()
            writer.writerows({**row, **more} for row in rows)
    (root / "data.yaml").write_text(DATA, encoding="utf-8")
    apply(root)
    return root


def gates_of(done: dict) -> dict[str, dict]:
    (event,) = [e for e in done["events"] if e["type"] in ("step_finished", "step_failed") and e["op"] == "bind"]
    return {gate["metric"]: gate for gate in event["judgements"]}


def test_rows_learned_under_other_columns_and_another_split_are_left_out(root: Path) -> None:
    """B3: the bound version drops one column more and divides the file in another way. Its training rows are known all the same."""
    with (root / "data" / "points.csv").open(encoding="utf-8") as file:
        sides = [row["side"] for row in csv.DictReader(file)]
    train, test = (
        set(train_test_split(range(150), test_size=0.4, random_state=seed, stratify=sides)[side]) for seed, side in ((1, 0), (2, 1))
    )
    prod(root, "models: {line: v2}\ngates: {accuracy: {max_drop: 0.5}, flips: {max: 1}}\n")
    done = apply(root)
    excluded = len(test & train)
    for gate in gates_of(done).values():
        assert (gate["passed"], gate["excluded"], gate["n"], gate["assumed"]) == (True, excluded, len(test) - excluded, False)
        assert f"the bound version learned {excluded}" in gate["note"]
    newest = json.loads(projects.run("history", "--json", cwd=root).stdout)["entries"][0]
    assert {g["metric"]: g["excluded"] for g in newest["evidence"]} == {"accuracy": excluded, "flips": excluded}


def test_versions_that_cannot_be_compared_are_held_until_the_gate_assumes_that_they_can(root: Path) -> None:
    """B5 and its brothers: files with other columns, another target with equal classes."""
    for version, reason in (("v3", "other columns than that of the evaluation rows (w)"), ("v4", "predicts side, the candidate turned")):
        prod(root, f"models: {{line: {version}}}\ngates: {{accuracy: {{max_drop: 1}}}}\n")
        (change,) = plan(root, 6)["changes"]
        assert ([step["op"] for step in change["steps"]], reason in change["gates"][0]["note"]) == (["bind"], True), (
            "held, and not compared"
        )
        gate = gates_of(apply(root, 6))["accuracy"]
        assert (gate["passed"], gate["value"]) == (False, None)
        assert reason in gate["note"]
        assert bound(root) == {"line": "v1"}
        shown = projects.run("plan", cwd=root)
        assert (shown.returncode, "not comparable" in shown.stdout) == (0, True), "an unchanged hold has no exit code"

    prod(root, "models: {line: v3}\ngates: {accuracy: {max_drop: 1, comparable: assume}}\n")
    (change,) = plan(root, 2)["changes"]
    assert [step["op"] for step in change["steps"] if not step["cached"]] == ["compare", "bind"], "who assumes wants the figures"
    (gate,) = gates_of(apply(root)).values()
    assert (gate["passed"], gate["assumed"], "assumed comparable, although" in gate["note"]) == (True, True, True)
    assert bound(root) == {"line": "v3"}
    newest = json.loads(projects.run("history", "--json", cwd=root).stdout)["entries"][0]
    assert [gate["assumed"] for gate in newest["evidence"]] == [True]


def test_a_plan_knows_from_the_declaration_that_rows_cannot_be_told_apart(root: Path) -> None:
    """A brother of B3: another format, which the plan sees before a row is read. An `id` would tell, and what the steps find agrees."""
    rows = list(csv.DictReader((root / "data" / "points.csv").read_text(encoding="utf-8").splitlines()))
    (root / "data" / "points.jsonl").write_text(
        "".join(json.dumps({**row, "x": float(row["x"]), "y": float(row["y"])}) + "\n" for row in rows), encoding="utf-8"
    )
    with (root / "data.yaml").open("a", encoding="utf-8") as file:
        file.write("  lines: {source: data/points.jsonl}\n")
    with (root / "model-line.yaml").open("a", encoding="utf-8") as file:
        file.write("  v5: {dataset: points@lines, algorithm: decision_tree, features: [y], preprocess: []}\n")
    prod(root, "models: {line: v5}\ngates: {accuracy: {max_drop: 1}}\n")
    reason = "the rows of the bound version come from a csv file, the evaluation rows from a jsonl file; declare an `id` column"
    known = plan(root, 6)
    change = next(change for change in known["changes"] if change["address"] == "environment/prod/line")
    assert (change["gates"][0]["note"], change["gates"][0]["passed"]) == (f"not comparable: {reason}", False)
    assert (known["summary"]["compare"], known["summary"]["prepare"], known["summary"]["held"]) == (0, 1, 1)
    held = apply(root, 6)
    assert (held["trained"], held["compared"], gates_of(held)["accuracy"]["note"]) == (1, 0, f"not comparable: {reason}")
    assert plan(root, 0)["summary"]["held"] == 1, "the hold is known: no exit code of its own"


IMPOSSIBLE = [
    ("accuracy: {min: 5}", "accuracy is between 0 and 1"),
    ("accuracy: {min: 85}", "accuracy is between 0 and 1"),
    ("f1: {max: -0.1}", "f1 is between 0 and 1"),
    ("f1: {max_drop: 1.5}", "f1 drop is between 0 and 1"),
    ("log_loss: {max: -1}", "log_loss is never below 0"),
    ("accuracy: {min: .inf}", "not a finite number"),
    ("flips: {max: 5}", "flips is never above 1"),
]


def test_a_limit_that_cannot_decide_is_refused_where_it_is_written(tiny: Callable[..., Path]) -> None:
    root = tiny(None, {"prod": "models: {line: v1}"})
    for gate, detail in IMPOSSIBLE:
        prod(root, f"models: {{line: v1}}\ngates: {{{gate}}}\n")
        done = projects.run("validate", cwd=root)
        assert done.returncode == 3, gate
        assert "environment-prod.yaml:5" in done.stdout + done.stderr, gate
        assert detail in done.stdout + done.stderr, (gate, done.stdout)
    prod(root, "models: {line: v1}\ngates: {accuracy: {min: 85}}\n")
    assert "write 0.85 for 85 percent" in projects.run("validate", cwd=root).stdout
    for gate in ("f1: {max_drop: -1}", "accuracy: {min: 0.5, comparable: assume}", "accuracy: {max_drop: 0.1, comparable: maybe}"):
        prod(root, f"models: {{line: v1}}\ngates: {{{gate}}}\n")
        assert projects.run("validate", cwd=root).returncode == 3, gate
    for gate in ("accuracy: {min: 1}", "accuracy: {max_drop: 1}", "log_loss: {max: 0}", "flips: {max: 1, comparable: assume}"):
        prod(root, f"models: {{line: v1}}\ngates: {{{gate}}}\n")
        assert projects.run("validate", cwd=root).returncode == 0, gate
