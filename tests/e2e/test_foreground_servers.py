"""Several servers of one environment: they switch together, one that hangs is not waited for, one that cannot load keeps the old set."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leptonctl.core import layout
from leptonctl.deploying.fleet import TERM_S
from tests import projects

REQUEST = {"inputs": [{"name": n, "datatype": "FP32", "shape": [3], "data": data} for n, data in (("x", [1, 5, 9]), ("y", [8, 5.2, 2]))]}


@contextlib.contextmanager
def serving(root: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`leptonctl serve prod` in the foreground, on a port of its own: its address and its process."""
    process = projects.start("serve", "prod", "--port", str(projects.free_port()), cwd=root)
    try:
        assert process.stdout is not None
        printed = process.stdout.readline()
        found = re.fullmatch(r"serving prod at (http://\S+) as \S+\n", printed)
        assert found is not None, printed
        ready(found[1])
        yield found[1], process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.communicate(timeout=20)


def ready(url: str) -> None:
    """Wait until a server that listens has a deployment in force."""
    deadline = time.monotonic() + 20
    while not projects.status_record(url).deployment:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def bind(root: Path, version: str, code: int = 0) -> dict:
    file = root / "environment-prod.yaml"
    file.write_text(re.sub(r"line: v\d", f"line: {version}", file.read_text(encoding="utf-8")), encoding="utf-8")
    done = projects.run("apply", "--yes", "--json", cwd=root)
    assert done.returncode == code, done.stdout + done.stderr
    return {**projects.finished(done), "events": projects.events(done.stdout)}


def in_force(url: str) -> tuple[int, str]:
    """The deployment that a server has in force, and the digest that it serves."""
    server = projects.status_record(url)
    (model,) = server.models.values()
    return server.deployment, model.digest


def answer(url: str) -> dict:
    return projects.ask(f"{url}/v2/models/line/infer", REQUEST)


def drift(root: Path) -> list[tuple[str, str]]:
    plan = json.loads(projects.run("plan", "--json", cwd=root).stdout)
    return [(d["class"], d["reason"]) for d in plan["drift"]]


@pytest.fixture
def prod(line: Path) -> Path:
    bind(line, "v1")
    return line


def second_folder(first: Path) -> Path:
    """Another checkout of the project whose state and store are the first one's."""
    second = first.parent / "second"
    shutil.copytree(first, second, ignore=shutil.ignore_patterns(".leptonctl"))
    text = (second / "leptonctl.yaml").read_text(encoding="utf-8")
    places = "".join(f"{name}: ../{first.name}/.leptonctl/{name}\n" for name in ("state", "store"))
    (second / "leptonctl.yaml").write_text(text + places, encoding="utf-8")
    return second


