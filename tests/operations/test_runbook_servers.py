"""docs/runbook.md, incidents of bindings and servers: each is caused by real means and solved with the page's commands, all of them, in order."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests import projects
from tests.e2e import clones
from tests.e2e.clones import until
from tests.operations.pages import FENCE, HAS_NAMESPACES, RUNBOOK, Steps, apply, bind, kill, output, server_of, serves, shell


def test_the_first_two_commands(prod: Path) -> None:
    (first,) = FENCE.findall(RUNBOOK.partition("\n## ")[0])
    status, history = (shell(command, prod) for command in first.splitlines())
    assert (status.returncode, "healthy" in status.stdout) == (0, True), status.stderr
    assert (history.returncode, "deployment 1 of prod" in history.stdout) == (0, True), history.stderr


def test_1_bad_answers(prod: Path) -> None:
    bind(prod, "v2")
    apply(prod)
    with Steps(1) as steps:
        (commit,) = re.findall(r"^  (git commit .+)$", steps.run(prod), re.MULTILINE)
        assert serves(prod) == "v1"
        projects.git(prod, *shlex.split(commit)[1:])
        assert "withdrawn spam-filter v2" in steps.run(prod)
        steps.run(prod)
        bind(prod, "v2")  # an unrelated merge
        assert "is frozen" in apply(prod, 6)
        assert "params.C" in steps.run(prod)
        steps.run(prod)
        assert "was withdrawn" in apply(prod, 6)
        assert serves(prod) == "v1"
        for _ in range(3):
            steps.run(prod)
    assert serves(prod) == "v2"


def test_2_the_wrong_version_is_bound(prod: Path) -> None:
    bind(prod, "v2")
    apply(prod)
    with Steps(2) as steps:
        assert "deployment 1 of prod" in steps.run(prod)
        assert "git commit" in steps.run(prod)
        steps.run(prod)
    assert serves(prod) == "v1"


def test_3_a_host_died(prod: Path, built: Path, tmp_path: Path) -> None:
    kill(server_of(prod), prod)
    with Steps(3) as steps:
        status = output("status", root=prod)
        steps.seen(status)
        assert "not running" in status
        assert "prod healed" in steps.run(prod)
        assert projects.served(prod, "prod")["healthy"] is True
        assert "is in force" in steps.run(prod)

        # two machines: the first serves, and is lost for good
        first, second = clones.shared(built, tmp_path / "machines")
        for machine in (first, second):
            projects.edit(machine / "environment-prod.yaml", "type: server", "type: server, run: here")
        apply(first)
        (dead,) = projects.served(first, "prod")["servers"]
        kill(server_of(first), first)
        steps.seen(output("status", root=second))
        if HAS_NAMESPACES:
            other = "unshare -rmu sh -c 'echo other >/proc/sys/kernel/hostname && leptonctl apply --yes'"
            assert "Nothing to do" in shell(other, second).stdout, "another host does not start its server"
        projects.edit(second / "environment-prod.yaml", "run: here", "run: elsewhere")
        steps.run(second)
        steps.seen(output("status", root=second))
        assert "elsewhere" in output("status", root=second)
        _, *serve = shlex.split(steps.next())
        with clones.serving(second, *serve[2:]) as (url, _):
            clones.until_serves(url, 2)
            assert f"{dead['id']} shows no sign of life" in steps.run(second)
            assert dead["id"] in steps.run(second, SERVER=dead["id"])
            until(lambda: projects.served(second, "prod")["healthy"] is True)
            steps.run(second)


def test_6_the_port_is_taken(prod: Path, built: Path) -> None:
    port = re.findall(r"port: (\d+)", (prod / "environment-prod.yaml").read_text(encoding="utf-8"))[0]
    shutil.rmtree(prod / ".leptonctl")  # as `git clean` does
    shutil.copytree(built / ".leptonctl" / "store", prod / ".leptonctl" / "store")
    with Steps(6) as steps:
        steps.seen(apply(prod, 1))
        steps.run(prod)
        listener = [sys.executable, "-m", "http.server", port, "--bind", "127.0.0.1"]
        with subprocess.Popen(listener, cwd="/", stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as other:
            try:
                until(lambda: taken(int(port)))
                refused = apply(prod, 1)
                steps.seen(refused)
                (pid,) = re.findall(r"pid (\d+)", refused)
                steps.run(prod, PID=pid)
                other.wait(timeout=10)
            finally:
                other.kill()
        steps.run(prod)
        steps.run(prod)
    assert serves(prod) == "v1"


def taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_8_a_lock_is_held(prod: Path) -> None:
    with Steps(8) as steps, clones.serving(prod) as (url, beside):
        clones.until_serves(url, 1)
        with holding(prod, beside.pid, "v2") as holder:
            refused = projects.run("apply", "--yes", cwd=prod)
            assert refused.returncode == 4
            steps.seen(refused.stderr)
            assert f"pid {holder.pid}" in steps.run(prod)
            _, *words = shlex.split(steps.next())
            with projects.start(*words, cwd=prod) as waiting:
                assert waiting.stdout is not None
                assert "Waiting up to 600 s" in next(line for line in waiting.stdout if "Waiting" in line)
                os.kill(beside.pid, signal.SIGCONT)
                assert holder.wait(timeout=60) == 0
                waiting.communicate(timeout=60)
                assert waiting.returncode == 0
        assert serves(prod) == "v2"
        with holding(prod, beside.pid, "v1") as holder:
            (lock,) = re.findall(r"^ *(\S+) +apply +yes ", output("lock", "list", root=prod), re.MULTILINE)
            assert f"pid {holder.pid}" in steps.run(prod, LOCK=lock)
            os.kill(beside.pid, signal.SIGCONT)
            steps.run(prod)
            assert holder.wait(timeout=60) == 5
        steps.run(prod)
        assert serves(prod) == "v1"


@contextlib.contextmanager
def holding(root: Path, server: int, version: str) -> Iterator[subprocess.Popen[str]]:
    """A living apply that holds the lock while it waits for a second server, which does not move."""
    os.kill(server, signal.SIGSTOP)
    bind(root, version)
    with projects.start("apply", "--yes", cwd=root) as process:
        try:
            until(lambda: "environment/prod" in output("lock", "list", root=root))
            yield process
        finally:
            os.kill(server, signal.SIGCONT)
            process.kill()
            process.communicate()
