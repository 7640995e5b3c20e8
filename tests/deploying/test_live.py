"""This host's server process: it outlives its starter, is found again, and nothing else is ever taken for it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from leptonctl.core.diagnostic import Failure
from leptonctl.deploying import processes as live
from tests.projects import free_port


def start(root, port, **more):
    return live.start_server(**{"root": root, "environment": "prod", "store_uri": "store", "host": "127.0.0.1", "port": port, **more})


@pytest.fixture
def project(tmp_path):
    yield tmp_path
    live.stop_server(tmp_path, "prod", timeout=5)


def test_started_found_probed_and_stopped(project):
    port = free_port()
    started = start(project, port)
    assert started.url == f"http://127.0.0.1:{port}"
    record = live.server_record(project, "prod")
    assert (record["pid"], record["url"], record["id"]) == (started.pid, started.url, live.default_id(project))
    assert live.is_running(record)
    status = live.probe(started.url, 5.0)
    assert (status["environment"], status["id"], status["pid"], status["deployment"]) == ("prod", record["id"], started.pid, 0)
    assert not live.port_free("127.0.0.1", port)
    assert start(project, port) == started
    assert (project / ".leptonctl" / ".gitignore").read_text() == "*\n"
    assert os.getpgid(started.pid) == started.pid != os.getpgid(0)
    assert os.readlink(f"/proc/{started.pid}/fd/0") == "/dev/null"
    assert live.stop_server(project, "prod")
    assert live.server_record(project, "prod") is None
    assert not live.is_running(record)
    assert live.probe(started.url, 1.0) is None
    assert live.port_free("127.0.0.1", port)
    assert not live.stop_server(project, "prod")
    assert "serving prod at" in started.log.read_text()


def open_files(pid):
    """What a process holds open. It goes on opening and closing files while we look."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
    return found


def test_it_outlives_its_starter_and_inherits_no_open_file(project):
    port = free_port()
    code = (
        "import os, sys; from pathlib import Path; from leptonctl.deploying.processes import start_server\n"
        "held = os.open(sys.argv[1] + '/held', os.O_CREAT | os.O_RDWR); os.set_inheritable(held, True)\n"
        "start_server(root=Path(sys.argv[1]), environment='prod', store_uri='store', host='127.0.0.1', port=int(sys.argv[2]))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    starter = subprocess.run([sys.executable, "-W", "error", "-c", code, str(project), str(port)], capture_output=True, check=False)
    assert (starter.returncode, starter.stderr) == (-signal.SIGKILL, b"")
    record = live.server_record(project, "prod")
    assert live.is_running(record)
    pid = record["pid"]
    assert str(project / "held") not in open_files(pid)
    assert live.probe(record["url"], 5.0)["pid"] == pid


def test_killed_it_is_not_running_and_can_be_started_again(project):
    port = free_port()
    first = start(project, port)
    os.kill(first.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while live.is_running(live.server_record(project, "prod")) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not live.is_running(live.server_record(project, "prod"))
    second = start(project, port)
    assert second.pid != first.pid
    assert live.probe(second.url, 5.0)["pid"] == second.pid


def test_a_reused_pid_is_never_ours(project):
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        folder = live.server_folder(project, "prod")
        folder.mkdir(parents=True)
        mark = live.process_mark(other.pid)
        record = {"id": "x", "url": "http://127.0.0.1:1", "environment": "prod", **mark, "start": mark["start"] - 1}
        (folder / "server.json").write_text(json.dumps(record))
        assert not live.is_running(live.server_record(project, "prod"))
        assert not live.stop_server(project, "prod")
        assert other.poll() is None
        (folder / "server.json").write_text(json.dumps(record | {"start": mark["start"], "boot": "another"}))
        assert not live.stop_server(project, "prod")
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_one_that_ignores_sigterm_is_killed(project):
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    stubborn = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        stubborn.stdout.readline()
        folder = live.server_folder(project, "prod")
        folder.mkdir(parents=True)
        record = {"id": "x", "url": "http://127.0.0.1:1", **live.process_mark(stubborn.pid)}
        (folder / "server.json").write_text(json.dumps(record))
        assert live.stop_server(project, "prod", timeout=0.3)
        assert not live.is_running(record)
    finally:
        stubborn.kill()
        stubborn.communicate()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid": "x", "url": 1, "boot": 1, "start": 1}', "\xff"])
def test_a_damaged_record_is_none(project, text):
    folder = live.server_folder(project, "prod")
    folder.mkdir(parents=True)
    (folder / "server.json").write_text(text, encoding="latin-1")
    assert live.server_record(project, "prod") is None


def test_a_taken_port_and_a_start_that_fails_are_said(project):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Failure) as failure:
            start(project, port)
        assert failure.value.diagnostics[0].id == "port-in-use"
        assert live.probe(f"http://127.0.0.1:{port}", 0.2) is None
    with pytest.raises(Failure) as failure:
        start(project, port, store_uri="s3://bucket")
    problem = failure.value.diagnostics[0]
    assert (problem.id, "ended with status 1" in problem.detail) == ("server-not-started", True)
    assert live.server_record(project, "prod") is None


def test_plan_time_import_is_light():
    code = "import sys, leptonctl.deploying.processes; print(*[m for m in ('numpy', 'uvicorn', 'urllib.request', 'asyncio', 'onnxruntime') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
