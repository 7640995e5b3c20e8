"""Server processes on real sockets: swaps under load, two servers on one store, kills, stops, and HTTP's odd corners."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from tests.serving.serving_models import KEY, Shop, filter_model, mixed_model, request

V1, V2 = filter_model(), filter_model((-0.5, -0.01, 2.0))
ASKED = json.dumps(request(money=[1.5], length=[10], ratio=[0.25])).encode()
PATH = "/v2/models/m/infer"
JSON = {"Content-Type": "application/json"}


class Process:
    """A server process started as users start it."""

    def __init__(self, shop, name="one", port=0):
        command = [sys.executable, "-m", "leptonctl.deploying.serve", "--store", str(shop.folder), "--project", str(shop.folder)]
        command += ["--environment", "prod", "--port", str(port), "--id", name]
        environment = os.environ | {"LEPTON_TEST_KEY": KEY.decode(), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.popen = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.line = self.popen.stdout.readline()
        self.port = int(self.line.split(" as ")[0].rpartition(":")[2]) if self.line else 0

    def get(self, path, method="GET", body=None, headers=None, timeout=10):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def status(self):
        return json.loads(self.get("/leptonctl/v1/status")[1])

    def wait(self, what, timeout=20):
        """Until `what(status)` holds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            status = self.status()
            if what(status):
                return status
            time.sleep(0.02)
        raise AssertionError(status)

    def raw(self, data, timeout=10):
        """Bytes on a socket of their own, and all that comes back until the server closes or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as line:
            line.sendall(data)
            with suppress(TimeoutError, ConnectionError):
                line.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: line.recv(65536), b""))
        return b""

    def end(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.communicate()


@contextmanager
def running(shop, *names):
    started = [Process(shop, name) for name in names or ("one",)]
    try:
        yield started[0] if len(started) == 1 else started
    finally:
        for process in started:
            process.end()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("store"))
    shop.mark_key()
    shop.deploy(1, 1, {"m": shop.put_model("v1", V1), "mixed": shop.put_model("v1", mixed_model())})
    return shop


@pytest.fixture(scope="module")
def server(shop):
    with running(shop) as process:
        process.wait(lambda status: status["deployment"] == 1)
        yield process


def test_one_line_says_where_it_listens(server):
    assert server.line == f"serving prod at http://127.0.0.1:{server.port} as one\n"


def test_status_names_what_serves(server, shop):
    status = server.status()
    assert status.keys() == {
        "format_version", "environment", "deployment", "serial", "lineage", "id", "host", "pid", "url", "started", "models", "ready", "failed", "note",
    }  # fmt: skip
    assert (status["environment"], status["serial"], status["id"], status["pid"]) == ("prod", 1, "one", server.popen.pid)
    assert [model["name"] for model in status["models"]] == ["m", "mixed"]
    bound = shop.store.deployment("prod", 1)["models"]["m"]
    assert status["models"][0] | {"name": "m"} == {
        "name": "m", "version": "v1", "digest": bound["digest"], "artifact": bound["artifact"], "since": "2024-01-01T00:00:01Z",
    }  # fmt: skip


def test_a_hashed_column_is_sent_raw(server):
    asked = request(subject=["hello"], urgent=[False], known=[True], size=[1.0], account=["alice"])
    status, body = server.get("/v2/models/mixed/infer", "POST", json.dumps(asked), JSON)
    assert status == 200
    assert json.loads(body)["outputs"][0]["data"] == pytest.approx([2 + 1 + 0.1 + 5.0])


def test_answers_over_http_are_the_same_bytes(server):
    answers = {server.get(PATH, "POST", ASKED, JSON) for _ in range(5)}
    assert len(answers) == 1
    assert answers.pop()[0] == 200


def test_large_batches_are_answered_beside_small_requests(server):
    rows = 20_000
    large = json.dumps(request(money=[1.5] * rows, length=[10] * rows, ratio=[0.25] * rows))
    found = {}
    thread = threading.Thread(target=lambda: found.update(large=server.get(PATH, "POST", large, JSON)))
    thread.start()
    small = [server.get(PATH, "POST", ASKED, JSON) for _ in range(20)]
    thread.join()
    status, body = found["large"]
    assert (status, {answer[0] for answer in small}) == (200, {200})
    label, probabilities = json.loads(body)["outputs"]
    one = json.loads(small[0][1])["outputs"]
    assert label["data"] == one[0]["data"] * rows
    assert probabilities["data"] == pytest.approx(one[1]["data"] * rows, abs=1e-6)


def test_bodies_are_bounded(server):
    limit = 16 * 2**20
    status, body = server.get(PATH, "POST", b" " * (limit + 1), JSON)
    assert (status, list(json.loads(body))) == (413, ["error"])
    assert server.get(PATH, "POST", b" " * limit, JSON)[0] == 400
    chunked = (
        (b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n") + b"100000\r\n" + b" " * 2**20 + b"\r\n"
    )
    chunked += (b"100000\r\n" + b" " * 2**20 + b"\r\n") * 16 + b"0\r\n\r\n"
    assert server.raw(chunked).startswith(b"HTTP/1.1 413 ")
    head = b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"
    answer = server.raw(head)
    assert answer.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 400 "))
    expecting = head.replace(b"99999999999999999999", b"20000000").replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
    assert server.raw(expecting).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://x/v2 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /v2 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{}",
        b"POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /v2 HTTP/1.1\r\nHost: x\r\n" + b"X-Long: " + b"a" * 100_000 + b"\r\n\r\n",
    ],
)
def test_odd_http_is_never_a_5xx(server, data):
    answer = server.raw(data, timeout=3)
    assert not answer or answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 4")), answer[:100]
    assert b"Traceback" not in answer
    assert server.get("/v2/health/live")[0] == 200


def test_head_options_and_keep_alive(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        for method, path, status in (
            ("HEAD", "/v2", 200),
            ("OPTIONS", PATH, 204),
            ("HEAD", "/metrics", 200),
            ("GET", "/v2", 200),
            ("PUT", "/v2", 405),
        ):
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == status
            assert (body == b"") == (method in ("HEAD", "OPTIONS"))
            assert not answer.will_close
    finally:
        connection.close()
    both = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 2
    assert server.raw(both).count(b'{"live":true}') == 2


def test_metrics_are_exposed(server):
    server.get("/v2/models/none/infer", "POST", ASKED, JSON)
    outside = json.dumps(request(money=[-1.0], length=[10], ratio=[0.25]))
    server.get(PATH, "POST", outside, JSON)
    status, text = server.get("/metrics")
    assert status == 200
    lines = text.decode().splitlines()
    assert 'leptonctl_inference_requests_total{model_name="",model_version="",environment="prod",code="404"} 1' in lines
    assert any(line.startswith("leptonctl_contract_violations_total{") and 'column="money",check="min"} 1' in line for line in lines)


def load(server, stop, answers, workers=8):
    """Eight clients that ask without a pause; every answer or failure is kept."""

    def work():
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        while not stop.is_set():
            try:
                connection.request("POST", PATH, ASKED, JSON)
                answer = connection.getresponse()
                answers.append((answer.status, answer.read()))
            except (OSError, http.client.HTTPException) as problem:
                answers.append((0, repr(problem).encode()))
                connection.close()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    return threads


def test_a_swap_under_load_fails_no_request(tmp_path):
    shop = Shop(tmp_path)
    v1, v2 = shop.put_model("v1", V1), shop.put_model("v2", V2)
    shop.deploy(1, 1, {"m": v1})
    with running(shop) as server:
        server.wait(lambda status: status["deployment"] == 1)
        first = server.get(PATH, "POST", ASKED, JSON)
        answers, stop = [], threading.Event()
        threads = load(server, stop, answers)
        for number, bound in ((2, v2), (3, v1), (4, v2), (5, v1)):
            shop.record(number, number, {"m": bound})
            shop.stage(number, number)
            server.wait(lambda status, number=number: number in status["ready"])
            shop.head(number, number)
            server.wait(lambda status, number=number: status["deployment"] == number)
        enough = time.monotonic() + 20
        while len(answers) < 2000 and time.monotonic() < enough:
            time.sleep(0.05)
        stop.set()
        for thread in threads:
            thread.join()
        assert len(answers) >= 2000
        assert {status for status, _ in answers} == {200}
        bodies = {body for _, body in answers}
        assert {json.loads(body)["model_version"] for body in bodies} == {"v1", "v2"}
        assert len(bodies) == 2
        assert first[1] in bodies
        # an old model's connections see the new one too
        assert server.get(PATH, "POST", ASKED, JSON) == first


def test_two_servers_switch_together_and_a_stopped_one_says_so(tmp_path):
    shop = Shop(tmp_path)
    shop.deploy(1, 1, {"m": shop.put_model("v1", V1)})
    with running(shop, "one", "two") as servers:
        for server in servers:
            server.wait(lambda status: status["deployment"] == 1)
        shop.record(2, 2, {"m": shop.put_model("v2", V2)})
        shop.stage(2, 2)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not all(2 in record["ready"] for record in shop.servers().values()):
            time.sleep(0.02)
        records = shop.servers()
        assert {name: record["deployment"] for name, record in records.items()} == {"one": 1, "two": 1}
        moved = time.monotonic()
        shop.head(2, 2)
        for server in servers:
            server.wait(lambda status: status["deployment"] == 2)
        assert time.monotonic() - moved < 3
        assert {json.loads(server.get(PATH, "POST", ASKED, JSON)[1])["model_version"] for server in servers} == {"v2"}
        servers[1].popen.send_signal(signal.SIGTERM)
        assert servers[1].popen.wait(timeout=15) == 0
        records = shop.servers()
        assert {name: record["stopped"] for name, record in records.items()} == {"one": False, "two": True}
        assert servers[0].get(PATH, "POST", ASKED, JSON)[0] == 200


def test_the_heart_beats_and_nothing_else_is_written(tmp_path):
    shop = Shop(tmp_path)
    shop.deploy(1, 1, {"m": shop.put_model("v1", V1)})
    before = set(shop.objects.list(""))
    with running(shop) as server:
        server.wait(lambda status: status["deployment"] == 1)
        time.sleep(0.3)
        first = shop.servers()["one"]["heartbeat"]
        deadline = time.monotonic() + 5
        while shop.servers()["one"]["heartbeat"] == first and time.monotonic() < deadline:
            time.sleep(0.05)
        assert 0 < shop.servers()["one"]["heartbeat"] - first < 3
    assert set(shop.objects.list("")) - before == {"servers/prod/one"}


def test_killed_and_restarted_it_serves_the_last_good_set(tmp_path):
    shop = Shop(tmp_path)
    shop.deploy(1, 1, {"m": shop.put_model("v1", V1)})
    onnx, described, rows = V2
    rows = json.loads(json.dumps(rows))
    rows["response"]["outputs"][1]["data"][0] = 0.75
    with running(shop) as server:
        server.wait(lambda status: status["deployment"] == 1)
        first = server.get(PATH, "POST", ASKED, JSON)
        server.popen.send_signal(signal.SIGKILL)
        server.popen.wait()
    with running(shop) as server:
        server.wait(lambda status: status["deployment"] == 1)
        assert server.get(PATH, "POST", ASKED, JSON) == first
        shop.deploy(2, 2, {"m": shop.put_model("v2", (onnx, described, rows))})
        server.wait(lambda status: "2" in status["failed"])
        assert server.get(PATH, "POST", ASKED, JSON) == first
        server.popen.send_signal(signal.SIGKILL)
        server.popen.wait()
    with running(shop) as server:
        status = server.wait(lambda status: status["deployment"] == 1)
        assert "deployment 2 is the head and cannot be loaded" in status["note"]
        assert server.get(PATH, "POST", ASKED, JSON) == first


def test_requests_in_flight_are_finished_at_a_stop(tmp_path):
    shop = Shop(tmp_path)
    shop.deploy(1, 1, {"m": shop.put_model("v1", V1)})
    with running(shop) as server:
        server.wait(lambda status: status["deployment"] == 1)
        head = b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(ASKED)
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
            line.sendall(head + ASKED[:20])
            time.sleep(0.2)
            server.popen.send_signal(signal.SIGINT)
            time.sleep(0.3)
            line.sendall(ASKED[20:])
            assert line.recv(65536).startswith(b"HTTP/1.1 200 OK")
        assert server.popen.wait(timeout=15) == 0
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", server.port), timeout=1)
        assert "Traceback" not in server.popen.communicate()[1]


def test_a_taken_port_is_said_clearly(tmp_path, server):
    second = Process(Shop(tmp_path), port=server.port)
    try:
        assert second.popen.wait(timeout=20) == 1
        said = second.popen.communicate()[1]
        assert said.startswith(f"error[port-in-use]: The port is in use\n  Another process listens on 127.0.0.1:{server.port}.\n  hint: ")
        assert "Traceback" not in said
    finally:
        second.end()


def test_a_server_without_a_deployment_waits_for_one(tmp_path):
    shop = Shop(tmp_path)
    with running(shop) as server:
        assert server.get("/v2/health/live")[0] == 200
        assert server.get("/v2/health/ready")[0] == 503
        assert server.get(PATH, "POST", ASKED, JSON)[0] == 503
        shop.deploy(1, 1, {"m": shop.put_model("v1", V1)})
        server.wait(lambda status: status["deployment"] == 1)
        assert server.get("/v2/health/ready") == (200, b'{"ready":true}')


def test_serving_loads_nothing_of_training():
    code = "import sys, leptonctl.deploying.serve; print(*[m for m in ('sklearn', 'skl2onnx', 'onnx', 'polars', 'jinja2', 'scipy') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
