"""Gates of an environment: one binding held while the others move, all held together, a loosened gate, and every form of a rule."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import projects

GOOD = "{params: {C: 0.5}}"
POOR = "{algorithm: decision_tree, params: {max_depth: 1}}"
TWO = {"near": {"v1": "{}", "v2": POOR}, "far": {"v1": "{}", "v2": GOOD}}
EVALUATIONS = ("trained", "exported", "evaluated", "compared")


def prod(root: Path, text: str) -> None:
    """Write the part of environment-prod.yaml below the platform."""
    file = root / "environment-prod.yaml"
    kept = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith(("kind:", "name:", "platform:"))]
    file.write_text("\n".join(kept) + "\n" + text, encoding="utf-8")


def apply(root: Path, code: int = 0) -> dict:
    done = projects.run("apply", "--yes", "--json", cwd=root)
    assert done.returncode == code, done.stdout + done.stderr
    finished = projects.finished(done)
    assert finished["ok"] is (code == 0)
    return {**finished, "events": projects.events(done.stdout)}


def counts(finished: dict) -> tuple[int, ...]:
    return tuple(finished[name] for name in EVALUATIONS)


def bound(root: Path) -> dict[str, str]:
    """Model -> version, as recorded; the server must agree."""
    models = projects.served(root, "prod")["models"]
    assert all(model["live_digest"] == model["digest"] for model in models)
    return {model["name"]: model["version"] for model in models}


def plan(root: Path, code: int) -> dict:
    done = projects.run("plan", "--json", "--detailed-exitcode", cwd=root)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def verdicts(judged: list[dict]) -> dict[tuple[str, str], bool | None]:
    return {(g["metric"], g["rule"]): g["passed"] for g in judged}


def test_a_failing_gate_holds_its_binding_and_no_other(tiny: Callable[..., Path]) -> None:
    root = tiny(TWO, {"prod": "models: {near: v1, far: v1}"}, rows=300)
    apply(root)
    gates = "gates:\n- {models: 'ne*', accuracy: {min: 0.85}}\n- {models: '*', flips: {max: 0.9}}\n"
    prod(root, "models: {near: v2, far: v2}\n" + gates)

    # both versions are built and evaluated: the plan decides the gates that it can, and the rest is still applied
    held = apply(root, 6)
    assert (held["bound"], held["failed"], held["skipped"]) == (1, 1, 0)
    assert counts(held) == (0, 0, 0, 2)
    assert bound(root) == {"near": "v1", "far": "v2"}
    (failed,) = [e for e in held["events"] if e["type"] == "step_failed"]
    assert (failed["address"], failed["diagnostic"]["id"], failed["diagnostic"]["file"]) == (
        "environment/prod/near", "gate-failed", "environment-prod.yaml",
    )  # fmt: skip
    assert verdicts(failed["judgements"]) == {("accuracy", "min"): False, ("flips", "max"): True}

    # the hold is known now: no exit code of its own
    known = plan(root, 0)
    assert (known["applyable"], known["complete"], known["summary"]["held"]) == (False, True, 1)
    (change,) = known["changes"]
    assert (change["address"], change["before_version"], change["after_version"]) == ("environment/prod/near", "v1", "v2")
    assert verdicts(change["gates"]) == {("accuracy", "min"): False, ("flips", "max"): True}

    newest = json.loads(projects.run("history", "--json", cwd=root).stdout)["entries"][0]
    assert [(c["address"], c["after_version"]) for c in newest["changes"]] == [("environment/prod/far", "v2")]
    assert [(c["address"], c["before_version"], c["after_version"]) for c in newest["held"]] == [("environment/prod/near", "v1", "v2")]
    assert {(g["address"], g["metric"], g["passed"]) for g in newest["evidence"]} == {
        ("environment/prod/far", "flips", True), ("environment/prod/near", "accuracy", False), ("environment/prod/near", "flips", True),
    }  # fmt: skip
    assert "held by its gates" in projects.run("history", "prod/near", cwd=root).stdout

    prod(root, "models: {near: v2, far: v2}\n" + gates.replace("0.85", "0.5"))
    loosened = plan(root, 2)
    assert [step["op"] for change in loosened["changes"] for step in change["steps"] if not step["cached"]] == ["bind"]
    passed = apply(root)
    assert (counts(passed), passed["bound"]) == ((0, 0, 0, 0), 1)
    assert bound(root) == {"near": "v2", "far": "v2"}
    plan(root, 0)


def test_a_refusal_is_reported_even_if_nothing_moved(tiny: Callable[..., Path]) -> None:
    root = tiny(None, {"prod": "models: {line: v1}\ngates: {accuracy: {min: 0.999}}"})
    apply(root, 6)
    serial = projects.state_of(root)["serial"]
    again = apply(root)
    assert (again["held"], again["failed"], again["bound"]) == (1, 0, 0)
    history = json.loads(projects.run("history", "prod/line", "--json", cwd=root).stdout)["entries"]
    assert [[c["address"] for c in entry["held"]] for entry in history] == [["environment/prod/line"]]
    assert [entry["serial"] for entry in history] == [serial]
    assert history[0]["changes"] == []
    # another limit is another reason
    projects.edit(root / "environment-prod.yaml", "0.999", "0.998")
    apply(root, 6)
    assert [(g["metric"], g["passed"]) for g in history[0]["evidence"]] == [("accuracy", False)]
    text = projects.run("history", cwd=root).stdout
    assert "environment/prod/line" in text
    assert "unbound → v1  held by its gates" in text
    assert not (root / ".leptonctl" / "servers" / "prod" / "server.json").exists(), "there is nothing to serve"


def test_with_switch_together_one_held_binding_holds_all(tiny: Callable[..., Path]) -> None:
    root = tiny(TWO, {"prod": "models: {near: v1, far: v1}\nswitch: together"}, rows=300)
    apply(root)
    gates = "switch: together\ngates: [{models: near, accuracy: {min: 0.85}}]\n"
    prod(root, "models: {near: v2, far: v2}\n" + gates)
    held = apply(root, 6)
    assert (held["bound"], held["failed"], held["skipped"]) == (0, 1, 1)
    assert bound(root) == {"near": "v1", "far": "v1"}
    assert plan(root, 0)["summary"]["held"] == 2
    prod(root, "models: {near: v2, far: v2}\n" + gates.replace("0.85", "0.5"))
    passed = apply(root)
    assert (counts(passed), passed["bound"]) == ((0, 0, 0, 0), 2)
    assert bound(root) == {"near": "v2", "far": "v2"}


REGRESSION = """\
kind: Dataset
name: points
target: z
versions: {first: {source: data/points.csv}}
---
kind: Model
name: line
dataset: points@first
task: regression
algorithm: linear
evaluate: {metrics: [r2]}
versions:
  v1: {}
  v2: {algorithm: decision_tree, params: {max_depth: 1}}
  v3: {algorithm: decision_tree, params: {max_depth: 4}}
