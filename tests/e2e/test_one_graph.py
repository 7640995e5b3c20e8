"""Two versions of one ONNX graph that read other columns: each is evaluated, gated and served by its package."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import projects

PROJECT = """\
kind: Project
name: twins
format: 1
executor: {{parallelism: 1}}
---
kind: Dataset
name: rows
target: y
versions:
  "1": {{source: train.csv, test: {{source: test.csv}}}}
---
kind: Model
name: tree
dataset: rows@1
task: classification
algorithm: decision_tree
evaluate: {{metrics: [accuracy]}}
versions:
  f: {{features: [f]}}
  g: {{features: [g]}}
---
kind: Environment
name: dev
platform: {{type: server, port: {port}}}
models: {{tree: f}}
gates: {{accuracy: {{min: 0.9}}}}
"""


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[Path]:
    """f and g are equal in training; in the test file f tells the target and g its opposite."""
    write(tmp_path / "train.csv", [(i % 10, i % 10, "yes" if i % 10 > 4 else "no") for i in range(60)])
    write(tmp_path / "test.csv", [(i % 10, 9 - i % 10, "yes" if i % 10 > 4 else "no") for i in range(40)])
    (tmp_path / "leptonctl.yaml").write_text(PROJECT.format(port=projects.free_port()), encoding="utf-8")
    yield tmp_path
    projects.stop_servers(tmp_path)


def write(file: Path, rows: list[tuple[int, int, str]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([("f", "g", "y"), *rows])


def test_versions_of_one_graph_have_evaluations_and_gates_of_their_own(twins: Path) -> None:
    done = projects.run("apply", "--yes", "--json", cwd=twins)
    assert done.returncode == 0, done.stdout + done.stderr
    finished = projects.finished(done)
    assert (finished["trained"], finished["exported"], finished["evaluated"], finished["bound"]) == (2, 2, 2, 1)
    f, g = (projects.recorded(twins).current[f"model/tree@{name}"] for name in "fg")
    assert f.artifact == g.artifact
    packages = [projects.result_of(twins, pointer.key("export")).outputs["package"] for pointer in (f, g)]
    assert packages[0] != packages[1]
    evaluations = [projects.result_of(twins, pointer.key("evaluate")).outputs for pointer in (f, g)]
    assert [evaluation["package"] for evaluation in evaluations] == packages
    assert [evaluation["metrics"]["accuracy"] for evaluation in evaluations] == [1.0, 0.0]
    # g was never served here, so it is not a return, and the gate holds it
    projects.edit(twins / "leptonctl.yaml", "tree: f", "tree: g")
    planned = json.loads(projects.run("plan", "--json", cwd=twins).stdout)
    (change,) = planned["changes"]
    assert (change["address"], change["is_return"], [gate["passed"] for gate in change["gates"]]) == (
        "environment/dev/tree",
        False,
        [False],
    )
    assert projects.run("apply", "--yes", cwd=twins).returncode == 6
    assert projects.served(twins, "dev")["models"][0]["version"] == "f"


def test_a_switch_between_versions_of_one_graph_changes_what_answers(twins: Path) -> None:
    projects.edit(twins / "leptonctl.yaml", "gates: {accuracy: {min: 0.9}}\n", "")
    assert projects.run("apply", "--yes", cwd=twins).returncode == 0
    url = projects.served(twins, "dev")["url"]
    assert answered(url, {"f": 9, "g": 0}) == "yes"
    projects.edit(twins / "leptonctl.yaml", "tree: f", "tree: g")
    switched = projects.run("apply", "--yes", "--json", cwd=twins)
    assert (switched.returncode, projects.finished(switched)["bound"]) == (0, 1)
    assert answered(url, {"f": 9, "g": 0}) == "no"
    # f was served: a return, in one move, with nothing built
    projects.edit(twins / "leptonctl.yaml", "tree: g", "tree: f")
    (change,) = json.loads(projects.run("plan", "--json", cwd=twins).stdout)["changes"]
    assert change["is_return"] is True
    assert projects.run("apply", "--yes", cwd=twins).returncode == 0
    assert answered(url, {"f": 9, "g": 0}) == "yes"


def answered(url: str, row: dict[str, int]) -> str:
    """The label for a row; the request has only the columns that the model reads."""
    inputs = [part["name"] for part in projects.ask(f"{url}/v2/models/tree")["inputs"]]
    body = {"inputs": [{"name": name, "datatype": "FP32", "shape": [1], "data": [row[name]]} for name in inputs]}
    outputs = {part["name"]: part["data"] for part in projects.ask(f"{url}/v2/models/tree/infer", body)["outputs"]}
    return str(outputs["label"][0])
