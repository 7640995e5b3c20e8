"""This host's server process: it outlives its starter, is found again, and no other process is mistaken for it."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from leptonctl.core.codec import encode
from leptonctl.core.deployment import ServerRecord
from leptonctl.core.diagnostic import Failure
from leptonctl.core.frozen import replace
from leptonctl.deploying import processes
from leptonctl.deploying.addresses import arguments_of, port_free, probe
from leptonctl.deploying.server import launch_of
from leptonctl.storage.owner import boot_id
from tests.deploying.servers import site_of, until
from tests.projects import free_port


@pytest.fixture
def root(tmp_path):
    yield tmp_path
    processes.stop_server(tmp_path, "prod", timeout=5)


def launch(root, port, **more):
    return launch_of(site_of(root, port, **more))


def record_of(pid, start=None):
    found = processes.process_start(pid)
    return ServerRecord(
        id="x", lineage="l", environment="prod", host="h", pid=pid, url="http://127.0.0.1:1", started=0.0,
        start=found if start is None else start, boot=boot_id(),
    )  # fmt: skip


def write_record(root, record):
    folder = processes.server_folder(root, "prod")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "server.json").write_bytes(record if isinstance(record, bytes) else encode(record))


def test_a_server_is_started_found_probed_and_stopped(root):
    port = free_port()
    started = processes.start_server(launch(root, port))
    assert (started.url, started.id, started.environment) == (f"http://127.0.0.1:{port}", processes.default_id(root), "prod")
    assert processes.running_server(root, "prod") == started
    assert processes.is_running(started)
    status = probe(started.url, 5.0)
    assert (status.environment, status.lineage, status.id, status.pid) == ("prod", started.lineage, started.id, started.pid)
    assert not port_free("127.0.0.1", port)
    assert processes.start_server(launch(root, port)) == started
    assert (root / ".leptonctl" / ".gitignore").read_text() == "*\n"
    assert os.getpgid(started.pid) == started.pid != os.getpgid(0)
    assert os.readlink(f"/proc/{started.pid}/fd/0") == "/dev/null"
    assert processes.stop_server(root, "prod")
    assert processes.server_record(root, "prod") is None
    assert not processes.is_running(started)
    assert probe(started.url, 1.0) is None
    assert port_free("127.0.0.1", port)
    assert not processes.stop_server(root, "prod")
    assert f"serving prod at http://127.0.0.1:{port}" in processes.log_file(root, "prod").read_text()


def test_a_server_gets_its_settings_and_never_imports_from_the_folder(root):
    (root / "uvicorn.py").write_text("raise SystemExit('a file of the project was imported')")
    port = free_port()
    wanted = launch(root, port, max_body=2048)
    started = processes.start_server(wanted)
    words = Path(f"/proc/{started.pid}/cmdline").read_bytes().split(b"\0")
    assert words[1:4] == [b"-P", b"-m", b"leptonctl.deploying.serve"]
    assert wanted.runs_as(started)
    assert not launch(root, port, max_body=4096).runs_as(started)
    assert not launch(root, port + 1, max_body=2048).runs_as(started)
    assert launch(root, port, max_body=2048, ready_s=1.0).runs_as(started), "how long others wait does not concern the server"
    assert arguments_of(started.pid) == wanted.arguments
    assert arguments_of(os.getpid()) is None


def open_files(pid):
    """The open files of a process, which opens and closes files meanwhile."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
    return found


