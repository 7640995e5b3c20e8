"""A server process on real sockets: its answers over HTTP, its limits, and unusual HTTP."""

import http.client
import json
import socket
import threading

import pytest

from leptonctl.core.deployment import ServedModel
from leptonctl.storage.owner import boot_id, machine_id, process_start
from tests.serving.server_process import ASKED, JSON, PATH, V1, running
from tests.serving.serving_models import Shop, mixed_model, request


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("store"))
    shop.mark_key()
    shop.deploy(1, 1, {"m": shop.put_model("v1", V1), "mixed": shop.put_model("v1", mixed_model())})
    return shop


@pytest.fixture(scope="module")
def server(shop):
    with running(shop) as process:
        process.wait(lambda status: status.deployment == 1)
        yield process


def test_one_line_names_the_address(server):
    assert server.line == f"serving prod at http://127.0.0.1:{server.port} as one\n"


def test_the_status_page_is_the_record_of_the_server(server, shop):
    status = server.status()
    assert (status.environment, status.lineage, status.serial, status.id) == ("prod", "l", 1, "one")
    assert (status.host, status.url) == (socket.gethostname(), f"http://127.0.0.1:{server.port}")
    pid = server.popen.pid
    assert (status.machine, status.pid, status.start, status.boot) == (machine_id(), pid, process_start(pid), boot_id())
    bound = shop.store.deployment("prod", 1).main("m")
    assert list(status.models) == ["m", "mixed"]
    assert status.models["m"] == ServedModel(
        version="v1", digest=bound.digest, package=bound.package, artifact=bound.artifact, since="2024-01-01T00:00:01Z"
    )
    assert (status.ready, status.failed, status.note, status.stopped) == ((1,), {}, "", False)


def test_a_hashed_column_is_sent_raw(server):
    query = request(subject=["hello"], urgent=[False], known=[True], size=[1.0], account=["alice"])
    status, body = server.get("/v2/models/mixed/infer", "POST", json.dumps(query), JSON)
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


def test_the_size_of_bodies_is_limited(server):
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
def test_unusual_http_is_never_a_5xx(server, data):
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