"""


@pytest.fixture
def regression(tiny: Callable[..., Path]) -> Path:
    """v1 fits a line; v2 and v3 are trees of one and four levels and far worse."""
    root = tiny({}, {"prod": "models: {line: v1}"})
    lines = [f"{x / 10},{y / 10},{2 * x / 10 + y / 10 + (x * y % 7) / 50:.4f}" for x in range(10) for y in range(10)]
    (root / "data" / "points.csv").write_text("\n".join(["x,y,z", *lines]) + "\n", encoding="utf-8")
    (root / "data.yaml").write_text(REGRESSION, encoding="utf-8")
    apply(root)
    return root


# version, gates, exit code of the plan before and of the apply, the steps that the gates' evidence takes
RULES: list[tuple[str, str, int, int, set[str]]] = [
    # for an error smaller is better: v2's is larger, so it drops
    ("v2", "mae: {max_drop: 0.01}", 2, 6, {"compare"}),
    ("v2", "mae: {max_drop: 0.02}", 6, 6, set()),
    ("v2", "r2: {max_drop: 0.01}", 2, 6, {"compare"}),
    # not among the model's metrics: evaluated for the gate alone
    ("v2", "mae: {max: 0.1}", 2, 6, {"evaluate"}),
    ("v2", "r2: {min: 0.99}", 6, 6, set()),
    ("v2", "mae: {max: 5}\n  r2: {min: 0.98, max_drop: 0.9}", 6, 6, set()),
    # a regression has no labels that could flip
    ("v2", "flips: {max: 1}", 2, 6, {"compare"}),
    ("v2", "mae: {max_drop: 5, max: 5}", 2, 0, set()),
    ("v3", "mae: {max: 5}\n  rmse: {max: 5}", 2, 0, {"evaluate"}),
]


def test_gate_rules_on_a_regression(regression: Path) -> None:
    now = "v1"
    for version, gates, planned, applied, steps in RULES:
        prod(regression, f"models: {{line: {version}}}\ngates:\n  {gates}\n")
        (change,) = plan(regression, planned)["changes"]
        assert {step["op"] for step in change["steps"] if not step["cached"]} - {"bind"} == steps, gates
        done = apply(regression, applied)
        assert (done["trained"], done["exported"], done["bound"]) == (0, 0, int(applied == 0)), gates
        now = version if applied == 0 else now
        assert bound(regression) == {"line": now}, gates


def test_the_better_version_passes_every_drop(regression: Path) -> None:
    prod(regression, "models: {line: v2}\n")
    apply(regression)
    prod(regression, "models: {line: v3}\ngates: {mae: {max_drop: 0}, r2: {max_drop: 0}}\n")
    done = apply(regression)
    assert bound(regression) == {"line": "v3"}
    (event,) = [e for e in done["events"] if e["type"] == "step_finished" and e["op"] == "bind"]
    values = {g["metric"]: (g["value"], g["bound"], g["candidate"]) for g in event["judgements"]}
    assert values["mae"][0] == pytest.approx(values["mae"][2] - values["mae"][1])
    assert values["r2"][0] == pytest.approx(values["r2"][1] - values["r2"][2])
    assert max(values["mae"][0], values["r2"][0]) < 0


def test_a_metric_that_is_undefined_does_not_pass(tiny: Callable[..., Path]) -> None:
    """All test rows are of one class: there is no ROC, and a gate on it must not pass."""
    lines = [f"{x},{1 if x > 50 else 0},{'test' if x > 80 else 'train'}" for x in range(100)]
    root = tiny({"line": {"v1": "{}"}}, {"prod": "models: {line: v1}\ngates: {roc_auc: {min: 0.1}}"})
    (root / "data" / "points.csv").write_text("\n".join(["x,side,part", *lines]) + "\n", encoding="utf-8")
    dataset = "kind: Dataset\nname: points\ntarget: side\nsplit: {column: part}\nversions: {first: {source: data/points.csv}}\n"
    (root / "data.yaml").write_text(dataset, encoding="utf-8")
    held = apply(root, 6)
    (failed,) = [e for e in held["events"] if e["type"] == "step_failed"]
    (gate,) = failed["judgements"]
    assert (gate["passed"], gate["value"], gate["note"]) == (False, None, "undefined on these rows")
    known = plan(root, 0)
    assert "undefined on these rows" in projects.run("plan", cwd=root).stdout
    assert known["applyable"] is False
