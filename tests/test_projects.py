"""The helpers of the tests: forked commands behave like started ones, and ports are not shared."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import projects

CHECKOUT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    "arguments", ["plan", "plan --json", "validate", "--help", "nope", "show nothing@v1", "diff line@v1 line@v2", "status"]
)
def test_a_forked_command_behaves_like_a_started_one(arguments: str, tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path)
    started = subprocess.run(
        [*projects.COMMAND, *arguments.split()], cwd=root, env=projects.environment(), capture_output=True, text=True, check=False
    )
    forked = projects.run(*arguments.split(), cwd=root)
    assert (forked.returncode, forked.stdout, forked.stderr) == (started.returncode, started.stdout, started.stderr)


def test_a_forked_command_that_computes_behaves_like_a_started_one(tmp_path: Path) -> None:
    """`verify` and `diff` are forked from a process that has loaded scikit-learn."""
    root = projects.tiny_project(tmp_path, environments={})
    assert projects.run("build", cwd=root).returncode == 0
    for arguments in (("verify", "line@v1", "--json"), ("diff", "line@v1", "line@v2")):
        started = projects.start(*arguments, cwd=root)
        out, err = started.communicate(timeout=120)
        forked = projects.run(*arguments, cwd=root)
        assert (forked.returncode, forked.stdout, forked.stderr) == (started.returncode, out, err)
        assert forked.returncode == 0


def test_forked_commands_run_in_parallel_with_their_own_variables_and_folders(tmp_path: Path) -> None:
    roots = [projects.tiny_project(tmp_path / name, {name: {"v1": "{}"}}, {}) for name in ("one", "two")]
    colors = [{}, {"NO_COLOR": "", "FORCE_COLOR": "1"}]
    before = dict(os.environ), Path.cwd()
    with ThreadPoolExecutor() as pool:
        plain, colored = pool.map(lambda root, color: projects.run("plan", cwd=root, **color), roots, colors)
    assert "model/one@v1" in plain.stdout
    assert "model/two@v1" in colored.stdout
    assert ["\x1b[" in shown.stdout for shown in (plain, colored)] == [False, True]
    assert (dict(os.environ), Path.cwd()) == before


def test_a_forked_command_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path, {"line": {"v1": "{algorithm: random_forest, params: {n_estimators: 100000}}"}})
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        projects.run("build", cwd=root, timeout=2)
    assert time.monotonic() - began < 12
    deadline = time.monotonic() + 10
    while projects.processes(root) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert projects.processes(root) == {}
    assert projects.run("plan", cwd=root).returncode == 0, "and the next one runs"


def test_no_two_processes_get_the_same_port() -> None:
    code = "import json; from tests.projects import free_port; print(json.dumps([free_port() for _ in range(150)]), flush=True); input()"
    others = [
        subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    try:
        ports = [port for other in others for port in json.loads(other.stdout.readline())]
        ports += [projects.free_port() for _ in range(150)]
        assert len(set(ports)) == 600
    finally:
        for other in others:
            other.communicate("\n", timeout=10)
