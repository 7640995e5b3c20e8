"""Every example, applied from a copy as its README says: its metrics, what it serves, how it ends."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import projects
from tests.e2e import rows

# one row of each example as a request, and the environment and model that answer it
REQUESTS: dict[str, tuple[str, str, dict[str, object]]] = {
    "two-ten-two": ("dev", "two-ten-two", {"x": 0.0, "y": 1.0}),
    "car-mileage": ("prod", "mileage", {
        "cylinders": 4, "displacement": 97, "horsepower": None, "weight": 2130, "acceleration": 14.5, "year": 1971, "origin": "Japan",
    }),
    "text": ("prod", "topic", {"message": "Το δέμα μου δεν έφτασε"}),
}  # fmt: skip


def documented(root: Path) -> dict[str, dict[str, str]]:
    """The table of figures in an example's README: version -> metric -> value as written."""
    lines = [
        [cell.strip() for cell in line.strip(" |").split("|")] for line in (root / "README.md").read_text().splitlines() if "|" in line
    ]
    head = [cell.split()[0] for cell in lines[0] if cell]
    return {cells[0].split()[0]: dict(zip(head, cells[1:], strict=True)) for cells in lines[2:]}


def measured(root: Path, version: str) -> dict[str, float]:
    """The metrics of a model version, by `show --json`."""
    shown = projects.state_of(root)
    address = next(a for a in shown["current"] if a.startswith("model/") and a.endswith(f"@{version}"))
    return shown["results"][shown["current"][address]["digest"]]["metrics"]


def as_written(found: dict[str, float], figures: dict[str, str]) -> dict[str, str]:
    """The measured values of these metrics with as many decimals as in the README."""
    return {metric: f"{found[metric]:.{len(text.partition('.')[2])}f}" for metric, text in figures.items()}


def check_life(root: Path, environment: str, url_of: str, body: dict, applied: Callable[[dict], None]) -> dict:
    """Plan (exit 2), apply, plan (exit 0), healthy, an answer, destroy, process ended. Returns the answer."""
    before = projects.run("plan", "--detailed-exitcode", cwd=root)
    assert before.returncode == 2, before.stdout + before.stderr
    done = projects.run("apply", "--yes", "--json", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    applied(projects.finished(done))
    after = projects.run("plan", "--detailed-exitcode", cwd=root)
    assert after.returncode == 0, after.stdout + after.stderr
    status = projects.served(root, environment)
    assert status["healthy"] is True
    assert [model["drift"] for model in status["models"]] == [None]
    answer = projects.ask(f"{status['url']}/v2/models/{url_of}/infer", body)
    record = json.loads((root / ".leptonctl" / "servers" / environment / "server.json").read_text())
    assert record["pid"] in projects.processes(root)
    gone = projects.run("destroy", "--yes", cwd=root)
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert projects.processes(root) == {}
    return answer


def test_programs_in_python_and_perl_make_versions(example: Callable[[str], Path]) -> None:
    if shutil.which("perl") is None:
        pytest.skip("v2 is a program in Perl")
    root = example("own-code")
    figures = documented(root)

    finished = projects.finished(projects.run("build", "--json", cwd=root))
    assert (finished["ran"], finished["imported"], finished["evaluated"], finished["failed"]) == (2, 2, 2, 0)
    for version, metrics in figures.items():
        shown = json.loads(projects.run("show", f"moons@{version}", "--json", cwd=root).stdout)["version"]
        assert as_written({metric["name"]: metric["value"] for metric in shown["metrics"]}, metrics) == metrics
    proof = projects.run("verify", "moons@v2", "--rebuild", "--json", cwd=root)
    assert json.loads(proof.stdout)["rebuild"]["verdict"] == "identical", proof.stdout + proof.stderr


@pytest.mark.parametrize("name", REQUESTS)
def test_an_example_lives_and_ends(name: str, example: Callable[[str], Path]) -> None:
    root = example(name)
    environment, model, cells = REQUESTS[name]
    body = rows.one_row(cells)
    figures = documented(root) if name != "two-ten-two" else {"v1": dict(re.findall(r"(\w+) (0\.\d+)", (root / "README.md").read_text()))}

    def applied(finished: dict) -> None:
        assert (finished["trained"], finished["exported"], finished["evaluated"]) == (len(figures),) * 3
        assert (finished["bound"], finished["failed"], finished["skipped"]) == (1, 0, 0)

    answer = check_life(root, environment, model, body, applied)
    data = {output["name"]: output["data"] for output in answer["outputs"]}
    expected = {"two-ten-two": {"label": ["upper"]}, "text": {"label": ["delivery"]}}
    if name in expected:
        assert data["label"] == expected[name]["label"]
    else:
        assert 20 < data["prediction"][0] < 40
    for version, metrics in figures.items():
        assert as_written(measured(root, version), metrics) == metrics
    proof = projects.run("verify", f"{model}@v1", "--rebuild", "--json", cwd=root)
    assert proof.returncode == 0, proof.stdout + proof.stderr
    assert json.loads(proof.stdout)["rebuild"]["verdict"] == "identical"


def test_the_spam_example_lives_and_ends(built: SimpleNamespace, spam: Path) -> None:
    """What `build` made is what apply binds."""
    names, test = rows.spam_test_rows(spam)

    def applied(finished: dict) -> None:
        assert (built.finished["trained"], built.finished["exported"], built.finished["evaluated"]) == (2, 2, 2)
        assert (finished["trained"], finished["exported"], finished["evaluated"]) == (0, 0, 0)
        assert (finished["bound"], finished["failed"], finished["skipped"]) == (2, 0, 0)

    answer = check_life(spam, "prod", "spam-filter", json.loads(rows.request(names, test[:1])), applied)
    assert answer["model_version"] == "v1"
    for version, metrics in documented(spam).items():
        assert as_written(measured(spam, version), metrics) == metrics
    proof = projects.run("verify", "spam-filter@v2", "--rebuild", "--json", cwd=spam)
    assert proof.returncode == 0, proof.stdout + proof.stderr
    assert json.loads(proof.stdout)["rebuild"]["verdict"] == "identical"
