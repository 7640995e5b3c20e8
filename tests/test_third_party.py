"""Another package, installed by pip: its platform, executor, store and state are named in YAML, its kind and op in tables."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests import projects

SOURCE = Path(__file__).parent / "third_party" / "lepton_toy"
ENTRY_POINTS = """\
[leptonctl.platforms]
file = lepton_toy.file_platform:PLATFORM
[leptonctl.executors]
processes = lepton_toy.process_executor:EXECUTOR
[leptonctl.stores]
sqlite = lepton_toy.sqlite_storage:STORE
[leptonctl.states]
sqlite = lepton_toy.sqlite_storage:STATE
"""
PROJECT = """\
kind: Project
name: toys
format: 1
state: sqlite://kept/state.sqlite
store: sqlite://kept/store.sqlite
executor: {type: processes, niceness: 1}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip has installed the package into."""
    folder = tmp_path_factory.mktemp("third-party")
    wheel = folder / "lepton_toy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        names = [f"lepton_toy/{file.name}" for file in sorted(SOURCE.glob("*.py"))]
        for name in names:
            archive.write(SOURCE / Path(name).name, name)
        info = "lepton_toy-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: lepton-toy\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", ENTRY_POINTS)
        records = [*names, *(f"{info}/{file}" for file in ("METADATA", "WHEEL", "entry_points.txt", "RECORD"))]
        archive.writestr(f"{info}/RECORD", "".join(f"{record},,\n" for record in records))
    target = folder / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*command, "--target", str(target), str(wheel)], check=True)
    return target


def path_with(installed: Path) -> str:
    return os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = projects.tiny_project(tmp_path, environments={"dev": "models: {line: v1}"})
    (root / "leptonctl.yaml").write_text(PROJECT, encoding="utf-8")
    file = root / "environment-dev.yaml"
    text = "".join(line for line in file.read_text(encoding="utf-8").splitlines(keepends=True) if not line.startswith("platform"))
    file.write_text(text + "platform: {type: file, folder: out}\n", encoding="utf-8")
    return root


def test_the_back_ends_of_another_package_run_the_whole_pipeline(installed: Path, project: Path) -> None:
    python_path = path_with(installed)
    planned = projects.run("plan", "--detailed-exitcode", cwd=project, PYTHONPATH=python_path)
    assert planned.returncode == 2, planned.stdout + planned.stderr
    applied = projects.run("apply", "--yes", "--json", cwd=project, PYTHONPATH=python_path)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert projects.finished(applied)["bound"] == 1
    assert (project / "kept" / "state.sqlite").exists()
    assert not (project / ".leptonctl" / "store").exists()
    written = json.loads((project / "out" / "dev.json").read_text(encoding="utf-8"))
    assert written["models"]["line"]["version"] == "v1"
    assert projects.run("plan", "--detailed-exitcode", cwd=project, PYTHONPATH=python_path).returncode == 0

    projects.edit(project / "environment-dev.yaml", "line: v1", "line: v2")
    assert projects.run("apply", "--yes", cwd=project, PYTHONPATH=python_path).returncode == 0
    # a gate that neither version passes holds no return: what the platform has observed counts as served
    with (project / "environment-dev.yaml").open("a", encoding="utf-8") as file:
        file.write("gates: {accuracy: {min: 1}}\n")
    rolled = projects.run("rollback", "dev", "--yes", "--json", cwd=project, PYTHONPATH=python_path)
    assert rolled.returncode == 0, rolled.stdout + rolled.stderr
    assert {name: projects.finished(rolled)[name] for name in ("trained", "bound")} == {"trained": 0, "bound": 1}
    status = json.loads(projects.run("status", "--json", cwd=project, PYTHONPATH=python_path).stdout)
    (environment,) = status["environments"]
    assert environment["healthy"]
    assert environment["models"][0]["version"] == "v1"
    destroyed = projects.run("destroy", "--yes", cwd=project, PYTHONPATH=python_path)
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    assert not (project / "out" / "dev.json").exists()


@pytest.mark.parametrize(
    ("file", "old", "new", "id", "at"),
    [
        ("environment-dev.yaml", "folder: out", "fodler: out", "unknown-key", "environment-dev.yaml:4:"),
        ("environment-dev.yaml", "type: file", "type: fiel", "unknown-platform", "environment-dev.yaml:4:"),
        ("leptonctl.yaml", "niceness: 1", "niceness: 30", "out-of-range", "leptonctl.yaml:6:"),
        ("leptonctl.yaml", "type: processes", "type: process", "unknown-executor", "leptonctl.yaml:6:"),
        ("leptonctl.yaml", "store: sqlite:", "store: sqlyte:", "not-available", "leptonctl.yaml:5:"),
    ],
)
def test_their_settings_are_checked_where_they_are_written(
    file: str, old: str, new: str, id: str, at: str, installed: Path, project: Path
) -> None:
    projects.edit(project / file, old, new)
    checked = projects.run("validate", cwd=project, PYTHONPATH=path_with(installed))
    assert checked.returncode == 3, checked.stdout + checked.stderr
    assert f"error[{id}]" in checked.stdout + checked.stderr
    assert at in checked.stdout + checked.stderr


CHECKS = """
import sys
from functools import partial
from pathlib import Path
from lepton_toy.file_platform import PLATFORM
from lepton_toy.process_executor import EXECUTOR
from lepton_toy.sqlite_storage import STATE, STORE
from leptonctl.spi import Workplace
from leptonctl.testing import check_executor, check_platform, check_state, check_store
folder = Path(sys.argv[2])
if sys.argv[1] == "store":
    check_store(partial(STORE.open, "sqlite://store.sqlite", folder), rounds=3)