def test_a_port_that_is_taken_is_refused_and_its_holder_is_named(prod: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = projects.run("serve", "prod", "--port", port, cwd=prod)
        assert refused.returncode == 1
        assert f"127.0.0.1:{port} is used by another program (pid {os.getpid()}, started in {Path.cwd()})" in refused.stderr
        assert "`--port` listens on another one" in refused.stderr
    own = projects.run("serve", "prod", cwd=prod)
    assert (own.returncode, "error[port-in-use]" in own.stderr) == (1, True), own.stderr


def test_all_servers_of_an_environment_switch_together(prod: Path) -> None:
    mine = projects.served(prod, "prod")["url"]
    with serving(prod) as (beside, process), serving(second_folder(prod)) as (elsewhere, _):
        urls = [mine, beside, elsewhere]
        first = in_force(mine)
        old = answer(mine)
        assert [in_force(url) for url in urls] == [first] * 3
        assert [answer(url) for url in urls] == [old] * 3
        finished = bind(prod, "v2")
        assert finished["seconds"] < 10
        second = in_force(mine)
        assert second[0] == first[0] + 1
        assert second[1] != first[1]
        assert [in_force(url) for url in urls] == [second] * 3
        new = answer(mine)
        assert new != old
        assert [answer(url) for url in urls] == [new] * 3
        back = bind(prod, "v1")
        assert (back["trained"], back["bound"]) == (0, 1)
        assert back["seconds"] < 1
        assert [answer(url) for url in urls] == [old] * 3
        servers = projects.served(prod, "prod")["servers"]
        assert len({server["id"] for server in servers}) == 3
        process.terminate()
        assert process.wait(timeout=20) == 0
        # a server that was stopped is not waited for and not reported as missing
        assert bind(prod, "v2")["seconds"] < 1
        assert drift(prod) == []


def test_a_server_that_hangs_is_reported_and_not_waited_for(prod: Path) -> None:
    mine = projects.served(prod, "prod")["url"]
    with serving(prod) as (beside, process):
        process.send_signal(signal.SIGSTOP)
        (hanging,) = (s["id"] for s in projects.served(prod, "prod")["servers"] if s["url"] == beside)
        assert drift(prod) == [], "it cannot be known yet"
        if os.environ.get("LEPTONCTL_SOAK"):
            time.sleep(TERM_S + 1)
        else:
            projects.a_term_later(prod, hanging)
        assert bind(prod, "v2")["seconds"] < 5
        ((kind, reason),) = drift(prod)
        assert kind == "note"
        assert reason == f"server {hanging} shows no sign of life; `leptonctl server forget {hanging}` removes its record"
        assert reason in projects.run("plan", cwd=prod).stdout
        assert projects.run("plan", "--detailed-exitcode", cwd=prod).returncode == 0, "a note is not a change"
        process.send_signal(signal.SIGCONT)
        deadline = time.monotonic() + 10
        while in_force(beside) != in_force(mine) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert in_force(beside) == in_force(mine)
        assert answer(beside) == answer(mine)


def test_a_set_that_cannot_be_loaded_leaves_the_old_one_in_force(prod: Path) -> None:
    mine = projects.served(prod, "prod")["url"]
    before, old = in_force(mine), answer(mine)
    serial = projects.state_of(prod)["serial"]
    shown = projects.state_of(prod)
    file = projects.stored(prod, layout.artifact(shown["current"]["model/line@v2"]["artifact"]))
    good = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(bytes([good[0] ^ 1]) + good[1:])

    with serving(prod) as (beside, _):
        failed = bind(prod, "v2", 1)
        assert (failed["bound"], failed["failed"], failed["ok"]) == (0, 1, False)
        (event,) = [e for e in failed["events"] if e["type"] == "step_failed"]
        assert event["diagnostic"]["id"] == "damaged-artifact"
        assert file.name in event["diagnostic"]["detail"]
        assert [in_force(url) for url in (mine, beside)] == [before] * 2
        assert [answer(url) for url in (mine, beside)] == [old] * 2
        state = projects.state_of(prod)
        assert state["serial"] == serial
        assert projects.served(prod, "prod")["models"][0]["version"] == "v1"
        # it can be tried again at once, and a rollback does not return to the failed attempt
        file.write_bytes(good)
        assert bind(prod, "v2")["bound"] == 1
        rolled = projects.run("rollback", "prod", "--yes", "--json", cwd=prod)
        assert projects.finished(rolled)["bound"] == 1
        assert [answer(url) for url in (mine, beside)] == [old] * 2


def test_a_first_set_that_cannot_be_loaded_leaves_no_server_behind(line: Path) -> None:
    models = [f for f in (line / ".leptonctl/store/artifacts").rglob("*") if f.is_file() and b"ai.onnx.ml" in f.read_bytes()]
    goods = {file: file.read_bytes() for file in models}
    for file, good in goods.items():
        file.chmod(0o644)
        file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    failed = bind(line, "v1", 1)
    assert (failed["bound"], failed["failed"]) == (0, 1)
    assert projects.processes(line) == {}
    for file, good in goods.items():
        file.write_bytes(good)
    assert bind(line, "v1")["bound"] == 1


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_server_of_this_host_that_hangs_is_started_again(version: str, prod: Path) -> None:
    """When there is nothing else to do, and during a switch."""
    record = prod / ".leptonctl" / "servers" / "prod" / "server.json"
    pid = json.loads(record.read_text())["pid"]
    url = projects.served(prod, "prod")["url"]
    old = answer(url)
    os.kill(pid, signal.SIGSTOP)
    assert drift(prod) == [("heal", "the server does not answer")]
    assert projects.served(prod, "prod")["healthy"] is False
    done = bind(prod, version)
    assert (done["failed"], done["bound"]) == (0, int(version == "v2"))
    assert json.loads(record.read_text())["pid"] != pid
    assert pid not in projects.processes(prod)
    assert (answer(url) == old) is (version == "v1")
    assert drift(prod) == []
