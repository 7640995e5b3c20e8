"""The process of a server: how it starts, its settings, what it imports, and how it ends."""

import http.client
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from leptonctl.core.codec import decode, encode
from leptonctl.core.deployment import ServerRecord
from leptonctl.safe_path import without_folder
from leptonctl.serving.settings import Settings
from tests.deploying.servers import until
from tests.serving.server_process import ASKED, JSON, PATH, V1, Process, running
from tests.serving.serving_models import Shop


@pytest.fixture
def shop(tmp_path):
    shop = Shop(tmp_path / "store")
    shop.deploy(1, 1, {"m": shop.put_model("v1", V1)})
    return shop


def settings(**fields):
    return "--settings", encode(Settings(**fields)).decode()


def test_its_record_is_written_where_its_starter_wants_it(shop, tmp_path):
    file = tmp_path / "records" / "server.json"
    process = Process(shop, "named", "--record", str(file))
    try:
        record = decode(file.read_bytes(), ServerRecord)
        assert (record.id, record.lineage, record.environment) == ("named", "l", "prod")
        assert (record.pid, record.url) == (process.popen.pid, f"http://127.0.0.1:{process.port}")
        assert process.line == f"serving prod at {record.url} as named\n"
    finally:
        process.end()


PLANTED = ("uvicorn", "httptools", "msgspec", "numpy", "onnxruntime", "argparse", "json", "asyncio", "yaml")


@pytest.mark.parametrize(
    ("flags", "variables"),
    [(("-P",), {}), ((), {}), (("-P",), {"PYTHONPATH": f":{':'.join(entry for entry in sys.path if entry)}:"})],
    ids=["safe path", "without -P", "an empty entry in PYTHONPATH"],
)
def test_it_runs_no_file_of_the_folder_it_is_started_in(shop, tmp_path, flags, variables):
    folder = tmp_path / "project"
    folder.mkdir()
    for name in PLANTED:
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('{name} ')\nraise SystemExit('planted')\n")
    with running(shop, cwd=folder, flags=flags, variables=variables) as server:
        assert server.line, server.popen.communicate()[1]
        server.wait(lambda status: status.deployment == 1)
        assert server.post()[0] == 200
    assert not (tmp_path / "ran").exists()


def test_the_working_folder_is_left_out_of_the_path_under_any_name(tmp_path):
    project, package = tmp_path / "project", tmp_path / "lib"
    project.mkdir()
    (tmp_path / "link").symlink_to(project)
    path = ["", str(project), f"{project}/", str(tmp_path / "link"), str(package), "/usr/lib/python"]
    assert without_folder(path, str(project), str(package)) == [str(package), "/usr/lib/python"]
    # a checkout of leptonctl itself is where leptonctl is imported from
    assert without_folder(path, str(project), str(project)) == path


def test_its_limits_are_set_by_its_starter(shop):
    process = Process(shop, "one", *settings(max_body=1000, heartbeat_s=0.05, keep_alive_s=1))
    try:
        process.wait(lambda status: status.deployment == 1)
        assert process.post(b" " * 1000)[0] == 400
        assert process.post(b" " * 1001)[0] == 413
        process.wait(lambda status: status.beat >= 5, timeout=3)
        with socket.create_connection(("127.0.0.1", process.port), timeout=5) as line:
            line.sendall(b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n")
            start = time.monotonic()
            assert b"".join(iter(lambda: line.recv(65536), b"")).startswith(b"HTTP/1.1 200")
            assert 0.5 < time.monotonic() - start < 4
    finally:
        process.end()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "--settings: Input data was truncated"),
        ('{"follow_s": "often"}', "--settings: Expected `float`, got `str` - at `$.follow_s`"),
        ('{"stop_s": 0}', "--settings: stop_s must be above 0"),
        ('{"max_body": -1}', "--settings: max_body must be above 0"),
    ],
)
def test_malformed_settings_are_refused(shop, text, why):
    process = Process(shop, "one", "--settings", text)
    try:
        assert process.popen.wait(timeout=20) == 2
        output = process.popen.communicate()[1]
        assert why in output
        assert "Traceback" not in output
    finally:
        process.end()


def test_settings_have_defaults():
    assert decode(b"{}", Settings) == Settings()
    assert (Settings().follow_s, Settings().heartbeat_s, Settings().max_body, Settings().stop_s) == (0.1, 2.0, 16 * 2**20, 10)


def test_a_taken_port_is_reported(shop):
    with running(shop) as server:
        second = Process(shop, port=server.port)
        try:
            assert second.popen.wait(timeout=20) == 1
            output = second.popen.communicate()[1]
            assert output.startswith(
                f"error[port-in-use]: The port is in use\n  Another process listens on 127.0.0.1:{server.port}.\n  hint: "
            )
            assert "Traceback" not in output
        finally:
            second.end()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_requests_in_flight_finish_when_the_server_stops(shop, number):
    with running(shop) as server:
        server.wait(lambda status: status.deployment == 1)
        head = b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(ASKED)
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
            line.sendall(head + ASKED[:20])
            time.sleep(0.2)
            server.popen.send_signal(number)
            time.sleep(0.3)
            line.sendall(ASKED[20:])
            assert line.recv(65536).startswith(b"HTTP/1.1 200 OK")
        assert server.popen.wait(timeout=15) == 0
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", server.port), timeout=1)
        assert "Traceback" not in server.popen.communicate()[1]


def test_a_request_that_outlasts_a_stop_gets_an_error(shop):
    process = Process(shop, "one", *settings(stop_s=1))
    try:
        process.wait(lambda status: status.deployment == 1)
        with socket.create_connection(("127.0.0.1", process.port), timeout=10) as line:
            line.sendall(b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
            time.sleep(0.2)
            stopped = time.monotonic()
            process.popen.send_signal(signal.SIGTERM)
            assert line.recv(65536).startswith(b"HTTP/1.1 503 ")
            assert time.monotonic() - stopped > 0.9
        assert process.popen.wait(timeout=10) == 0
        assert "Traceback" not in process.popen.communicate()[1]
    finally:
        process.end()


def test_serving_loads_nothing_of_training():
    code = "import sys, leptonctl.deploying.serve; print(*[m for m in ('sklearn', 'skl2onnx', 'onnx', 'polars', 'jinja2', 'scipy') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_a_stop_loses_no_request_of_a_connection_that_is_kept_open(shop, number):
    """Clients in a closed loop: each has sent a request, or is about to, at the moment of the signal."""
    answers = []

    def ask(connection):
        closing = False
        while not closing:
            connection.request("POST", PATH, ASKED, JSON)
            answer = connection.getresponse()
            closing = answer.will_close
            answers.append((answer.status, len(answer.read())))

    with running(shop) as server:
        server.wait(lambda status: status.deployment == 1)
        connections = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=20) for _ in range(8)]
        with ThreadPoolExecutor(len(connections)) as pool:
            asking = [pool.submit(ask, connection) for connection in connections]
            until(lambda: len(answers) > 200)
            server.popen.send_signal(number)
            for one in asking:
                one.result(timeout=20)
        assert server.popen.wait(20) == 0
    assert {status for status, _ in answers} == {200}
    for connection in connections:
        connection.close()
