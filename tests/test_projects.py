"""The helpers of the tests: forked commands, workers and servers behave like started ones, and ports are not shared."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from leptonctl.deploying import processes
from tests import children, projects

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


def artifacts(root: Path) -> dict[str, bytes]:
    folder = projects.stored(root, "artifacts")
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_forked_worker_writes_the_bytes_of_a_started_one(tmp_path: Path) -> None:
    models = {"line": {"v1": "{}"}, "wood": {"v1": "{algorithm: random_forest, params: {n_estimators: 3}}"}}
    forked, started = (projects.tiny_project(tmp_path / name, models, {}) for name in ("forked", "started"))
    assert projects.run("build", cwd=forked).returncode == 0
    process = projects.start("build", cwd=started)
    assert process.wait(120) == 0, process.communicate()
    process.communicate()
    assert artifacts(forked) == artifacts(started)
    assert len(artifacts(forked)) > 5


def test_a_forked_server_is_known_as_a_started_one_and_has_its_own_files(tmp_path: Path) -> None:
    root = projects.tiny_project(tmp_path, {"line": {"v1": "{}"}})
    try:
        assert projects.run("apply", "--yes", cwd=root).returncode == 0
        server = processes.server_record(root, "dev")
        assert server is not None
        words = Path(f"/proc/{server.pid}/cmdline").read_bytes().split(b"\0")
        assert words[:4] == [os.fsencode(sys.executable), b"-P", b"-m", b"leptonctl.deploying.serve"]
        assert (words[-1], os.fsencode(root) in words) == (b"", True)
        assert os.getsid(server.pid) == os.getpgid(server.pid) == server.pid
        log = str(root / ".leptonctl" / "servers" / "dev" / "server.log")
        assert [os.readlink(f"/proc/{server.pid}/fd/{number}") for number in range(3)] == ["/dev/null", log, log]
        assert Path(f"/proc/{server.pid}/cwd").samefile(root)
        assert projects.run("server", "stop", "dev", cwd=root).returncode == 0
        assert projects.processes(root) == {}
    finally:
        projects.stop_servers(root)


def test_forked_processes_do_not_draw_the_same_numbers() -> None:
    """A step that forgets its seed would otherwise give the same rows in every worker, and no test would notice."""
    before = np.random.get_state()  # noqa: NPY002
    try:
        numbers = set()
        for _ in range(2):
            np.random.seed(1)  # noqa: NPY002
            children.draw_anew()
            numbers.add(np.random.random())  # noqa: NPY002
        assert len(numbers) == 2
    finally:
        np.random.set_state(before)  # noqa: NPY002


def test_a_forked_process_can_be_ended_as_soon_as_its_pid_is_known(tmp_path: Path) -> None:
    """As an executor ends a worker that is no longer needed: with its process group, and then it waits."""
    order = {"arguments": ["plan"], "cwd": str(tmp_path), "environment": projects.environment()}
    with open(os.devnull, "r+b") as nothing:
        for _ in range(20):
            child = projects.forks().child(order, [nothing.fileno()] * 3)
            os.killpg(child.pid, signal.SIGKILL)
            assert child.wait(10) == -signal.SIGKILL
