"""A library that comes with an extra and is not installed: said before any work, at the line that names the algorithm."""

import json
from pathlib import Path

import pytest

from leptonctl.core.codec import convert
from leptonctl.learning.fitting.recipe import providers_of
from leptonctl.learning.inputs import TrainInputs
from leptonctl.project.catalog import EXTRAS, is_installed, load_catalog
from leptonctl.spi.learning import ProviderError
from tests import projects

MISSING = {"xgboost": "xgboost", "lightgbm": "lightgbm", "torch_mlp": "torch"}
ALGORITHMS = [name for name, module in MISSING.items() if not is_installed(module)]
pytestmark = pytest.mark.skipif(len(ALGORITHMS) < len(MISSING), reason="a library of an extra is installed here")


def diagnostics(root: Path, command: str) -> list[tuple[str, str, str, int, str]]:
    found = json.loads(projects.run(command, "--json", cwd=root).stdout)["diagnostics"]
    return [(p["id"], p["severity"], p["file"], p["line"], p["hint"]) for p in found]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of scikit-learn, and one with a version of each algorithm that is not installed."""
    versions = {f"v{number}": f"{{algorithm: {name}}}" for number, name in enumerate(MISSING, 1)}
    models = {"line": {"v1": "{}"}, "other": {"v0": "{}", **versions}}
    return projects.tiny_project(tmp_path_factory.mktemp("libraries"), models=models, environments={})


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_each_is_a_warning_where_the_algorithm_is_named(root: Path, command: str) -> None:
    assert projects.run(command, cwd=root).returncode == 0
    assert diagnostics(root, command) == [
        ("missing-library", "warning", "model-other.yaml", 9 + number, f"pip install 'leptonctl[{module}]'")
        for number, module in enumerate(MISSING.values())
    ]


def test_a_plan_lists_their_steps_and_can_be_applied_elsewhere(root: Path) -> None:
    plan = json.loads(projects.run("plan", "--json", cwd=root).stdout)
    assert (plan["applyable"], plan["summary"]["train"]) == (True, 4)


@pytest.mark.parametrize(
    ("command", "rest"),
    [
        (("apply", "--yes"), "leptonctl apply --only model/line@v1 --only model/other@v0"),
        (("build",), "leptonctl build model/line@v1 model/other@v0"),
    ],
)
def test_nothing_is_begun_without_it(root: Path, command: tuple[str, ...], rest: str) -> None:
    result = projects.run(*command, cwd=root)
    assert result.returncode == 1
    assert f"or everything else: {rest}\n" in result.stderr + result.stdout
    assert "error[missing-library]" in result.stderr + result.stdout
    assert "pip install 'leptonctl[xgboost]'" in result.stderr + result.stdout
    assert not [*(root / ".leptonctl").rglob("results/*/*")]


def test_other_addresses_are_not_held_up(root: Path) -> None:
    assert diagnostics(root, "plan")
    result = projects.run("plan", "--json", "--only", "model/line", cwd=root)
    assert json.loads(result.stdout)["diagnostics"] == []


def test_a_binding_of_what_cannot_be_built_here_is_no_part_of_the_rest(tmp_path: Path) -> None:
    models = {"line": {"v1": "{}"}, "other": {"v1": "{algorithm: lightgbm}", "v2": "{}"}}
    root = projects.tiny_project(tmp_path, models=models, environments={"dev": "models: {line: v1, other: v1}"})
    result = projects.run("apply", "--yes", cwd=root)
    assert "or everything else: leptonctl apply --only model/other@v2 --only environment/dev/line\n" in result.stderr


def test_trials_and_warm_starts_need_it_too(tmp_path: Path) -> None:
    search = "{method: grid, parameters: {max_depth: [2, 3]}, metric: f1, cross_validation: 2}"
    versions = {
        "v1": f"{{algorithm: xgboost, search: {search}}}",
        "v2": "{algorithm: xgboost}",
        "v3": "{algorithm: xgboost, warm_start: v2}",
    }
    root = projects.tiny_project(tmp_path, models={"line": versions}, environments={})
    for command in ("validate", "plan"):
        assert [(found[0], found[3]) for found in diagnostics(root, command)] == [("missing-library", line) for line in (8, 9, 10)]


def test_warnings_as_errors_are_errors_of_the_plan(tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path, models={"line": {"v1": "{algorithm: lightgbm}"}}, environments={}, project="warnings: error\n")
    (problem,) = diagnostics(root, "plan")
    assert problem[:2] == ("missing-library", "error")


@pytest.mark.parametrize(("task", "algorithm"), [(task, name) for task, names in EXTRAS.items() for name in names])
def test_a_step_that_runs_without_it_says_so_itself(task: str, algorithm: str) -> None:
    """An executor of a package may run steps on a machine that nobody looked at."""
    trainer = load_catalog().trainers[task, algorithm]
    inputs = {"task": task, "target": "y", "preprocess": [], "algorithm": algorithm, "params": {}, "seed": 0}
    with pytest.raises(ProviderError) as caught:
        providers_of(convert(inputs, TrainInputs))
    assert trainer.library is not None
    assert (caught.value.id, caught.value.hint) == ("missing-library", trainer.library.command)


def test_a_plan_from_the_cache_says_the_same(root: Path) -> None:
    fresh = diagnostics(root, "plan"), diagnostics(root, "validate")
    assert (root / ".leptonctl" / "cache" / "outlines").exists()
    assert (diagnostics(root, "plan"), diagnostics(root, "validate")) == fresh
