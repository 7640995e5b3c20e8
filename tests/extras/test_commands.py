"""The commands where the libraries are installed: the page, the bytes of a rebuild, a changed cell, and the answers of a server."""

import json
import shutil
import urllib.request

import pytest

from tests import projects
from tests.e2e.test_examples import as_written, documented
from tests.how_to.reader import Reader

for module in ("xgboost", "lightgbm", "torch"):
    pytest.importorskip(module, reason=f"comes with the extra {module}")
PAGE = "docs/how-to/boosters.md"


def test_the_page_where_everything_is_installed(reader: Reader) -> None:
    reader.follow(PAGE, section="1. Declare the versions")
    assert "missing-library" not in projects.run("plan", cwd=reader.root).stdout
    reader.follow(PAGE, section="3. Where it is installed")
    assert reader.printed.count("identical") == 3
    record = json.loads(projects.run("show", "--json", cwd=reader.root).stdout)
    assert record["format_version"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """An environment for each algorithm, applied: each serves its version."""
    algorithms = {"booster": "{algorithm: xgboost, params: {n_estimators: 10}}", "light": "{algorithm: lightgbm, params: {n_estimators: 10, min_child_samples: 5}}", "net": "{algorithm: torch_mlp, params: {epochs: 20, learning_rate: 0.05}}"}  # fmt: skip
    models = {name: {"v1": line} for name, line in algorithms.items()}
    environments = {"dev": "models: {booster: v1, light: v1, net: v1}"}
    folder = tmp_path_factory.mktemp("served")
    root = projects.tiny_project(folder, models=models, environments=environments)
    assert projects.run("pin", cwd=root).returncode == 0
    process = projects.run("apply", "--yes", cwd=root)
    assert process.returncode == 0, process.stdout + process.stderr
    yield root
    projects.stop_servers(folder)


@pytest.mark.parametrize("name", ["booster", "light", "net"])
def test_a_server_answers_as_predict_does(root, name):
    url = json.loads(projects.run("status", "--json", cwd=root).stdout)["environments"][0]["url"]
    header, *lines = (root / "data" / "points.csv").read_text(encoding="utf-8").splitlines()
    names = header.split(",")
    cells = [line.split(",") for line in lines[:20]]
    inputs = [
        {"name": column, "datatype": "FP32", "shape": [20], "data": [float(row[place]) for row in cells]}
        for place, column in enumerate(names) if column != "side"
    ]  # fmt: skip
    request = urllib.request.Request(
        f"{url}/v2/models/{name}/infer", json.dumps({"inputs": inputs}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        outputs = {output["name"]: output["data"] for output in json.load(response)["outputs"]}
    (root / "rows.csv").write_text("\n".join([header, *lines[:20]]) + "\n", encoding="utf-8")
    process = projects.run("predict", f"{name}@v1", "--input", "rows.csv", "--format", "jsonl", cwd=root)
    assert process.returncode == 0, process.stderr
    assert outputs["label"] == [json.loads(line)["label"] for line in process.stdout.splitlines()]


@pytest.mark.parametrize("name", ["booster", "light", "net"])
def test_a_second_apply_trains_nothing(root, name):
    plan = json.loads(projects.run("plan", "--json", "--only", f"model/{name}", cwd=root).stdout)
    assert plan["changes"] == []


def test_one_changed_cell_is_detected_and_named(root, tmp_path):
    copy = projects.copy_of(root, tmp_path / "changed")
    file = copy / "data" / "points.csv"
    header, first, *rest = file.read_text(encoding="utf-8").splitlines()
    changed = ",".join(["0.123", *first.split(",")[1:]])
    file.write_text("\n".join([header, changed, *rest]) + "\n", encoding="utf-8")
    plan = json.loads(projects.run("plan", "--json", cwd=copy).stdout)
    assert "its pinned source file was overwritten" in [line["reason"] for line in plan["drift"]]
    for name in ("booster", "light", "net"):
        process = projects.run("verify", f"{name}@v1", "--rebuild", cwd=copy)
        assert "data/points.csv" in process.stdout, name


@pytest.mark.parametrize(("name", "file"), [("booster", "model.json"), ("light", "model.txt"), ("net", "model.network")])
def test_one_changed_byte_of_a_native_file_fails_and_is_named(root, tmp_path, name, file):
    copy = projects.copy_of(root, tmp_path / "changed")
    recorded = json.loads(projects.run("show", f"{name}@v1", "--json", cwd=copy).stdout)
    digest = next(value for value in _values(recorded, file))
    (artifact,) = (copy / ".leptonctl" / "store").rglob(digest.removeprefix("sha256:"))
    data = artifact.read_bytes()
    artifact.chmod(0o644)
    artifact.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    process = projects.run("verify", f"{name}@v1", cwd=copy)
    assert process.returncode == 1
    assert file in process.stdout + process.stderr


def _values(content, name):
    """The strings under a name, anywhere in the content."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from [value] if key == name and isinstance(value, str) else _values(value, name)
    elif isinstance(content, list):
        for value in content:
            yield from _values(value, name)


def test_the_example_gives_the_documented_figures(tmp_path):
    root = tmp_path / "moons"
    shutil.copytree(projects.EXAMPLES / "two-ten-two-torch", root)
    process = projects.run("build", cwd=root)
    assert process.returncode == 0, process.stdout + process.stderr
    figures = documented(root)
    assert {*figures} == {"v1", "v2"}
    rows = json.loads(projects.run("leaderboard", "two-ten-two", "--json", cwd=root).stdout)["rows"]
    for row in rows:
        assert as_written(row["metrics"], figures[row["version"]]) == figures[row["version"]]
    assert "identical" in projects.run("verify", "two-ten-two@v2", "--rebuild", cwd=root).stdout
