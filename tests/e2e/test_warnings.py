"""Nothing silent: what is allowed but deserves attention is a warning in the plan, the build, the apply and the comment."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import projects

LEAKY = "a,b,c,big,none,side\n" + "".join(
    f"{i % 13},{1 if i % 3 else 0},7,{2**24 + i},,{'above' if i % 3 else 'below'}\n" for i in range(90)
)
DATA = """\
kind: Dataset
name: points
target: side
versions: {first: {source: data/points.csv, test: {source: data/points.csv}}}
"""
V2 = "  v2: {algorithm: decision_tree, features: [a, b, none], preprocess: [{columns: numeric, use: imputer, params: {keep_empty_features: true}}]}\n"
MODEL = (
    """\
kind: Model
name: line
dataset: points@first
task: classification
features: [a, b, c, big]
algorithm: mlp
params: {max_iter: 3, hidden_layer_sizes: [4]}
versions:
  v1: {}
"""
    + V2
)


@pytest.fixture
def root(tiny: Callable[..., Path]) -> Path:
    root = tiny({"line": {"v1": "{}"}}, {"dev": "models: {line: v2}"})
    (root / "data" / "points.csv").write_text(LEAKY, encoding="utf-8")
    (root / "data.yaml").write_text(DATA, encoding="utf-8")
    (root / "model-line.yaml").write_text(MODEL, encoding="utf-8")
    return root


def ids(diagnostics: list[dict]) -> list[str]:
    return sorted(d["id"] for d in diagnostics if d["severity"] == "warning")


FOUND = {
    "constant-column", "rounded-integers", "empty-column", "learned-test-rows", "target-leak", "not-converged", "perfect-score",
}  # fmt: skip


def test_every_view_has_the_warnings(root: Path) -> None:
    """B6, B10 and B11 in one project: before the build what the YAML says, after it what the steps found."""
    first = json.loads(projects.run("plan", "--json", cwd=root).stdout)
    assert ids(first["diagnostics"]) == ["dropped-parameters"]
    assert first["summary"]["warnings"] == 1
    (dropped,) = first["diagnostics"]
    assert "hidden_layer_sizes, max_iter" in dropped["detail"] or "max_iter, hidden_layer_sizes" in dropped["detail"]
    assert (dropped["file"], dropped["line"]) == ("model-line.yaml", 10)
    assert "dropped-parameters" in projects.run("validate", cwd=root).stdout

    built = projects.run("build", "--json", cwd=root)
    assert built.returncode == 0, built.stdout
    events = projects.events(built.stdout)
    noticed = [n for e in events if e["type"] == "step_finished" for n in e["notices"]]
    assert set(ids(noticed)) == FOUND
    assert events[-1]["warnings"] == len(noticed)
    leak = next(n for n in noticed if n["id"] == "target-leak")
    assert 'column "b"' in leak["detail"], "the column, and no cell of it"
    rows = next(n for n in noticed if n["id"] == "learned-test-rows")
    assert "90 test rows" in rows["detail"]
    assert "(line 2, 3, 4" in rows["detail"]

    after = json.loads(projects.run("plan", "--json", cwd=root).stdout)
    assert set(ids(after["diagnostics"])) == FOUND | {"dropped-parameters"}
    assert after["summary"]["warnings"] == len(after["diagnostics"])
    for view in ("plan", "plan --markdown"):
        text = projects.run(*view.split(), cwd=root).stdout
        assert all(name in text for name in FOUND), view
    assert f"{len(after['diagnostics'])} warnings" in projects.run("plan", cwd=root).stdout
    done = projects.run("apply", "--yes", cwd=root)
    assert done.returncode == 0, done.stdout
    shown = json.loads(projects.run("show", "line@v1", "--json", cwd=root).stdout)["version"]["warnings"]
    assert {w["id"] for w in shown} == FOUND - {"perfect-score", "empty-column"}, "those were v2"
    assert "stopped after 3 iterations" in projects.run("show", "line@v1", cwd=root).stdout
    quiet = json.loads(projects.run("plan", "--json", cwd=root).stdout)
    assert ids(quiet["diagnostics"]) == ["dropped-parameters"], "what steps found is not repeated once it is in place"


def test_a_project_may_take_warnings_as_errors(root: Path) -> None:
    projects.edit(root / "leptonctl.yaml", "format: 1\n", "format: 1\nwarnings: error\n")
    assert projects.run("apply", "--yes", cwd=root).returncode == 1, "known before: nothing is trained"
    projects.edit(root / "model-line.yaml", V2, "")
    projects.edit(root / "environment-dev.yaml", "v2", "v1")
    done = projects.run("apply", "--yes", "--json", cwd=root)
    assert done.returncode == 1
    finished = projects.finished(done)
    assert (finished["ok"], finished["trained"], finished["bound"]) == (False, 1, 0), "found by a step: its result stays, nothing moves"
    assert projects.state_of(root)["current"] == {}
    planned = projects.run("plan", "--json", cwd=root)
    plan = json.loads(planned.stdout)
    assert (planned.returncode, plan["applyable"]) == (1, False)
    assert {d["severity"] for d in plan["diagnostics"]} == {"error"}


def test_warnings_as_errors_are_all_said_at_once_and_met_by_their_hints(root: Path) -> None:
    """The apply names the same ones as the plan after it; a column that no model reads is nobody's warning."""
    projects.edit(root / "leptonctl.yaml", "format: 1\n", "format: 1\nwarnings: error\n")
    model = root / "model-line.yaml"
    projects.edit(model, V2, "")
    projects.edit(root / "environment-dev.yaml", "v2", "v1")
    done = projects.events(projects.run("apply", "--yes", "--json", cwd=root).stdout)
    said = {(e["address"], e["diagnostic"]["id"], e["diagnostic"]["detail"]) for e in done if e["type"] == "step_failed"}
    planned = json.loads(projects.run("plan", "--json", cwd=root).stdout)["diagnostics"]
    assert {(d["detail"].partition(": ")[0], d["id"], d["detail"]) for d in planned} == said
    assert {name for _, name, _ in said} == FOUND - {"perfect-score", "empty-column"}, "those were v2"
    assert [e["address"] for e in done if e["type"] == "step_skipped"] == ["environment/dev/line"]

    projects.edit(model, "[a, b, c, big]", "[a, big]")
    left = {d["id"] for d in json.loads(projects.run("plan", "--json", cwd=root).stdout)["diagnostics"]}
    assert left == {"rounded-integers", "learned-test-rows"}, "b and c are read by no model"
    projects.edit(root / "data.yaml", "target: side\n", "target: side\ncolumns: {c: {ignore: true}, none: {ignore: true}}\n")
    projects.edit(model, "features: [a, big]\n", "")
    events = projects.events(projects.run("build", "dataset/points@first", "--json", cwd=root).stdout)
    noticed = {notice["id"] for event in events for notice in event.get("notices", [])}
    assert noticed == {"rounded-integers", "learned-test-rows", "target-leak"}, "the other hint works too"


def test_base_parameters_are_for_the_base_algorithm(root: Path) -> None:
    """A version that repeats the algorithm keeps them; one with parameters of its own misses only what its algorithm has too."""
    for own, missed in (("sgd, params: {alpha: 0.1}", ["max_iter"]), ("sgd, params: {max_iter: 9}", []), ("knn, params: {}", [])):
        text = MODEL.replace("decision_tree", own)
        (root / "model-line.yaml").write_text(text, encoding="utf-8")
        found = json.loads(projects.run("validate", "--json", cwd=root).stdout)["diagnostics"]
        assert [d["detail"].partition(": ")[2].partition(" of ")[0] for d in found] == missed, own
    (root / "model-line.yaml").write_text(MODEL, encoding="utf-8")
    projects.edit(root / "model-line.yaml", "  v1: {}\n", "  v1: {algorithm: mlp, params: {max_iter: 5}}\n")
    shown = json.loads(projects.run("explain", "line@v1", "--json", cwd=root).stdout)
    values = {field["path"]: field["value"] for field in shown["fields"]}
    assert values["params.max_iter"] == 5
    assert values["params.hidden_layer_sizes"] == [4]
