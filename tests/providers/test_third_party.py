"""Another package brings a trainer by an entry point: it is found, planned and built with, and unknown once the package is removed."""

import json
import shutil
from pathlib import Path

from tests import projects

MODULE = """
from leptonctl.spi import Trainer


def build(params, seed):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=params["strength"], random_state=seed)


THEIRS = Trainer(
    name="theirs",
    task="classification",
    description="A linear classifier of another package.",
    params={"strength": {"type": "number", "exclusiveMinimum": 0, "default": 1.0, "description": "How far it may go."}},
    build=build,
)
"""
MODELS = {"line": {"v1": "{}", "v2": "{algorithm: theirs, params: {strength: 0.5}}"}}


def install(folder: Path) -> None:
    """What an installer writes: the modules, and their names among the entry points."""
    about = folder / "their_package-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "their_package.py").write_text(MODULE, encoding="utf-8")
    shutil.copy(Path(__file__).parents[1] / "learning" / "centroid.py", folder / "centroid.py")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(
        "[leptonctl.trainers]\nclassification.theirs = their_package:THEIRS\nclassification.centroids = centroid:CENTROIDS\n"
        # a bundled name cannot be replaced
        "classification.mlp = their_package:THEIRS\n",
        encoding="utf-8",
    )


def test_a_trainer_of_an_installed_package_is_used_like_a_bundled_one(tiny, tmp_path):
    packages = tmp_path / "packages"
    packages.mkdir()
    root = tiny(MODELS, {"dev": "models: {line: v2}"})

    def run(*arguments):
        return projects.run(*arguments, cwd=root, PYTHONPATH=str(packages))

    unknown = run("plan", "--json")
    assert unknown.returncode == 3
    assert [d["id"] for d in json.loads(unknown.stdout)["diagnostics"]] == ["unknown-algorithm"]

    install(packages)
    planned = run("plan", "--detailed-exitcode")
    assert planned.returncode == 2, planned.stdout + planned.stderr
    wrong = projects.run("plan", "--json", cwd=root, PYTHONPATH=str(tmp_path / "nowhere"))
    assert wrong.returncode == 3, "another set of packages is another catalog"

    applied = run("apply", "--yes", "--json")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert projects.finished(applied)["trained"] == 2
    assert run("plan", "--detailed-exitcode").returncode == 0
    assert run("verify", "line@v2", "--rebuild").returncode == 0

    shutil.rmtree(packages / "their_package-1.0.dist-info")
    assert run("plan").returncode == 3
    projects.edit(root / "model-line.yaml", "{algorithm: theirs, params: {strength: 0.5}}", "{params: {C: 0.5}}")
    assert run("plan", "--detailed-exitcode").returncode == 2


def test_a_trainer_with_a_graph_and_a_native_file_of_its_own_serves(tiny, tmp_path):
    """Nothing of scikit-learn in the algorithm: fitted, exported, verified, bound, and asked over HTTP like any other."""
    packages = tmp_path / "packages"
    install(packages)
    root = tiny({"line": {"v1": "{}", "v2": "{algorithm: centroids, params: {sharpness: 2.0}}"}}, {"dev": "models: {line: v2}"})

    def run(*arguments):
        done = projects.run(*arguments, cwd=root, PYTHONPATH=str(packages))
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    assert projects.finished(run("apply", "--yes", "--json"))["bound"] == 1
    shown = json.loads(run("show", "--json").stdout)
    result = shown["results"][shown["current"]["model/line@v2"]["digest"]]
    assert {"model.json", "steps.skops", "model.onnx"} <= set(result["artifacts"])
    assert result["metrics"]["accuracy"] > 0.5
    rebuilt = json.loads(run("verify", "line@v2", "--rebuild", "--json").stdout)
    assert rebuilt["ok"]
    (environment,) = json.loads(run("status", "--json").stdout)["environments"]
    assert environment["healthy"]
    assert environment["models"][0]["package"] == shown["current"]["model/line@v2"]["package"]


def test_the_parameters_of_a_third_partys_trainer_are_checked(tiny, tmp_path):
    install(tmp_path / "packages")
    root = tiny({"line": {"v1": "{algorithm: theirs, params: {strenght: 2}}", "v2": "{algorithm: theirs, params: {strength: -1}}"}}, {})
    validated = projects.run("validate", "--json", cwd=root, PYTHONPATH=str(tmp_path / "packages"))
    assert validated.returncode == 3, validated.stdout + validated.stderr
    found = {(d["id"], d["file"], d["line"]) for d in json.loads(validated.stdout)["diagnostics"]}
    assert {line for _, file, line in found if file == "model-line.yaml"} == {8, 9}, found