def test_a_server_outlives_its_starter_and_inherits_no_open_file(root):
    port = free_port()
    code = (
        "import os, sys; from pathlib import Path\n"
        "from leptonctl.deploying.processes import start_server; from leptonctl.deploying.server import launch_of\n"
        "from tests.deploying.servers import site_of\n"
        "held = os.open(sys.argv[1] + '/held', os.O_CREAT | os.O_RDWR); os.set_inheritable(held, True)\n"
        "start_server(launch_of(site_of(Path(sys.argv[1]), int(sys.argv[2]))))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    starter = subprocess.run([sys.executable, "-W", "error", "-c", code, str(root), str(port)], capture_output=True, check=False)
    assert (starter.returncode, starter.stderr) == (-signal.SIGKILL, b"")
    record = processes.running_server(root, "prod")
    assert record is not None
    assert str(root / "held") not in open_files(record.pid)
    assert probe(record.url, 5.0).pid == record.pid


def test_a_killed_server_is_not_running_and_can_be_started_again(root):
    wanted = launch(root, free_port())
    first = processes.start_server(wanted)
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: not processes.is_running(first))
    assert processes.running_server(root, "prod") is None
    second = processes.start_server(wanted)
    assert second.pid != first.pid
    assert probe(second.url, 5.0).pid == second.pid


def test_a_reused_pid_is_never_ours(root):
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        record = record_of(other.pid)
        for wrong in (replace(record, start=record.start - 1), replace(record, boot="another"), record):
            write_record(root, wrong)
            assert processes.running_server(root, "prod") is None, "not with another start, another boot or another program"
            assert not processes.stop_server(root, "prod")
            assert processes.is_running(wrong) is (wrong == record)
            assert wrong == record or not processes.stop_process(wrong, timeout=1)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_the_record_in_a_copied_folder_is_of_the_originals_server(root, tmp_path_factory):
    """`cp -r project copy` copies the record too: the running server was started for the other folder."""
    original = processes.start_server(launch(root, free_port()))
    copy = tmp_path_factory.mktemp("copies") / "copy"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(".temporary"))
    assert processes.server_record(copy, "prod") == original
    assert processes.running_server(copy, "prod") is None
    assert not processes.stop_server(copy, "prod")
    assert processes.is_running(original)
    moved = copy.with_name("moved")
    root.rename(moved)
    try:
        assert processes.running_server(moved, "prod") == original, "a folder that was moved keeps its server"
        assert processes.stop_server(moved, "prod")
    finally:
        # a beat that the server wrote at the very moment of the move has made the old folder again
        shutil.rmtree(root, ignore_errors=True)
        moved.rename(root)


def test_a_server_that_ignores_sigterm_is_killed():
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    stubborn = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        stubborn.stdout.readline()
        record = record_of(stubborn.pid)
        assert processes.stop_process(record, timeout=0.3)
        assert not processes.is_running(record)
        assert not processes.stop_process(record, timeout=0.3)
    finally:
        stubborn.kill()
        stubborn.communicate()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"pid": "x", "url": 1, "boot": 1, "start": 1}', b"\xff"])
def test_a_damaged_record_is_ignored(root, data):
    write_record(root, data)
    assert processes.server_record(root, "prod") is None
    assert not processes.stop_server(root, "prod")


def test_a_taken_port_a_foreign_address_and_a_failed_start_are_reported(root):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Failure) as failure:
        processes.start_server(launch(root, taken.getsockname()[1]))
    assert failure.value.diagnostics[0].id == "port-in-use"
    with pytest.raises(Failure) as failure:
        processes.start_server(launch(root, free_port(), host="203.0.113.9"))
    assert failure.value.diagnostics[0].id == "cannot-listen"
    with pytest.raises(Failure) as failure:
        processes.start_server(launch(root, free_port(), store="nowhere://bucket"))
    problem = failure.value.diagnostics[0]
    assert (problem.id, "ended with status 1" in problem.detail) == ("server-not-started", True)
    assert str(processes.log_file(root, "prod")) in problem.hint
    assert processes.server_record(root, "prod") is None


def test_importing_at_plan_time_loads_nothing_heavy():
    heavy = "('numpy', 'uvicorn', 'urllib.request', 'asyncio', 'onnxruntime', 'onnx', 'jsonschema')"
    code = f"import sys, leptonctl.deploying.server, leptonctl.deploying.switch; print(*[m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