elif sys.argv[1] == "state":
    check_state(partial(STATE.open, "sqlite://state.sqlite", folder), rounds=3)
elif sys.argv[1] == "platform":
    check_platform(PLATFORM, {"folder": "out"}, folder)
else:
    place = Workplace(project=folder, store="sqlite://store.sqlite", logs=folder / "logs", settings={"niceness": 0})
    check_executor(partial(EXECUTOR.open, place), project=folder)
"""


@pytest.mark.parametrize("what", ["store", "state", "executor", "platform"])
def test_they_pass_the_conformance_suites(what: str, installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECKS, what, str(tmp_path)],
        env={**projects.environment(), "PYTHONPATH": path_with(installed)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr


KIND = """
import sys
from pathlib import Path
from lepton_toy.report_kind import KIND, OP
from leptonctl.cli.main import main
from leptonctl.kinds import registry
# what a fork of leptonctl writes as one line of each table
registry.KINDS[KIND.name] = KIND
registry.OPS[OP.name] = OP
sys.exit(main(sys.argv[1:]))
"""


def test_a_kind_and_an_op_are_one_line_of_a_table_each(installed: Path, tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path, environments={})
    (root / "report.yaml").write_text("kind: Report\nname: summary\nmodel: line@v1\ntitle: Accuracy\n", encoding="utf-8")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**projects.environment(), "PYTHONPATH": path_with(installed)}
        command = [sys.executable, "-c", KIND, *arguments]
        return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=240)

    planned = json.loads(run("plan", "--json").stdout)
    assert planned["summary"]["summarize"] == 1
    applied = run("apply", "--yes", "--json")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert projects.finished(applied)["summarized"] == 1
    shown = json.loads(run("show", "--json").stdout)
    pointer = shown["current"]["report/summary"]
    assert pointer["steps"]["summary"]["op"] == "summarize"
    assert shown["results"][pointer["digest"]]["artifacts"]["report.txt"].startswith("sha256:")
    assert run("plan", "--detailed-exitcode").returncode == 0

    projects.edit(root / "report.yaml", "title: Accuracy", "title: Share")
    again = json.loads(run("plan", "--json").stdout)
    (change,) = again["changes"]
    assert (change["address"], change["because"][0]["path"]) == ("report/summary", "title")
    projects.edit(root / "report.yaml", "line@v1", "line@v9")
    wrong = run("validate")
    assert wrong.returncode == 3
    assert "report.yaml:3:8" in wrong.stdout + wrong.stderr
